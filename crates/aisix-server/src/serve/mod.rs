//! Accepting connections and serving HTTP on them within [`Limits`].
//!
//! The hot path adds no timer, task or lock to a request: what happens on a connection is noted in a few
//! atomics, and one sweep per listener, about once a second, ends the connections that are over
//! a limit. So every time limit here holds to within two sweeps, and never early.

mod connection;
mod raw;
mod registry;
mod tracked;
mod vitals;
mod watched;

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, timeout};

use self::connection::Http;
use self::registry::Registry;
use crate::shutdown::{Phase, Shutdown};
use crate::tls::Tls;

/// A request with more headers than this is answered 431.
pub const HEADERS_MAX: usize = 100;

const SWEEP_INTERVAL_MIN: Duration = Duration::from_millis(20);
const SWEEP_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// How long connections that were cut off may take to notice.
const CUT_OFF_TIME_MAX: Duration = Duration::from_secs(1);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const REFUSAL_READ_BYTES_MAX: usize = 4096;

/// What a listener grants its connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections at most, over all listeners that share a [`Server`]. One more is answered 503.
    pub connections_max: usize,
    /// Request line and headers together. More is answered 431.
    pub header_bytes_max: usize,
    /// From accepting a connection, and later from the first byte of a request, to the end of its headers.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub write_timeout: Duration,
    /// Concurrent requests of one HTTP/2 connection.
    pub streams_max: u32,
}

/// What can be served: a service for HTTP requests that answers its errors itself.
pub trait HttpService<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

/// What can be sent: a body that may move between threads.
pub trait HttpBody:
    Body<Data: Send + 'static, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

/// How to serve. Clones share the count of open connections.
#[derive(Clone)]
pub struct Server {
    limits: Limits,
    tls: Option<Tls>,
    shutdown: Shutdown,
    open: Arc<AtomicUsize>,
}

impl<S, B> HttpService<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

impl<B> HttpBody for B where
    B: Body<Data: Send + 'static, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

// === impl Limits ===

impl Limits {
    /// Often enough to keep the shortest limit.
    fn sweep_interval(&self) -> Duration {
        let shortest = self.header_timeout.min(self.idle_timeout).min(self.write_timeout);
        (shortest / 8).clamp(SWEEP_INTERVAL_MIN, SWEEP_INTERVAL_MAX)
    }
}

// === impl Server ===

impl Server {
    /// Serves HTTP/1.1 and, where TLS negotiates it, HTTP/2.
    pub fn new(limits: Limits, tls: Option<Tls>, shutdown: Shutdown) -> Self {
        Self { limits, tls, shutdown, open: Arc::default() }
    }

    /// Serves one listener on the current runtime until the shutdown has closed it and every connection has
    /// ended, by itself or because the shutdown cut it off.
    ///
    /// # Errors
    /// When the socket cannot be used on this runtime.
    pub async fn serve<S, B>(self, listener: TcpListener, service: S) -> io::Result<()>
    where
        S: HttpService<B>,
        B: HttpBody,
    {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let registry = Registry::new(self.limits.clone(), self.open.clone());
        let mut sweep = tokio::time::interval(self.limits.sweep_interval());
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.accept(listener, service, &registry, &mut sweep).await;
        registry.drain();
        self.finish(&registry, &mut sweep).await;
        registry.close();
        let _ = timeout(CUT_OFF_TIME_MAX, registry.emptied()).await;
        Ok(())
    }

    async fn accept<S, B>(
        &self,
        listener: tokio::net::TcpListener,
        service: S,
        registry: &Arc<Registry>,
        sweep: &mut Interval,
    ) where
        S: HttpService<B>,
        B: HttpBody,
    {
        let http = Http::new(&self.limits);
        let mut closing = pin!(self.shutdown.clone().reached(Phase::Closing));
        loop {
            tokio::select! {
                biased;
                () = &mut closing => return,
                _ = sweep.tick() => registry.sweep(),
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.admit(stream, &http, &service, registry),
                    Err(error) => pause_after(&error).await,
                },
            }
        }
    }

    fn admit<S, B>(&self, stream: TcpStream, http: &Http, service: &S, registry: &Arc<Registry>)
    where
        S: HttpService<B>,
        B: HttpBody,
    {
        let Some(ticket) = registry.admit() else {
            return refuse(stream, self.tls.is_some());
        };
        match &self.tls {
            None => tokio::spawn(http.clone().plain(stream, ticket, service.clone())),
            Some(tls) => tokio::spawn(http.clone().tls(tls.acceptor(), stream, ticket, service.clone())),
        };
    }

    async fn finish(&self, registry: &Registry, sweep: &mut Interval) {
        let mut aborting = pin!(self.shutdown.clone().reached(Phase::Aborting));
        while !registry.is_empty() {
            tokio::select! {
                biased;
                () = &mut aborting => return,
                () = registry.ended() => {}
                _ = sweep.tick() => registry.sweep(),
            }
        }
    }
}

/// One attempt that never waits: a server at its limit spends nothing on those it cannot serve. What the
/// client already sent is read first, because closing over unread bytes would discard the answer.
fn refuse(stream: TcpStream, tls: bool) {
    tracing::debug!("a connection was refused because connections_max are open");
    if tls {
        return;
    }
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.read(&mut [0; REFUSAL_READ_BYTES_MAX]);
        let _ = stream.write_all(raw::refusal().as_bytes());
    }
}

/// A connection that was reset before it was accepted is no reason to wait; running out of file descriptors is.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return;
    }
    tracing::warn!(%error, "cannot accept connections");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
