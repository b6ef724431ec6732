//! Who may call what, and in which order that is checked.

use aisix_domain::Timestamp;
use http::{Method, Request};
use http_body_util::Full;

use crate::harness::{CALLER, Harness, SECRET, client, get, options, post, start, start_with, streamed};

const CHAT: &str = "/v1/chat/completions";

async fn many_keys() -> Harness {
    start_with(options(), |builder, base| {
        let key = builder.provider_key("main", base, SECRET);
        builder.model("fast", "gpt", key);
        builder.model("openai/*", "*", key);
        builder.model("orphan", "gpt", aisix_domain::ResourceId::from_u128(999));
        builder.caller_key(CALLER, &["*"]);
        builder.caller_key("sk-narrow", &["fast", "openai/gpt-*"]);
        builder.caller_key("sk-none", &[]);
        builder.caller_key_with("sk-disabled", &["*"], |key| key.disabled = true);
        builder.caller_key_with("sk-expired", &["*"], |key| {
            key.expires_at = Some(Timestamp::parse("2020-01-01T00:00:00Z").unwrap())
        });
    })
    .await
}

async fn call(harness: &Harness, key: &str, body: &str) -> (u16, String) {
    let mut request = post(CHAT, body);
    request.headers_mut().insert("authorization", format!("bearer {key}").parse().unwrap());
    let answer = harness.send(request).await;
    let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn key_then_alias_then_permission_then_body() {
    let harness = many_keys().await;
    let fast = r#"{"model":"fast"}"#;
    for (key, body, status, code) in [
        ("sk-unknown", "{", 401, "invalid_api_key"),
        ("sk-disabled", fast, 401, "invalid_api_key"),
        ("sk-expired", fast, 401, "invalid_api_key"),
        ("sk-none", r#"{"model":"nope"}"#, 404, "model_not_found"),
        ("sk-none", r#"{"model":"fast","stream":7}"#, 403, "model_not_allowed"),
        ("sk-narrow", fast, 200, ""),
        ("sk-narrow", r#"{"model":"openai/gpt-4o"}"#, 200, ""),
        ("sk-narrow", r#"{"model":"openai/o1"}"#, 403, "model_not_allowed"),
        (CALLER, r#"{"model":"fast","stream":7}"#, 400, "invalid_stream"),
        (CALLER, r#"{"model":"orphan"}"#, 503, "provider_key_unusable"),
        (CALLER, r#"{"messages":[]}"#, 400, "model_required"),
        (CALLER, "{", 400, "invalid_json"),
    ] {
        assert_eq!(call(&harness, key, body).await, (status, code.to_owned()), "{key} {body}");
    }
    assert_eq!(harness.upstream.last_request().json()["model"], "gpt-4o", "the star carries over");
}

#[tokio::test]
async fn without_a_key_the_body_is_not_even_read() {
    let harness = start().await;
    let request = Request::post(CHAT).body(Full::from("{")).unwrap();
    let answer = harness.send(request).await;
    assert_eq!(answer.problem().2, "invalid_api_key");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn unknown_routes_and_methods_answer_in_the_dialect() {
    let harness = start().await;
    assert_eq!(harness.send(get("/v1/unknown")).await.problem().2, "unknown_route");
    let answer = harness.send(get(CHAT)).await;
    assert_eq!((answer.problem().0, answer.header("allow")), (405, "POST"));
    let mut request = get("/v1/messages/unknown");
    *request.method_mut() = Method::DELETE;
    assert_eq!(harness.send(request).await.json()["type"], "error");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_or_without_its_length() {
    let harness = start().await;
    let body = format!("{{\"model\":\"fast\",\"pad\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(
        harness.post(CHAT, &body).await.problem(),
        (413, "invalid_request_error".into(), "request_too_large".into())
    );
    let request = post(CHAT, "").map(|_| streamed(body.as_bytes()));
    assert_eq!(harness.proxy.handle(request).await.status(), 413);
    assert!(harness.upstream.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let gateway = aisix_proxy::Gateway::new(options(), None, std::sync::Arc::default());
    let mut builder = aisix_testkit::SnapshotBuilder::new();
    builder.caller_key(CALLER, &["*"]);
    aisix_domain::SnapshotObserver::updated(&*gateway, &builder.update());
    let proxy = aisix_proxy::Proxy::new(gateway, client());
    let never = http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<http_body::Frame<bytes::Bytes>, std::io::Error>,
    >());
    let answer = proxy.handle(post(CHAT, "").map(|_| never)).await;
    assert_eq!(answer.status(), 408);
}

#[tokio::test]
async fn before_the_first_snapshot_nothing_is_ready() {
    let draining = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let gateway = aisix_proxy::Gateway::new(options(), None, draining.clone());
    assert!(!gateway.is_ready());
    let harness = start().await;
    assert_eq!(harness.send(get("/readyz")).await.text(), "ok");
    assert_eq!(harness.send(get("/livez")).await.text(), "ok");
    assert!(harness.log().is_empty(), "health routes are not logged");
}
