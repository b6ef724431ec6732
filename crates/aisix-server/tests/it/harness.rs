//! A running server with a few routes, and a client that speaks bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use aisix_server::listen;
use aisix_server::serve::{Limits, Server};
use aisix_server::shutdown::{self, DrainLimits, Shutdown};
use aisix_server::tls::Tls;
use bytes::Bytes;
use futures_util::stream::poll_fn;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How long a [`Endless`] body takes to go away.
const RELUCTANCE: Duration = Duration::from_millis(50);

const LOCALHOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// `/` answers at once, `/gated` when the gate lets it, `/late` after a while, `/endless` for ever.
#[derive(Clone)]
pub(crate) struct Routes {
    pub(crate) name: usize,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) gated: Arc<AtomicUsize>,
    pub(crate) endless: Arc<AtomicUsize>,
}

/// Zeros without end; counted while it lives.
struct Endless(Arc<AtomicUsize>);

pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) routes: Routes,
    pub(crate) shutdown: Shutdown,
    pub(crate) triggers: mpsc::UnboundedSender<()>,
    pub(crate) served: JoinHandle<()>,
}

pub(crate) fn limits() -> Limits {
    Limits {
        connections_max: 100,
        header_bytes_max: 2048,
        header_timeout: DEADLINE,
        idle_timeout: DEADLINE,
        write_timeout: DEADLINE,
        streams_max: 10,
    }
}

pub(crate) fn drain_limits() -> DrainLimits {
    DrainLimits { min: Duration::ZERO, max: DEADLINE }
}

pub(crate) fn localhost() -> SocketAddr {
    LOCALHOST
}

/// A shutdown that the sender triggers.
pub(crate) fn triggered(limits: DrainLimits) -> (mpsc::UnboundedSender<()>, Shutdown) {
    let (drain, shutdown) = shutdown::channel();
    let (triggers, mut received) = mpsc::unbounded_channel();
    tokio::spawn(async move { drain.run(limits, poll_fn(move |cx| received.poll_recv(cx))).await });
    (triggers, shutdown)
}

pub(crate) fn start(limits: Limits, drain: DrainLimits, tls: Option<Tls>) -> Running {
    let listener = listen::bind("test.addr", localhost()).unwrap();
    let addr = listener.local_addr().unwrap();
    let (triggers, shutdown) = triggered(drain);
    let routes = Routes::new(0);
    let server = Server::new(limits, tls, shutdown.clone());
    let service = routes.clone();
    let served = tokio::spawn(async move { server.serve(listener, service).await.unwrap() });
    Running { addr, routes, shutdown, triggers, served }
}

/// Polls until it holds.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    let poll = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, poll).await.expect("it never came true");
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it takes too long")
}

// === impl Running ===

impl Running {
    pub(crate) async fn connect(&self) -> TcpStream {
        within(TcpStream::connect(self.addr)).await.unwrap()
    }

    pub(crate) async fn ended(self) {
        within(self.served).await.unwrap();
    }
}

// === impl Routes ===

impl Routes {
    pub(crate) fn new(name: usize) -> Self {
        Self { name, gate: Arc::new(Semaphore::new(0)), gated: Arc::default(), endless: Arc::default() }
    }

    async fn answer(self, path: String) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        match path.as_str() {
            "/gated" => {
                self.gated.fetch_add(1, Ordering::SeqCst);
                self.gate.acquire().await.unwrap().forget();
            }
            "/late" => tokio::time::sleep(Duration::from_millis(900)).await,
            "/endless" => {
                self.endless.fetch_add(1, Ordering::SeqCst);
                return Response::new(UnsyncBoxBody::new(Endless(self.endless)));
            }
            _ => {}
        }
        let body = format!("worker {}", self.name);
        Response::new(Full::from(body).boxed_unsync())
    }
}

impl Service<Request<Incoming>> for Routes {
    type Response = Response<UnsyncBoxBody<Bytes, Infallible>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let routes = self.clone();
        Box::pin(async move { Ok(routes.answer(request.uri().path().to_owned()).await) })
    }
}

// === impl Endless ===

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 16 * 1024])))))
    }
}

/// It takes a while to go away, as a body that logs does.
impl Drop for Endless {
    fn drop(&mut self) {
        std::thread::sleep(RELUCTANCE);
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

// === the client ===

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

pub(crate) async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: impl AsRef<[u8]>) {
    within(stream.write_all(bytes.as_ref())).await.unwrap();
}

/// One answer with a content-length: its head and body.
pub(crate) async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    while !is_complete(&bytes) {
        assert_ne!(within(stream.read_buf(&mut bytes)).await.unwrap(), 0, "closed after {bytes:?}");
    }
    String::from_utf8(bytes).unwrap()
}

/// Everything until the server closes the connection.
pub(crate) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    within(stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

pub(crate) async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> String {
    send(stream, get(path)).await;
    answer(stream).await
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn is_complete(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    body.len() == length.parse::<usize>().unwrap()
}
