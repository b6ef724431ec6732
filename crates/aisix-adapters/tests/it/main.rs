//! The crate from outside: bytes in, bytes out.

// Helpers of tests may fail as tests do; clippy's own exception covers only functions with #[test].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod preview;
mod url_cases;
mod url_properties;
