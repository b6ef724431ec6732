//! The scripted upstream seen from outside, through a bare HTTP connection.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use aisix_testkit::{Reply, Upstream, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CHAT: &str = "/v1/chat/completions";
const HELLO: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello there"}],"stream":true}"#;

async fn send(upstream: &Upstream, key: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: upstream\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream
}

async fn answer(upstream: &Upstream, key: &str, body: &str) -> String {
    let mut text = String::new();
    let mut stream = send(upstream, key, body).await;
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_stream_has_an_event_for_each_word_and_ends_with_done() {
    let upstream = Upstream::start().await;
    let text = answer(&upstream, "k", HELLO).await;
    assert!(text.contains("text/event-stream") && text.contains(r#"{"content":"hello "}"#), "{text}");
    assert!(text.trim_end().ends_with("data: [DONE]\n\n\r\n0"), "{text}");
    assert_eq!(upstream.last_request().json()["messages"][0]["content"], "hello there");
    assert_eq!((upstream.hang_ups(), upstream.connections()), (0, 1));
}

#[tokio::test]
async fn a_refused_key_is_partly_repeated() {
    let upstream = Upstream::start().await;
    upstream.accept_only(&["right"]);
    let text = answer(&upstream, "wrong-key-of-someone", HELLO).await;
    assert!(text.starts_with("HTTP/1.1 401 ") && text.contains("wrong-ke***eone"), "{text}");
    assert!(answer(&upstream, "right", HELLO).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn scripts_come_in_order_and_then_the_default() {
    let upstream = Upstream::start().await;
    upstream.next(CHAT, Reply::status(429).header("retry-after", "7"));
    upstream.next(CHAT, Reply::status(500).body("text/html", "<h1>oops</h1>"));
    assert!(answer(&upstream, "k", HELLO).await.contains("retry-after: 7"));
    assert!(answer(&upstream, "k", HELLO).await.ends_with("<h1>oops</h1>"));
    assert!(answer(&upstream, "k", HELLO).await.contains("[DONE]"));
}

#[tokio::test]
async fn a_cut_stream_lacks_its_last_chunk_but_not_what_came_before() {
    let upstream = Upstream::start().await;
    upstream.next(CHAT, Reply::openai().cut_after_events(2));
    let text = answer(&upstream, "k", HELLO).await;
    assert_eq!(text.matches("data: ").count(), 2, "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn closing_and_silence_and_leaving_are_noticed() {
    let upstream = Upstream::start().await;
    upstream.next(CHAT, Reply::close());
    assert_eq!(answer(&upstream, "k", HELLO).await, "");
    upstream.next(CHAT, Reply::silence());
    upstream.next(CHAT, Reply::openai().silent_after_events(1));
    drop(send(&upstream, "k", HELLO).await);
    upstream.wait_for_hang_ups(1).await;
    let mut stream = send(&upstream, "k", HELLO).await;
    eventually("the first event", async || {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        String::from_utf8_lossy(&buffer[..count]).contains("data: ").then_some(())
    })
    .await;
    drop(stream);
    upstream.wait_for_hang_ups(2).await;
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn a_pace_lies_between_the_pieces() {
    let upstream = Upstream::start().await;
    upstream.next(CHAT, Reply::openai().split(200).paced(Duration::from_millis(20)));
    let begun = std::time::Instant::now();
    let text = answer(&upstream, "k", HELLO).await;
    assert!(text.contains("[DONE]"));
    assert!(begun.elapsed() >= Duration::from_millis(60), "{:?}", begun.elapsed());
}
