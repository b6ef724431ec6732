//! From the admin's answer to the first request that the proxy serves with the change.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

use super::admin::Admin;
use super::client::{self, Connection};
use super::deployment::{Deployment, Store};
use super::lab::Lab;
use super::scale::SeededModel;
use super::stats::{millis, percentile};
use super::table::{Bar, Table};
use super::{chat, upstream};

const PROPAGATION_MAX: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// A stride without a common factor with the number of models: neighbours in time are no neighbours in the store.
const STRIDE: usize = 7919;

pub(super) fn measure(
    lab: &Lab,
    table: &mut Table,
    deployment: &Deployment,
    models: &[SeededModel],
) -> Result<()> {
    let changed = (0..lab.effort.changes).map(|number| &models[number * STRIDE % models.len()]);
    let delays = client::runtime()?.block_on(change_all(deployment, changed))?;
    let at = |fraction| millis(percentile(&delays, fraction));
    let shown =
        format!("{:.1} ms (p50 {:.1}, max {:.1}, {} changes)", at(0.99), at(0.5), at(1.0), delays.len());
    let measure = format!("change served, p99, {} models, {}", models.len(), deployment.store.name());
    table.judged(measure, bar(&deployment.store), at(0.99), shown);
    Ok(())
}

/// SQLite tells nobody of a commit: the proxy has to look for it.
fn bar(store: &Store) -> Bar {
    let at_most = match store {
        Store::Etcd(_) => 50.0,
        Store::Embedded => 150.0,
    };
    Bar { at_most, unit: " ms" }
}

async fn change_all(
    deployment: &Deployment,
    models: impl Iterator<Item = &SeededModel>,
) -> Result<Vec<Duration>> {
    let mut admin = Admin::open(deployment.admin_addr).await?;
    let mut caller = Connection::open(deployment.proxy_addr).await?;
    let mut delays = Vec::new();
    for (number, model) in models.enumerate() {
        let upstream_model = format!("bench-upstream-model-{number}");
        admin.rename_upstream_model(&model.id, &upstream_model).await?;
        delays.push(until_served(&mut caller, &model.alias, &upstream_model).await?);
    }
    Ok(delays)
}

/// Chat requests until one was answered by the new upstream model.
async fn until_served(caller: &mut Connection, alias: &str, upstream_model: &str) -> Result<Duration> {
    let answered_at = Instant::now();
    let expected = upstream::content_naming(upstream_model);
    while answered_at.elapsed() < PROPAGATION_MAX {
        let answer = caller.exchange(chat::request(chat::request_body(alias))?).await?;
        if answer.success()?.contains(&expected) {
            return Ok(answered_at.elapsed());
        }
        sleep(POLL_INTERVAL).await;
    }
    bail!("the change of {alias} is not served after {PROPAGATION_MAX:?}")
}
