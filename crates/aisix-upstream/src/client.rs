use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use aisix_adapters::Origin;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::ClientConfig;

use crate::connect::{Stream, connect};
use crate::{RecvBody, SendBody, SendError};

/// The largest answer head, and the read buffer of a connection while a head arrives.
const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;

/// A kept connection that ends later than this after a request was put on it was not closed for idleness: the
/// request may have been worked on, and is not repeated.
const STALE_TIME_MAX: Duration = Duration::from_secs(1);

/// How upstreams are reached.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// How long a connection is kept without a request.
    pub idle_timeout: Duration,
    /// The most connections kept per origin.
    pub idle_per_origin_max: usize,
    /// From [`client_config`](crate::client_config).
    pub tls: Arc<ClientConfig>,
}

/// Sends requests. Cheap to clone; clones share their connections. Give each worker thread its own client, so
/// that a connection stays on the thread whose runtime drives it.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Arc<Pool>,
}

/// Whether a kept connection may carry the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Yes; the answer may then be [`SendError::Stale`].
    Allowed,
    /// No: the request cannot be sent twice, or it was tried already.
    Fresh,
}

/// The idle connections, by origin, the most recently used last.
#[derive(Debug)]
pub(crate) struct Pool {
    options: ClientOptions,
    idle: Mutex<HashMap<Arc<Origin>, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

/// A connection and the handle that puts requests on it. It makes progress only when it is polled.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: http1::SendRequest<SendBody>,
    driver: http1::Connection<TokioIo<Stream>, SendBody>,
}

impl Client {
    /// A client without connections yet.
    pub fn new(options: ClientOptions) -> Self {
        Self { pool: Arc::new(Pool { options, idle: Mutex::default() }) }
    }

    /// Sends a request in origin form (with its `host` header) and waits for the head of the answer. Dropping
    /// the future ends the request.
    ///
    /// # Errors
    /// [`SendError::Stale`] only with [`Reuse::Allowed`]: build the request again and send it fresh.
    pub async fn send(
        &self,
        origin: &Arc<Origin>,
        request: Request<SendBody>,
        reuse: Reuse,
    ) -> Result<Response<RecvBody>, SendError> {
        let kept = (reuse == Reuse::Allowed).then(|| self.pool.take(origin)).flatten();
        let was_kept = kept.is_some();
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect(origin).await?,
        };
        let sent = Instant::now();
        let answer = exchange(connection, request).await;
        let may_be_stale = was_kept && sent.elapsed() < STALE_TIME_MAX;
        let (answer, connection) = answer.map_err(|error| failure(error, may_be_stale))?;
        let pool = Arc::clone(&self.pool);
        Ok(answer.map(|incoming| RecvBody::new(incoming, connection, pool, Arc::clone(origin))))
    }

    /// Closes the connections that were idle for too long. Call it every few seconds.
    pub fn sweep(&self) {
        let oldest = Instant::now().checked_sub(self.pool.options.idle_timeout);
        self.pool.idle.lock().retain(|_, idle| {
            idle.retain(|one| oldest.is_none_or(|oldest| one.since > oldest));
            !idle.is_empty()
        });
    }

    async fn connect(&self, origin: &Origin) -> Result<Box<Connection>, SendError> {
        let options = &self.pool.options;
        let connecting = connect(origin, &options.tls);
        let stream = tokio::time::timeout(options.connect_timeout, connecting).await;
        let stream = stream.map_err(|_| SendError::ConnectTimeout)??;
        let handshake =
            http1::Builder::new().max_buf_size(ANSWER_HEAD_BYTES_MAX).handshake(TokioIo::new(stream));
        let (sender, driver) = handshake.await.map_err(SendError::Closed)?;
        Ok(Box::new(Connection { sender, driver }))
    }
}

fn failure(error: hyper::Error, may_be_stale: bool) -> SendError {
    let not_http = error.is_parse() || error.is_parse_too_large();
    match not_http {
        true => SendError::NotHttp(error),
        false if may_be_stale => SendError::Stale,
        false => SendError::Closed(error),
    }
}

/// Puts the request on the connection and drives it until the head of the answer is there. The connection is
/// `None` when the upstream closed it behind its answer.
async fn exchange(
    mut connection: Box<Connection>,
    request: Request<SendBody>,
) -> Result<(Response<Incoming>, Option<Box<Connection>>), hyper::Error> {
    let mut answer = pin!(connection.sender.send_request(request));
    let mut closed = false;
    let driver = &mut connection.driver;
    let answer = poll_fn(|cx| {
        closed = closed || Pin::new(&mut *driver).poll(cx).is_ready();
        // The answer comes from the driver polled above; waking for it would be a wake-up for nothing.
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending if closed => answer.as_mut().poll(cx),
            poll => poll,
        }
    })
    .await?;
    Ok((answer, (!closed).then_some(connection)))
}

// === impl Connection ===

impl Connection {
    /// Moves bytes; ready when the connection is closed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.driver).poll(cx).map(drop)
    }

    /// Whether it can carry another request.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }
}

// === impl Pool ===

impl Pool {
    fn take(&self, origin: &Arc<Origin>) -> Option<Box<Connection>> {
        let mut idle = self.idle.lock();
        let connections = idle.get_mut(origin)?;
        while let Some(one) = connections.pop() {
            if one.since.elapsed() < self.options.idle_timeout && one.connection.is_ready() {
                return Some(one.connection);
            }
        }
        None
    }

    pub(crate) fn put(&self, origin: &Arc<Origin>, connection: Box<Connection>) {
        let mut idle = self.idle.lock();
        if !idle.contains_key(origin) {
            idle.insert(Arc::clone(origin), Vec::new());
        }
        let Some(connections) = idle.get_mut(origin) else { return };
        if connections.len() < self.options.idle_per_origin_max {
            connections.push(Idle { connection, since: Instant::now() });
        }
    }
}
