use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

/// The longest time that can be configured: a day.
pub const TIMEOUT_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// A value that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ConfigProblem {
    /// Where, as keys joined by dots; elements of a list by number: `etcd.endpoints[1]`.
    pub path: String,
    /// What is wrong, and what would be right. Never the value.
    pub message: String,
}

impl ConfigProblem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

pub(crate) fn in_range<T: PartialOrd + Display>(
    path: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigProblem> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigProblem::new(path, format!("must be from {} to {}", range.start(), range.end())))
}

pub(crate) fn timeout(path: &str, value_ms: u64) -> Result<(), ConfigProblem> {
    in_range(path, value_ms, 1..=TIMEOUT_MS_MAX)
}

pub(crate) fn not_empty(path: &str, file: &Path) -> Result<(), ConfigProblem> {
    if file.as_os_str().is_empty() {
        return Err(ConfigProblem::new(path, "must name a file"));
    }
    Ok(())
}
