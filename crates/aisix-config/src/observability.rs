use std::time::Duration;

use serde::Deserialize;

use crate::ConfigProblem;
use crate::check::{TIMEOUT_MS_MAX, in_range};

/// Logs, which go to standard output.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observability {
    /// The least important lines still written.
    pub log_level: LogLevel,
    /// How a line looks.
    pub log_format: LogFormat,
    /// Whether each request of the proxy is a line, always JSON.
    pub access_log: bool,
}

/// How important a line is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing at all.
    Off,
    /// Someone should look.
    Error,
    /// It recovered.
    Warn,
    /// The process changed state.
    Info,
    /// The story of one request.
    Debug,
    /// Everything, libraries included.
    Trace,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For a person at a terminal.
    Text,
}

/// How a service ends after SIGTERM or SIGINT.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// How long to keep accepting while `/readyz` already answers 503.
    pub min_drain_secs: u64,
    /// When to give up on requests still running.
    pub max_drain_secs: u64,
}

// === impl Observability ===

impl Default for Observability {
    fn default() -> Self {
        Self { log_level: LogLevel::Info, log_format: LogFormat::Json, access_log: true }
    }
}

// === impl LogLevel ===

impl LogLevel {
    /// As it is spelled in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

// === impl Shutdown ===

impl Shutdown {
    /// `min_drain_secs` as a time.
    pub fn drain_min(&self) -> Duration {
        Duration::from_secs(self.min_drain_secs)
    }

    /// `max_drain_secs` as a time.
    pub fn drain_max(&self) -> Duration {
        Duration::from_secs(self.max_drain_secs)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigProblem> {
        in_range("shutdown.max_drain_secs", self.max_drain_secs, 0..=TIMEOUT_MS_MAX / 1000)?;
        if self.min_drain_secs > self.max_drain_secs {
            let message = "must not exceed shutdown.max_drain_secs";
            return Err(ConfigProblem::new("shutdown.min_drain_secs", message));
        }
        Ok(())
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { min_drain_secs: 0, max_drain_secs: 600 }
    }
}
