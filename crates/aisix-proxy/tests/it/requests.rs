//! What the upstream gets.

use aisix_testkit::Reply;
use http::Request;
use http_body_util::Full;

use crate::harness::{CALLER, SECRET, post, start};

#[tokio::test]
async fn the_body_is_kept_but_for_the_model() {
    let harness = start().await;
    let body = "{ \"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9\"}],\"temperature\":1.0e0, \"model\" : \"fast\",\"later\":{\"model\":\"fast\"}}\n";
    assert_eq!(harness.post("/v1/chat/completions", body).await.status, 200);
    let sent = harness.upstream.last_request();
    assert_eq!(sent.text(), body.replacen("\"fast\"", "\"gpt-4o-mini\"", 1));
    assert_eq!(sent.target, "/v1/chat/completions");
}

#[tokio::test]
async fn headers_are_built_from_scratch_plus_the_dialects_own() {
    let harness = start().await;
    let mut request = post("/v1/chat/completions", r#"{"model":"fast","messages":[]}"#);
    for name in [
        "openai-beta",
        "openai-organization",
        "openai-project",
        "idempotency-key",
        "traceparent",
        "tracestate",
    ] {
        request.headers_mut().insert(name, "kept".parse().unwrap());
    }
    for name in [
        "cookie",
        "x-forwarded-for",
        "user-agent",
        "x-custom",
        "anthropic-beta",
        "accept-encoding",
        "api-key",
    ] {
        request.headers_mut().insert(name, "gone".parse().unwrap());
    }
    harness.send(request).await;
    let sent = harness.upstream.last_request();
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
    assert_eq!(sent.header("openai-project"), Some("kept"));
    assert_eq!(sent.header("tracestate"), Some("kept"));
    let values: Vec<_> = sent.headers.values().map(|value| value.to_str().unwrap()).collect();
    assert!(!values.iter().any(|value| *value == "gone" || value.contains(CALLER)), "{values:?}");
}

#[tokio::test]
async fn streams_ask_for_usage_and_hide_what_the_caller_did_not_ask_for() {
    let harness = start().await;
    let answer =
        harness.post("/v1/chat/completions", r#"{"model":"fast","stream":true,"messages":[]}"#).await;
    let sent = harness.upstream.last_request();
    assert_eq!(sent.json()["stream_options"]["include_usage"], true);
    assert_eq!(sent.header("accept"), Some("text/event-stream"));
    assert!(!answer.text().contains("prompt_tokens"), "{}", answer.text());
    assert!(harness.log()[0]["input_tokens"].as_u64().is_some());

    let asked = r#"{"model":"fast","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;
    let answer = harness.post("/v1/chat/completions", asked).await;
    assert_eq!(harness.upstream.last_request().text(), asked.replace("fast", "gpt-4o-mini"));
    assert!(answer.text().contains("prompt_tokens"));
}

#[tokio::test]
async fn a_form_names_its_alias_in_a_field() {
    let harness = start().await;
    let form = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFFfast\r\n--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nfast\r\n--B--\r\n";
    let request = Request::post("/v1/audio/transcriptions")
        .header("api-key", CALLER)
        .header("content-type", "multipart/form-data; boundary=B")
        .body(Full::from(form))
        .unwrap();
    let answer = harness.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = harness.upstream.last_request();
    assert_eq!(sent.text(), form.replacen("\r\nfast\r\n", "\r\ngpt-4o-mini\r\n", 1));
    assert_eq!(sent.header("content-type"), Some("multipart/form-data; boundary=B"));
}

#[tokio::test]
async fn every_modelled_route_reaches_its_endpoint() {
    let harness = start().await;
    let routes = [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/images/variations",
        "/v1/audio/speech",
        "/v1/audio/translations",
        "/v1/moderations",
        "/v1/rerank",
    ];
    for route in routes {
        harness
            .upstream
            .next(route, Reply::status(200).body("application/json", r#"{"model":"gpt-4o-mini"}"#));
        let answer = harness.post(route, r#"{"model":"fast","input":"x"}"#).await;
        assert_eq!(answer.text(), r#"{"model":"fast"}"#, "{route}");
        assert_eq!(harness.upstream.last_request().target, route);
    }
}
