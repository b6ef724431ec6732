//! Cargo's subcommands that the checks and tests run, at pinned versions.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::{command, workspace};

/// A cargo subcommand.
pub(crate) struct Tool {
    /// Its package and program, `cargo-deny` for `cargo deny`.
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
}

pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", features: &[] };
pub(crate) const NEXTEST: Tool =
    Tool { name: "cargo-nextest", version: "0.9.151", features: &["--no-default-features"] };

impl Tool {
    /// The tool with these arguments, in the root of the checkout. Built from source when the machine does
    /// not have it; any version that is already there is used.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(self.program()?);
        command.arg(self.verb()).args(arguments).current_dir(workspace::root());
        Ok(command)
    }

    /// What stands behind `cargo`.
    fn verb(&self) -> &'static str {
        self.name.trim_start_matches("cargo-")
    }

    fn program(&self) -> Result<PathBuf> {
        let built = workspace::target()?.join("tools/bin").join(self.name);
        if built.exists() {
            return Ok(built);
        }
        if self.is_on_path() {
            return Ok(self.name.into());
        }
        self.build()?;
        Ok(built)
    }

    fn is_on_path(&self) -> bool {
        let mut command = Command::new(self.name);
        command.args([self.verb(), "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Unoptimised: it is built in a fraction of the time, and what it does is quick enough.
    fn build(&self) -> Result<()> {
        let root = workspace::target()?.join("tools");
        eprintln!("missing: {}; building {} from source into {}", self.name, self.version, root.display());
        let package = format!("{}@{}", self.name, self.version);
        let mut install = command::cargo(["install", "--locked", "--debug"]);
        install.args(self.features).arg("--root").arg(root).arg(package);
        command::run(install.env("CARGO_PROFILE_DEV_DEBUG", "0"))
    }
}
