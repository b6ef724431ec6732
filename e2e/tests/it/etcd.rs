//! What becomes of traffic and changes when etcd does not behave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aisix_testkit::etcd::Etcd;
use aisix_testkit::eventually;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::harness::{ALIAS, CHAT, Client, Gateway, Kind, Setup, Store};

/// Chat requests one after another, until told to stop.
struct Traffic {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(usize, Vec<String>)>,
}

impl Traffic {
    fn start(caller: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let (mut answered, mut failed) = (0, Vec::new());
            while !asked.load(Ordering::Relaxed) {
                let chat = json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello"}]});
                match caller.call(http::Method::POST, CHAT).json(&chat).try_send().await {
                    Ok(answer) if answer.status == 200 => answered += 1,
                    Ok(answer) => failed.push(format!("{} {}", answer.status, answer.text())),
                    Err(error) => failed.push(error),
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            (answered, failed)
        });
        Self { stop, task }
    }

    /// How many requests were answered; none may have failed.
    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let (answered, failed) = self.task.await.unwrap();
        assert_eq!(failed, Vec::<String>::new());
        answered
    }
}

fn handle(store: &Store) -> &Mutex<Etcd> {
    match store {
        Store::Etcd(etcd) => etcd,
        Store::Embedded => panic!("these tests are about etcd"),
    }
}

async fn status(gateway: &Gateway) -> Value {
    gateway.observer(gateway.number(Kind::Proxy)).get("/status/config").await.expect(200).json()
}

async fn store_is(gateway: &Gateway, connected: bool) {
    let what = format!("the proxy sees that its store is connected: {connected}");
    let seen = async || (status(gateway).await["store"]["connected"] == connected).then_some(());
    eventually(&what, seen).await;
}

/// Creates models one by one; a refusal while the store is away is tried again.
async fn create_models(gateway: &Gateway, provider_key: &str, names: impl Iterator<Item = String>) {
    for name in names {
        let model = json!({"display_name": name, "model_name": "m", "provider_key_id": provider_key});
        eventually("the admin can write", async || {
            let answer = gateway.admin().post("/admin/v1/models", &model).await;
            // 409: the write before had gone through although its answer was lost.
            matches!(answer.status, 201 | 409).then_some(())
        })
        .await;
    }
}

async fn served_models(gateway: &Gateway, wanted: usize) {
    let what = format!("the proxy serves {wanted} models");
    let count = async || status(gateway).await["resources"]["models"].as_u64();
    eventually(&what, async || (count().await? == wanted as u64).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_stopped_and_restarted_fails_no_request_and_loses_no_change() {
    let store = Store::etcd().await;
    let etcd = handle(&store);
    let (gateway, made) = Setup::new(store.clone()).provisioned().await;
    let traffic = Traffic::start(gateway.proxy());
    for round in 0..2 {
        create_models(&gateway, &made.provider_key, (0..3).map(|n| format!("before-{round}-{n}"))).await;
        etcd.lock().await.stop().await;
        store_is(&gateway, false).await;
        etcd.lock().await.restart().await;
        create_models(&gateway, &made.provider_key, (0..3).map(|n| format!("after-{round}-{n}"))).await;
        store_is(&gateway, true).await;
    }
    served_models(&gateway, 13).await;
    assert!(traffic.stop().await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_compacted_fails_no_request_and_loses_no_change() {
    let store = Store::etcd().await;
    let etcd = handle(&store);
    let (gateway, made) = Setup::new(store.clone()).provisioned().await;
    let traffic = Traffic::start(gateway.proxy());
    // Changes that are compacted away before the watch is back cannot be told one by one any more.
    etcd.lock().await.stop().await;
    store_is(&gateway, false).await;
    etcd.lock().await.restart().await;
    create_models(&gateway, &made.provider_key, (0..20).map(|n| format!("model-{n}"))).await;
    etcd.lock().await.compact().await;
    create_models(&gateway, &made.provider_key, (20..30).map(|n| format!("model-{n}"))).await;
    served_models(&gateway, 31).await;
    assert!(traffic.stop().await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_away_at_the_start_only_delays_readiness() {
    let store = Store::etcd().await;
    let etcd = handle(&store);
    let (mut gateway, _) = Setup::new(store.clone()).provisioned().await;
    etcd.lock().await.stop().await;
    let late = gateway.launch(Kind::Proxy);
    gateway.wait_for_readyz(late, 503).await;
    let chat = json!({"model": ALIAS, "messages": []});
    let refusal = gateway.caller_of(late).post(CHAT, &chat).await;
    assert!(refusal.status >= 500, "{}", refusal.text());
    etcd.lock().await.restart().await;
    gateway.wait_for_readyz(late, 200).await;
    gateway.caller_of(late).post(CHAT, &chat).await.expect(200);
}
