//! What every store must do, run on each of them.

use std::sync::Arc;

use aisix_store::{
    Change, Committed, Cursor, Expected, PAGE_ROWS_MAX, Page, RangeQuery, Row, Store, StoreError,
    TXN_BYTES_MAX, TXN_KEYS_MAX, Txn, Watch, WatchEnd, WatchEvent,
};
use aisix_testkit::etcd::Etcd;

use crate::backend::{Backend, Embedded, Memory, PREFIX};

macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        on_store! { memory Memory $($case)* }
        on_store! { embedded Embedded $($case)* }
        on_store! { etcd Etcd $($case)* }
    };
}

macro_rules! on_store {
    ($module:ident $backend:ident $($case:ident)*) => {
        mod $module {
            use super::{Backend, $backend};
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case($backend::create().await).await;
                }
            )*
        }
    };
}

on_every_store! {
    a_row_counts_its_puts,
    guards_must_all_hold,
    nothing_written_is_no_revision,
    values_are_bytes,
    what_is_too_large_is_refused,
    pages_follow_each_other_in_order,
    a_listing_shows_one_revision,
    history_can_be_compacted,
    of_racing_writers_one_wins,
    a_watch_yields_every_change_once,
    a_watch_sees_other_writers_at_once,
    a_watch_of_compacted_history_ends,
    a_watch_behind_a_compaction_misses_nothing,
    a_watch_of_the_future_ends,
    an_idle_watch_shows_that_it_is_alive,
}

fn key(name: &str) -> String {
    format!("{PREFIX}/{name}")
}

fn put(name: &str, value: &'static str) -> Txn {
    Txn::new().put(key(name), value)
}

async fn commit(store: &Arc<dyn Store>, txn: Txn) -> u64 {
    match store.commit(txn).await.unwrap() {
        Committed::At(revision) => revision,
        Committed::Conflict { .. } => panic!("a guard did not hold"),
    }
}

async fn get(store: &Arc<dyn Store>, name: &str) -> Option<(u64, u64, String)> {
    let row = store.get(&key(name)).await.unwrap()?;
    assert_eq!(*row.key, key(name));
    Some((row.version, row.mod_revision, String::from_utf8(row.value.to_vec()).unwrap()))
}

fn query(limit: usize) -> RangeQuery {
    RangeQuery { prefix: format!("{PREFIX}/"), after: None, limit, revision: None }
}

fn names(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.key.strip_prefix(&format!("{PREFIX}/")).unwrap()).collect()
}

async fn watch(store: &Arc<dyn Store>, from: u64) -> Box<dyn Watch> {
    store.watch(&format!("{PREFIX}/"), from).await.unwrap()
}

/// The changes up to `revision`, as `name=value` or `-name`.
async fn changes_until(watch: &mut Box<dyn Watch>, revision: u64) -> Vec<(u64, String)> {
    let (mut seen, mut reached) = (Vec::new(), 0);
    while reached < revision {
        match watch.next().await.unwrap() {
            WatchEvent::Changes { changes, revision } => {
                seen.extend(changes.into_iter().map(|change| (change.revision(), spelled(&change))));
                reached = revision;
            }
            WatchEvent::Progress { revision } => reached = revision,
            WatchEvent::Alive { .. } => {}
        }
    }
    seen
}

fn spelled(change: &Change) -> String {
    let name = change.key().strip_prefix(&format!("{PREFIX}/")).unwrap();
    match change {
        Change::Put(row) => format!("{name}={}", String::from_utf8_lossy(&row.value)),
        Change::Delete { .. } => format!("-{name}"),
    }
}

async fn end_of_watch(store: &Arc<dyn Store>, from: u64) -> WatchEnd {
    let mut watch = match store.watch(&format!("{PREFIX}/"), from).await {
        Ok(watch) => watch,
        Err(error) => return error.into(),
    };
    loop {
        if let Err(end) = watch.next().await {
            return end;
        }
    }
}

async fn a_row_counts_its_puts(backend: impl Backend) {
    let store = backend.open();
    assert_eq!(get(&store, "a").await, None);
    let first = commit(&store, put("a", "1")).await;
    assert_eq!(get(&store, "a").await, Some((1, first, "1".into())));
    let second = commit(&store, put("b", "x").put(key("a"), "2")).await;
    assert_eq!(second, first + 1);
    assert_eq!(get(&store, "a").await, Some((2, second, "2".into())));
    assert_eq!(get(&store, "b").await, Some((1, second, "x".into())));
    let third = commit(&store, Txn::new().delete(key("a"))).await;
    assert_eq!(get(&store, "a").await, None);
    let fourth = commit(&store, put("a", "3")).await;
    assert_eq!(get(&store, "a").await, Some((1, fourth, "3".into())));
    assert_eq!((third, fourth), (first + 2, first + 3));
    assert_eq!(store.current_revision().await.unwrap(), fourth);
}

async fn guards_must_all_hold(backend: impl Backend) {
    let store = backend.open();
    let absent =
        |txn: Txn| txn.guard(key("a"), Expected::ModRevision(0)).guard(key("a"), Expected::Version(0));
    let created = commit(&store, absent(put("a", "1"))).await;
    let updated = commit(&store, put("a", "2").guard(key("a"), Expected::ModRevision(created))).await;
    let other = commit(&store, put("b", "1")).await;
    for (expected, also) in [
        (Expected::ModRevision(created), Expected::Version(1)),
        (Expected::ModRevision(0), Expected::Version(1)),
        (Expected::Version(1), Expected::Version(1)),
        (Expected::Version(0), Expected::Version(1)),
        (Expected::Version(2), Expected::Version(0)),
    ] {
        let txn = put("a", "lost").delete(key("b")).guard(key("a"), expected).guard(key("b"), also);
        assert_eq!(store.commit(txn).await.unwrap(), Committed::Conflict { seen_at: other }, "{expected:?}");
    }
    assert_eq!(get(&store, "a").await, Some((2, updated, "2".into())));
    assert!(get(&store, "b").await.is_some());
    let both =
        put("a", "3").guard(key("a"), Expected::Version(2)).guard(key("b"), Expected::ModRevision(other));
    assert_eq!(commit(&store, both).await, other + 1);
}

async fn nothing_written_is_no_revision(backend: impl Backend) {
    let store = backend.open();
    let revision = commit(&store, put("a", "1")).await;
    assert_eq!(commit(&store, Txn::new().delete(key("absent"))).await, revision);
    assert_eq!(commit(&store, Txn::new()).await, revision);
    assert_eq!(store.current_revision().await.unwrap(), revision);
}

async fn values_are_bytes(backend: impl Backend) {
    let store = backend.open();
    let value: Vec<u8> = (0..=255).collect();
    commit(&store, Txn::new().put(key("all"), value.clone()).put(key("none"), Vec::new())).await;
    assert_eq!(store.get(&key("all")).await.unwrap().unwrap().value, value);
    assert_eq!(store.get(&key("none")).await.unwrap().unwrap().value, Vec::new());
}

async fn what_is_too_large_is_refused(backend: impl Backend) {
    let store = backend.open();
    let large = Txn::new().put(key("a"), vec![0; TXN_BYTES_MAX + 1]);
    assert_eq!(store.commit(large).await, Err(StoreError::TooLarge));
    let many = |count| (0..count).fold(Txn::new(), |txn, n| txn.put(key(&n.to_string()), "x"));
    assert_eq!(store.commit(many(TXN_KEYS_MAX + 1)).await, Err(StoreError::TooLarge));
    commit(&store, many(TXN_KEYS_MAX)).await;
    commit(&store, Txn::new().put(key("a"), vec![0; TXN_BYTES_MAX - 100])).await;
}

async fn pages_follow_each_other_in_order(backend: impl Backend) {
    let store = backend.open();
    let outside = [format!("{PREFIX}-other/x"), PREFIX.to_owned(), format!("{PREFIX}0"), "/".to_owned()];
    commit(&store, outside.into_iter().fold(Txn::new(), |txn, key| txn.put(key, "outside"))).await;
    for name in ["models/b", "é/ü", "models", "a", "models/a", "zzz", "models/a/b", "gone"] {
        commit(&store, put(name, "x")).await;
    }
    let revision = commit(&store, Txn::new().delete(key("gone"))).await;
    let in_order = ["a", "models", "models/a", "models/a/b", "models/b", "zzz", "é/ü"];
    for limit in [1, 2, 3, 7, PAGE_ROWS_MAX] {
        let (mut seen, mut query) = (Vec::new(), query(limit));
        loop {
            let page = store.range(query.clone()).await.unwrap();
            assert!(page.rows.len() <= limit && page.revision == revision);
            seen.extend(names(&page.rows).into_iter().map(str::to_owned));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, in_order, "by {limit}");
    }
    let behind = RangeQuery { after: Some(Cursor::behind(key("models"))), ..query(2) };
    assert_eq!(names(&store.range(behind).await.unwrap().rows), ["models/a", "models/a/b"]);
    let narrow = RangeQuery { prefix: key("models/"), ..query(10) };
    assert_eq!(names(&store.range(narrow).await.unwrap().rows), ["models/a", "models/a/b", "models/b"]);
}

async fn a_listing_shows_one_revision(backend: impl Backend) {
    let store = backend.open();
    commit(&store, put("a", "old").put(key("b"), "old").put(key("c"), "old")).await;
    let first = store.range(query(1)).await.unwrap();
    commit(&store, put("b", "new").put(key("bb"), "new").delete(key("c"))).await;
    let rest = RangeQuery { after: first.next.clone(), revision: Some(first.revision), ..query(10) };
    let rest = store.range(rest).await.unwrap();
    assert_eq!((rest.revision, names(&rest.rows)), (first.revision, vec!["b", "c"]));
    assert!(rest.rows.iter().all(|row| row.value == "old" && row.version == 1), "{rest:?}");
    let now: Page = store.range(query(10)).await.unwrap();
    assert_eq!((now.revision, names(&now.rows)), (first.revision + 1, vec!["a", "b", "bb"]));
}

async fn history_can_be_compacted(backend: impl Backend) {
    let store = backend.open();
    let old = commit(&store, put("a", "1").put(key("b"), "1")).await;
    commit(&store, Txn::new().delete(key("b"))).await;
    let newest = commit(&store, put("a", "2")).await;
    backend.compact().await;
    let at = |revision| store.range(RangeQuery { revision: Some(revision), ..query(10) });
    assert_eq!(at(old).await.unwrap_err(), StoreError::Compacted);
    assert_eq!(at(newest + 100).await.unwrap_err(), StoreError::Compacted, "what is not there yet");
    assert_eq!(names(&at(newest).await.unwrap().rows), ["a"]);
    assert_eq!(get(&store, "a").await, Some((2, newest, "2".into())));
    assert_eq!(commit(&store, put("b", "2")).await, newest + 1);
    assert_eq!(get(&store, "b").await, Some((1, newest + 1, "2".into())));
}

async fn of_racing_writers_one_wins(backend: impl Backend) {
    let before = commit(&backend.open(), put("generation", "0")).await;
    let writers: Vec<_> = (0..32).map(|_| backend.open()).collect();
    let races = writers.iter().map(|store| {
        store.commit(put("generation", "1").guard(key("generation"), Expected::ModRevision(before)))
    });
    let outcomes = futures_util::future::try_join_all(races).await.unwrap();
    let won = |outcome: &&Committed| matches!(outcome, Committed::At(_));
    assert_eq!(outcomes.iter().filter(won).count(), 1, "{outcomes:?}");
    let lost = Committed::Conflict { seen_at: before + 1 };
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == lost).count(), 31, "{outcomes:?}");
}

async fn a_watch_yields_every_change_once(backend: impl Backend) {
    let store = backend.open();
    let first = commit(&store, put("a", "1")).await;
    let mut early = watch(&store, first + 1).await;
    commit(&store, put("a", "2").put(key("b"), "1")).await;
    commit(&store, Txn::new().put("/other/x", "unseen")).await;
    let last = commit(&store, put("c", "1").delete(key("b"))).await;
    let expected = [(first, "a=1"), (first + 1, "a=2"), (first + 1, "b=1"), (last, "-b"), (last, "c=1")];
    let expected = expected.map(|(revision, change)| (revision, change.to_owned()));
    let sorted = |mut changes: Vec<(u64, String)>| {
        assert!(changes.is_sorted_by_key(|(revision, _)| *revision));
        changes.sort();
        changes
    };
    assert_eq!(sorted(changes_until(&mut watch(&store, first).await, last).await), expected);
    assert_eq!(sorted(changes_until(&mut early, last).await), expected[1..]);
    assert_eq!(sorted(changes_until(&mut watch(&store, last).await, last).await), expected[3..]);
}

async fn a_watch_sees_other_writers_at_once(backend: impl Backend) {
    let (reader, writer) = (backend.open(), backend.open());
    let revision = commit(&writer, put("a", "0")).await;
    let mut watch = watch(&reader, revision + 1).await;
    for _ in 0..20 {
        let revision = commit(&writer, put("a", "1")).await;
        assert_eq!(changes_until(&mut watch, revision).await, [(revision, "a=1".to_owned())]);
    }
}

async fn a_watch_of_compacted_history_ends(backend: impl Backend) {
    let store = backend.open();
    commit(&store, put("a", "1")).await;
    let newest = commit(&store, Txn::new().delete(key("a"))).await;
    backend.compact().await;
    assert_eq!(end_of_watch(&store, newest).await, WatchEnd::Compacted);
    assert_eq!(end_of_watch(&store, 1).await, WatchEnd::Compacted);
}

async fn a_watch_behind_a_compaction_misses_nothing(backend: impl Backend) {
    let store = backend.open();
    let compacted = commit(&store, put("a", "1")).await;
    backend.compact().await;
    let next = commit(&store, put("a", "2")).await;
    let mut watch = watch(&store, compacted + 1).await;
    assert_eq!(changes_until(&mut watch, next).await, [(next, "a=2".to_owned())]);
}

async fn a_watch_of_the_future_ends(backend: impl Backend) {
    let store = backend.open();
    let newest = commit(&store, put("a", "1")).await;
    assert_eq!(end_of_watch(&store, newest + 2).await, WatchEnd::Compacted);
}

async fn an_idle_watch_shows_that_it_is_alive(backend: impl Backend) {
    let store = backend.open();
    let newest = commit(&store, put("a", "1")).await;
    let mut watch = watch(&store, newest + 1).await;
    for _ in 0..2 {
        let event = watch.next().await.unwrap();
        assert_eq!((event.store_revision(), matches!(event, WatchEvent::Changes { .. })), (newest, false));
    }
}
