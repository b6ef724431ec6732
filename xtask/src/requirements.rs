//! What the verbs need from the machine, and how it gets there.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;

use crate::command;

/// Something that Debian packages provide.
pub(crate) struct Requirement {
    what: &'static str,
    why: &'static str,
    packages: &'static [&'static str],
    is_met: fn() -> bool,
}

pub(crate) const CURL: Requirement = Requirement {
    what: "curl",
    why: "the quickstart runs the guide's own command lines",
    packages: &["curl"],
    is_met: || runs("curl", &["--version"]),
};

pub(crate) const PROTOC: Requirement = Requirement {
    what: "protoc with the standard protobuf definitions",
    why: "the etcd client is generated when it is built",
    packages: &["protobuf-compiler", "libprotobuf-dev"],
    is_met: protoc_finds_its_definitions,
};

pub(crate) const ETCD: Requirement = Requirement {
    what: "etcd",
    why: "tests run against a real one",
    packages: &["etcd-server"],
    is_met: || runs("etcd", &["--version"]),
};

pub(crate) const NGINX: Requirement = Requirement {
    what: "nginx",
    why: "the proxy is measured beside it",
    packages: &["nginx-light"],
    is_met: || runs("nginx", &["-v"]),
};

pub(crate) const WRK: Requirement = Requirement {
    what: "wrk",
    why: "it makes the load of the measurements",
    packages: &["wrk"],
    // It prints its version and ends with 1.
    is_met: || starts("wrk", &["-v"]),
};

pub(crate) const PYTHON: Requirement = Requirement {
    what: "Python 3 with venv and pip",
    why: "tests use the official OpenAI SDK as a client",
    packages: &["python3", "python3-venv"],
    is_met: || runs("python3", &["-c", "import ensurepip, venv"]),
};

/// Sees to it that all of these are there: installs them with apt-get where that is possible, and otherwise
/// says what to do.
pub(crate) fn ensure(requirements: &[&Requirement]) -> Result<()> {
    let missing: Vec<_> = requirements.iter().filter(|requirement| !(requirement.is_met)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for requirement in &missing {
        eprintln!("missing: {} ({})", requirement.what, requirement.why);
    }
    let packages: Vec<_> = missing.iter().flat_map(|requirement| requirement.packages).copied().collect();
    install(&packages)?;
    match missing.iter().find(|requirement| !(requirement.is_met)()) {
        None => Ok(()),
        Some(still) => bail!("{} is still missing after installing {}", still.what, packages.join(" ")),
    }
}

fn install(packages: &[&str]) -> Result<()> {
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if !runs("apt-get", &["--version"]) {
        bail!("install what is missing and try again (on Debian and Ubuntu: sudo {line})");
    }
    if !geteuid().is_root() {
        bail!("install what is missing and try again: sudo {line}");
    }
    eprintln!("installing with apt-get: {}", packages.join(" "));
    apt_get(&["update", "-q"]).context("apt-get update failed")?;
    apt_get(&[&["install", "-y", "-q", "--no-install-recommends"], packages].concat())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    command::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    quiet(program, arguments).status().is_ok_and(|status| status.success())
}

fn starts(program: &str, arguments: &[&str]) -> bool {
    quiet(program, arguments).status().is_ok()
}

fn quiet(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Debian splits the two: `protoc` alone is not enough.
fn protoc_finds_its_definitions() -> bool {
    const PROBE: &str = "syntax = \"proto3\"; import \"google/protobuf/descriptor.proto\"; message Probe {}";
    let protoc = std::env::var("PROTOC").unwrap_or_else(|_| "protoc".into());
    let Ok(directory) = tempfile::tempdir() else { return false };
    let path = directory.path();
    let written = std::fs::write(path.join("probe.proto"), PROBE).is_ok();
    let (include, output) =
        (format!("-I{}", path.display()), format!("-o{}", path.join("probe.pb").display()));
    written && runs(&protoc, &[&include, &output, "probe.proto"])
}
