//! A caller's body, up to a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aisix_adapters::Body as CallBody;
use aisix_domain::Invalid;
use aisix_upstream::BodyError;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;
use crate::record::Record;

/// Collects the body of a call and reads which alias it names.
pub(crate) async fn read<B>(
    headers: &HeaderMap,
    body: B,
    bytes_max: usize,
    record: &mut Record,
) -> Result<CallBody, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let bytes = collect(body, bytes_max).await?;
    record.bytes_in = bytes.len() as u64;
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let read = match content_type.trim_start().get(..FORM.len()) {
        Some(start) if start.eq_ignore_ascii_case(FORM) => CallBody::multipart(bytes, content_type),
        _ => CallBody::json(bytes),
    };
    read.map_err(Problem::Invalid)
}

/// How long a caller may pause inside its body.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long the whole body may take.
const TIME_MAX: Duration = Duration::from_secs(600);
const FORM: &str = "multipart/form-data";

async fn collect<B>(mut body: B, bytes_max: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    // Refused before it is read, when its length is told.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Problem::BodyTooLarge(bytes_max));
    }
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    let mut deadline = None;
    while let Some(frame) = next_frame(&mut body, &mut deadline).await? {
        let Ok(data) = frame.map_err(|_| Problem::BodyBroken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(Problem::BodyTooLarge(bytes_max));
        }
        // Most bodies arrive in one piece, which needs no copy.
        match first.is_empty() {
            true => first = data,
            false => rest.extend_from_slice(&data),
        }
    }
    Ok(if rest.is_empty() { first } else { [&first[..], &rest[..]].concat().into() })
}

/// The next frame. Most bodies are there when they are asked for: only waiting costs a look at the clock.
async fn next_frame<B>(
    body: &mut B,
    deadline: &mut Option<Instant>,
) -> Result<Option<Result<Frame<Bytes>, B::Error>>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    if let Some(frame) = body.frame().now_or_never() {
        return Ok(frame);
    }
    let now = Instant::now();
    let last = *deadline.get_or_insert(now + TIME_MAX);
    timeout_at(last.min(now + SILENCE_MAX), body.frame()).await.map_err(|_| Problem::BodyTimeout)
}

/// A body that is passed on while it arrives, and breaks when it grows past its limit.
#[derive(Debug)]
pub(crate) struct Limited<B> {
    body: B,
    bytes_max: usize,
    read: Arc<AtomicUsize>,
}

impl<B> Limited<B> {
    /// The body; `read` counts its bytes, those of a frame that was too much included.
    pub(crate) fn new(body: B, bytes_max: usize, read: Arc<AtomicUsize>) -> Self {
        Self { body, bytes_max, read }
    }
}

impl<B> Body for Limited<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|_| BodyError::Caller)?;
            let len = frame.data_ref().map_or(0, Bytes::len);
            if self.read.fetch_add(len, Ordering::Relaxed) + len > self.bytes_max {
                return Err(BodyError::Caller);
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The alias in a path: SDKs write its slashes as `%2F`.
pub(crate) fn decoded_alias(segment: &str) -> Result<String, Problem> {
    let invalid = || {
        Problem::Invalid(Invalid::new("invalid_model", "/model", "the model in the path is not valid UTF-8"))
    };
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().map_err(|_| invalid())?;
    Ok(decoded.into_owned())
}
