//! Streams that do not go as they should.

use std::time::{Duration, Instant};

use aisix_testkit::{Reply, eventually};
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ALIAS, CHAT, Coming, End, Gateway, Setup, Store};

async fn gateway() -> Gateway {
    Setup::new(Store::Embedded).provisioned().await.0
}

async fn open(gateway: &Gateway) -> Coming {
    let chat =
        json!({"model": ALIAS, "stream": true, "messages": [{"role": "user", "content": "one two three"}]});
    gateway.proxy().call(Method::POST, CHAT).json(&chat).open().await
}

/// The data of the last event.
fn last_event(text: &str) -> Value {
    let data = text.trim_end().rsplit("data: ").next().unwrap();
    serde_json::from_str(data).unwrap_or_else(|_| panic!("the last event is no JSON: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_ends_the_upstream_request() {
    let gateway = gateway().await;
    gateway.upstream.next(CHAT, Reply::openai().silent_after_events(2));
    let mut stream = open(&gateway).await;
    stream.read_until("data: ").await;
    assert_eq!(gateway.upstream.hang_ups(), 0);
    drop(stream);
    gateway.upstream.wait_for_hang_ups(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_before_the_answer_ends_the_upstream_request() {
    let gateway = gateway().await;
    gateway.upstream.next(CHAT, Reply::silence());
    let proxy = gateway.proxy();
    let chat = json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello"}]});
    let waiting = tokio::spawn(async move { proxy.call(Method::POST, CHAT).json(&chat).try_send().await });
    gateway.upstream.wait_for_requests(1).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    gateway.upstream.wait_for_hang_ups(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_its_end_is_an_error() {
    let gateway = gateway().await;
    for fault in [
        Reply::openai().cut_after_events(2),
        Reply::openai().cut_after_bytes(300),
        Reply::openai().end_after_events(3),
        Reply::openai().without_done().end_after_events(2),
    ] {
        gateway.upstream.next(CHAT, fault.clone());
        let mut stream = open(&gateway).await;
        stream.finish().await;
        let text = stream.text();
        assert!(!text.contains("[DONE]"), "{fault:?}: {text}");
        assert!(last_event(&text)["error"]["message"].is_string(), "{fault:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_in_single_bytes_is_the_same_stream() {
    let gateway = gateway().await;
    let mut whole = open(&gateway).await;
    whole.finish().await;
    gateway.upstream.next(CHAT, Reply::openai().split(1));
    let mut split = open(&gateway).await;
    split.finish().await;
    assert_eq!(split.text(), whole.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_ends_with_an_error() {
    let setup = Setup::new(Store::Embedded).with("upstream", "idle_timeout_ms: 300");
    let (gateway, _) = setup.provisioned().await;
    gateway.upstream.next(CHAT, Reply::openai().silent_after_events(2));
    let mut stream = open(&gateway).await;
    stream.finish().await;
    assert!(last_event(&stream.text())["error"]["message"].is_string(), "{}", stream.text());
    gateway.upstream.wait_for_hang_ups(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_before_the_answer_keep_their_status() {
    let setup = Setup::new(Store::Embedded).with("upstream", "first_byte_timeout_ms: 500");
    let (gateway, _) = setup.provisioned().await;
    let chat = json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello"}]});
    let not_json = Reply::status(200).body("application/json", "{\"choices\": [");
    for (fault, status, code) in [
        (
            Reply::status(429).header("retry-after", "7").json(&json!({"error": {"message": "slow down"}})),
            429,
            "rate_limit_exceeded",
        ),
        (Reply::status(500).body("text/html", "<h1>oops</h1>"), 502, "upstream_error"),
        (Reply::status(401).json(&json!({"error": {"message": "bad key"}})), 502, "upstream_auth_error"),
        (Reply::silence(), 504, "upstream_timeout"),
        (Reply::openai().after(Duration::from_secs(20)), 504, "upstream_timeout"),
        (not_json, 502, "upstream_error"),
    ] {
        // Once for each time the gateway may try.
        gateway.upstream.always(CHAT, fault.clone());
        let answer = gateway.proxy().post(CHAT, &chat).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (status, &json!(code)),
            "{fault:?} {}",
            answer.text()
        );
        assert_eq!(answer.header("retry-after"), if status == 429 { "7" } else { "" }, "{fault:?}");
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_holds_the_upstream_back_and_loses_nothing() {
    const EVENTS: usize = 800;
    let gateway = gateway().await;
    let text = "x".repeat(32 * 1024);
    let chunk = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}],
    });
    let events = std::iter::repeat_n(chunk.to_string(), EVENTS).chain(["[DONE]".to_owned()]);
    gateway.upstream.next(CHAT, Reply::events(events));
    let mut stream = open(&gateway).await;
    stream.read_until("data: ").await;
    let written = comes_to_rest(&gateway).await;
    assert!(written < EVENTS / 2, "{written} of {EVENTS} events wait somewhere, and nobody reads them");
    assert_eq!(stream.finish().await, End::Whole);
    assert_eq!(stream.text().matches(&text).count(), EVENTS);
}

/// How many pieces the upstream has written when it writes no more.
async fn comes_to_rest(gateway: &Gateway) -> usize {
    const STILL: Duration = Duration::from_millis(500);
    let mut last = (gateway.upstream.pieces(), Instant::now());
    eventually("the upstream stops writing", async || {
        let written = gateway.upstream.pieces();
        if written != last.0 {
            last = (written, Instant::now());
        }
        (last.1.elapsed() > STILL).then_some(written)
    })
    .await
}
