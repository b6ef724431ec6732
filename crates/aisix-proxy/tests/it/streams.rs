//! Event streams: relayed whole, broken loudly, cancelled at once.

use std::time::Duration;

use aisix_testkit::Reply;
use http_body_util::BodyExt;

use crate::harness::{CALLER, SECRET, options, post, start, start_with};

const STREAM: &str = r#"{"model":"fast","stream":true,"stream_options":{"include_usage":true}}"#;
const CHAT: &str = "/v1/chat/completions";

fn chunks(count: usize) -> Vec<String> {
    deltas(count).into_iter().chain(["[DONE]".to_owned()]).collect()
}

fn deltas(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| format!("{{\"model\":\"gpt\",\"choices\":[{{\"delta\":{{\"content\":\"{n}\"}}}}]}}"))
        .collect()
}

#[tokio::test]
async fn a_stream_is_relayed_event_by_event() {
    let harness = start().await;
    for size in [1, 7, 4096] {
        harness.upstream.next(CHAT, Reply::events(chunks(5)).split(size));
        let answer = harness.post(CHAT, STREAM).await;
        let expected: String = deltas(5)
            .iter()
            .map(|chunk| format!("data: {}\n\n", chunk.replace("\"gpt\"", "\"fast\"")))
            .collect();
        assert_eq!(answer.text(), expected + "data: [DONE]\n\n");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert!(answer.header("content-type").starts_with("text/event-stream"));
    }
}

#[tokio::test]
async fn a_stream_that_ends_early_is_an_error_however_it_ends() {
    let harness = start().await;
    let replies = [
        Reply::events(chunks(4)).cut_after_events(2),
        Reply::events(chunks(4)).cut_after_bytes(100),
        Reply::events(chunks(4)).end_after_events(2),
        Reply::events(chunks(4)).without_done(),
    ];
    for reply in replies {
        harness.upstream.next(CHAT, reply);
        let answer = harness.post(CHAT, STREAM).await;
        let last = answer.text().trim_end().rsplit("\n\n").next().unwrap().to_owned();
        let error: serde_json::Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(error["error"]["code"], "upstream_stream_truncated", "{}", answer.text());
        assert!(!answer.text().contains("[DONE]"));
        assert_eq!(harness.log().last().unwrap()["status"], 502);
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_is_told_without_the_credential() {
    let harness = start().await;
    let error = format!("{{\"error\":{{\"message\":\"key {SECRET} over quota\"}}}}");
    harness.upstream.next(CHAT, Reply::events([deltas(1)[0].clone(), error]));
    let answer = harness.post(CHAT, STREAM).await;
    assert!(answer.text().contains("over quota") && !answer.text().contains(SECRET), "{}", answer.text());
    assert!(!answer.text().contains("[DONE]"));
}

#[tokio::test]
async fn a_silent_stream_is_ended() {
    let mut options = options();
    options.idle_timeout = Duration::from_millis(50);
    let harness = start_with(options, |builder, base| {
        let key = builder.provider_key("main", base, SECRET);
        builder.model("fast", "gpt", key);
        builder.caller_key(CALLER, &["*"]);
    })
    .await;
    harness.upstream.next(CHAT, Reply::events(chunks(4)).silent_after_events(2));
    let answer = harness.post(CHAT, STREAM).await;
    assert!(answer.text().contains("upstream_timeout"), "{}", answer.text());
    harness.upstream.wait_for_hang_ups(1).await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_ends_the_upstream_request() {
    let harness = start().await;
    harness.upstream.next(CHAT, Reply::events(chunks(4)).silent_after_events(1));
    let mut response = harness.begin(post(CHAT, STREAM)).await;
    assert!(response.body_mut().frame().await.unwrap().is_ok());
    drop(response);
    harness.upstream.wait_for_hang_ups(1).await;
    let line = &harness.log()[0];
    assert_eq!((line["status"].as_u64(), line["error"].as_str()), (Some(499), Some("client_closed")));
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_answer_ends_the_upstream_request_too() {
    let harness = start().await;
    harness.upstream.next(CHAT, Reply::silence());
    let proxy = harness.proxy.clone();
    let waiting = tokio::spawn(async move { proxy.handle(post(CHAT, STREAM)).await });
    harness.upstream.wait_for_requests(1).await;
    waiting.abort();
    harness.upstream.wait_for_hang_ups(1).await;
    assert_eq!(harness.log()[0]["status"], 499);
}

#[tokio::test]
async fn a_slow_reader_holds_the_upstream_back() {
    let harness = start().await;
    let big = format!("{{\"model\":\"gpt\",\"pad\":\"{}\"}}", "x".repeat(1024 * 1024));
    harness.upstream.next(CHAT, Reply::events([vec![big; 64], chunks(0)].concat()));
    let mut response = harness.begin(post(CHAT, STREAM)).await;
    let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    // One event was asked for, and one came: nothing was read ahead into the gateway.
    assert!(first.len() < 2 * 1024 * 1024, "{}", first.len());
    let rest = response.into_body().collect().await.unwrap().to_bytes();
    assert!(rest.ends_with(b"data: [DONE]\n\n"));
}

#[tokio::test]
async fn an_endless_event_is_cut_off() {
    let harness = start().await;
    let endless = format!("{{\"pad\":\"{}\"}}", "x".repeat(17 * 1024 * 1024));
    harness.upstream.next(CHAT, Reply::events([endless]));
    let answer = harness.post(CHAT, STREAM).await;
    assert!(answer.text().contains("upstream_event_too_large"), "{}", answer.text().len());
}

#[tokio::test]
async fn responses_end_with_their_own_marker_and_their_own_error_event() {
    let harness = start().await;
    let answer = harness.post("/v1/responses", r#"{"model":"fast","stream":true,"input":"x"}"#).await;
    assert!(
        answer.text().contains("response.completed") && !answer.text().contains("upstream_stream_truncated")
    );
    assert!(!answer.text().contains("gpt-4o-mini"), "{}", answer.text());
    harness.upstream.next("/v1/responses", Reply::openai().cut_after_events(2));
    let answer = harness.post("/v1/responses", r#"{"model":"fast","stream":true,"input":"x"}"#).await;
    assert!(
        answer
            .text()
            .contains("event: error\ndata: {\"type\":\"error\",\"code\":\"upstream_stream_truncated\""),
        "{}",
        answer.text()
    );
}
