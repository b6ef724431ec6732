//! An observer that remembers.

use std::sync::Arc;
use std::time::Duration;

use aisix_domain::{Snapshot, SnapshotObserver, StoreHealth, Touched, Update};
use aisix_store::{Mirror, MirrorHandle, Store};
use parking_lot::Mutex;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Witness {
    updates: Mutex<Vec<Update>>,
    health: Mutex<Vec<StoreHealth>>,
}

impl SnapshotObserver for Witness {
    fn updated(&self, update: &Update) {
        self.updates.lock().push(update.clone());
    }

    fn health_changed(&self, health: &StoreHealth) {
        self.health.lock().push(health.clone());
    }
}

impl Witness {
    /// A mirror of `store` and what it tells.
    pub(crate) fn of(store: &Arc<dyn Store>) -> (MirrorHandle, Arc<Self>) {
        let witness = Arc::new(Self::default());
        let observers: Vec<Arc<dyn SnapshotObserver>> = vec![Arc::clone(&witness) as _];
        (Mirror::start(Arc::clone(store), observers), witness)
    }

    /// What was touched, without updates that touched nothing.
    pub(crate) fn touched(&self) -> Vec<Touched> {
        let updates = self.updates.lock();
        let touched = updates.iter().map(|update| update.touched.clone());
        touched.filter(|touched| *touched != Touched::Rows(Vec::new())).collect()
    }

    /// Whether the store was connected, change by change.
    pub(crate) fn connections(&self) -> Vec<bool> {
        let mut connections: Vec<_> = self.health.lock().iter().map(|health| health.connected).collect();
        connections.dedup();
        connections
    }
}

pub(crate) async fn at(mirror: &MirrorHandle, revision: u64) -> Arc<Snapshot> {
    mirror.wait_for_revision(revision, PATIENCE).await.expect("the mirror follows")
}

pub(crate) async fn disconnected(mirror: &MirrorHandle) -> StoreHealth {
    aisix_testkit::eventually("the mirror notices", async || {
        Some(mirror.health()).filter(|health| !health.connected)
    })
    .await
}

pub(crate) async fn connected(mirror: &MirrorHandle) -> StoreHealth {
    aisix_testkit::eventually("the mirror recovers", async || {
        Some(mirror.health()).filter(|health| health.connected)
    })
    .await
}
