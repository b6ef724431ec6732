use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::ConfigProblem;
use crate::check::{not_empty, timeout};

/// The shared store: etcd 3.4 or later.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Etcd {
    /// Every member of the cluster: `http://` or `https://`, host and port.
    pub endpoints: Vec<String>,
    /// What all keys begin with.
    pub prefix: String,
    /// User, when the cluster has authentication on.
    pub user: Option<String>,
    /// Their password.
    pub password: Option<SecretString>,
    /// Trust roots and client certificate for `https://` endpoints.
    #[serde(deserialize_with = "crate::section::present")]
    pub tls: Option<EtcdTls>,
    /// How long connecting to an endpoint may take.
    pub dial_timeout_ms: u64,
    /// How long one request to etcd may take.
    pub request_timeout_ms: u64,
}

/// TLS towards etcd.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EtcdTls {
    /// PEM: who may sign etcd's certificate. Absent: the system's roots.
    pub ca_file: Option<PathBuf>,
    /// PEM: the client certificate, with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// PEM: the client key, with `cert_file`.
    pub key_file: Option<PathBuf>,
}

/// The store in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Embedded {
    /// The SQLite file that both services open. Created when absent.
    pub path: PathBuf,
}

// === impl Etcd ===

impl Etcd {
    pub(crate) fn check(&self) -> Result<(), ConfigProblem> {
        self.check_endpoints()?;
        self.check_prefix()?;
        self.check_credentials()?;
        if let Some(tls) = &self.tls {
            tls.check()?;
        }
        timeout("etcd.dial_timeout_ms", self.dial_timeout_ms)?;
        timeout("etcd.request_timeout_ms", self.request_timeout_ms)
    }

    fn check_endpoints(&self) -> Result<(), ConfigProblem> {
        if self.endpoints.is_empty() {
            let message = "needs at least one endpoint, such as [\"http://127.0.0.1:2379\"]; \
                remove the whole section to use the embedded store";
            return Err(ConfigProblem::new("etcd.endpoints", message));
        }
        let tls = self.tls.is_some();
        self.endpoints.iter().enumerate().try_for_each(|(index, endpoint)| {
            check_endpoint(endpoint, tls)
                .map_err(|message| ConfigProblem::new(format!("etcd.endpoints[{index}]"), message))
        })
    }

    fn check_prefix(&self) -> Result<(), ConfigProblem> {
        let inner = self.prefix.strip_prefix('/').unwrap_or_default();
        if inner.is_empty() || inner.split('/').any(str::is_empty) {
            let message = "must begin with '/', not end with one, and have no empty part: \"/aisix\"";
            return Err(ConfigProblem::new("etcd.prefix", message));
        }
        Ok(())
    }

    fn check_credentials(&self) -> Result<(), ConfigProblem> {
        let password = self.password.as_ref().map(|password| password.expose_secret());
        match (self.user.as_deref(), password) {
            (Some(""), _) => Err(ConfigProblem::new("etcd.user", "must not be empty")),
            (Some(_), None) => Err(ConfigProblem::new("etcd.user", "needs etcd.password beside it")),
            (None, Some(_)) => Err(ConfigProblem::new("etcd.password", "needs etcd.user beside it")),
            _ => Ok(()),
        }
    }
}

impl Default for Etcd {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            prefix: "/aisix".into(),
            user: None,
            password: None,
            tls: None,
            dial_timeout_ms: 5000,
            request_timeout_ms: 5000,
        }
    }
}

fn check_endpoint(endpoint: &str, tls: bool) -> Result<(), &'static str> {
    let secure = endpoint.strip_prefix("https://");
    let authority = secure.or_else(|| endpoint.strip_prefix("http://"));
    let Some(authority) = authority.filter(|authority| !authority.is_empty()) else {
        return Err("must be a URL such as \"http://127.0.0.1:2379\"");
    };
    if authority.contains('@') {
        return Err("must not hold a password; use etcd.user and etcd.password");
    }
    if authority.trim_end_matches('/').contains(['/', '?', '#']) {
        return Err("must have no path");
    }
    if tls && secure.is_none() {
        return Err("must begin with https:// because etcd.tls is set");
    }
    Ok(())
}

// === impl EtcdTls ===

impl EtcdTls {
    fn check(&self) -> Result<(), ConfigProblem> {
        let files =
            [("ca_file", &self.ca_file), ("cert_file", &self.cert_file), ("key_file", &self.key_file)];
        for (key, file) in files {
            file.iter().try_for_each(|file| not_empty(&format!("etcd.tls.{key}"), file))?;
        }
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => {
                Err(ConfigProblem::new("etcd.tls.cert_file", "needs etcd.tls.key_file beside it"))
            }
            (None, Some(_)) => {
                Err(ConfigProblem::new("etcd.tls.key_file", "needs etcd.tls.cert_file beside it"))
            }
            _ => Ok(()),
        }
    }
}

// === impl Embedded ===

impl Embedded {
    pub(crate) fn check(&self) -> Result<(), ConfigProblem> {
        not_empty("embedded.path", &self.path)
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self { path: "./aisix.db".into() }
    }
}
