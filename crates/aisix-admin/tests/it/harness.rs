use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aisix_admin::{Admin, AdminOptions, router};
use aisix_store::{Layout, MemoryStore, Mirror, MirrorHandle, Store, Txn};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const ADMIN_KEY: &str = "admin-local-only-change-me";
const WAIT_MAX: Duration = Duration::from_secs(10);

/// An admin service over a store, spoken to without a socket.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mirror: MirrorHandle,
    pub(crate) draining: Arc<AtomicBool>,
    router: Router,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A store in memory and a service on it that is ready.
pub(crate) async fn service() -> Service {
    service_on(memory()).await
}

pub(crate) fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(Layout::new("/aisix")))
}

pub(crate) async fn service_on(store: Arc<dyn Store>) -> Service {
    let service = starting_service_on(store);
    service.mirror.wait_for_snapshot(WAIT_MAX).await.expect("a first snapshot");
    service
}

/// A service that may not have read its store yet.
pub(crate) fn starting_service_on(store: Arc<dyn Store>) -> Service {
    let mirror = Mirror::start(Arc::clone(&store), Vec::new());
    let draining = Arc::new(AtomicBool::new(false));
    let options = AdminOptions::new(vec![ADMIN_KEY.into(), "second-admin-key".into()]);
    let admin = Admin::new(options, Arc::clone(&store), mirror.clone(), Arc::clone(&draining));
    Service { store, mirror, draining, router: router(Arc::new(admin)) }
}

impl Service {
    /// Sends `"METHOD /path"` with the admin key and a JSON body.
    pub(crate) async fn send(&self, line: &str, body: &Value) -> Answer {
        self.send_with(line, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Sends a request without a body.
    pub(crate) async fn ask(&self, line: &str) -> Answer {
        self.send_with(line, &[], Body::empty()).await
    }

    /// Sends a request with the admin key and these headers.
    pub(crate) async fn send_with(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers: Vec<_> =
            [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        self.send_as(line, &headers, body).await
    }

    /// Sends a request with these headers and no others.
    pub(crate) async fn send_as(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let (method, path) = line.split_once(' ').expect("METHOD /path");
        let request =
            headers.iter().fold(Request::builder().method(method).uri(path), |request, (name, value)| {
                request.header(*name, *value)
            });
        let request = request.body(body.into()).expect("a request");
        let (parts, body) = self.router.clone().oneshot(request).await.expect("infallible").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Creates a resource and answers its id.
    pub(crate) async fn create(&self, collection: &str, body: &Value) -> String {
        let answer = self.send(&format!("POST /admin/v1/{collection}"), body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Creates the guide's provider key under a name.
    pub(crate) async fn create_provider_key(&self, name: &str) -> String {
        self.create("provider_keys", &provider_key(name)).await
    }

    /// Writes a row around the admin API and waits until the service has seen it.
    pub(crate) async fn store_row(&self, key: &str, value: impl Into<Bytes>) {
        self.commit(Txn::new().put(key, value)).await;
    }

    pub(crate) async fn delete_row(&self, key: &str) {
        self.commit(Txn::new().delete(key)).await;
    }

    async fn commit(&self, txn: Txn) {
        let aisix_store::Committed::At(revision) = self.store.commit(txn).await.expect("a commit") else {
            panic!("there are no guards");
        };
        self.mirror.wait_for_revision(revision, WAIT_MAX).await.expect("the row is seen");
    }

    /// The stored text of a row.
    pub(crate) async fn stored(&self, collection: &str, id: &str) -> String {
        let key = format!("{}{collection}/{id}", self.store.layout().root());
        let row = self.store.get(&key).await.expect("an answer").expect("a row");
        String::from_utf8(row.value.to_vec()).expect("text")
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Waits until `wanted` holds for the answer to a GET.
    pub(crate) async fn ask_until(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = tokio::time::Instant::now() + WAIT_MAX;
        loop {
            let answer = self.ask(&format!("GET {path}")).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} stays {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Checks that this is an error of the documented shape, and answers it.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(self.header("content-type"), "application/json");
        let members = body.as_object().expect("an object");
        assert!(members["error_msg"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        assert!(
            members.get("field").is_none_or(|field| field.as_str().is_some_and(|f| f.starts_with('/'))),
            "{body}"
        );
        body
    }

    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.json()["value"].take()
    }
}

/// The guide's provider key.
pub(crate) fn provider_key(name: &str) -> Value {
    json!({
        "display_name": name,
        "provider": "openai",
        "adapter": "openai",
        "secret": "sk-upstream",
        "api_base": "https://api.openai.com/v1",
    })
}

pub(crate) fn model(alias: &str, provider_key_id: &str) -> Value {
    json!({ "display_name": alias, "model_name": "gpt-4o", "provider_key_id": provider_key_id })
}
