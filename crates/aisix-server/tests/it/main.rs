//! The server from outside: real sockets on free ports.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod drain;
mod harness;
mod limits;
mod listen;
mod log;
mod tls;
mod workers;
