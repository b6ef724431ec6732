//! A child process that does not outlive its measurement.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::probe;

const READY_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(2);
const LOG_TAIL_BYTES_MAX: usize = 2000;

/// A running child; dropping it ends it.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    spawned_at: Instant,
    error_log: PathBuf,
}

// === impl Process ===

impl Process {
    /// Starts `command` with standard output and standard error going to files in `directory`.
    pub(super) fn spawn(name: &'static str, command: &mut Command, directory: &Path) -> Result<Self> {
        let error_log = directory.join(format!("{name}.err"));
        command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(File::create(directory.join(format!("{name}.out")))?)
            .stderr(File::create(&error_log)?);
        let spawned_at = Instant::now();
        let child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        Ok(Self { name, child, spawned_at, error_log })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `path` answers 200 and tells how long after the start that was.
    pub(super) fn await_ready(&mut self, addr: SocketAddr, path: &str) -> Result<Duration> {
        while self.spawned_at.elapsed() < READY_MAX {
            if probe::answers_ok(addr, path) {
                return Ok(self.spawned_at.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}: {}", self.name, self.last_words());
            }
            thread::sleep(POLL_INTERVAL);
        }
        bail!("{} was not ready after {READY_MAX:?}: {}", self.name, self.last_words())
    }

    fn last_words(&self) -> String {
        let log = fs::read(&self.error_log).unwrap_or_default();
        let tail = log.len().saturating_sub(LOG_TAIL_BYTES_MAX);
        String::from_utf8_lossy(&log[tail..]).trim().to_owned()
    }

    fn wait_for_end(&mut self) -> bool {
        let asked_at = Instant::now();
        while asked_at.elapsed() < STOP_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(POLL_INTERVAL);
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either call fails only when the process has already ended, which is what is wanted.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        if !self.wait_for_end() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
