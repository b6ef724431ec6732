//! Resident memory of the proxy before and after load.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::deployment::Gateway;
use super::lab::Lab;
use super::nginx::Nginx;
use super::table::{Bar, Table};
use super::{probe, wrk};

const IDLE: Bar = Bar { at_most: 20.0, unit: " MiB" };
const LOADED: Bar = Bar { at_most: 45.0, unit: " MiB" };
const WATCH: Duration = Duration::from_secs(1);
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

pub(super) fn measure(lab: &Lab, table: &mut Table) -> Result<()> {
    let upstream = Nginx::static_upstream(lab)?;
    let gateway = Gateway::start(lab, upstream.addr)?;
    let idle = watched_mib(gateway.proxy_pid())?;
    for _ in 0..lab.effort.cpu_rounds {
        wrk::run(lab, gateway.proxy_addr(), lab.effort.wrk_run)?;
    }
    let loaded = watched_mib(gateway.proxy_pid())?;
    table.judged("resident memory, idle", IDLE, idle, format!("{idle:.1} MiB"));
    table.judged("resident memory, after load", LOADED, loaded, format!("{loaded:.1} MiB"));
    Ok(())
}

/// The highest value within a second: what a process gives back later, it holds now.
fn watched_mib(pid: u32) -> Result<f64> {
    let began_at = Instant::now();
    let mut highest = 0;
    while began_at.elapsed() < WATCH {
        highest = highest.max(probe::resident_kib(pid)?);
        thread::sleep(WATCH_INTERVAL);
    }
    Ok(highest as f64 / 1024.0)
}
