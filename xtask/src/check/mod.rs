//! `cargo xtask check`.

mod repository;

use anyhow::Result;

use crate::requirements::{self, PROTOC};
use crate::{command, tools};

pub(crate) fn run() -> Result<()> {
    command::run(&mut command::cargo(["fmt", "--all", "--check"]))?;
    repository::check()?;
    requirements::ensure(&[&PROTOC])?;
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    command::run(&mut command::cargo(clippy))?;
    let doc = ["doc", "--locked", "--workspace", "--no-deps", "--document-private-items", "--quiet"];
    command::run(command::cargo(doc).env("RUSTDOCFLAGS", "--deny warnings"))?;
    // Advisories are left out: their database is fetched from the network at every run, and a check that
    // fails because of the day it runs on says nothing about the change it is run for.
    // An unused wrapper is an arrow that the graph in deny.toml has and the code does not.
    let deny =
        ["--workspace", "--locked", "check", "--deny", "unused-wrapper", "bans", "licenses", "sources"];
    command::run(&mut tools::DENY.command(&deny)?)
}
