//! How a process listens, ends TLS, drains, logs and reads its configuration file.
