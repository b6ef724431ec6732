//! The mirror on a store that misbehaves.

use std::sync::Arc;
use std::time::Duration;

use aisix_domain::{Snapshot, SnapshotObserver, StoreHealth, Touched, Update};
use aisix_store::{Committed, Layout, MemoryStore, Mirror, MirrorHandle, Store, StoreError, Txn};
use parking_lot::Mutex;

use crate::rows::{model, model_ref};

const PATIENCE: Duration = Duration::from_secs(10);

/// Remembers what it was told.
#[derive(Default)]
struct Witness {
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

fn store() -> MemoryStore {
    MemoryStore::new(Layout::new("/aisix"))
}

fn start(store: &MemoryStore) -> (MirrorHandle, Arc<Witness>) {
    let witness = Arc::new(Witness::default());
    let observers: Vec<Arc<dyn SnapshotObserver>> = vec![Arc::clone(&witness) as _];
    (Mirror::start(Arc::new(store.clone()), observers), witness)
}

async fn put(store: &MemoryStore, number: u128, value: &str) -> u64 {
    let key = store.layout().resource_key(model_ref(number));
    committed(store.commit(Txn::new().put(key, value.to_owned())).await.unwrap())
}

fn committed(committed: Committed) -> u64 {
    match committed {
        Committed::At(revision) => revision,
        Committed::Conflict { .. } => panic!("nothing was guarded"),
    }
}

async fn at(mirror: &MirrorHandle, revision: u64) -> Arc<Snapshot> {
    mirror.wait_for_revision(revision, PATIENCE).await.expect("the mirror follows")
}

#[tokio::test(start_paused = true)]
async fn it_starts_without_the_store_and_follows_when_it_appears() {
    let store = store();
    let revision = put(&store, 1, &model("a")).await;
    store.set_fault(Some(StoreError::Unreachable("connection refused")));
    let (mirror, witness) = start(&store);
    assert!(mirror.wait_for_snapshot(PATIENCE).await.is_none());
    assert_eq!(
        mirror.health().last_error.as_deref(),
        Some("the store cannot be reached: connection refused")
    );

    store.set_fault(None);
    let snapshot = at(&mirror, revision).await;
    assert!(snapshot.model_for("a").is_some());
    assert_eq!(witness.updates.lock()[0].touched, Touched::Everything);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_reported_and_what_changed_meanwhile_arrives_once() {
    let store = store();
    put(&store, 1, &model("a")).await;
    let (mirror, witness) = start(&store);
    at(&mirror, 1).await;
    store.set_fault(Some(StoreError::Unreachable("connection reset")));
    tokio::time::sleep(PATIENCE).await;
    assert!(!mirror.health().connected);
    assert!(mirror.snapshot().unwrap().model_for("a").is_some(), "the last good configuration serves");
    assert!(mirror.snapshot_age().unwrap() >= PATIENCE / 2);

    store.set_fault(None);
    let revision = put(&store, 2, &model("b")).await;
    at(&mirror, revision).await;
    let touched: Vec<_> = witness.updates.lock().iter().map(|update| update.touched.clone()).collect();
    assert_eq!(touched, [Touched::Everything, Touched::Rows(vec![model_ref(2)])]);
    let connected: Vec<_> = witness.health.lock().iter().map(|health| health.connected).collect();
    assert!(connected.contains(&true) && connected.ends_with(&[true]), "{connected:?}");
}
