//! What only a real etcd can do to a store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aisix_domain::Touched;
use aisix_store::{
    Committed, EtcdOptions, EtcdStore, EtcdTls, Expected, Store, StoreError, Txn, Watch, WatchEnd, WatchEvent,
};
use aisix_testkit::etcd::Etcd;
use tokio::net::TcpListener;

use crate::backend::{PREFIX, etcd_options};
use crate::gate::{Gate, Mode};
use crate::rows::{aliases, commit, delete_model, model, model_ref, put_model};
use crate::witness::{Witness, at, connected, disconnected};

const SHORT: Duration = Duration::from_millis(300);

fn store(options: EtcdOptions) -> Arc<dyn Store> {
    Arc::new(EtcdStore::new(options).unwrap())
}

fn options_of(url: String) -> EtcdOptions {
    EtcdOptions {
        endpoints: vec![url],
        prefix: PREFIX.into(),
        user: None,
        password: None,
        tls: None,
        dial_timeout: SHORT,
        request_timeout: SHORT,
    }
}

fn with_user(etcd: &Etcd, user: &str, password: &str) -> EtcdOptions {
    EtcdOptions { user: Some(user.into()), password: Some(password.into()), ..etcd_options(etcd) }
}

/// Counts the changes until `last` was seen.
async fn count_until(watch: &mut Box<dyn Watch>, last: u64) -> usize {
    let mut count = 0;
    loop {
        if let WatchEvent::Changes { changes, revision } = watch.next().await.unwrap() {
            count += changes.len();
            if revision == last {
                return count;
            }
        }
    }
}

#[tokio::test]
async fn a_mirror_outlives_restarts_of_etcd() {
    let mut etcd = Etcd::start().await;
    let store = store(etcd_options(&etcd));
    let first = commit(&*store, put_model(&*store, 1, model("a"))).await;
    let (mirror, witness) = Witness::of(&store);
    at(&mirror, first).await;
    for number in 2..4 {
        connected(&mirror).await;
        etcd.stop().await;
        assert!(disconnected(&mirror).await.last_error.is_some());
        etcd.restart().await;
        connected(&mirror).await;
        let revision = commit(&*store, put_model(&*store, number, model(&format!("m{number}")))).await;
        at(&mirror, revision).await;
    }
    assert_eq!(aliases(&mirror.snapshot().unwrap()), ["a", "m2", "m3"]);
    let each_once =
        [Touched::Everything, Touched::Rows(vec![model_ref(2)]), Touched::Rows(vec![model_ref(3)])];
    assert_eq!(witness.touched(), each_once);
}

#[tokio::test]
async fn a_mirror_cut_off_during_a_compaction_misses_nothing() {
    let etcd = Etcd::start().await;
    let direct = store(etcd_options(&etcd));
    let gate = Gate::before(etcd.client_address()).await;
    for number in 1..=3 {
        commit(&*direct, put_model(&*direct, number, model(&format!("m{number}")))).await;
    }
    let (mirror, witness) = Witness::of(&store(options_of(gate.url())));
    connected(&mirror).await;
    gate.set(Mode::Closed);
    disconnected(&mirror).await;
    commit(&*direct, put_model(&*direct, 1, model("changed"))).await;
    let last = commit(&*direct, delete_model(&*direct, 2)).await;
    etcd.compact().await;
    gate.set(Mode::Open);
    assert_eq!(aliases(&*at(&mirror, last).await), ["changed", "m3"]);
    let Some(Touched::Rows(mut touched)) = witness.touched().pop() else { panic!("only some rows differ") };
    touched.sort();
    assert_eq!(touched, [model_ref(1), model_ref(2)]);
}

#[tokio::test]
async fn a_watch_that_falls_silent_is_noticed_and_replaced() {
    let etcd = Etcd::start().await;
    let direct = store(etcd_options(&etcd));
    let gate = Gate::before(etcd.client_address()).await;
    let (mirror, _) = Witness::of(&store(options_of(gate.url())));
    connected(&mirror).await;
    gate.set(Mode::Silent);
    let revision = commit(&*direct, put_model(&*direct, 1, model("a"))).await;
    let health = disconnected(&mirror).await;
    assert!(health.last_error.unwrap().starts_with("the store did not answer within"));
    gate.set(Mode::Open);
    assert_eq!(aliases(&*at(&mirror, revision).await), ["a"]);
}

#[tokio::test]
async fn a_peer_that_accepts_and_says_nothing_takes_no_longer_than_the_dial_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = options_of(format!("http://{}", silent.local_addr().unwrap()));
    let asked = Instant::now();
    let error = store(options).current_revision().await.unwrap_err();
    assert_eq!(error, StoreError::Timeout { operation: "connecting", after: SHORT });
    assert!(asked.elapsed() >= SHORT && asked.elapsed() < SHORT * 10, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn requests_on_a_dead_connection_end_by_the_request_timeout() {
    let etcd = Etcd::start().await;
    let gate = Gate::before(etcd.client_address()).await;
    let store = store(options_of(gate.url()));
    commit(&*store, put_model(&*store, 1, model("a"))).await;
    gate.set(Mode::Silent);
    let asked = Instant::now();
    let error = store.current_revision().await.unwrap_err();
    assert_eq!(error, StoreError::Timeout { operation: "reading", after: SHORT });
    assert!(asked.elapsed() >= SHORT && asked.elapsed() < SHORT * 10, "{:?}", asked.elapsed());
    gate.set(Mode::Open);
    assert!(store.current_revision().await.is_ok(), "the dead connection is not used again");
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_has_an_unknown_outcome() {
    let etcd = Etcd::start().await;
    let gate = Gate::before(etcd.client_address()).await;
    let store = store(options_of(gate.url()));
    commit(&*store, put_model(&*store, 1, model("a"))).await;
    gate.set(Mode::Silent);
    let write = store.commit(put_model(&*store, 1, model("b"))).await;
    assert_eq!(write.unwrap_err(), StoreError::OutcomeUnknown);
    let write = store.commit(put_model(&*store, 1, model("b"))).await;
    assert!(
        matches!(write, Err(StoreError::Timeout { operation: "connecting", .. })),
        "never sent: {write:?}"
    );
}

#[tokio::test]
async fn the_next_endpoint_serves_when_one_does_not() {
    let etcd = Etcd::start().await;
    let closed = aisix_testkit::free_address();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = [closed, silent.local_addr().unwrap()].map(|address| format!("http://{address}"));
    let endpoints = dead.into_iter().chain([etcd.client_url()]).collect();
    let store = store(EtcdOptions { endpoints, dial_timeout: SHORT, ..etcd_options(&etcd) });
    assert!(store.current_revision().await.is_ok());
}

#[tokio::test]
async fn nobody_there_is_said_without_the_address() {
    let address = aisix_testkit::free_address();
    let error = store(options_of(format!("http://{address}"))).current_revision().await.unwrap_err();
    assert_eq!(error, StoreError::Unreachable("connection refused"));
    assert!(!error.to_string().contains("127.0.0.1"));
}

#[tokio::test]
async fn users_reach_what_they_may() {
    let mut etcd = Etcd::start().await;
    etcd.enable_auth("gateway", "canary-password", PREFIX).await;
    let allowed = store(with_user(&etcd, "gateway", "canary-password"));
    let revision = commit(&*allowed, put_model(&*allowed, 1, model("a"))).await;
    let (mirror, _) = Witness::of(&allowed);
    assert_eq!(aliases(&*at(&mirror, revision).await), ["a"]);

    for refused in
        [with_user(&etcd, "gateway", "wrong"), with_user(&etcd, "nobody", "x"), etcd_options(&etcd)]
    {
        let error = store(refused).current_revision().await.unwrap_err();
        assert_eq!(error, StoreError::Unauthenticated);
    }
    let options = EtcdOptions { prefix: "/other".into(), ..with_user(&etcd, "gateway", "canary-password") };
    assert!(!format!("{options:?}").contains("canary"));
    let elsewhere = store(options);
    assert_eq!(elsewhere.current_revision().await.unwrap_err(), StoreError::PermissionDenied);
    let mut watch = elsewhere.watch("/other/", 1).await.unwrap();
    assert_eq!(watch.next().await.unwrap_err(), WatchEnd::Broken(StoreError::PermissionDenied));
}

#[tokio::test]
async fn an_expired_token_is_replaced() {
    let mut etcd = Etcd::start_with(&["--auth-token-ttl", "1"]).await;
    etcd.enable_auth("gateway", "password", PREFIX).await;
    let store = store(with_user(&etcd, "gateway", "password"));
    let before = commit(&*store, put_model(&*store, 1, model("a"))).await;
    // A token lives for a second after its last use: only time without any use can end it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let guarded = put_model(&*store, 1, model("b")).guard(model_key(&*store), Expected::ModRevision(before));
    assert!(matches!(store.commit(guarded).await.unwrap(), Committed::At(_)));

    tokio::time::sleep(Duration::from_secs(3)).await;
    let (mirror, _) = Witness::of(&store);
    assert_eq!(aliases(&*at(&mirror, before + 1).await), ["b"]);
    // A restart forgets all tokens, and the connection is made anew without the store's doing.
    etcd.restart().await;
    connected(&mirror).await;
    let revision = loop {
        match store.commit(put_model(&*store, 1, model("c"))).await {
            Ok(Committed::At(revision)) => break revision,
            Ok(conflict) => panic!("{conflict:?}"),
            Err(error) => assert_ne!(error, StoreError::Unauthenticated),
        }
    };
    assert_eq!(aliases(&*at(&mirror, revision).await), ["c"]);
}

fn model_key(store: &dyn Store) -> String {
    store.layout().resource_key(model_ref(1))
}

#[tokio::test]
async fn tls_is_spoken_with_both_sides_proven() {
    let etcd = Etcd::start_with_tls().await;
    let options = etcd_options(&etcd);
    let trusted = store(options.clone());
    let revision = commit(&*trusted, put_model(&*trusted, 1, model("a"))).await;
    let (mirror, _) = Witness::of(&trusted);
    assert_eq!(aliases(&*at(&mirror, revision).await), ["a"]);

    let tls = options.tls.clone().unwrap();
    let stranger = aisix_testkit::Authority::new().certificate_pem().into_bytes();
    for (tls, why) in [
        (EtcdTls { ca: Some(stranger), ..tls.clone() }, "an authority nobody trusts"),
        (EtcdTls { cert: None, key: None, ..tls.clone() }, "no client certificate"),
        (EtcdTls { ca: None, ..tls.clone() }, "the system's authorities"),
    ] {
        let error = store(EtcdOptions { tls: Some(tls), ..options.clone() }).current_revision().await;
        assert!(matches!(error, Err(StoreError::Unreachable(_))), "{why}: {error:?}");
    }
    let garbled = EtcdTls { key: Some(b"canary".to_vec()), ..tls.clone() };
    assert!(!format!("{garbled:?}").contains("canary"));
    let error = store(EtcdOptions { tls: Some(garbled), ..options.clone() }).current_revision().await;
    assert!(matches!(error, Err(StoreError::Options(_))), "{error:?}");
    let plain = EtcdOptions { endpoints: vec![etcd.client_url().replace("https", "http")], ..options };
    assert!(matches!(EtcdStore::new(plain), Err(StoreError::Options(_))), "a password would travel in clear");
}

#[tokio::test]
async fn a_snapshot_keeps_up_with_revisions_that_change_nothing_of_it() {
    let etcd = Etcd::start_with(&["--experimental-watch-progress-notify-interval", "100ms"]).await;
    let store = store(etcd_options(&etcd));
    let (mirror, witness) = Witness::of(&store);
    connected(&mirror).await;
    let revision = commit(&*store, Txn::new().put("/other/x", "1")).await;
    assert_eq!(at(&mirror, revision).await.revision(), revision);
    assert_eq!(witness.touched(), [Touched::Everything]);
}

#[tokio::test]
async fn rows_larger_together_than_a_message_are_listed_and_watched() {
    const ROWS: usize = 24;
    let etcd = Etcd::start().await;
    let store = store(etcd_options(&etcd));
    let value = "x".repeat(500 * 1024);
    let mut last = 0;
    for number in 0..ROWS {
        last = commit(&*store, Txn::new().put(format!("{PREFIX}/{number:03}"), value.clone())).await;
    }
    let mut query = aisix_store::RangeQuery {
        prefix: format!("{PREFIX}/"),
        after: None,
        limit: aisix_store::PAGE_ROWS_MAX,
        revision: None,
    };
    let mut listed = 0;
    loop {
        let page = store.range(query.clone()).await.unwrap();
        listed += page.rows.len();
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(listed, ROWS);
    let mut watch = store.watch(&format!("{PREFIX}/"), last - ROWS as u64 + 1).await.unwrap();
    assert_eq!(count_until(&mut watch, last).await, ROWS);
}

#[tokio::test]
async fn a_hundred_thousand_rows_load() {
    const ROWS: u128 = 100_000;
    let etcd = Etcd::start().await;
    let store = store(etcd_options(&etcd));
    let keys: Vec<_> = (0..ROWS).map(|number| store.layout().resource_key(model_ref(number))).collect();
    let mut revision = 0;
    for (chunk, keys) in keys.chunks(aisix_store::TXN_KEYS_MAX).enumerate() {
        let row = |(index, key): (usize, &String)| (key.clone(), model(&format!("m-{chunk}-{index}")));
        let puts = keys.iter().enumerate().map(row);
        revision = commit(&*store, puts.fold(Txn::new(), |txn, (key, value)| txn.put(key, value))).await;
    }
    let begun = Instant::now();
    let (mirror, _) = Witness::of(&store);
    let snapshot = at(&mirror, revision).await;
    println!("100 000 rows loaded in {:?}", begun.elapsed());
    assert_eq!(snapshot.models().len(), ROWS as usize);
    assert!(snapshot.model_for("m-999-99").is_some());
}
