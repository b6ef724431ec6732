use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{ADMIN_KEY, Answer, memory, model, provider_key, service_on};

/// In every secret that the test sends.
const CANARY: &str = "canary-7f3a";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn capture() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    (log, tracing::subscriber::set_default(subscriber.finish()))
}

fn whole(answer: &Answer) -> String {
    format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body))
}

/// A provider key with a canary as its secret.
fn with_canary() -> Value {
    let mut body = provider_key("a");
    body["secret"] = format!("sk-{CANARY}").into();
    body
}

/// The same with the secret in every place where it does not belong.
fn with_canary_misplaced() -> Vec<Value> {
    let body = with_canary();
    let misplace = |field: &String| {
        let mut body = body.clone();
        body[field] = json!([{ "x": body["secret"] }]);
        body
    };
    let fields = body.as_object().unwrap().keys().map(misplace);
    let others = [body["secret"].clone(), json!({ "secret": body["secret"], "unknown": body["secret"] })];
    fields.chain(others).collect()
}

#[tokio::test]
async fn no_secret_is_in_any_answer_or_log_line() {
    let (log, _guard) = capture();
    let store = memory();
    let service = service_on(store.clone()).await;
    let body = with_canary();
    let id = service.create("provider_keys", &body).await;
    let path = format!("/admin/v1/provider_keys/{id}");
    service.create("models", &model("m", &id)).await;
    service.create("api_keys", &json!({ "key": format!("sk-{CANARY}-caller") })).await;

    let mut answers = Vec::new();
    for body in with_canary_misplaced().iter().chain([&body]) {
        let writes = ["provider_keys", "provider_keys/preview", "models", "api_keys"]
            .map(|to| format!("POST /admin/v1/{to}"));
        for line in writes.into_iter().chain([format!("PUT {path}"), format!("PATCH {path}")]) {
            answers.push(service.send(&line, body).await);
        }
    }
    let text = body.to_string();
    for cut in 1..text.len() {
        let headers = [("content-type", "application/json")];
        answers.push(service.send_with(&format!("PUT {path}"), &headers, text[..cut].to_owned()).await);
    }
    service
        .store_row(&format!("/aisix/provider_keys/{id}"), json!({ "secret": body["secret"] }).to_string())
        .await;
    store.set_fault(Some(aisix_store::StoreError::Unreachable("gone")));
    answers.push(service.send(&format!("PUT {path}"), &body).await);
    store.set_fault(None);
    for path in [
        &path,
        "/admin/v1/provider_keys",
        "/admin/v1/models",
        "/admin/v1/api_keys",
        "/admin/v1/health",
        "/metrics",
        "/status/config",
    ] {
        answers.push(service.ask(&format!("GET {path}")).await);
    }
    let wrong = format!("Bearer sk-{CANARY}");
    answers.push(service.send_as(&format!("GET {path}"), &[("authorization", &wrong)], "").await);

    for answer in &answers {
        assert!(!whole(answer).contains(CANARY), "{answer:?}");
    }
    let log = log.text();
    assert!(log.lines().count() > answers.len(), "every request leaves a line");
    assert!(!log.contains(CANARY) && !log.contains(ADMIN_KEY), "{log}");
}

#[tokio::test]
async fn a_request_leaves_one_line_that_says_what_happened() {
    let (log, _guard) = capture();
    let service = service_on(memory()).await;
    let headers = [("content-type", "application/json"), ("x-aisix-request-id", "the-request")];
    let answer =
        service.send_with("POST /admin/v1/provider_keys", &headers, provider_key("a").to_string()).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let refused = service.send_with(&format!("PUT /admin/v1/provider_keys/{id}"), &headers, "{}").await;
    refused.refused(400, "field_required");
    let lines: Vec<Value> = log.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| &line["fields"])
        .filter(|fields| fields["message"] == "admin request")
        .collect();
    assert_eq!(lines.len(), 2);
    let expected = [
        json!({"method": "POST", "route": "/admin/v1/provider_keys", "status": 201}),
        json!({"method": "PUT", "route": "/admin/v1/provider_keys/{id}", "status": 400, "code": "field_required"}),
    ];
    for (line, expected) in lines.into_iter().zip(expected) {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{line}");
        }
        assert_eq!((&line["request_id"], &line["resource_id"]), (&json!("the-request"), &json!(id)));
        assert!(line["took_ms"].is_f64());
    }
}
