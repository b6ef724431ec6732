//! A scripted upstream that speaks as the OpenAI API does, on loopback.

mod openai;
mod reply;
mod serve;

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, request};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use reply::Reply;

use crate::{Authority, eventually};

/// An upstream on a free loopback port. It answers as OpenAI would unless a script says otherwise, records
/// every request, and ends when dropped.
#[derive(Debug)]
pub struct Upstream {
    scheme: &'static str,
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// A request as the upstream received it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// Path and query as they were sent.
    pub target: String,
    /// The headers, names in lower case.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

#[derive(Debug, Default)]
struct State {
    log: Mutex<Log>,
    scripts: Mutex<Scripts>,
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<Recorded>,
    connections: usize,
    hang_ups: usize,
    pieces: usize,
}

#[derive(Debug, Default)]
struct Scripts {
    accepted_keys: Option<Vec<String>>,
    once: HashMap<String, VecDeque<Reply>>,
    always: HashMap<String, Reply>,
}

impl Upstream {
    /// Starts an upstream on plain HTTP.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        Self::listen("http", None).await
    }

    /// Starts an upstream on HTTPS with a certificate of `authority`.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start_tls(authority: &Authority) -> Self {
        Self::listen("https", Some(authority.server_config())).await
    }

    async fn listen(scheme: &'static str, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let task = tokio::spawn(serve::accept(listener, tls, Arc::clone(&state)));
        Self { scheme, address, state, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL in the shape of the `openai` family: `http://127.0.0.1:PORT/v1`.
    pub fn api_base(&self) -> String {
        format!("{}://{}/v1", self.scheme, self.address)
    }

    /// From now on only these keys are accepted as `Authorization: Bearer`; others get 401 as OpenAI answers
    /// it, which repeats part of the key. Until then every non-empty key is accepted.
    pub fn accept_only(&self, keys: &[&str]) {
        self.state.scripts.lock().accepted_keys = Some(keys.iter().map(|&key| key.to_owned()).collect());
    }

    /// Answers the next request for `path` (as it stands in the URL, such as `/v1/chat/completions`) with
    /// `reply`. Called again, it queues.
    pub fn next(&self, path: &str, reply: Reply) {
        self.state.scripts.lock().once.entry(path.to_owned()).or_default().push_back(reply);
    }

    /// Answers every request for `path` with `reply`, once nothing queued by [`Self::next`] is left.
    pub fn always(&self, path: &str, reply: Reply) {
        self.state.scripts.lock().always.insert(path.to_owned(), reply);
    }

    /// Every request so far, refused ones included, in the order they arrived.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.log.lock().requests.clone()
    }

    /// The newest request.
    ///
    /// # Panics
    /// When there was none.
    pub fn last_request(&self) -> Recorded {
        self.state.log.lock().requests.last().cloned().expect("a request has arrived")
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.state.log.lock().connections
    }

    /// How many pieces of answers were handed to the network. Stands still while nobody reads them.
    pub fn pieces(&self) -> usize {
        self.state.log.lock().pieces
    }

    /// How many answers the client left before their end.
    pub fn hang_ups(&self) -> usize {
        self.state.log.lock().hang_ups
    }

    /// Waits until `count` requests have arrived.
    ///
    /// # Panics
    /// When they do not.
    pub async fn wait_for_requests(&self, count: usize) {
        let what = format!("{count} requests reach the upstream");
        eventually(&what, async || (self.state.log.lock().requests.len() >= count).then_some(())).await;
    }

    /// Waits until the client has left `count` answers.
    ///
    /// # Panics
    /// When it does not.
    pub async fn wait_for_hang_ups(&self, count: usize) {
        let what = format!("{count} answers are left before their end");
        eventually(&what, async || (self.hang_ups() >= count).then_some(())).await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Recorded ===

impl Recorded {
    fn new(head: request::Parts, body: Bytes) -> Self {
        let target = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        Self { method: head.method, target, headers: head.headers, body }
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A header's value, when there is exactly one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the upstream was sent JSON")
    }
}

// === impl State ===

impl State {
    fn scripted(&self, path: &str) -> Option<Reply> {
        let mut scripts = self.scripts.lock();
        let queued = scripts.once.get_mut(path).and_then(VecDeque::pop_front);
        queued.or_else(|| scripts.always.get(path).cloned())
    }

    fn accepts(&self, key: &str) -> bool {
        let scripts = self.scripts.lock();
        let listed = |keys: &Vec<String>| keys.iter().any(|accepted| accepted == key);
        !key.is_empty() && scripts.accepted_keys.as_ref().is_none_or(listed)
    }

    /// Notes a request and returns its number, counted from 1.
    fn record(&self, request: Recorded) -> usize {
        let mut log = self.log.lock();
        log.requests.push(request);
        log.requests.len()
    }
}
