//! The data plane against a scripted upstream: requests in, answers, records and upstream requests out.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod admission;
mod answers;
mod failures;
mod harness;
mod models;
mod passthrough;
mod records;
mod requests;
mod streams;
