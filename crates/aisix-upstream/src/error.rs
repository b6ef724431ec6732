/// Why no answer came. The texts name no address: they reach callers.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The host has no address, or refuses the connection.
    #[error("cannot connect to the upstream")]
    Connect(#[source] std::io::Error),
    /// The host resolves to link-local, metadata or unspecified addresses only.
    #[error("the upstream's address is not allowed")]
    Forbidden,
    /// Connecting, TLS included, took longer than allowed.
    #[error("connecting to the upstream took too long")]
    ConnectTimeout,
    /// The TLS handshake failed.
    #[error("cannot agree on TLS with the upstream")]
    Tls(#[source] std::io::Error),
    /// A kept connection had been closed meanwhile; the request was not answered. Send it again on a fresh one.
    #[error("a kept connection to the upstream was closed")]
    Stale,
    /// The connection broke before the answer's head was complete.
    #[error("the upstream closed the connection before it answered")]
    Closed(#[source] hyper::Error),
    /// What came back is no HTTP/1.1 answer within the limits.
    #[error("the upstream's answer is not valid HTTP")]
    NotHttp(#[source] hyper::Error),
}

impl SendError {
    /// The stable code, in logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect_failed",
            Self::Forbidden => "address_forbidden",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls(_) => "tls_failed",
            Self::Stale | Self::Closed(_) => "connection_closed",
            Self::NotHttp(_) => "not_http",
        }
    }
}
