//! From starting the proxy's process to its first 200 on `/readyz`.

use std::time::Duration;

use anyhow::{Result, bail};

use super::deployment::Deployment;
use super::lab::Lab;
use super::process::Process;
use super::stats::{millis, percentile};
use super::table::{Bar, Table};

const READY: Bar = Bar { at_most: 500.0, unit: " ms" };

/// Starts the proxy several times and leaves the last one running.
pub(super) fn measure(lab: &Lab, table: &mut Table, deployment: &Deployment, store: &str) -> Result<Process> {
    let mut times = Vec::with_capacity(lab.effort.starts);
    let mut last = None;
    for _ in 0..lab.effort.starts {
        drop(last.take()); // the address must be free again
        let (proxy, took) = deployment.start_proxy(lab)?;
        times.push(took);
        last = Some(proxy);
    }
    add_row(lab, table, store, &times);
    let Some(proxy) = last else { bail!("no start was asked for") };
    Ok(proxy)
}

fn add_row(lab: &Lab, table: &mut Table, store: &str, times: &[Duration]) {
    let at = |fraction| millis(percentile(times, fraction));
    let measure = format!("start to ready, {} models, {store}", lab.effort.models);
    let shown = format!("{:.0} ms ({:.0}–{:.0})", at(0.5), at(0.0), at(1.0));
    table.judged(measure, READY, at(0.5), shown);
}
