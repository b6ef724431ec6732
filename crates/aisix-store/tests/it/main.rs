//! The stores and the mirror, through their public interface.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what fails outside of a test function ends the test that called it"
)]

mod backend;
mod conformance;
mod embedded;
mod etcd;
mod gate;
mod ledger;
mod mirror;
mod mirror_state;
mod rows;
mod witness;
