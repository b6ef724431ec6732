//! Exit codes, as `sysexits.h` numbers them, and the one line that goes with them.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config_file::ConfigError;
use crate::listen::ListenError;
use crate::log::LogError;
use crate::tls::TlsError;

/// The command line or the configuration is wrong.
pub const USAGE: u8 = 64;
/// Something that the process needs is not there: a port, a store.
pub const UNAVAILABLE: u8 = 69;
/// The fault is the program's own.
pub const SOFTWARE: u8 = 70;

/// Why a process ends, and with which code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The command line or the configuration is wrong.
    pub fn usage(problem: impl Display) -> Self {
        Self { code: USAGE, message: problem.to_string() }
    }

    /// Something that the process needs is not there.
    pub fn unavailable(problem: impl Display) -> Self {
        Self { code: UNAVAILABLE, message: problem.to_string() }
    }

    /// The fault is the program's own.
    pub fn software(problem: impl Display) -> Self {
        Self { code: SOFTWARE, message: problem.to_string() }
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Writes the one line to standard error. A closed standard error changes nothing about the end.
    pub fn report(&self) -> ExitCode {
        let _ = writeln!(io::stderr(), "{}", self.line());
        ExitCode::from(self.code)
    }

    fn line(&self) -> String {
        self.message.lines().map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::usage(error)
    }
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        Self::unavailable(error)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::software(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        assert_eq!(Failure::usage("first\n  second").line(), "first second");
        assert_eq!(Failure::unavailable("x").code(), 69);
    }
}
