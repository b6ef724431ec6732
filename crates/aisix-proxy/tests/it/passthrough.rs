//! Raw requests.

use aisix_domain::{Provider, StripHeaders};
use aisix_testkit::Reply;
use http::Request;
use http_body_util::Full;

use crate::harness::{CALLER, Harness, SECRET, options, start, start_with, streamed};

fn request(method: &str, path: &str, body: &'static str) -> Request<Full<bytes::Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("x-api-key", CALLER)
        .header("x-custom", "kept")
        .header("cookie", "session=1")
        .header("accept", "text/plain")
        .body(Full::from(body))
        .unwrap()
}

#[tokio::test]
async fn method_path_query_headers_and_body_are_the_callers_and_the_credential_is_ours() {
    let harness = start().await;
    harness.upstream.always(
        "/v1/files/a%2Fb",
        Reply::status(201).body("text/plain", "made").header("set-cookie", "a=b").header("x-own", "1"),
    );
    for path in ["/passthrough/openai/files/a%2Fb?x=1", "/passthrough/openai/v1/files/a%2Fb?x=1"] {
        let answer = harness.send(request("PUT", path, "raw bytes")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str(), answer.header("x-own")),
            (201, "made", "1")
        );
        assert_eq!(answer.header("set-cookie"), "", "stripped in both directions");
        let sent = harness.upstream.last_request();
        assert_eq!(
            (sent.method.as_str(), sent.target.as_str(), sent.text().as_str()),
            ("PUT", "/v1/files/a%2Fb?x=1", "raw bytes")
        );
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
        assert_eq!(
            (sent.header("x-custom"), sent.header("accept"), sent.header("cookie")),
            (Some("kept"), Some("text/plain"), None)
        );
        assert!(sent.header("x-api-key").is_none());
    }
}

async fn stripping_nothing() -> Harness {
    start_with(options(), |builder, base| {
        let key = builder.provider_key_with("main", base, SECRET, |key| {
            key.strip_headers = StripHeaders::new(Vec::<String>::new()).unwrap();
            key.provider = Provider::parse("corp").unwrap();
        });
        builder.model("fast", "gpt", key);
        builder.caller_key(CALLER, &["fast"]);
    })
    .await
}

#[tokio::test]
async fn the_callers_key_never_goes_up_even_when_nothing_is_stripped() {
    let harness = stripping_nothing().await;
    let mut sent = request("GET", "/passthrough/corp/models", "");
    sent.headers_mut().insert("x-also", CALLER.parse().unwrap());
    harness.send(sent).await;
    let seen = harness.upstream.last_request();
    assert!(seen.headers.values().all(|value| !value.to_str().unwrap().contains(CALLER)));
    assert_eq!(seen.header("cookie"), Some("session=1"));
}

#[tokio::test]
async fn only_providers_of_allowed_models_exist() {
    let harness = stripping_nothing().await;
    assert_eq!(
        harness.send(request("GET", "/passthrough/openai/models", "")).await.problem().2,
        "provider_not_found"
    );
    assert_eq!(
        harness.send(request("GET", "/passthrough/corp/../admin", "")).await.problem().2,
        "invalid_path"
    );
    assert_eq!(
        harness.send(request("GET", "/passthrough/corp/%2e%2E/admin", "")).await.problem().2,
        "invalid_path"
    );
    assert!(harness.upstream.requests().is_empty());
}

#[tokio::test]
async fn a_refused_credential_is_not_the_callers_fault_and_redirects_are_not_followed() {
    let harness = stripping_nothing().await;
    harness.upstream.accept_only(&["another"]);
    assert_eq!(
        harness.send(request("GET", "/passthrough/corp/models", "")).await.problem().2,
        "upstream_auth_error"
    );
    harness.upstream.accept_only(&[SECRET]);
    harness.upstream.next("/v1/moved", Reply::status(307).header("location", "https://elsewhere.example/"));
    let answer = harness.send(request("GET", "/passthrough/corp/moved", "")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "https://elsewhere.example/"));
    assert_eq!(harness.upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_broken_answer_is_broken_for_the_caller_too() {
    let harness = stripping_nothing().await;
    let body = "x".repeat(50_000);
    harness
        .upstream
        .next("/v1/blob", Reply::status(200).body("application/octet-stream", body).cut_after_bytes(20_000));
    let answer = harness.send(request("GET", "/passthrough/corp/blob", "")).await;
    assert!(!answer.complete && answer.body.len() < 50_000);
    assert_eq!(harness.log()[0]["status"], 502);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_while_it_streams() {
    let harness = stripping_nothing().await;
    let body = streamed(&[b'x'; 70_000]);
    let request = request("POST", "/passthrough/corp/files", "").map(|_| body);
    assert_eq!(harness.proxy.handle(request).await.status(), 413);
}

#[tokio::test]
async fn a_name_that_a_wildcard_answers_to_opens_its_provider() {
    let harness = start_with(options(), |builder, base| {
        let key = builder.provider_key("main", base, SECRET);
        builder.model("vendor/*", "*", key);
        builder.caller_key(CALLER, &["vendor/gpt"]);
    })
    .await;
    harness.upstream.always("/v1/files", Reply::status(200).body("text/plain", "ok"));
    assert_eq!(harness.send(request("GET", "/passthrough/openai/files", "")).await.text(), "ok");
}

#[tokio::test]
async fn an_answer_of_known_length_is_recorded_as_complete() {
    let harness = stripping_nothing().await;
    harness.upstream.always("/v1/files", Reply::status(200).body("text/plain", "twelve bytes"));
    harness.upstream.always("/v1/gone", Reply::status(204));
    for (method, path) in [("GET", "files"), ("HEAD", "files"), ("DELETE", "gone")] {
        // A server stops asking once it has as many bytes as the head announced.
        let response = harness.begin(request(method, &format!("/passthrough/corp/{path}"), "")).await;
        let mut body = response.into_body();
        while !http_body::Body::is_end_stream(&body) {
            http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        }
        drop(body);
        let line = harness.log().pop().unwrap();
        assert!(line.get("error").is_none() && line["upstream_ms"].is_f64(), "{method} {path}: {line}");
    }
}

#[tokio::test]
async fn bodies_are_counted_and_a_refusal_that_drips_is_not_waited_for() {
    let mut options = options();
    options.first_byte_timeout = std::time::Duration::from_millis(200);
    let harness = start_with(options, |builder, base| {
        let key = builder.provider_key("main", base, SECRET);
        builder.model("fast", "gpt", key);
        builder.caller_key(CALLER, &["fast"]);
    })
    .await;
    let slow = Reply::status(401)
        .body("text/plain", "x".repeat(1000))
        .split(1)
        .paced(std::time::Duration::from_millis(100));
    harness.upstream.next("/v1/files", slow);
    assert_eq!(harness.send(request("POST", "/passthrough/openai/files", "12345")).await.status, 504);
    assert_eq!(harness.log()[0]["bytes_in"], 5);
    harness.upstream.next("/v1/files", Reply::status(403).body("text/plain", SECRET));
    assert_eq!(
        harness.send(request("GET", "/passthrough/openai/files", "")).await.problem().2,
        "upstream_auth_error"
    );
}

#[tokio::test]
async fn another_callers_key_does_not_go_up_either() {
    let harness = start_with(options(), |builder, base| {
        let key = builder.provider_key_with("main", base, SECRET, |key| {
            key.strip_headers = StripHeaders::new([""; 0]).unwrap()
        });
        builder.model("fast", "gpt", key);
        builder.caller_key(CALLER, &["fast"]);
        builder.caller_key("sk-other-caller", &["fast"]);
    })
    .await;
    let mut sent = request("GET", "/passthrough/openai/files", "");
    sent.headers_mut().insert("authorization", "Bearer sk-other-caller".parse().unwrap());
    harness.send(sent).await;
    let seen = harness.upstream.last_request();
    assert!(
        seen.headers.values().all(|value| !value.to_str().unwrap().contains("caller")),
        "{:?}",
        seen.headers
    );
}
