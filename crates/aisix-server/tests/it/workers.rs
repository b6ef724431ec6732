use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aisix_server::listen;
use aisix_server::serve::{Limits, Server};
use aisix_server::shutdown::DrainLimits;
use aisix_server::workers;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpStream;

use crate::harness::{
    Routes, ask, drain_limits, eventually, get, limits, localhost, rest, send, status, triggered, within,
};

const RELUCTANCE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn every_worker_serves_the_port_with_a_service_of_its_own() {
    let listeners = listen::bind_shared("test.addr", localhost(), 3).unwrap();
    let addr = listeners[0].local_addr().unwrap();
    let (triggers, shutdown) = triggered(drain_limits());
    let workers = workers::spawn(listeners, &Server::new(limits(), None, shutdown), Routes::new).unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 3 {
        let mut client = TcpStream::connect(addr).await.unwrap();
        seen.insert(ask(&mut client, "/").await.split("\r\n\r\n").nth(1).unwrap().to_owned());
    }
    triggers.send(()).unwrap();
    within(workers.finished()).await.unwrap();
}

/// A request that takes a while to go away, as one that logs does.
struct Reluctant(Arc<AtomicUsize>);

impl Drop for Reluctant {
    fn drop(&mut self) {
        std::thread::sleep(RELUCTANCE);
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn what_was_cut_off_is_gone_before_the_workers_are() {
    let listeners = listen::bind_shared("test.addr", localhost(), 2).unwrap();
    let addr = listeners[0].local_addr().unwrap();
    let (triggers, shutdown) = triggered(DrainLimits { min: Duration::ZERO, max: Duration::ZERO });
    let (begun, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (began, goes) = (begun.clone(), gone.clone());
    let service = service_fn(move |_: Request<Incoming>| {
        began.fetch_add(1, Ordering::SeqCst);
        let request = Reluctant(goes.clone());
        async move {
            // Some of what belongs to a request runs in tasks of its own.
            tokio::spawn(async move {
                let _request = request;
                std::future::pending::<()>().await;
            });
            std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
        }
    });
    let server = Server::new(limits(), None, shutdown);
    let workers = workers::spawn(listeners, &server, move |_| service.clone()).unwrap();
    let mut client = TcpStream::connect(addr).await.unwrap();
    send(&mut client, get("/")).await;
    eventually(|| begun.load(Ordering::SeqCst) == 1).await;
    triggers.send(()).unwrap();
    within(workers.finished()).await.unwrap();
    assert_eq!(gone.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_limit_of_connections_holds_for_all_workers_together() {
    let listeners = listen::bind_shared("test.addr", localhost(), 2).unwrap();
    let addr = listeners[0].local_addr().unwrap();
    let (_triggers, shutdown) = triggered(drain_limits());
    let server = Server::new(Limits { connections_max: 3, ..limits() }, None, shutdown);
    let _workers = workers::spawn(listeners, &server, Routes::new).unwrap();
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut client = TcpStream::connect(addr).await.unwrap();
        ask(&mut client, "/").await;
        open.push(client);
    }
    assert_eq!(status(&rest(&mut TcpStream::connect(addr).await.unwrap()).await), "503");
}

#[tokio::test]
async fn a_worker_that_panics_is_reported() {
    let listeners = listen::bind_shared("test.addr", localhost(), 2).unwrap();
    let (_triggers, shutdown) = triggered(drain_limits());
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let factory = move |index| {
        count.fetch_add(1, Ordering::SeqCst);
        assert_ne!(index, 1, "this worker cannot start");
        Routes::new(index)
    };
    let workers = workers::spawn(listeners, &Server::new(limits(), None, shutdown), factory).unwrap();
    let error = within(workers.finished()).await.unwrap_err();
    assert_eq!(error.to_string(), "a worker thread ended unexpectedly");
    assert!(started.load(Ordering::SeqCst) >= 1);
}
