//! Reaching an upstream: connections, TLS, pools.
