//! What only a shared file can do to a store.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use aisix_store::embedded::HISTORY_REVISIONS;
use aisix_store::{EmbeddedOptions, EmbeddedStore, Expected, Store, StoreError, Txn, WatchEnd};
use aisix_testkit::Process;
use tempfile::TempDir;

use crate::backend::{Backend, Embedded, PREFIX};
use crate::rows::{aliases, commit, model, put_model};
use crate::witness::{Witness, at, connected, disconnected};

const FILE_VARIABLE: &str = "AISIX_TEST_SHARED_FILE";
const WRITES: u64 = 50;

fn store_at(path: impl Into<std::path::PathBuf>) -> Arc<dyn Store> {
    let options = EmbeddedOptions { path: path.into(), prefix: PREFIX.into() };
    Arc::new(EmbeddedStore::new(options).unwrap())
}

#[tokio::test]
async fn processes_share_the_file() {
    let shared = Embedded::create().await;
    let here = shared.open();
    let (mirror, witness) = Witness::of(&here);
    let counted = commit(&*here, Txn::new().put(format!("{PREFIX}/_count"), "0")).await;
    let mut writer = Command::new(std::env::current_exe().unwrap());
    writer.args(["--exact", "embedded::writes_in_another_process", "--ignored", "--nocapture"]);
    writer.env(FILE_VARIABLE, shared.options().path);
    let mut writer = Process::start(writer).unwrap();
    for _ in 0..WRITES {
        count(&*here).await;
    }
    assert!(writer.wait().await.success(), "{}", writer.stderr());
    let last = here.current_revision().await.unwrap();
    assert_eq!(last, counted + 3 * WRITES, "both counted, and one put models");
    assert_eq!(at(&mirror, last).await.models().len() as u64, WRITES);
    assert_eq!(here.get(&format!("{PREFIX}/_count")).await.unwrap().unwrap().version, 1 + 2 * WRITES);
    assert!(witness.connections().ends_with(&[true]));
}

#[tokio::test]
#[ignore = "the other process of the test above"]
async fn writes_in_another_process() {
    let store = store_at(std::env::var_os(FILE_VARIABLE).expect("run by another test"));
    for number in 0..WRITES {
        commit(&*store, put_model(&*store, number.into(), model(&format!("m{number}")))).await;
        count(&*store).await;
    }
}

/// Adds one to a row that others add to as well.
async fn count(store: &dyn Store) {
    let key = format!("{PREFIX}/_count");
    loop {
        let row = store.get(&key).await.unwrap().unwrap();
        let guarded =
            Txn::new().guard(key.as_str(), Expected::ModRevision(row.mod_revision)).put(key.as_str(), "1");
        if let aisix_store::Committed::At(_) = store.commit(guarded).await.unwrap() {
            return;
        }
    }
}

#[tokio::test]
async fn only_its_owner_can_read_the_file() {
    let backend = Embedded::create().await;
    let store = backend.open();
    commit(&*store, put_model(&*store, 1, model("a"))).await;
    let path = backend.options().path;
    let files: Vec<_> =
        fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "the database and its log: {files:?}");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let backend = Embedded::create().await;
    let store = backend.open();
    let revision = commit(&*store, put_model(&*store, 1, model("a"))).await;
    drop(store);
    let (mirror, _) = Witness::of(&backend.open());
    assert_eq!(aliases(&*at(&mirror, revision).await), ["a"]);
}

#[tokio::test]
async fn a_store_exists_before_its_file_can_be_used() {
    let directory = TempDir::new().unwrap();
    let store = store_at(directory.path().join("later/aisix.db"));
    let error = store.current_revision().await.unwrap_err();
    assert_eq!(error, StoreError::Unreachable("the file's directory does not exist"));
    let (mirror, _) = Witness::of(&store);
    fs::create_dir(directory.path().join("later")).unwrap();
    let revision = commit(&*store, put_model(&*store, 1, model("a"))).await;
    assert_eq!(aliases(&*at(&mirror, revision).await), ["a"]);
}

#[tokio::test]
async fn a_new_file_may_be_opened_by_many_at_once() {
    for _ in 0..10 {
        let backend = Embedded::create().await;
        let stores: Vec<_> = (0..8).map(|_| backend.open()).collect();
        let revisions =
            futures_util::future::join_all(stores.iter().map(|store| store.current_revision())).await;
        assert!(revisions.iter().all(|revision| *revision == Ok(0)), "{revisions:?}");
    }
}

#[tokio::test]
async fn a_removed_file_keeps_serving_until_another_takes_its_place() {
    let backend = Embedded::create().await;
    let store = backend.open();
    for alias in ["a", "b", "c"] {
        commit(&*store, put_model(&*store, 1, model(alias))).await;
    }
    let (mirror, _) = Witness::of(&store);
    connected(&mirror).await;
    for entry in fs::read_dir(backend.options().path.parent().unwrap()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let error = store.commit(put_model(&*store, 1, model("lost"))).await.unwrap_err();
    assert_eq!(error, StoreError::Unreachable("the file is not there"));
    disconnected(&mirror).await;
    assert_eq!(aliases(&mirror.snapshot().unwrap()), ["c"]);

    let another = backend.open();
    commit(&*another, put_model(&*another, 1, model("new"))).await;
    let followed = async || mirror.snapshot().filter(|snapshot| aliases(snapshot) == ["new"]);
    let snapshot = aisix_testkit::eventually("the mirror follows the new file", followed).await;
    assert_eq!(snapshot.revision(), 1);
}

#[tokio::test]
async fn a_file_of_another_kind_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("notes.txt");
    let text = "not a database\n".repeat(100);
    fs::write(&path, &text).unwrap();
    let error = store_at(&path).current_revision().await.unwrap_err();
    assert_eq!(error, StoreError::Failed("the file is not a database".into()));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn history_is_bounded() {
    let backend = Embedded::create().await;
    let store = backend.open();
    let first = commit(&*store, put_model(&*store, 1, model("a"))).await;
    let mut last = first;
    for _ in 0..2 * HISTORY_REVISIONS {
        last = commit(&*store, put_model(&*store, 2, model("b"))).await;
    }
    let root = store.layout().root().to_owned();
    let ended = store.watch(&root, first + 1).await.map(drop).map_err(WatchEnd::from);
    assert_eq!(ended, Err(WatchEnd::Compacted));
    assert!(store.watch(&root, last - HISTORY_REVISIONS + 2).await.is_ok());
    assert_eq!(store.current_revision().await.unwrap(), last);
    let (mirror, _) = Witness::of(&store);
    assert_eq!(aliases(&*at(&mirror, last).await), ["a", "b"]);
}

#[tokio::test]
async fn a_commit_that_waits_for_another_process_blocks_nobody_else() {
    let backend = Embedded::create().await;
    let store = backend.open();
    commit(&*store, put_model(&*store, 1, model("a"))).await;
    let other = rusqlite::Connection::open(backend.options().path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = store.commit(put_model(&*store, 1, model("b")));
    tokio::pin!(waiting);
    tokio::select! {
        answer = &mut waiting => panic!("the file is locked: {answer:?}"),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    other.execute_batch("COMMIT").unwrap();
    assert!(waiting.await.is_ok());
}
