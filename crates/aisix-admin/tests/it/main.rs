//! The admin API from outside: requests in, answers out, on the store in memory and on a real etcd.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what fails outside of a test function ends the test that called it"
)]

mod authentication;
mod caller_keys;
mod conditions;
mod errors;
mod guide;
mod handbook;
mod harness;
mod leaks;
mod listing;
mod models;
mod openapi;
mod operation;
mod preview;
mod provider_keys;
mod stores;
mod unreadable;
