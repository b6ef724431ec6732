//! The load generator.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::chat;
use super::lab::Lab;

const CONNECTIONS: &str = "32";

/// What `done` of the script prints when a run is over.
#[derive(Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) requests: u64,
    pub(super) elapsed: Duration,
    errors: u64,
}

/// Sends the chat request over 32 keep-alive connections for `duration`; any answer but 200 is a failure.
pub(super) fn run(lab: &Lab, target: SocketAddr, duration: Duration) -> Result<Summary> {
    let script = lab.directory("wrk-")?.join("chat.lua");
    fs::write(&script, lua())?;
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", CONNECTIONS, "--timeout", "10s"])
        .args(["--duration", &format!("{}s", duration.as_secs())])
        .arg("--script")
        .arg(&script)
        .arg(format!("http://{target}{}", chat::PATH))
        .output()
        .context("wrk could not be started")?;
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let summary =
        Summary::parse(&printed).with_context(|| format!("wrk ended with {}: {printed}", output.status))?;
    ensure!(summary.requests > 0, "no request was answered: {printed}");
    ensure!(summary.errors == 0, "not every answer was a success: {printed}");
    Ok(summary)
}

fn lua() -> String {
    format!(
        "wrk.method = 'POST'
wrk.body = [==[{body}]==]
wrk.headers['content-type'] = 'application/json'
wrk.headers['authorization'] = 'Bearer {key}'
function done(summary, latency, requests)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format('summary %d %d %d\\n', summary.requests, summary.duration, errors))
end
",
        body = chat::request_body(chat::ALIAS),
        key = chat::CALLER_KEY,
    )
}

// === impl Summary ===

impl Summary {
    fn parse(printed: &str) -> Option<Self> {
        let line = printed.lines().find_map(|line| line.strip_prefix("summary "))?;
        let mut numbers = line.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self { requests: next()?, elapsed: Duration::from_micros(next()?), errors: next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_stands_on_its_own_line() {
        let printed = "Running 1s test\n  Requests/sec: 9\nsummary 120 1000250 3\n";
        let summary = Summary { requests: 120, elapsed: Duration::from_micros(1_000_250), errors: 3 };
        assert_eq!(Summary::parse(printed), Some(summary));
        assert_eq!(Summary::parse("summary 120 x"), None);
    }
}
