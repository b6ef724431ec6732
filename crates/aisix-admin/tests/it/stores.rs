//! Rules that hold among concurrent writers, each a service of its own on one store.

use std::sync::Arc;

use std::time::Duration;

use aisix_store::{EmbeddedOptions, EmbeddedStore, EtcdOptions, EtcdStore, Store};
use aisix_testkit::etcd::Etcd;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::harness::{Answer, Service, memory, model, provider_key, service_on};

const WRITERS: usize = 32;
const PREFIX: &str = "/aisix";

/// A store that several processes share: each call opens it as another process would.
trait Shared {
    fn open(&self) -> Arc<dyn Store>;
}

async fn services(shared: &impl Shared, count: usize) -> Vec<Service> {
    let mut services = Vec::new();
    for _ in 0..count {
        services.push(service_on(shared.open()).await);
    }
    services
}

/// Sends all requests at once and answers what came back, in no particular order.
async fn race(requests: Vec<(Service, String, Value)>) -> Vec<Answer> {
    let mut running = JoinSet::new();
    for (service, line, body) in requests {
        running.spawn(async move { service.send(&line, &body).await });
    }
    running.join_all().await
}

/// Of writers racing for one name exactly one wins, and the others learn its id.
async fn one_wins_a_name(shared: &impl Shared) {
    let services = services(shared, WRITERS).await;
    let request = |service: &Service| {
        (service.clone(), "POST /admin/v1/provider_keys".to_owned(), provider_key("the-name"))
    };
    let answers = race(services.iter().map(request).collect()).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((won.len(), lost.len()), (1, WRITERS - 1));
    let id = won[0].json()["id"].clone();
    for answer in lost {
        assert_eq!(answer.refused(409, "name_in_use")["id"], id);
    }
    for service in &services {
        let listed = service.ask_until("/admin/v1/provider_keys", |answer| answer.json() != json!([])).await;
        assert_eq!(listed.json().as_array().map(Vec::len), Some(1));
    }
}

/// Writers that do not contradict each other all get through.
async fn all_distinct_writes_get_through(shared: &impl Shared) {
    let services = services(shared, WRITERS).await;
    let request = |n: usize| {
        let body = json!({ "display_name": format!("app-{n}") });
        (services[n].clone(), "POST /admin/v1/api_keys".to_owned(), body)
    };
    let answers = race((0..WRITERS).map(request).collect()).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
}

/// A provider key is deleted or gets a model, never both.
async fn a_reference_never_dangles(shared: &impl Shared) {
    let services = services(shared, 2).await;
    for round in 0..8 {
        let key = services[0].create_provider_key(&format!("key-{round}")).await;
        services[1].ask_until(&format!("/admin/v1/provider_keys/{key}"), |answer| answer.status == 200).await;
        let answers = race(vec![
            (services[round % 2].clone(), format!("DELETE /admin/v1/provider_keys/{key}"), json!({})),
            (
                services[(round + 1) % 2].clone(),
                "POST /admin/v1/models".to_owned(),
                model(&format!("m-{round}"), &key),
            ),
        ])
        .await;
        let done = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(done, 1, "{answers:?}");
    }
}

/// Of writers that hold the same tag exactly one wins.
async fn one_wins_a_revision(shared: &impl Shared) {
    let services = services(shared, 8).await;
    let id = services[0].create_provider_key("shared").await;
    let path = format!("/admin/v1/provider_keys/{id}");
    let mut running = JoinSet::new();
    for (n, service) in services.into_iter().enumerate() {
        let path = path.clone();
        running.spawn(async move {
            service.ask_until(&path, |answer| answer.status == 200).await;
            let headers = [("if-match", "\"1\""), ("content-type", "application/json")];
            let body = json!({ "provider": format!("p{n}") }).to_string();
            service.send_with(&format!("PATCH {path}"), &headers, body).await
        });
    }
    let answers = running.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), won[0].json()["revision"].as_u64()), (1, Some(2)));
    for answer in lost {
        assert_eq!(answer.refused(412, "revision_mismatch")["current_revision"], 2);
    }
}

/// A write at one service takes into account what was answered by another before it began.
async fn a_write_sees_what_other_services_have_written(shared: &impl Shared) {
    let [one, other]: [Service; 2] = services(shared, 2).await.try_into().ok().expect("two services");
    for round in 0..8 {
        let name = format!("key-{round}");
        let key = one.create_provider_key(&name).await;
        let path = format!("/admin/v1/provider_keys/{key}");
        let alias = other.create("models", &model(&name, &key)).await;
        one.ask(&format!("DELETE {path}")).await.refused(409, "in_use");

        let original = one.ask(&format!("GET {path}")).await.value();
        let changed = one.send(&format!("PATCH {path}"), &json!({ "provider": "changed" })).await;
        assert_eq!(changed.json()["revision"], 2);
        let headers = [("if-match", changed.header("etag")), ("content-type", "application/json")];
        let restored = other.send_with(&format!("PUT {path}"), &headers, original.to_string()).await;
        assert_eq!((restored.value(), &restored.json()["revision"]), (original, &json!(3)));

        assert_eq!(one.ask(&format!("DELETE /admin/v1/models/{alias}")).await.status, 200);
        assert_eq!(other.ask(&format!("DELETE {path}")).await.status, 200);
        one.send(&format!("PUT {path}"), &provider_key(&name)).await.refused(404, "not_found");
        one.create_provider_key(&name).await;
    }
}

// === the stores ===

struct Memory(Arc<aisix_store::MemoryStore>);

impl Shared for Memory {
    fn open(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0) as Arc<dyn Store>
    }
}

impl Shared for TempDir {
    fn open(&self) -> Arc<dyn Store> {
        let options = EmbeddedOptions { path: self.path().join("aisix.db"), prefix: PREFIX.to_owned() };
        Arc::new(EmbeddedStore::new(options).expect("a database"))
    }
}

impl Shared for Etcd {
    fn open(&self) -> Arc<dyn Store> {
        let options = EtcdOptions {
            endpoints: vec![self.client_url()],
            prefix: PREFIX.to_owned(),
            user: None,
            password: None,
            tls: None,
            dial_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
        };
        Arc::new(EtcdStore::new(options).expect("options"))
    }
}

macro_rules! on_every_store {
    ($($rule:ident),* $(,)?) => {
        mod on_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                super::$rule(&super::Memory(super::memory())).await;
            })*
        }

        mod on_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                super::$rule(&tempfile::TempDir::new().unwrap()).await;
            })*
        }

        mod on_etcd {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                super::$rule(&aisix_testkit::etcd::Etcd::start().await).await;
            })*
        }
    };
}

on_every_store!(
    one_wins_a_name,
    all_distinct_writes_get_through,
    a_reference_never_dangles,
    one_wins_a_revision,
    a_write_sees_what_other_services_have_written,
);
