use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aisix_domain::SnapshotObserver;
use aisix_proxy::upstream::{Client, ClientOptions, client_config};
use aisix_proxy::{Gateway, GatewayOptions, LineWriter, Proxy, ProxyBody, StatusService, UrlPolicy};
use aisix_testkit::{SnapshotBuilder, Upstream};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use serde_json::Value;

pub(crate) const CALLER: &str = "sk-caller-key";
pub(crate) const SECRET: &str = "sk-upstream-canary-secret";

/// A proxy with one provider key, the model `fast` → `gpt-4o-mini`, and one caller key that may use it.
pub(crate) struct Harness {
    pub(crate) upstream: Upstream,
    pub(crate) proxy: Proxy,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) status: StatusService,
    log: Arc<Lines>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body came to a clean end.
    pub(crate) complete: bool,
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LineWriter for Lines {
    fn line(&self, line: &[u8]) {
        self.0.lock().push(String::from_utf8(line.to_vec()).unwrap());
    }
}

pub(crate) fn options() -> GatewayOptions {
    GatewayOptions {
        request_body_bytes_max: 64 * 1024,
        first_byte_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(10),
        url_policy: UrlPolicy::default(),
    }
}

pub(crate) async fn start() -> Harness {
    start_with(options(), |builder, base| {
        let key = builder.provider_key("main", base, SECRET);
        builder.model("fast", "gpt-4o-mini", key);
        builder.caller_key(CALLER, &["fast"]);
    })
    .await
}

pub(crate) async fn start_with(
    options: GatewayOptions,
    build: impl FnOnce(&mut SnapshotBuilder, &str),
) -> Harness {
    let upstream = Upstream::start().await;
    upstream.accept_only(&[SECRET]);
    let mut builder = SnapshotBuilder::new();
    build(&mut builder, &upstream.api_base());
    let log = Arc::new(Lines::default());
    let gateway = Gateway::new(options, Some(log.clone()), Arc::new(AtomicBool::new(false)));
    gateway.updated(&builder.update());
    let status = StatusService::new(gateway.clone());
    Harness { upstream, proxy: Proxy::new(gateway.clone(), client()), gateway, status, log }
}

pub(crate) fn client() -> Client {
    Client::new(ClientOptions {
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(30),
        idle_per_origin_max: 8,
        tls: client_config(None).unwrap(),
    })
}

impl Harness {
    /// Sends a request and reads the answer to its end.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        read(self.begin(request).await).await
    }

    /// Sends a request; the body of the answer is still to be read.
    pub(crate) async fn begin(&self, request: Request<Full<Bytes>>) -> Response<ProxyBody> {
        self.proxy.handle(request).await
    }

    /// Posts JSON with the caller's key.
    pub(crate) async fn post(&self, path: &str, json: &str) -> Answer {
        self.send(post(path, json)).await
    }

    /// The finished requests' log lines.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.0.lock().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What a status route says.
    pub(crate) async fn status(&self, path: &str) -> String {
        let request = Request::get(path).body(()).unwrap();
        read(self.status.handle(&request)).await.text()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, type and code of an OpenAI error.
    pub(crate) fn problem(&self) -> (u16, String, String) {
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), text("type"), text("code"))
    }
}

pub(crate) fn post(path: &str, json: &str) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("authorization", format!("Bearer {CALLER}"))
        .header("content-type", "application/json")
        .body(Full::from(json.to_owned()))
        .unwrap()
}

pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).header("authorization", format!("Bearer {CALLER}")).body(Full::default()).unwrap()
}

pub(crate) async fn read(response: Response<ProxyBody>) -> Answer {
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut complete) = (Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(frame.data_ref().unwrap()),
            Err(_) => complete = false,
        }
    }
    Answer { status: head.status, headers: head.headers, body: bytes.into(), complete }
}

/// A body that arrives in pieces and does not tell its length.
pub(crate) fn streamed(
    body: &[u8],
) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Unpin + Send + Sync + 'static {
    let frames: Vec<_> =
        body.chunks(1000).map(|chunk| Ok(http_body::Frame::data(Bytes::copy_from_slice(chunk)))).collect();
    http_body_util::StreamBody::new(futures_util::stream::iter(frames))
}
