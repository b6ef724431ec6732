//! The repository's own rules: invariants of docs/architecture.md that a compiler does not see.

mod files;
mod links;
mod manifests;
mod sources;

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};

use self::files::Files;
use crate::workspace;

/// A place that breaks a rule.
#[derive(Debug, PartialEq)]
struct Finding {
    path: PathBuf,
    /// Counted from 1; 0 for the file as a whole.
    line: usize,
    message: String,
}

pub(super) fn check() -> Result<()> {
    eprintln!("checking the repository's own rules");
    let files = Files::read(workspace::root())?;
    let mut findings = sources::check(&files);
    findings.extend(manifests::check(&files));
    findings.extend(links::check(&files));
    findings.iter().for_each(|finding| eprintln!("{finding}"));
    match findings.len() {
        0 => Ok(()),
        count => bail!("{count} places break the repository's rules"),
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}
