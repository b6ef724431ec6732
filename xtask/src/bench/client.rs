//! One keep-alive connection, one request at a time.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio::time::timeout;

const EXCHANGE_MAX: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// A runtime on the calling thread: a measuring client must not spread over the cores it shares with the measured.
pub(super) fn runtime() -> Result<Runtime> {
    Ok(runtime::Builder::new_current_thread().enable_all().build()?)
}

// === impl Connection ===

impl Connection {
    pub(super) async fn open(addr: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(addr).await.with_context(|| format!("no connection to {addr}"))?;
        socket.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        // Its end is seen by the sender, which then fails the request that needed it.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Sends a request and hands out the answer as soon as its head is there.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        timeout(EXCHANGE_MAX, self.whole_answer(request)).await.context("no answer in time")?
    }

    async fn whole_answer(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let (head, body) = self.send(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|e| anyhow!(e))?;
        Ok(Answer { status: head.status, body: body.to_bytes() })
    }
}

// === impl Answer ===

impl Answer {
    /// The answer's text, if its status says that all went well.
    pub(super) fn success(&self) -> Result<&str> {
        let text = std::str::from_utf8(&self.body).context("the answer is not text")?;
        ensure!(self.status.is_success(), "status {}: {text}", self.status);
        Ok(text)
    }
}
