//! One connection, from accepted to closed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::raw;
use super::registry::Ticket;
use super::tracked::Tracked;
use super::vitals::{Verdict, Vitals};
use super::watched::Watched;
use super::{HttpBody, HttpService, Limits};

/// What a connection may buffer in each direction, unless headers may be longer.
const BUFFER_BYTES_MIN: usize = 16 * 1024;

/// What a client may send before it is read: of one HTTP/2 request, and of all on a connection.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What an HTTP/2 request may hold of its answer before the client takes it.
const STREAM_SEND_BYTES_MAX: usize = 64 * 1024;

/// Both protocols, set up once per listener.
#[derive(Clone)]
pub(crate) struct Http {
    http1: Arc<http1::Builder>,
    http2: Arc<http2::Builder<TokioExecutor>>,
}

/// How a connection ended.
enum End {
    Done,
    Late,
}

/// A connection of either protocol that obeys verdicts.
struct Obedient<'a, C> {
    connection: Pin<&'a mut C>,
    drain: fn(Pin<&mut C>),
    vitals: &'a Vitals,
    obeyed: Option<Verdict>,
}

// === impl Http ===

impl Http {
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .header_read_timeout(None)
            .max_header_size(limits.header_bytes_max)
            .max_buf_size(limits.header_bytes_max.max(BUFFER_BYTES_MIN));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
            .max_concurrent_streams(limits.streams_max)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(STREAM_SEND_BYTES_MAX);
        Self { http1: Arc::new(http1), http2: Arc::new(http2) }
    }

    pub(crate) async fn plain<T, S, B>(self, stream: T, ticket: Ticket, service: S)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: HttpService<B>,
        B: HttpBody,
    {
        self.http1(Watched::new(stream, ticket.vitals.clone()), &ticket.vitals, service).await;
    }

    pub(crate) async fn tls<T, S, B>(self, acceptor: TlsAcceptor, stream: T, ticket: Ticket, service: S)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: HttpService<B>,
        B: HttpBody,
    {
        let vitals = &ticket.vitals;
        let handshake = acceptor.accept(Watched::new(stream, vitals.clone()));
        let stream = match unless_ended(vitals, handshake).await {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
            None => return,
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream, vitals, service).await;
        } else {
            self.http1(stream, vitals, service).await;
        }
    }

    async fn http1<T, S, B>(&self, stream: T, vitals: &Arc<Vitals>, service: S)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: HttpService<B>,
        B: HttpBody,
    {
        let service = Tracked::new(service, vitals.clone());
        let mut connection = self.http1.serve_connection(TokioIo::new(stream), service);
        let drain = http1::Connection::graceful_shutdown;
        if let End::Late = Obedient::new(Pin::new(&mut connection), drain, vitals).await {
            let mut stream = connection.into_parts().io.into_inner();
            // One attempt that never waits: whoever is late to send is not waited for to receive.
            let _ = answer_late(&mut stream).now_or_never();
        }
    }

    async fn http2<T, S, B>(&self, stream: T, vitals: &Arc<Vitals>, service: S)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: HttpService<B>,
        B: HttpBody,
    {
        vitals.multiplexed();
        let service = Tracked::new(service, vitals.clone());
        let mut connection = Box::pin(self.http2.serve_connection(TokioIo::new(stream), service));
        Obedient::new(connection.as_mut(), http2::Connection::graceful_shutdown, vitals).await;
    }
}

async fn answer_late<T: AsyncWrite + Unpin>(stream: &mut T) -> io::Result<()> {
    stream.write_all(raw::late().as_bytes()).await?;
    stream.flush().await
}

/// `None` when a verdict came first.
async fn unless_ended<F: Future>(vitals: &Vitals, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    std::future::poll_fn(|cx| {
        vitals.on_verdict(cx.waker());
        match vitals.verdict() {
            Verdict::Live => future.as_mut().poll(cx).map(Some),
            Verdict::Drain | Verdict::Late | Verdict::Close => Poll::Ready(None),
        }
    })
    .await
}

// === impl Obedient ===

impl<'a, C> Obedient<'a, C> {
    fn new(connection: Pin<&'a mut C>, drain: fn(Pin<&mut C>), vitals: &'a Vitals) -> Self {
        Self { connection, drain, vitals, obeyed: None }
    }

    /// `Some` when the connection must end now.
    fn obey(&mut self, cx: &Context<'_>) -> Option<End> {
        // Each verdict uses up the waker. It is left before the verdict is read, so that none is missed.
        self.vitals.on_verdict(cx.waker());
        let verdict = self.vitals.verdict();
        self.obeyed = Some(verdict);
        match verdict {
            Verdict::Live => None,
            Verdict::Drain => {
                (self.drain)(self.connection.as_mut());
                None
            }
            Verdict::Late => Some(End::Late),
            Verdict::Close => Some(End::Done),
        }
    }
}

impl<C: Future<Output = hyper::Result<()>>> Future for Obedient<'_, C> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        if self.obeyed != Some(self.vitals.verdict())
            && let Some(end) = self.obey(cx)
        {
            return Poll::Ready(end);
        }
        self.connection.as_mut().poll(cx).map(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, "a connection ended early");
            }
            End::Done
        })
    }
}
