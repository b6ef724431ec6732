use std::sync::atomic::Ordering;
use std::time::Duration;

use aisix_server::serve::{HEADERS_MAX, Limits};
use tokio::io::AsyncReadExt;

use crate::harness::{answer, ask, drain_limits, eventually, get, limits, rest, send, start, status};

const SHORT: Duration = Duration::from_millis(100);
const SHORTER_THAN_LATE: Duration = Duration::from_millis(250);

fn all_short() -> Limits {
    let short = SHORTER_THAN_LATE;
    Limits { header_timeout: short, idle_timeout: short, write_timeout: short, ..limits() }
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let server = start(limits(), drain_limits(), None);
    let mut client = server.connect().await;
    for _ in 0..3 {
        assert!(ask(&mut client, "/").await.ends_with("worker 0"));
    }
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let server = start(limits(), drain_limits(), None);
    let mut client = server.connect().await;
    send(&mut client, get("/") + "GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
    assert_eq!(rest(&mut client).await.matches("worker 0").count(), 2);
}

#[tokio::test]
async fn headers_over_the_limit_are_answered_431() {
    let server = start(limits(), drain_limits(), None);
    let long = format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(2048));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(HEADERS_MAX + 1));
    for request in [long, many] {
        let mut client = server.connect().await;
        send(&mut client, request).await;
        assert_eq!(status(&rest(&mut client).await), "431");
    }
}

#[tokio::test]
async fn headers_within_the_limit_are_not() {
    let server = start(limits(), drain_limits(), None);
    let long = format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(1900));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(HEADERS_MAX));
    for request in [long, many] {
        let mut client = server.connect().await;
        send(&mut client, request).await;
        assert_eq!(status(&answer(&mut client).await), "200");
    }
}

#[tokio::test]
async fn headers_that_take_too_long_are_answered_408() {
    let server = start(Limits { header_timeout: SHORT, ..limits() }, drain_limits(), None);
    let mut fresh = server.connect().await;
    send(&mut fresh, "GET / HTTP/1.1\r\nhost:").await;
    let mut used = server.connect().await;
    ask(&mut used, "/").await;
    send(&mut used, "GET / HT").await;
    assert_eq!(
        rest(&mut fresh).await,
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: 90\r\n\r\n\
         {\"error\":{\"code\":\"headers_too_slow\",\"message\":\"the headers of the request took too long\"}}"
    );
    assert_eq!(status(&rest(&mut used).await), "408");
}

#[tokio::test]
async fn headers_that_trickle_in_gain_no_time() {
    let server = start(Limits { header_timeout: SHORT, ..limits() }, drain_limits(), None);
    let (mut read, mut write) = server.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while write.write_all(b"G").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    // The bytes that nobody reads any more may turn the end into a reset.
    let mut bytes = Vec::new();
    let _ = crate::harness::within(read.read_to_end(&mut bytes)).await;
    crate::harness::within(trickle).await.unwrap();
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_closed_without_an_answer() {
    let server = start(Limits { header_timeout: SHORT, ..limits() }, drain_limits(), None);
    assert_eq!(rest(&mut server.connect().await).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_an_answer() {
    let server = start(Limits { idle_timeout: SHORT, ..limits() }, drain_limits(), None);
    let mut client = server.connect().await;
    ask(&mut client, "/").await;
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn a_request_may_take_longer_than_every_limit_of_its_connection() {
    let server = start(all_short(), drain_limits(), None);
    let mut client = server.connect().await;
    assert_eq!(status(&ask(&mut client, "/late").await), "200");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let server = start(Limits { write_timeout: SHORT, ..limits() }, drain_limits(), None);
    let mut client = server.connect().await;
    send(&mut client, get("/endless")).await;
    eventually(|| server.routes.endless.load(Ordering::SeqCst) == 1).await;
    eventually(|| server.routes.endless.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_not() {
    let server = start(Limits { write_timeout: 5 * SHORT, ..limits() }, drain_limits(), None);
    let mut client = server.connect().await;
    send(&mut client, get("/endless")).await;
    let mut chunk = vec![0; 1024 * 1024];
    for _ in 0..40 {
        assert_ne!(client.read(&mut chunk).await.unwrap(), 0);
        tokio::time::sleep(SHORT / 4).await;
    }
    assert_eq!(server.routes.endless.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_request() {
    let server = start(limits(), drain_limits(), None);
    let mut client = server.connect().await;
    send(&mut client, get("/endless")).await;
    eventually(|| server.routes.endless.load(Ordering::SeqCst) == 1).await;
    drop(client);
    eventually(|| server.routes.endless.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_connection_too_many_is_answered_503_until_another_one_ends() {
    let server = start(Limits { connections_max: 2, ..limits() }, drain_limits(), None);
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    ask(&mut first, "/").await;
    ask(&mut second, "/").await;
    let refusal = rest(&mut server.connect().await).await;
    assert_eq!(status(&refusal), "503");
    assert!(refusal.contains("\r\ncontent-type: application/json\r\n"), "{refusal}");
    assert!(
        refusal.ends_with(
            "{\"error\":{\"code\":\"too_many_connections\",\"message\":\"too many connections\"}}"
        )
    );
    drop(first);
    loop {
        let mut third = server.connect().await;
        send(&mut third, "GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;
        match status(&rest(&mut third).await) {
            "200" => break,
            other => assert_eq!(other, "503"),
        }
    }
}
