//! The project's own commands: `cargo xtask <verb>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod bench;
mod check;
mod command;
mod quickstart;
mod requirements;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::requirements::{ETCD, NGINX, PROTOC, WRK};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Verb {
    /// Build and start both services, and follow the provider keys guide up to a streamed answer.
    Quickstart(quickstart::Args),
    /// Run every test, on a fresh machine too.
    Test,
    /// Check formatting, lints, dependencies, documentation and the repository's own rules.
    Check,
    /// Run the integration tests against a real etcd, and no others.
    It,
    /// Measure the product beside nginx and print the table.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Verb::parse() {
        Verb::Quickstart(args) => quickstart::run(&args),
        Verb::Test => return test::all(),
        Verb::Check => check::run(),
        Verb::It => return test::against_etcd(),
        Verb::Bench(args) => {
            requirements::ensure(&[&PROTOC, &ETCD, &NGINX, &WRK]).and_then(|()| bench::run(&args))
        }
    };
    outcome.map_or_else(failed, |()| ExitCode::SUCCESS)
}

fn failed(error: anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
