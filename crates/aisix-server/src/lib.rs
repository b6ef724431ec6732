//! How a process listens, ends TLS, drains, logs and reads its configuration file.
//!
//! Nothing here knows what is served: a service is a [`hyper::service::Service`] that never fails, and a
//! configuration is anything that serde can build. What a process needs, in the order in which a `main` uses
//! it: [`config_file`], [`log`], [`open_files`], [`shutdown`], [`listen`], [`tls`], [`serve`], [`workers`], [`exit`].

pub mod config_file;
pub mod exit;
pub mod listen;
pub mod log;
pub mod memory;
pub mod open_files;
pub mod serve;
pub mod shutdown;
pub mod tls;
pub mod workers;
