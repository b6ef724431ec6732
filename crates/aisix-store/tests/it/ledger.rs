//! Writing resources under the generation they were validated against.

use std::sync::Arc;

use aisix_domain::{Model, ResourceId};
use aisix_store::{Committed, Layout, Ledger, MemoryStore, Record, Store};

use crate::rows::{aliases, commit, delete_model, model, model_ref, put_model};
use crate::witness::{PATIENCE, Witness, at};

fn decoded(alias: &str) -> Model {
    Model::decode(model(alias).as_bytes()).unwrap()
}

fn id(number: u128) -> ResourceId {
    ResourceId::from_u128(number)
}

fn store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(Layout::new("/aisix")))
}

#[tokio::test]
async fn a_write_makes_a_new_generation() {
    let store = store();
    let ledger = Ledger::new(Arc::clone(&store));
    let (mirror, _) = Witness::of(&store);
    let empty = mirror.wait_for_snapshot(PATIENCE).await.unwrap();
    assert_eq!(empty.generation(), 0);

    let created = ledger.begin(0).put(id(1), 0, &decoded("a")).commit().await.unwrap();
    assert_eq!(created, Committed::At(1));
    let snapshot = at(&mirror, 1).await;
    assert_eq!((snapshot.generation(), snapshot.revision(), aliases(&snapshot)), (1, 1, vec!["a"]));

    let both = ledger.begin(1).put(id(1), 1, &decoded("b")).put(id(2), 0, &decoded("c"));
    assert_eq!(both.commit().await.unwrap(), Committed::At(2));
    let snapshot = at(&mirror, 2).await;
    assert_eq!((snapshot.generation(), snapshot.models().get(id(1)).unwrap().revision), (2, 2));

    let deleted = ledger.begin(2).delete(model_ref(1)).commit().await.unwrap();
    assert_eq!(deleted, Committed::At(3));
    assert_eq!(aliases(&*at(&mirror, 3).await), ["c"]);
}

#[tokio::test]
async fn of_two_writers_of_one_generation_the_second_writes_nothing() {
    let store = store();
    let ledger = Ledger::new(Arc::clone(&store));
    assert_eq!(ledger.begin(0).put(id(1), 0, &decoded("a")).commit().await.unwrap(), Committed::At(1));
    for late in [ledger.begin(0).put(id(2), 0, &decoded("b")), ledger.begin(0).delete(model_ref(1))] {
        assert_eq!(late.commit().await.unwrap(), Committed::Conflict { seen_at: 1 });
    }
    assert_eq!(store.current_revision().await.unwrap(), 1);
}

#[tokio::test]
async fn a_row_changed_around_the_ledger_is_not_overwritten_unseen() {
    let store = store();
    let ledger = Ledger::new(Arc::clone(&store));
    assert_eq!(ledger.begin(0).put(id(1), 0, &decoded("a")).commit().await.unwrap(), Committed::At(1));
    commit(&*store, put_model(&*store, 1, model("by hand"))).await;
    let late = ledger.begin(1).put(id(1), 1, &decoded("b")).commit().await.unwrap();
    assert_eq!(late, Committed::Conflict { seen_at: 2 });
    commit(&*store, delete_model(&*store, 1)).await;
    let late = ledger.begin(1).put(id(1), 2, &decoded("b")).commit().await.unwrap();
    assert_eq!(late, Committed::Conflict { seen_at: 1 });
}

#[tokio::test]
async fn a_row_that_cannot_be_read_can_be_replaced() {
    let store = store();
    let ledger = Ledger::new(Arc::clone(&store));
    let (mirror, _) = Witness::of(&store);
    assert_eq!(ledger.begin(0).put(id(1), 0, &decoded("a")).commit().await.unwrap(), Committed::At(1));
    at(&mirror, 1).await;
    commit(&*store, put_model(&*store, 1, "no JSON")).await;
    let snapshot = at(&mirror, 2).await;
    let served = snapshot.models().get(id(1)).unwrap();
    assert_eq!((&*served.value.display_name, served.revision), ("a", 2));
    let repaired = ledger.begin(snapshot.generation()).put(id(1), served.revision, &decoded("b"));
    assert_eq!(repaired.commit().await.unwrap(), Committed::At(3));
    assert_eq!(at(&mirror, 3).await.rejections().count(), 0);
}
