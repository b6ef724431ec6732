//! `cargo xtask test` and `cargo xtask it`.

use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};

use crate::requirements::{self, CURL, ETCD, PROTOC, PYTHON};
use crate::{command, failed, tools, workspace};

/// Tests that need a real etcd have the word in their name.
const ETCD_TESTS: &str = "kind(test) & test(etcd)";
const PYTHON_PACKAGES: &str = "e2e/python/requirements.txt";

/// Every test. The test runner's closing line is the last output, so nothing may be written after it.
pub(crate) fn all() -> ExitCode {
    ended(prepare_all().and_then(|()| nextest(&[])))
}

/// The integration tests against a real etcd.
pub(crate) fn against_etcd() -> ExitCode {
    let prepared = requirements::ensure(&[&PROTOC, &ETCD]).and_then(|()| build_services());
    ended(prepared.and_then(|()| nextest(&["-E", ETCD_TESTS])))
}

/// Builds both services where [`workspace::service`] and the end-to-end tests look for them.
pub(crate) fn build_services() -> Result<()> {
    let packages = workspace::SERVICES.iter().flat_map(|(_, package)| ["--package", package]);
    command::run(&mut command::cargo(["build", "--locked"].into_iter().chain(packages)))
}

fn prepare_all() -> Result<()> {
    requirements::ensure(&[&PROTOC, &ETCD, &PYTHON, &CURL])?;
    python_environment()?;
    build_services()?;
    command::run(&mut command::cargo(["build", "--locked", "--workspace", "--examples"]))?;
    command::run(&mut command::cargo(["test", "--locked", "--workspace", "--doc", "--quiet"]))
}

fn nextest(more: &[&str]) -> Result<ExitStatus> {
    let arguments = [&["run", "--locked", "--workspace"], more].concat();
    command::status(&mut tools::NEXTEST.command(&arguments)?)
}

fn ended(outcome: Result<ExitStatus>) -> ExitCode {
    match outcome {
        Err(error) => failed(error),
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
    }
}

/// The SDKs that some end-to-end tests run, in `target/venv`; made again when the list of packages changes.
fn python_environment() -> Result<()> {
    let environment = workspace::target()?.join("venv");
    let wanted = std::fs::read_to_string(workspace::root().join(PYTHON_PACKAGES)).context(PYTHON_PACKAGES)?;
    let installed = environment.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|packages| packages == wanted) {
        return Ok(());
    }
    eprintln!("installing Python packages into {}:", environment.display());
    command::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    pip_install(&environment)?;
    std::fs::write(installed, wanted).context("the Python environment cannot be written")
}

fn pip_install(environment: &Path) -> Result<()> {
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
        PYTHON_PACKAGES,
    ]);
    command::run(pip.current_dir(workspace::root()))
}
