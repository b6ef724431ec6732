//! Reaching an upstream: resolve, connect, TLS, keep connections for the next request.
//!
//! A [`Client`] holds idle connections by [`Origin`](aisix_adapters::Origin). It spawns nothing for a request:
//! the connection is driven by the future that waits for the answer, then by the [`RecvBody`] that carries it,
//! so a request costs no wake-up of another task, and dropping either of them ends the upstream request at
//! once. Redirects are answers like any other: nothing here follows one.

mod body;
mod client;
mod connect;
mod error;
mod tls;

pub use body::{BodyError, RecvBody, SendBody};
pub use client::{Client, ClientOptions, Reuse};
pub use error::SendError;
pub use tls::{TlsError, client_config};
