//! Refusals and failures of upstreams, told to the caller in its dialect.

use std::time::Duration;

use aisix_testkit::Reply;

use crate::harness::{CALLER, SECRET, options, start, start_with};

const CHAT: &str = "/v1/chat/completions";
const CALL: &str = r#"{"model":"fast","messages":[]}"#;

fn error(message: &str, code: &str) -> String {
    format!("{{\"error\":{{\"message\":\"{message}\",\"type\":\"t\",\"param\":\"p\",\"code\":\"{code}\"}}}}")
}

#[tokio::test]
async fn refusals_keep_what_the_caller_can_mend_and_hide_what_it_cannot() {
    let harness = start().await;
    let cases = [
        (
            400,
            error("no such tool", "unsupported_value"),
            (400, "invalid_request_error", "unsupported_value"),
        ),
        (422, error("no", "x"), (422, "invalid_request_error", "x")),
        (
            400,
            error("too long", "context_length_exceeded"),
            (400, "invalid_request_error", "context_length_exceeded"),
        ),
        (400, error("bad", "content_filter"), (400, "invalid_request_error", "content_filter")),
        (
            401,
            error(&format!("Incorrect API key provided: {SECRET}"), "invalid_api_key"),
            (502, "server_error", "upstream_auth_error"),
        ),
        (403, error("no access", "x"), (502, "server_error", "upstream_auth_error")),
        (404, error("no model", "model_not_found"), (502, "server_error", "upstream_model_not_found")),
        (429, error("slow down", "rate_limit_exceeded"), (429, "rate_limit_error", "rate_limit_exceeded")),
        (429, error("pay", "insufficient_quota"), (429, "rate_limit_error", "insufficient_quota")),
        (503, "<html>busy</html>".to_owned(), (503, "server_error", "overloaded")),
        (500, "<html>boom</html>".to_owned(), (502, "server_error", "upstream_error")),
        (302, String::new(), (502, "server_error", "upstream_error")),
    ];
    for (status, body, (expected, kind, code)) in cases {
        harness.upstream.next(CHAT, Reply::status(status).body("application/json", body.clone()));
        let answer = harness.post(CHAT, CALL).await;
        assert_eq!(answer.problem(), (expected, kind.to_owned(), code.to_owned()), "{status} {body}");
        assert!(!answer.text().contains(SECRET));
    }
}

#[tokio::test]
async fn retry_headers_go_to_the_caller_except_where_trying_again_is_useless() {
    let harness = start().await;
    harness
        .upstream
        .next(CHAT, Reply::status(429).header("retry-after", "7").header("retry-after-ms", "7000"));
    let answer = harness.post(CHAT, CALL).await;
    assert_eq!((answer.header("retry-after"), answer.header("retry-after-ms")), ("7", "7000"));
    harness.upstream.next(CHAT, Reply::status(401).header("retry-after", "7"));
    let answer = harness.post(CHAT, CALL).await;
    assert_eq!((answer.header("retry-after"), answer.header("x-should-retry")), ("", "false"));
}

#[tokio::test]
async fn broken_answers_are_bad_gateways() {
    let harness = start().await;
    for reply in [
        Reply::status(200).body("application/json", "{\"model\":\"gpt\","),
        Reply::status(200).body("text/html", "<html>hello</html>"),
        Reply::status(200).body("application/json", "{}").header("content-encoding", "gzip"),
        Reply::status(200)
            .body("application/json", "{\"model\":\"gpt\",\"pad\":\"xxxxxxxx\"}")
            .cut_after_bytes(20),
        Reply::close(),
    ] {
        harness.upstream.next(CHAT, reply);
        let answer = harness.post(CHAT, CALL).await;
        assert_eq!(answer.problem(), (502, "server_error".to_owned(), "upstream_error".to_owned()));
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_or_silent_is_told_without_its_address() {
    let mut options = options();
    options.first_byte_timeout = Duration::from_millis(50);
    let harness = start_with(options, |builder, base| {
        let key = builder.provider_key("main", base, SECRET);
        builder.model("fast", "gpt", key);
        // Port 1 of loopback: nothing listens there.
        let gone = builder.provider_key("gone", "http://127.0.0.1:1/v1", SECRET);
        builder.model("gone", "gpt", gone);
        builder.caller_key(CALLER, &["*"]);
    })
    .await;
    harness.upstream.next(CHAT, Reply::silence());
    let answer = harness.post(CHAT, CALL).await;
    assert_eq!(answer.problem(), (504, "server_error".to_owned(), "upstream_timeout".to_owned()));
    harness.upstream.wait_for_hang_ups(1).await;
    let answer = harness.post(CHAT, r#"{"model":"gone"}"#).await;
    assert_eq!(answer.problem(), (502, "server_error".to_owned(), "upstream_error".to_owned()));
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    assert_eq!(harness.log().last().unwrap()["error"], "connect_failed");
}

#[tokio::test]
async fn anthropic_routes_speak_their_dialect_and_are_refused_before_anything_is_sent() {
    let harness = start().await;
    let answer = harness.post("/v1/messages", r#"{"model":"fast","messages":[],"max_tokens":1}"#).await;
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), body["type"].as_str()), (400, Some("error")));
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body["request_id"].as_str(), Some(answer.header("request-id")));
    assert!(harness.upstream.requests().is_empty());
}
