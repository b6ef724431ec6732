//! What depends on the number of models, on both stores.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::admin::Admin;
use super::deployment::{Deployment, Store};
use super::etcd::Etcd;
use super::lab::Lab;
use super::table::Table;
use super::upstream::Upstream;
use super::{client, propagation, startup};

const PROVIDER_KEYS: usize = 100;
const WRITERS: usize = 8;
const SEED_MAX: Duration = Duration::from_secs(600);

/// A model of the full store.
#[derive(Clone, Debug)]
pub(super) struct SeededModel {
    pub(super) id: String,
    pub(super) alias: String,
}

pub(super) fn measure(lab: &Lab, table: &mut Table) -> Result<()> {
    measure_on(lab, table, Store::Etcd(Etcd::start(lab)?))?;
    measure_on(lab, table, Store::Embedded)
}

fn measure_on(lab: &Lab, table: &mut Table, store: Store) -> Result<()> {
    let upstream = Upstream::start()?;
    let deployment = Deployment::new(lab, store)?;
    let _admin = deployment.start_admin(lab)?;
    let began_at = Instant::now();
    let models =
        client::runtime()?.block_on(seed(deployment.admin_addr, upstream.addr, lab.effort.models))?;
    let rate = models.len() as f64 / began_at.elapsed().as_secs_f64();
    let (store, count) = (deployment.store.name(), models.len());
    table.remark(format!(
        "{store}: {count} models were created by {WRITERS} writers at {rate:.0} per second."
    ));
    let _proxy = startup::measure(lab, table, &deployment, &models)?;
    propagation::measure(lab, table, &deployment, &models)
}

/// Fills the store through the admin API, as operators' tools do.
async fn seed(admin: SocketAddr, upstream: SocketAddr, models: usize) -> Result<Vec<SeededModel>> {
    let mut first = Admin::open(admin).await?;
    first.create_caller_key().await?;
    let mut provider_keys = Vec::with_capacity(PROVIDER_KEYS);
    for number in 0..PROVIDER_KEYS {
        provider_keys.push(first.create_provider_key(&format!("bench-{number}"), upstream).await?);
    }
    timeout(SEED_MAX, create_models(admin, provider_keys.into(), models))
        .await
        .context("the store did not fill")?
}

async fn create_models(
    admin: SocketAddr,
    provider_keys: Arc<[String]>,
    models: usize,
) -> Result<Vec<SeededModel>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (provider_keys, next) = (Arc::clone(&provider_keys), Arc::clone(&next));
        writers.spawn(async move {
            let mut admin = Admin::open(admin).await?;
            let mut created = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= models {
                    return anyhow::Ok(created);
                }
                created.push(create_model(&mut admin, number, &provider_keys).await?);
            }
        });
    }
    let mut created = Vec::with_capacity(models);
    while let Some(by_writer) = writers.join_next().await {
        created.extend(by_writer??);
    }
    Ok(created)
}

async fn create_model(admin: &mut Admin, number: usize, provider_keys: &[String]) -> Result<SeededModel> {
    let alias = format!("bench-alias-{number}");
    let id = admin.create_model(&alias, &provider_keys[number % provider_keys.len()]).await?;
    Ok(SeededModel { id, alias })
}
