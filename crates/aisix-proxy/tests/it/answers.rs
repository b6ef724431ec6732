//! What the caller gets when all is well.

use aisix_testkit::Reply;

use crate::harness::{get, post, start};

#[tokio::test]
async fn the_answer_is_kept_but_for_the_model() {
    let harness = start().await;
    let body =
        "{\"id\" : \"x\",\"model\":\"gpt-4o-mini-2024\",\"n\":1.50,\"choices\":[],\"later\":\"\\u00e9\"}\n";
    let reply = Reply::status(200).body("application/json; charset=utf-8", body);
    harness.upstream.next(
        "/v1/chat/completions",
        reply
            .header("x-ratelimit-remaining-requests", "7")
            .header("set-cookie", "a=b")
            .header("x-internal", "1"),
    );
    let answer = harness.post("/v1/chat/completions", r#"{"model":"fast"}"#).await;
    assert_eq!(answer.text(), body.replace("gpt-4o-mini-2024", "fast"));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "7");
    assert_eq!((answer.header("set-cookie"), answer.header("x-internal")), ("", ""));
}

#[tokio::test]
async fn every_answer_is_signed() {
    let harness = start().await;
    let mut request = post("/v1/chat/completions", r#"{"model":"fast"}"#);
    request.headers_mut().insert("x-aisix-request-id", "job-1".parse().unwrap());
    for answer in [
        harness.send(request).await,
        harness.send(get("/v1/nothing")).await,
        harness.send(get("/readyz")).await,
    ] {
        assert!(answer.header("server").starts_with("AISIX/"));
        assert_eq!(answer.header("x-aisix-request-id"), answer.header("x-request-id"));
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert_eq!(harness.log()[0]["request_id"], "job-1");
}

#[tokio::test]
async fn media_answers_pass_as_they_are() {
    let harness = start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    harness.upstream.next("/v1/audio/speech", Reply::status(200).body("audio/mpeg", bytes.clone()));
    let answer = harness.post("/v1/audio/speech", r#"{"model":"fast","input":"x"}"#).await;
    assert_eq!(
        (answer.header("content-type"), answer.body == bytes, answer.complete),
        ("audio/mpeg", true, true)
    );
}

#[tokio::test]
async fn connections_are_kept_for_the_next_request() {
    let harness = start().await;
    for _ in 0..4 {
        assert_eq!(harness.post("/v1/chat/completions", r#"{"model":"fast"}"#).await.status, 200);
        let stream = harness.post("/v1/chat/completions", r#"{"model":"fast","stream":true}"#).await;
        assert!(stream.text().ends_with("data: [DONE]\n\n"));
    }
    assert!(harness.upstream.connections() <= 2, "{}", harness.upstream.connections());
}
