//! What tests stand on: a scripted upstream, a snapshot builder, child processes, certificates, and a real
//! etcd on a free port.
//!
//! Nothing here is part of the product. Set-up that fails ends the test that asked for it, so constructors
//! panic with a message where a product would return an error.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test whose set-up fails has failed; the message is what a developer needs"
)]

mod address;
mod deadline;
#[cfg(feature = "etcd")]
pub mod etcd;
mod process;
mod snapshot;
mod tls;
mod upstream;

pub use address::free_address;
pub use deadline::{WAIT_MAX, eventually, within};
pub use process::Process;
pub use snapshot::SnapshotBuilder;
pub use tls::Authority;
pub use upstream::{Recorded, Reply, Upstream};
