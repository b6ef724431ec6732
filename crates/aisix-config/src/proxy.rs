use std::net::{Ipv4Addr, SocketAddr};
use std::thread::available_parallelism;

use serde::Deserialize;

use crate::check::in_range;
use crate::{ConfigProblem, Connections, ListenerTls};

/// More worker threads than this are a mistake.
pub const WORKERS_MAX: usize = 1024;

const BODY_LIMIT_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// The proxy service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Proxy {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Worker threads. Absent: as many as the process may run at once.
    pub workers: Option<usize>,
    /// Largest request body, in bytes; more is answered 413.
    pub request_body_limit_bytes: usize,
    /// Serve HTTPS instead of HTTP.
    #[serde(deserialize_with = "crate::section::present")]
    pub tls: Option<ListenerTls>,
    /// Limits of its client connections.
    pub connections: Connections,
}

/// The proxy's listener for metrics and status. The admin service has these on its own listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Status {
    /// Where it listens.
    pub addr: SocketAddr,
}

// === impl Proxy ===

impl Proxy {
    /// How many worker threads to run.
    pub fn worker_count(&self) -> usize {
        self.workers.unwrap_or_else(|| available_parallelism().map_or(1, usize::from)).min(WORKERS_MAX)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigProblem> {
        in_range("proxy.workers", self.workers.unwrap_or(1), 1..=WORKERS_MAX)?;
        in_range(
            "proxy.request_body_limit_bytes",
            self.request_body_limit_bytes,
            1024..=BODY_LIMIT_BYTES_MAX,
        )?;
        if let Some(tls) = &self.tls {
            tls.check("proxy")?;
        }
        self.connections.check("proxy")
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 3000).into(),
            workers: None,
            request_body_limit_bytes: 32 * 1024 * 1024,
            tls: None,
            connections: Connections::default(),
        }
    }
}

// === impl Status ===

impl Default for Status {
    fn default() -> Self {
        Self { addr: (Ipv4Addr::LOCALHOST, 9090).into() }
    }
}
