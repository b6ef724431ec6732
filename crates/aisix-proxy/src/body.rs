use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use aisix_adapters::AnswerReader;
use aisix_upstream::RecvBody;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::problem::Problem;
use crate::record::Record;

/// The body of an answer. It holds the request's record, so that the request ends when the body does.
#[derive(Debug)]
pub struct ProxyBody {
    content: Content,
    record: Option<Box<Record>>,
}

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Stream(Box<Relay>),
    Raw(Box<Upstream>),
    Done,
}

/// The upstream's body, with a limit on its silence.
#[derive(Debug)]
pub(crate) struct Upstream {
    body: RecvBody,
    /// The status that the caller was told.
    status: u16,
    silence_max: Duration,
    last_activity: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// A stream of events on its way through a reader.
#[derive(Debug)]
struct Relay {
    upstream: Upstream,
    reader: Box<dyn AnswerReader>,
    out: BytesMut,
}

/// The answer cannot be completed: the connection to the caller is broken off, so that what arrived does not
/// look complete.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub struct RelayError;

/// How long an upstream that has said everything may take to end its answer, so that its connection can be
/// used again.
const DRAIN_TIME_MAX: Duration = Duration::from_millis(500);
/// And what it may still send.
const DRAIN_BYTES_MAX: usize = 64 * 1024;

impl ProxyBody {
    /// A body that is there already.
    pub(crate) fn whole(bytes: Bytes, record: Option<Box<Record>>) -> Self {
        Self { content: Content::Whole(bytes), record }
    }

    /// A stream of events.
    pub(crate) fn stream(upstream: Upstream, reader: Box<dyn AnswerReader>, record: Box<Record>) -> Self {
        let relay = Relay { upstream, reader, out: BytesMut::new() };
        Self { content: Content::Stream(Box::new(relay)), record: Some(record) }
    }

    /// The upstream's bytes as they come.
    pub(crate) fn raw(upstream: Upstream, record: Box<Record>) -> Self {
        let mut body = Self { content: Content::Raw(Box::new(upstream)), record: Some(record) };
        body.end_if_read();
        body
    }

    /// The answer to a HEAD request: its head is all that the caller gets.
    pub(crate) fn discard(mut self) -> Self {
        if let Some(record) = &mut self.record {
            record.bytes_out = 0;
        }
        self.end();
        Self { content: Content::Done, record: None }
    }

    /// The request is over.
    fn end(&mut self) {
        self.content = Content::Done;
        self.record = None;
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let (Content::Stream(relay), Some(record)) = (&mut self.content, &mut self.record) else {
            return Poll::Ready(None);
        };
        loop {
            let step = ready!(relay.upstream.poll_data(cx));
            let over = relay.advance(step, record);
            let data = relay.out.split().freeze();
            if over {
                self.finish_stream(cx);
                return Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))));
            }
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }

    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let (Content::Raw(upstream), Some(record)) = (&mut self.content, &mut self.record) else {
            return Poll::Ready(None);
        };
        match ready!(upstream.poll_data(cx)) {
            Ok(Some(data)) => {
                record.relayed(data.len());
                self.end_if_read();
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Ok(None) => {
                record.complete(upstream.status);
                self.end();
                Poll::Ready(None)
            }
            Err(problem) => {
                record.fail_midway(&problem);
                self.end();
                Poll::Ready(Some(Err(RelayError)))
            }
        }
    }

    /// A server that knows an answer's length stops asking when it has all of it: the request is over then.
    fn end_if_read(&mut self) {
        if let (Content::Raw(upstream), Some(record)) = (&self.content, &mut self.record)
            && upstream.body.is_end_stream()
        {
            record.complete(upstream.status);
            self.end();
        }
    }

    /// Ends the request and lets go of the upstream.
    fn finish_stream(&mut self, cx: &mut Context<'_>) {
        if let Content::Stream(relay) = std::mem::replace(&mut self.content, Content::Done) {
            relay.upstream.let_go(cx);
        }
        self.record = None;
    }
}

impl Relay {
    /// Takes one step of the upstream; true when the stream is over.
    fn advance(&mut self, step: Result<Option<Bytes>, Problem>, record: &mut Record) -> bool {
        let result = step.and_then(|data| self.read(data));
        if let Err(problem) = &result {
            self.reader.write_error(&problem.stream_code(), &problem.message(), &mut self.out);
        }
        record.relayed(self.out.len());
        let over = !matches!(result, Ok(false));
        if over {
            record.usage = self.reader.usage();
        }
        match result {
            Ok(true) => record.complete(self.upstream.status),
            Ok(false) => {}
            Err(problem) => record.fail_midway(&problem),
        }
        over
    }

    fn read(&mut self, data: Option<Bytes>) -> Result<bool, Problem> {
        let Some(data) = data else {
            self.reader.finish(&mut self.out)?;
            return Ok(true);
        };
        self.reader.push(&data, &mut self.out)?;
        Ok(self.reader.is_complete())
    }
}

impl Upstream {
    /// The body of an answer with this status, which may be silent for so long.
    pub(crate) fn new(body: RecvBody, status: u16, silence_max: Duration) -> Self {
        Self { body, status, silence_max, last_activity: Instant::now(), alarm: None }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Problem>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.last_activity = Instant::now();
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Problem::AnswerBroken(error))),
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending => {
                    return self.poll_alarm(cx).map(|()| Err(Problem::Silence(self.silence_max)));
                }
            }
        }
    }

    /// The alarm is moved only when it rings, not at each event.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.silence_max;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        while alarm.as_mut().poll(cx).is_ready() {
            let silence = self.last_activity.elapsed();
            if silence >= limit {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(tokio::time::Instant::now() + (limit - silence));
        }
        Poll::Pending
    }

    /// A connection whose answer has not quite ended is read out in the background.
    fn let_go(mut self, cx: &mut Context<'_>) {
        if matches!(Pin::new(&mut self.body).poll_frame(cx), Poll::Ready(None)) {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let rest = self.body.collect(DRAIN_BYTES_MAX);
            runtime.spawn(async move { drop(tokio::time::timeout(DRAIN_TIME_MAX, rest).await) });
        }
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match &mut self.content {
            Content::Whole(bytes) => {
                let data = std::mem::take(bytes);
                self.end();
                Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
            }
            Content::Stream(_) => self.poll_stream(cx),
            Content::Raw(_) => self.poll_raw(cx),
            Content::Done => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Done => true,
            Content::Stream(_) | Content::Raw(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Raw(upstream) => upstream.body.size_hint(),
            Content::Done => SizeHint::with_exact(0),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

impl Drop for ProxyBody {
    /// Dropped before it was taken: the caller went away.
    fn drop(&mut self) {
        if let (Content::Whole(bytes), Some(record)) = (&self.content, &mut self.record)
            && !bytes.is_empty()
        {
            record.caller_left();
        }
    }
}
