use std::path::PathBuf;

use serde::Deserialize;

use crate::ConfigProblem;
use crate::check::{in_range, not_empty, timeout};

/// How the proxy reaches upstreams.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// How long connecting may take, TLS included.
    pub connect_timeout_ms: u64,
    /// How long an upstream may think before the first byte of its answer.
    pub first_byte_timeout_ms: u64,
    /// The longest silence inside an answer.
    pub idle_timeout_ms: u64,
    /// Whether `http://` may reach hosts that are not private.
    pub allow_insecure_http: bool,
    /// PEM: trust roots in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Unused connections that each worker keeps open to one upstream.
    pub idle_connections_max: usize,
    /// How long an unused connection is kept.
    pub idle_connection_timeout_ms: u64,
}

impl Upstream {
    pub(crate) fn check(&self) -> Result<(), ConfigProblem> {
        timeout("upstream.connect_timeout_ms", self.connect_timeout_ms)?;
        timeout("upstream.first_byte_timeout_ms", self.first_byte_timeout_ms)?;
        timeout("upstream.idle_timeout_ms", self.idle_timeout_ms)?;
        in_range("upstream.idle_connections_max", self.idle_connections_max, 0..=65_535)?;
        timeout("upstream.idle_connection_timeout_ms", self.idle_connection_timeout_ms)?;
        self.ca_file.iter().try_for_each(|file| not_empty("upstream.ca_file", file))
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5000,
            first_byte_timeout_ms: 600_000,
            idle_timeout_ms: 120_000,
            allow_insecure_http: false,
            ca_file: None,
            idle_connections_max: 256,
            idle_connection_timeout_ms: 55_000,
        }
    }
}
