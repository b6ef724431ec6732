use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

/// What the upstream does with one request: an answer, and what goes wrong with it.
#[derive(Clone, Debug)]
pub struct Reply {
    source: Source,
    headers: HeaderMap,
    delay: Duration,
    faults: Vec<Fault>,
}

/// An answer in the pieces in which it is written.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) pieces: Vec<Bytes>,
    /// The wait before each piece but the first.
    pub(super) pace: Duration,
    pub(super) ending: Ending,
}

/// What happens after the last piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The answer ends as it should.
    Clean,
    /// The connection breaks.
    Cut,
    /// Nothing more comes, and the connection stays open.
    Silent,
}

/// What a reply comes to, once the request is known.
pub(super) enum Outcome {
    Answer(Answer),
    /// Never answer.
    Silence,
    /// Close the connection without a word.
    Close,
}

#[derive(Clone, Debug)]
enum Source {
    Openai,
    Fixed(Answer),
    Silence,
    Close,
}

#[derive(Clone, Debug)]
enum Fault {
    Pace(Duration),
    Split { bytes: usize },
    KeepPieces { count: usize, ending: Ending },
    KeepBytes { count: usize, ending: Ending },
    DropDone,
}

const DONE: &str = "data: [DONE]\n\n";

impl Reply {
    /// What OpenAI would answer; a base for delays and faults.
    pub fn openai() -> Self {
        Self::from(Source::Openai)
    }

    /// An empty answer with this status.
    ///
    /// # Panics
    /// When `status` is no HTTP status.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("an HTTP status");
        Self::from(Source::Fixed(Answer { status, ..Answer::ok("text/plain", Vec::new()) }))
    }

    /// Never answers, and keeps the connection open.
    pub fn silence() -> Self {
        Self::from(Source::Silence)
    }

    /// Closes the connection instead of answering.
    pub fn close() -> Self {
        Self::from(Source::Close)
    }

    /// A stream of server-sent events with these data lines, without any end marker of its own.
    pub fn events<D: AsRef<str>>(data: impl IntoIterator<Item = D>) -> Self {
        let pieces = data.into_iter().map(|data| event(data.as_ref())).collect();
        Self::from(Source::Fixed(Answer::stream(pieces)))
    }

    /// Sets the body of a fixed answer.
    ///
    /// # Panics
    /// When the reply is not one of [`Self::status`] or [`Self::events`].
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let Source::Fixed(answer) = &mut self.source else {
            panic!("only a fixed answer has a body of its own")
        };
        answer.pieces = vec![body.into()];
        answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self
    }

    /// Sets a JSON body; see [`Self::body`].
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Adds a header to the answer.
    ///
    /// # Panics
    /// When name or value are no header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Waits before it answers.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits before every piece but the first. A streamed answer has one piece for each event.
    #[must_use]
    pub fn paced(self, pace: Duration) -> Self {
        self.with(Fault::Pace(pace))
    }

    /// Writes the answer in pieces of so many bytes, wherever that cuts.
    #[must_use]
    pub fn split(self, bytes: usize) -> Self {
        self.with(Fault::Split { bytes })
    }

    /// Breaks the connection after so many events.
    #[must_use]
    pub fn cut_after_events(self, count: usize) -> Self {
        self.with(Fault::KeepPieces { count, ending: Ending::Cut })
    }

    /// Breaks the connection after so many bytes of the body.
    #[must_use]
    pub fn cut_after_bytes(self, count: usize) -> Self {
        self.with(Fault::KeepBytes { count, ending: Ending::Cut })
    }

    /// Ends the answer after so many events as if that were all.
    #[must_use]
    pub fn end_after_events(self, count: usize) -> Self {
        self.with(Fault::KeepPieces { count, ending: Ending::Clean })
    }

    /// Falls silent after so many events and keeps the connection open.
    #[must_use]
    pub fn silent_after_events(self, count: usize) -> Self {
        self.with(Fault::KeepPieces { count, ending: Ending::Silent })
    }

    /// Leaves out `data: [DONE]`.
    #[must_use]
    pub fn without_done(self) -> Self {
        self.with(Fault::DropDone)
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// What to do; `openai` is asked for the answer that OpenAI would give, if it is needed.
    pub(super) async fn outcome(self, openai: impl Future<Output = Answer>) -> Outcome {
        let mut answer = match self.source {
            Source::Openai => openai.await,
            Source::Fixed(answer) => answer,
            Source::Silence => return Outcome::Silence,
            Source::Close => return Outcome::Close,
        };
        if !answer.is_stream() {
            let length: usize = answer.pieces.iter().map(Bytes::len).sum();
            answer.headers.insert(header::CONTENT_LENGTH, length.into());
        }
        answer.headers.extend(self.headers);
        self.faults.into_iter().for_each(|fault| answer.suffer(fault));
        Outcome::Answer(answer)
    }

    fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

impl From<Source> for Reply {
    fn from(source: Source) -> Self {
        Self { source, headers: HeaderMap::new(), delay: Duration::ZERO, faults: Vec::new() }
    }
}

// === impl Answer ===

impl Answer {
    pub(super) fn ok(content_type: &'static str, pieces: Vec<Bytes>) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { status: StatusCode::OK, headers, pieces, pace: Duration::ZERO, ending: Ending::Clean }
    }

    pub(super) fn json(body: &Value) -> Self {
        Self::ok("application/json", vec![Bytes::from(body.to_string())])
    }

    pub(super) fn stream(events: Vec<Bytes>) -> Self {
        Self::ok("text/event-stream; charset=utf-8", events)
    }

    fn is_stream(&self) -> bool {
        self.headers[header::CONTENT_TYPE].as_bytes().starts_with(b"text/event-stream")
    }

    fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Pace(pace) => self.pace = pace,
            Fault::Split { bytes } => self.pieces = split(&self.pieces, bytes),
            Fault::DropDone => self.pieces.retain(|piece| piece != DONE),
            Fault::KeepPieces { count, ending } => {
                self.pieces.truncate(count);
                self.ending = ending;
            }
            Fault::KeepBytes { count, ending } => {
                let mut body = Bytes::from(self.pieces.concat());
                body.truncate(count);
                self.pieces = vec![body];
                self.ending = ending;
            }
        }
    }
}

fn split(pieces: &[Bytes], bytes: usize) -> Vec<Bytes> {
    pieces.concat().chunks(bytes).map(Bytes::copy_from_slice).collect()
}

/// One server-sent event with this data.
pub(super) fn event(data: &str) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// The marker that ends a stream of the `openai` family.
pub(super) fn done() -> Bytes {
    Bytes::from_static(DONE.as_bytes())
}
