//! What the figures were measured on.

use std::process::Command;
use std::{fmt, fs, thread};

use anyhow::{Context, Result};

use crate::workspace;

#[derive(Debug)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    load: String,
    commit: String,
    tools: Vec<String>,
}

// === impl Machine ===

impl Machine {
    pub(super) fn read() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        Ok(Self {
            cpu: cpu_model(&cpuinfo),
            cores: thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load: fs::read_to_string("/proc/loadavg")?.split(' ').take(3).collect::<Vec<_>>().join(" "),
            commit: first_line("git", &["describe", "--always", "--dirty"])?,
            tools: vec![
                first_line("rustc", &["--version"])?,
                first_line("nginx", &["-v"])?,
                first_line("wrk", &["-v"])?,
                first_line("etcd", &["--version"])?,
            ],
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Machine: {}, {} cores, Linux {}, load before the run {}.",
            self.cpu, self.cores, self.kernel, self.load
        )?;
        writeln!(f, "Versions: {}; AISIX at commit {}.", self.tools.join("; "), self.commit)
    }
}

fn cpu_model(cpuinfo: &str) -> String {
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    model.map_or("unknown CPU", |model| model.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// The first line a program prints, on either stream and whatever its exit status: that is how these tell their version.
fn first_line(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace::root())
        .output()
        .with_context(|| format!("{program} could not be started: is it installed?"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default();
    Ok(line.split(" Copyright").next().unwrap_or_default().trim().to_owned())
}
