use std::net::{Ipv4Addr, SocketAddr};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::check::in_range;
use crate::{ConfigProblem, Connections, ListenerTls};

/// A shorter admin key can be guessed.
pub const ADMIN_KEY_CHARS_ADVISED: usize = 16;

const BODY_LIMIT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The admin service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The keys that operators may present.
    pub admin_keys: Vec<SecretString>,
    /// Largest request body, in bytes.
    pub request_body_limit_bytes: usize,
    /// Serve HTTPS instead of HTTP.
    #[serde(deserialize_with = "crate::section::present")]
    pub tls: Option<ListenerTls>,
    /// Limits of its client connections.
    pub connections: Connections,
}

impl Admin {
    /// Whether a key is so short that it can be guessed. It works, but the operator should be told.
    pub fn has_weak_key(&self) -> bool {
        self.admin_keys.iter().any(|key| key.expose_secret().len() < ADMIN_KEY_CHARS_ADVISED)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigProblem> {
        in_range(
            "admin.request_body_limit_bytes",
            self.request_body_limit_bytes,
            1024..=BODY_LIMIT_BYTES_MAX,
        )?;
        if let Some(tls) = &self.tls {
            tls.check("admin")?;
        }
        self.connections.check("admin")
    }

    pub(crate) fn check_keys(&self) -> Result<(), ConfigProblem> {
        if self.admin_keys.is_empty() {
            let message = "needs at least one key, such as [\"${AISIX_ADMIN_KEY}\"]";
            return Err(ConfigProblem::new("admin.admin_keys", message));
        }
        self.admin_keys.iter().enumerate().try_for_each(|(index, key)| check_key(index, key))
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 3001).into(),
            admin_keys: Vec::new(),
            request_body_limit_bytes: 1024 * 1024,
            tls: None,
            connections: Connections::default(),
        }
    }
}

/// A key travels in a header, so it is what a header can carry without quoting.
fn check_key(index: usize, key: &SecretString) -> Result<(), ConfigProblem> {
    let key = key.expose_secret();
    let problem = |message: String| Err(ConfigProblem::new(format!("admin.admin_keys[{index}]"), message));
    if key.is_empty() {
        return problem("must not be empty; is its environment variable set?".into());
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return problem("may hold printable ASCII characters without spaces only".into());
    }
    Ok(())
}
