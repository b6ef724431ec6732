use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::reply::{Answer, Ending, Outcome};
use super::{Recorded, Reply, State, openai};

type Body = BoxBody<Bytes, io::Error>;

pub(super) async fn accept(listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>, state: Arc<State>) {
    let tls = tls.map(TlsAcceptor::from);
    // Connections end with the listener: a JoinSet aborts its tasks when it is dropped.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Without it a delayed acknowledgement would show up in tests that measure pacing.
        let _ = stream.set_nodelay(true);
        state.log.lock().connections += 1;
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        connections.spawn(async move {
            match tls {
                None => converse(stream, state).await,
                Some(tls) => {
                    // A client that refuses the certificate is a case some tests want.
                    let Ok(stream) = tls.accept(stream).await else { return };
                    converse(stream, state).await;
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    let service = service_fn(|request| answer(request, Arc::clone(&state)));
    // Ends with an error whenever a script breaks the connection or the client leaves; both are noted.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Recorded::new(head, body);
    let number = state.record(request.clone());
    let watch = HangUpWatch { state: Arc::clone(&state), finished: false };
    let reply = state.scripted(request.path()).unwrap_or_else(Reply::openai);
    tokio::time::sleep(reply.delay()).await;
    match reply.outcome(as_openai(&request, &state)).await {
        Outcome::Answer(answer) => Ok(respond(answer, number, watch)),
        Outcome::Silence => std::future::pending().await,
        Outcome::Close => {
            watch.finish();
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }
}

async fn as_openai(request: &Recorded, state: &State) -> Answer {
    let credential = request.header("authorization").unwrap_or_default();
    let key = credential.strip_prefix("Bearer ").unwrap_or_default();
    if state.accepts(key) { openai::answer(request).await } else { refused_key(key) }
}

/// OpenAI repeats the beginning and the end of a key that it refuses.
fn refused_key(key: &str) -> Answer {
    let shown = format!("{}***{}", &key[..key.len().min(8)], &key[key.len().saturating_sub(4)..]);
    let message = format!(
        "Incorrect API key provided: {shown}. You can find your API key at https://platform.openai.com/account/api-keys."
    );
    let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": "invalid_api_key"});
    Answer { status: StatusCode::UNAUTHORIZED, ..Answer::json(&json!({"error": error})) }
}

fn respond(answer: Answer, number: usize, watch: HangUpWatch) -> Response<Body> {
    let mut response = Response::new(());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    let headers = response.headers_mut();
    let request_id = HeaderValue::try_from(format!("req_{number}")).expect("letters and digits");
    headers.insert("x-request-id", request_id);
    headers.insert("openai-processing-ms", HeaderValue::from_static("7"));
    let pieces = answer.pieces.into();
    let mut writer = Writer { pieces, pace: answer.pace, ending: answer.ending, watch, wrote: false };
    writer.note_progress();
    response.map(|()| BodyExt::boxed(StreamBody::new(stream::unfold(Some(writer), write))))
}

/// Writes an answer piece by piece.
struct Writer {
    pieces: VecDeque<Bytes>,
    pace: Duration,
    ending: Ending,
    watch: HangUpWatch,
    wrote: bool,
}

async fn write(writer: Option<Writer>) -> Option<(io::Result<Frame<Bytes>>, Option<Writer>)> {
    let mut writer = writer?;
    if writer.wrote {
        // hyper flushes while the body has nothing to give: what was written is out before what comes next,
        // a broken connection included.
        tokio::task::yield_now().await;
        if !writer.pace.is_zero() {
            tokio::time::sleep(writer.pace).await;
        }
    }
    if let Some(piece) = writer.pieces.pop_front() {
        writer.wrote = true;
        writer.watch.state.log.lock().pieces += 1;
        writer.note_progress();
        return Some((Ok(Frame::data(piece)), Some(writer)));
    }
    match writer.ending {
        Ending::Silent => std::future::pending().await,
        Ending::Clean => None,
        Ending::Cut => {
            writer.watch.finish();
            Some((Err(io::ErrorKind::ConnectionAborted.into()), None))
        }
    }
}

impl Writer {
    /// hyper drops a body of known length once it has all its bytes, without asking for the end.
    fn note_progress(&mut self) {
        self.watch.finished = self.pieces.is_empty() && self.ending == Ending::Clean;
    }
}

/// Notes, when dropped, that the client left before the answer's end.
struct HangUpWatch {
    state: Arc<State>,
    finished: bool,
}

impl HangUpWatch {
    fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for HangUpWatch {
    fn drop(&mut self) {
        if !self.finished {
            self.state.log.lock().hang_ups += 1;
        }
    }
}
