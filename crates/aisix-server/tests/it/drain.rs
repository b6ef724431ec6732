use std::sync::atomic::Ordering;
use std::time::Duration;

use aisix_server::shutdown::{DrainLimits, Phase};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::harness::{
    DEADLINE, answer, ask, drain_limits, eventually, get, limits, rest, send, start, status, within,
};

#[tokio::test]
async fn a_running_request_finishes_and_idle_connections_close() {
    let server = start(limits(), drain_limits(), None);
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    ask(&mut idle, "/").await;
    send(&mut busy, get("/gated")).await;
    eventually(|| server.routes.gated.load(Ordering::SeqCst) == 1).await;

    server.triggers.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(server.addr).await.is_err());
    server.routes.gate.add_permits(1);
    let answer = rest(&mut busy).await;
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("connection: close"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn while_draining_begins_requests_are_still_served() {
    let server = start(limits(), DrainLimits { min: DEADLINE, max: DEADLINE }, None);
    let flag = server.shutdown.draining_flag();
    server.triggers.send(()).unwrap();
    within(server.shutdown.clone().reached(Phase::Draining)).await;
    assert!(flag.load(Ordering::Relaxed));
    assert_eq!(status(&ask(&mut server.connect().await, "/").await), "200");
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_cut_off() {
    let limits_short = DrainLimits { min: Duration::ZERO, max: Duration::from_millis(100) };
    let server = start(limits(), limits_short, None);
    let mut client = server.connect().await;
    send(&mut client, get("/gated")).await;
    eventually(|| server.routes.gated.load(Ordering::SeqCst) == 1).await;
    server.triggers.send(()).unwrap();
    assert_eq!(rest(&mut client).await, "");
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_cuts_off_at_once() {
    let server = start(limits(), DrainLimits { min: DEADLINE * 6, max: DEADLINE * 6 }, None);
    let mut client = server.connect().await;
    send(&mut client, get("/endless")).await;
    eventually(|| server.routes.endless.load(Ordering::SeqCst) == 1).await;
    server.triggers.send(()).unwrap();
    server.triggers.send(()).unwrap();
    let endless = server.routes.endless.clone();
    server.ended().await;
    assert_eq!(endless.load(Ordering::SeqCst), 0, "what was cut off has ended before the server");
    let _ = within(client.read_to_end(&mut Vec::new())).await;
}

#[tokio::test]
async fn a_connection_that_was_never_used_does_not_hold_up_the_end() {
    let server = start(limits(), drain_limits(), None);
    let mut silent = server.connect().await;
    ask(&mut server.connect().await, "/").await;
    server.triggers.send(()).unwrap();
    assert_eq!(rest(&mut silent).await, "");
    server.ended().await;
}

#[tokio::test]
async fn a_request_that_arrives_just_before_the_end_is_answered() {
    let server = start(limits(), drain_limits(), None);
    let mut client = server.connect().await;
    ask(&mut client, "/").await;
    send(&mut client, get("/gated")).await;
    eventually(|| server.routes.gated.load(Ordering::SeqCst) == 1).await;
    server.triggers.send(()).unwrap();
    within(server.shutdown.clone().reached(Phase::Closing)).await;
    server.routes.gate.add_permits(1);
    assert_eq!(status(&answer(&mut client).await), "200");
    server.ended().await;
}
