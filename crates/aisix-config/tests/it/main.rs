//! The configuration from outside: its rules, and the texts that describe it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod keys;
mod rules;
mod texts;

use aisix_config::Config;

fn parsed(yaml: &str) -> Config {
    serde_saphyr::from_str(yaml).unwrap()
}
