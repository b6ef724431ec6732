//! Where a run keeps its files, what it measures, and how long it may take.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, fs};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::build::{self, Binaries};
use crate::workspace;

/// How much work each measurement does: every loop of this module is bounded by one of these.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) quick: bool,
    pub(super) cpu_rounds: usize,
    pub(super) wrk_run: Duration,
    pub(super) latency_rounds: usize,
    pub(super) latency_requests_per_round: usize,
    pub(super) stream_rounds: usize,
    pub(super) models: usize,
    pub(super) changes: usize,
    pub(super) starts: usize,
}

/// One run: its effort, its directory, and the services once they are built.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) effort: Effort,
    bench: PathBuf,
    scratch: TempDir,
    binaries: OnceCell<Binaries>,
}

// === impl Effort ===

impl Effort {
    const FULL: Self = Self {
        quick: false,
        cpu_rounds: 7,
        wrk_run: Duration::from_secs(4),
        latency_rounds: 20,
        latency_requests_per_round: 500,
        stream_rounds: 3,
        models: 10_000,
        changes: 200,
        starts: 5,
    };
    const QUICK: Self = Self {
        quick: true,
        cpu_rounds: 2,
        wrk_run: Duration::from_secs(1),
        latency_rounds: 4,
        latency_requests_per_round: 200,
        stream_rounds: 1,
        models: 500,
        changes: 20,
        starts: 2,
    };
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quick {
            return writeln!(
                f,
                "A quick run: it shows that everything works, its figures are not to be quoted."
            );
        }
        writeln!(f, "A full run, made by `cargo xtask bench`.")
    }
}

// === impl Lab ===

impl Lab {
    pub(super) fn new(quick: bool) -> Result<Self> {
        let bench = workspace::target()?.join("bench");
        fs::create_dir_all(&bench).with_context(|| format!("cannot create {}", bench.display()))?;
        // On the disk of the checkout, not in /tmp, which may be memory: the stores' commits must cost what they cost.
        let scratch = tempfile::Builder::new().prefix("run-").tempdir_in(&bench)?;
        let effort = if quick { Effort::QUICK } else { Effort::FULL };
        Ok(Self { effort, bench, scratch, binaries: OnceCell::new() })
    }

    /// A new directory of this run, removed with it.
    pub(super) fn directory(&self, name: &str) -> Result<PathBuf> {
        let directory = tempfile::Builder::new().prefix(name).tempdir_in(self.scratch.path())?;
        Ok(directory.keep())
    }

    /// The services, built in release mode by the first measurement that needs them.
    pub(super) fn binaries(&self) -> Result<&Binaries> {
        if let Some(binaries) = self.binaries.get() {
            return Ok(binaries);
        }
        let built = build::services()?;
        Ok(self.binaries.get_or_init(|| built))
    }

    pub(super) fn report_path(&self) -> PathBuf {
        self.bench.join("report.md")
    }
}
