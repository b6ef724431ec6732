use std::path::PathBuf;

use serde::Deserialize;

use crate::ConfigProblem;
use crate::check::{in_range, not_empty, timeout};

/// Certificate and key with which a listener ends TLS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// PEM: the certificate first, then its chain.
    pub cert_file: PathBuf,
    /// PEM: the private key.
    pub key_file: PathBuf,
}

/// What one listener grants its client connections.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// Open connections at most; one more is answered 503 and closed.
    pub max: usize,
    /// Request line and headers together, in bytes; more is answered 431.
    pub header_limit_bytes: usize,
    /// From the first byte of a request to the end of its headers; longer is answered 408.
    pub header_timeout_ms: u64,
    /// How long a kept-alive connection may wait for its next request.
    pub idle_timeout_ms: u64,
    /// How long a client may read nothing of what it was sent.
    pub write_timeout_ms: u64,
    /// Concurrent requests of one HTTP/2 connection.
    pub streams_max: u32,
}

// === impl ListenerTls ===

impl ListenerTls {
    pub(crate) fn check(&self, section: &str) -> Result<(), ConfigProblem> {
        not_empty(&format!("{section}.tls.cert_file"), &self.cert_file)?;
        not_empty(&format!("{section}.tls.key_file"), &self.key_file)
    }
}

// === impl Connections ===

impl Connections {
    pub(crate) fn check(&self, section: &str) -> Result<(), ConfigProblem> {
        let path = |key: &str| format!("{section}.connections.{key}");
        in_range(&path("max"), self.max, 1..=1_000_000)?;
        in_range(&path("header_limit_bytes"), self.header_limit_bytes, 1024..=1024 * 1024)?;
        timeout(&path("header_timeout_ms"), self.header_timeout_ms)?;
        timeout(&path("idle_timeout_ms"), self.idle_timeout_ms)?;
        timeout(&path("write_timeout_ms"), self.write_timeout_ms)?;
        in_range(&path("streams_max"), self.streams_max, 1..=65_535)
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            max: 10_000,
            header_limit_bytes: 16 * 1024,
            header_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
            write_timeout_ms: 60_000,
            streams_max: 128,
        }
    }
}
