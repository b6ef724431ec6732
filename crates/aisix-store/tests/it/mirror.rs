//! The mirror on a store that misbehaves.

use std::sync::Arc;
use std::time::Duration;

use aisix_domain::Touched;
use aisix_store::{Layout, MemoryStore, Store, StoreError};

use crate::rows::{aliases, commit, delete_model, model, model_ref, put_model};
use crate::witness::{PATIENCE, Witness, at};

/// Longer than any pause between attempts. Time is paused in these tests.
const OUTAGE: Duration = Duration::from_secs(10);

fn store() -> (MemoryStore, Arc<dyn Store>) {
    let store = MemoryStore::new(Layout::new("/aisix"));
    (store.clone(), Arc::new(store))
}

#[tokio::test(start_paused = true)]
async fn it_starts_without_the_store_and_follows_when_it_appears() {
    let (memory, store) = store();
    let revision = commit(&memory, put_model(&memory, 1, model("a"))).await;
    memory.set_fault(Some(StoreError::Unreachable("connection refused")));
    let (mirror, witness) = Witness::of(&store);
    assert!(mirror.wait_for_snapshot(OUTAGE).await.is_none());
    assert_eq!(
        mirror.health().last_error.as_deref(),
        Some("the store cannot be reached: connection refused")
    );

    memory.set_fault(None);
    assert_eq!(aliases(&*at(&mirror, revision).await), ["a"]);
    assert_eq!(witness.touched(), [Touched::Everything]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_reported_and_what_changed_meanwhile_arrives_once() {
    let (memory, store) = store();
    let first = commit(&memory, put_model(&memory, 1, model("a"))).await;
    let (mirror, witness) = Witness::of(&store);
    at(&mirror, first).await;
    memory.set_fault(Some(StoreError::Unreachable("connection reset")));
    tokio::time::sleep(OUTAGE).await;
    assert!(!mirror.health().connected);
    assert!(mirror.snapshot().unwrap().model_for("a").is_some(), "the last good configuration serves");
    assert!(mirror.snapshot_age().unwrap() >= OUTAGE / 2);

    memory.set_fault(None);
    let revision = commit(&memory, put_model(&memory, 2, model("b"))).await;
    at(&mirror, revision).await;
    assert_eq!(witness.touched(), [Touched::Everything, Touched::Rows(vec![model_ref(2)])]);
    assert_eq!(witness.connections(), [false, true, false, true]);
    assert!(mirror.snapshot_age().unwrap() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn history_compacted_in_an_outage_is_made_up_for() {
    let (memory, store) = store();
    for number in 1..=3 {
        commit(&memory, put_model(&memory, number, model(&format!("m{number}")))).await;
    }
    let (mirror, witness) = Witness::of(&store);
    at(&mirror, 3).await;
    memory.set_fault(Some(StoreError::Unreachable("connection reset")));
    tokio::time::sleep(OUTAGE).await;
    memory.set_fault(None);
    commit(&memory, put_model(&memory, 2, model("new"))).await;
    let revision = commit(&memory, delete_model(&memory, 1)).await;
    memory.compact(revision);
    assert_eq!(aliases(&*at(&mirror, revision).await), ["new", "m3"]);
    let changed = [Touched::Everything, Touched::Rows(vec![model_ref(1), model_ref(2)])];
    let sorted = witness.touched().into_iter().map(|touched| match touched {
        Touched::Rows(mut rows) => {
            rows.sort();
            Touched::Rows(rows)
        }
        Touched::Everything => Touched::Everything,
    });
    assert_eq!(sorted.collect::<Vec<_>>(), changed);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_ends_with_its_last_handle() {
    let (memory, store) = store();
    commit(&memory, put_model(&memory, 1, model("a"))).await;
    let (mirror, witness) = Witness::of(&store);
    let second = mirror.clone();
    at(&mirror, 1).await;
    drop(mirror);
    let revision = commit(&memory, put_model(&memory, 2, model("b"))).await;
    at(&second, revision).await;
    drop(second);
    tokio::time::sleep(PATIENCE).await;
    assert_eq!(Arc::strong_count(&witness), 1, "nobody else holds the observer");
}
