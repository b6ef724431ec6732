//! A caller: one connection for each request, every answer kept for the search at the end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Builder;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// What callers and operators got to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

/// Someone who knows an address and perhaps a key.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) key: String,
    pub(crate) seen: Seen,
}

/// A request that is being put together.
#[derive(Debug)]
pub(crate) struct Call {
    client: Client,
    request: Builder,
    body: Bytes,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer that is still coming. Dropping it hangs up.
#[derive(Debug)]
pub(crate) struct Coming {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    read: Vec<u8>,
    connection: JoinHandle<()>,
    seen: Seen,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As its framing promised.
    Whole,
    /// The connection broke.
    Broken,
}

// === impl Seen ===

impl Seen {
    pub(crate) fn add(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

// === impl Client ===

impl Client {
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let request =
            Request::builder().method(method).uri(path).header(header::HOST, self.address.to_string());
        Call { client: self.clone(), request, body: Bytes::new() }
            .header("authorization", &format!("Bearer {}", self.key))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path).json(body).send().await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path).json(body).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path).send().await
    }

    /// The same place, with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(http::Response<Incoming>, JoinHandle<()>), String> {
        let stream = TcpStream::connect(self.address).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        match &self.tls {
            None => converse(stream, request).await,
            Some(config) => {
                let name = ServerName::from(self.address.ip());
                let connected = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
                converse(connected.map_err(|e| e.to_string())?, request).await
            }
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(http::Response<Incoming>, JoinHandle<()>), String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    // How the connection ends shows in the answer's body.
    let connection = tokio::spawn(async move { drop(connection.await) });
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    Ok((response, connection))
}

// === impl Call ===

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Without a key.
    pub(crate) fn anonymous(mut self) -> Self {
        self.request.headers_mut().unwrap().remove(header::AUTHORIZATION);
        self
    }

    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    /// Fails when there is no whole answer.
    pub(crate) async fn try_send(self) -> Result<Answer, String> {
        let mut coming = self.try_open().await?;
        match coming.finish().await {
            End::Whole => Ok(Answer {
                status: coming.status,
                headers: coming.headers.clone(),
                body: Bytes::copy_from_slice(&coming.read),
            }),
            End::Broken => Err(format!("the answer broke off after {:?}", coming.text())),
        }
    }

    pub(crate) async fn open(self) -> Coming {
        self.try_open().await.unwrap()
    }

    async fn try_open(self) -> Result<Coming, String> {
        let request = self.request.body(Full::new(self.body)).unwrap();
        let (response, connection) = self.client.exchange(request).await?;
        let (head, body) = response.into_parts();
        let seen = self.client.seen;
        seen.add(format!("{} {:?}", head.status, head.headers));
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok(Coming { status, headers, body, read: Vec::new(), connection, seen })
    }
}

// === impl Answer ===

impl Answer {
    /// The answer itself, if it has this status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The id of a created entry.
    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.text())).to_owned()
    }
}

// === impl Coming ===

impl Coming {
    /// Reads on until the text so far holds `wanted`.
    pub(crate) async fn read_until(&mut self, wanted: &str) {
        while !self.text().contains(wanted) {
            assert!(self.read().await.is_none(), "the answer ended before {wanted:?}: {}", self.text());
        }
    }

    /// Reads to the end.
    pub(crate) async fn finish(&mut self) -> End {
        loop {
            if let Some(end) = self.read().await {
                return end;
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    async fn read(&mut self) -> Option<End> {
        match self.body.frame().await {
            None => Some(End::Whole),
            Some(Err(_)) => Some(End::Broken),
            Some(Ok(frame)) => {
                self.read.extend_from_slice(&frame.into_data().unwrap_or_default());
                None
            }
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.connection.abort();
        self.seen.add(self.text());
    }
}
