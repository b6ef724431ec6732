//! From starting the proxy's process to its first 200 on `/readyz`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::chat;
use super::client::{self, Connection};
use super::deployment::Deployment;
use super::lab::Lab;
use super::process::Process;
use super::scale::SeededModel;
use super::stats::{millis, percentile};
use super::table::{Bar, Table};

const CHECKED_MODELS: usize = 20;

const READY: Bar = Bar { at_most: 500.0, unit: " ms" };

/// Starts the proxy several times and leaves the last one running.
pub(super) fn measure(
    lab: &Lab,
    table: &mut Table,
    deployment: &Deployment,
    models: &[SeededModel],
) -> Result<Process> {
    let mut times = Vec::with_capacity(lab.effort.starts);
    let mut last = None;
    for _ in 0..lab.effort.starts {
        drop(last.take()); // the address must be free again
        let (proxy, took) = deployment.start_proxy(lab)?;
        client::runtime()?.block_on(check_serves(deployment.proxy_addr, models))?;
        times.push(took);
        last = Some(proxy);
    }
    add_row(table, deployment.store.name(), models.len(), &times);
    let Some(proxy) = last else { bail!("no start was asked for") };
    Ok(proxy)
}

/// Ready means that the first request for any model is served.
async fn check_serves(proxy: SocketAddr, models: &[SeededModel]) -> Result<()> {
    let mut caller = Connection::open(proxy).await?;
    for model in models.iter().step_by(models.len().div_ceil(CHECKED_MODELS)) {
        let answer = caller.exchange(chat::request(chat::request_body(&model.alias))?).await?;
        answer.success().with_context(|| format!("ready, and yet {} is not served", model.alias))?;
    }
    Ok(())
}

fn add_row(table: &mut Table, store: &str, models: usize, times: &[Duration]) {
    let at = |fraction| millis(percentile(times, fraction));
    let measure = format!("start to ready, {models} models, {store}");
    let shown = format!("{:.0} ms ({:.0}–{:.0})", at(0.5), at(0.0), at(1.0));
    table.judged(measure, READY, at(0.5), shown);
}
