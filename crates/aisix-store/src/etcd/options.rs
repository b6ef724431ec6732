use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

/// How to reach etcd.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// Tried in turn until one answers: `http://host:port`, `https://host:port`.
    pub endpoints: Vec<String>,
    /// What all keys begin with.
    pub prefix: String,
    /// Authenticates with this name and `password`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// For `https` endpoints; the system's trust roots and no client certificate when unset.
    pub tls: Option<EtcdTls>,
    /// The longest wait until an endpoint has answered for the first time.
    pub dial_timeout: Duration,
    /// The longest wait for the answer to a request.
    pub request_timeout: Duration,
}

/// PEM documents.
#[derive(Clone, Default)]
pub struct EtcdTls {
    /// Certificates that the server's must chain to; the system's when unset.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate chain.
    pub cert: Option<Vec<u8>>,
    /// The client's private key.
    pub key: Option<Vec<u8>>,
}

impl fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdTls").finish_non_exhaustive()
    }
}
