use std::fmt;

use bytes::{Bytes, BytesMut};
use http::response::Parts;

use crate::{UpstreamError, Usage};

/// Reads the upstream's answer to one call and writes it in the caller's dialect.
///
/// The head decides the [`Mode`]. A whole answer goes through [`AnswerReader::whole`]; a stream goes through
/// [`AnswerReader::push`] as it arrives and [`AnswerReader::finish`] when the upstream closes it; a raw answer
/// is not looked at.
pub trait AnswerReader: Send + fmt::Debug {
    /// How the answer with this head is to be relayed.
    ///
    /// # Errors
    /// [`AnswerError::UnexpectedType`] when it cannot be an answer to the call.
    fn mode(&mut self, head: &Parts) -> Result<Mode, AnswerError>;

    /// The whole body, as the caller gets it.
    ///
    /// # Errors
    /// [`AnswerError::NotJson`].
    fn whole(&mut self, body: Bytes) -> Result<Bytes, AnswerError>;

    /// Takes the next bytes of a stream and appends what the caller gets to `out`.
    ///
    /// # Errors
    /// What ends the stream early. What is in `out` by then is complete and may be sent.
    fn push(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), AnswerError>;

    /// Whether the stream's end marker has been seen: whatever follows is of no interest.
    fn is_complete(&self) -> bool;

    /// The upstream closed the stream.
    ///
    /// # Errors
    /// [`AnswerError::Truncated`] when the end marker is missing.
    fn finish(&mut self, out: &mut BytesMut) -> Result<(), AnswerError>;

    /// Appends the dialect's error event, after which the stream ends without its end marker.
    fn write_error(&mut self, code: &str, message: &str, out: &mut BytesMut);

    /// What the call used, as far as it is known by now.
    fn usage(&self) -> Usage;
}

/// How an answer is relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Collected, then passed on in one piece.
    Whole,
    /// Event by event.
    Stream,
    /// Byte by byte.
    Raw,
}

/// Why an answer that began well cannot be passed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The body of an answer or of an event is not the JSON it should be.
    #[error("the upstream's answer is not valid JSON")]
    NotJson,
    /// The answer's media type or encoding does not fit the call.
    #[error("the upstream's answer has an unexpected media type or encoding")]
    UnexpectedType,
    /// An event grew past the limit.
    #[error("the upstream sent an event larger than the limit")]
    EventTooLarge,
    /// The stream ended without its end marker.
    #[error("the upstream's stream ended before its end marker")]
    Truncated,
    /// The upstream reported a failure inside the stream.
    #[error("the upstream reported an error in its stream")]
    Reported(Box<UpstreamError>),
}

impl AnswerError {
    /// The stable code, in error events and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson | Self::UnexpectedType | Self::Reported(_) => "upstream_error",
            Self::EventTooLarge => "upstream_event_too_large",
            Self::Truncated => "upstream_stream_truncated",
        }
    }
}
