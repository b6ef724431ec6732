//! Release builds: of the services, as users get them, and of this very program, whose clients and
//! upstream would slow the measured down if they were not optimised.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{command, workspace};

#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) admin: PathBuf,
    pub(super) proxy: PathBuf,
}

pub(super) fn services() -> Result<Binaries> {
    release(&workspace::SERVICES.map(|(_, package)| package))?;
    Ok(Binaries { admin: executable("aisix-admin")?, proxy: executable("aisix-proxy")? })
}

/// Builds this program in release mode and lets that build do the work, with the same command line.
pub(super) fn rerun_optimised() -> Result<()> {
    release(&["xtask"])?;
    let mut optimised = Command::new(executable("xtask")?);
    let status =
        optimised.args(env::args_os().skip(1)).status().context("the release build cannot be started")?;
    ensure!(status.success(), "the measurements ended with {status}");
    Ok(())
}

fn release(packages: &[&str]) -> Result<()> {
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let mut build = command::cargo(["build", "--release"].into_iter().chain(packages));
    command::run(build.arg("--target-dir").arg(workspace::target()?))
}

fn executable(name: &str) -> Result<PathBuf> {
    Ok(workspace::target()?.join("release").join(name))
}
