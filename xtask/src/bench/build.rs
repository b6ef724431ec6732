//! Optimised builds: of the services, as users get them, and of this very program, whose clients and
//! upstream would slow the measured down if they were not optimised.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{command, workspace};

/// The profile that users get; see the workspace manifest.
const PRODUCT: &str = "release";
/// The profile of what measures it.
const HARNESS: &str = "harness";

#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) admin: PathBuf,
    pub(super) proxy: PathBuf,
}

pub(super) fn services() -> Result<Binaries> {
    build(PRODUCT, &workspace::SERVICES.map(|(_, package)| package))?;
    Ok(Binaries { admin: executable(PRODUCT, "aisix-admin")?, proxy: executable(PRODUCT, "aisix-proxy")? })
}

/// Builds this program optimised and lets that build do the work, with the same command line.
pub(super) fn rerun_optimised() -> Result<()> {
    build(HARNESS, &["xtask"])?;
    let mut optimised = Command::new(executable(HARNESS, "xtask")?);
    let status = optimised.args(env::args_os().skip(1)).status();
    let status = status.context("the optimised build cannot be started")?;
    ensure!(status.success(), "the measurements ended with {status}");
    Ok(())
}

fn build(profile: &str, packages: &[&str]) -> Result<()> {
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let mut build = command::cargo(["build", "--profile", profile].into_iter().chain(packages));
    command::run(build.arg("--target-dir").arg(workspace::target()?))
}

fn executable(profile: &str, name: &str) -> Result<PathBuf> {
    Ok(workspace::target()?.join(profile).join(name))
}
