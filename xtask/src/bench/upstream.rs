//! An upstream that paces its streams and tells in its answers which model it was asked for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::time::{Interval, interval};

use super::{chat, client};

pub(super) const EVENTS: usize = 64;
const EVENT_INTERVAL: Duration = Duration::from_millis(20);
/// Where an event says when it was sent, in microseconds since the upstream's epoch.
pub(super) const SENT_FIELD: &str = "\"sent_us\":";
const REQUEST_BYTES_MAX: usize = 1 << 16;
const BACKLOG: u32 = 4096;

/// A running upstream on a thread of its own; dropping it ends it.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) addr: SocketAddr,
    pub(super) epoch: Instant,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Deserialize)]
struct ChatRequest {
    model: String,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: StreamOptions,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// [`EVENTS`] events, one at each tick, then the usage if it was asked for, then the end marker.
#[derive(Debug)]
struct PacedEvents {
    clock: Interval,
    epoch: Instant,
    model: String,
    with_usage: bool,
    sent: usize,
}

// === impl Upstream ===

impl Upstream {
    pub(super) fn start() -> Result<Self> {
        let runtime = client::runtime()?;
        let listener = runtime.block_on(async { listener() })?;
        let (addr, epoch) = (listener.local_addr()?, Instant::now());
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(&listener, epoch) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { addr, epoch, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has already been printed.
            let _ = thread.join();
        }
    }
}

fn listener() -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok(socket.listen(BACKLOG)?)
}

async fn accept(listener: &TcpListener, epoch: Instant) {
    while let Ok((socket, _)) = listener.accept().await {
        if socket.set_nodelay(true).is_err() {
            continue; // the peer has already gone
        }
        let service = service_fn(move |request| answer(request, epoch));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    epoch: Instant,
) -> Result<Response<Either<Full<Bytes>, PacedEvents>>, Box<dyn std::error::Error + Send + Sync>> {
    let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await?.to_bytes();
    let asked: ChatRequest = serde_json::from_slice(&body)?;
    let (content_type, body) = if asked.stream {
        ("text/event-stream", Either::Right(PacedEvents::of(asked, epoch)))
    } else {
        let answer = chat::answer_body(&asked.model, &content_naming(&asked.model));
        ("application/json", Either::Left(Full::from(answer)))
    };
    Ok(Response::builder().header(header::CONTENT_TYPE, content_type).body(body)?)
}

/// What a plain answer says, so that a caller sees which upstream model served it.
pub(super) fn content_naming(model: &str) -> String {
    format!("served by {model}.")
}

// === impl PacedEvents ===

impl PacedEvents {
    fn of(asked: ChatRequest, epoch: Instant) -> Self {
        let with_usage = asked.stream_options.include_usage;
        Self { clock: interval(EVENT_INTERVAL), epoch, model: asked.model, with_usage, sent: 0 }
    }

    fn event(&self) -> String {
        let finish_reason = if self.sent == EVENTS { "\"stop\"" } else { "null" };
        self.chunk(&format!(
            "[{{\"index\":0,\"delta\":{{\"content\":\" word\"}},\"logprobs\":null,\"finish_reason\":{finish_reason}}}]"
        ))
    }

    fn tail(&self) -> String {
        let usage = if self.with_usage { self.chunk("[]") } else { String::new() };
        usage + "data: [DONE]\n\n"
    }

    fn chunk(&self, choices: &str) -> String {
        let model = &self.model;
        let sent_us = self.epoch.elapsed().as_micros();
        let usage = match choices {
            "[]" => ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":64,\"total_tokens\":73}",
            _ => "",
        };
        format!(
            "data: {{\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\"object\":\"chat.completion.chunk\",\
             \"created\":1741570283,\"model\":\"{model}\",\"system_fingerprint\":\"fp_b376dfbbd5\",\
             \"choices\":{choices}{usage},{SENT_FIELD}{sent_us}}}\n\n"
        )
    }
}

impl Body for PacedEvents {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent > EVENTS {
            return Poll::Ready(None);
        }
        if self.sent < EVENTS {
            ready!(self.clock.poll_tick(context));
        }
        self.sent += 1;
        let text = if self.sent > EVENTS { self.tail() } else { self.event() };
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}
