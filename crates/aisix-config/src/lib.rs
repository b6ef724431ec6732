//! The sections of `config.yaml`, their defaults and rules.
//!
//! Plain values: nothing here reads a file, a variable or the clock. [`Config`] deserialises from any format
//! that serde knows; [`Config::check`] then holds the rules that span values. Secrets are [`SecretString`]s,
//! so neither `Debug` nor an error shows one.

mod admin;
mod check;
mod connections;
mod observability;
mod proxy;
mod section;
mod store;
mod upstream;

use serde::Deserialize;

pub use admin::{ADMIN_KEY_CHARS_ADVISED, Admin};
pub use check::{ConfigProblem, TIMEOUT_MS_MAX};
pub use connections::{Connections, ListenerTls};
pub use observability::{LogFormat, LogLevel, Observability, Shutdown};
pub use proxy::{Proxy, Status, WORKERS_MAX};
pub use secrecy::{ExposeSecret, SecretString};
pub use store::{Embedded, Etcd, EtcdTls};
pub use upstream::Upstream;

/// The whole file. Both services read the same one, and each uses the sections it needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The shared store. Absent: the embedded one.
    #[serde(deserialize_with = "section::present")]
    pub etcd: Option<Etcd>,
    /// The store that both services open as a file, unless `etcd` is there.
    pub embedded: Embedded,
    /// The admin service.
    pub admin: Admin,
    /// The proxy service.
    pub proxy: Proxy,
    /// How the proxy reaches upstreams.
    pub upstream: Upstream,
    /// The proxy's own listener for metrics and status.
    pub status: Status,
    /// Logs.
    pub observability: Observability,
    /// How a service ends.
    pub shutdown: Shutdown,
}

/// Which service reads the configuration: a few rules hold for one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The control plane: it needs an admin key.
    Admin,
    /// The data plane.
    Proxy,
}

// === impl Service ===

impl Service {
    /// The sections that it does not look at.
    pub fn unneeded_sections(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &["proxy", "status"],
            Self::Proxy => &["admin"],
        }
    }
}

// === impl Config ===

impl Config {
    /// The rules that a type cannot hold: ranges, and values that must fit each other.
    ///
    /// # Errors
    /// The first value that breaks a rule, named by its path (`proxy.workers`, `admin.admin_keys[0]`).
    pub fn check(&self, service: Service) -> Result<(), ConfigProblem> {
        if let Some(etcd) = &self.etcd {
            etcd.check()?;
        }
        self.embedded.check()?;
        self.admin.check()?;
        self.proxy.check()?;
        self.upstream.check()?;
        self.shutdown.check()?;
        match service {
            Service::Admin => self.admin.check_keys(),
            Service::Proxy => self.check_listeners(),
        }
    }

    fn check_listeners(&self) -> Result<(), ConfigProblem> {
        let (proxy, status) = (self.proxy.addr, self.status.addr);
        if proxy == status && proxy.port() != 0 {
            return Err(ConfigProblem::new("status.addr", "must differ from proxy.addr"));
        }
        Ok(())
    }
}
