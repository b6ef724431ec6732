//! Answers of the family to callers of its own dialect: only `model` changes.

use aisix_domain::Operation;
use bytes::{Bytes, BytesMut};
use http::header;
use http::response::Parts;

use super::members::Members;
use super::stream::Stream;
use crate::family::{APPLICATION_JSON, is_media_type};
use crate::{AnswerError, AnswerReader, Mode, Redactor, Usage, json};

pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// Reads the answer to one call.
#[derive(Debug)]
pub(super) struct Reader {
    operation: Operation,
    stream: Stream,
    usage: Usage,
}

impl Reader {
    pub(super) fn new(operation: Operation, alias: &str, hide_usage: bool, redactor: Redactor) -> Self {
        let stream = Stream::new(operation, json::quoted(alias).into(), hide_usage, redactor);
        Self { operation, stream, usage: Usage::default() }
    }

    fn has_media_answer(&self) -> bool {
        matches!(
            self.operation,
            Operation::AudioSpeech | Operation::AudioTranscriptions | Operation::AudioTranslations
        )
    }
}

/// What a request accepts.
pub(super) fn accepted(operation: Operation, stream: bool) -> &'static str {
    match operation {
        _ if stream => EVENT_STREAM,
        Operation::AudioSpeech | Operation::AudioTranscriptions | Operation::AudioTranslations => "*/*",
        _ => APPLICATION_JSON,
    }
}

impl AnswerReader for Reader {
    fn mode(&mut self, head: &Parts) -> Result<Mode, AnswerError> {
        // Nobody asked for an encoding, and an encoded body cannot be read.
        let encoding = head.headers.get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(AnswerError::UnexpectedType);
        }
        if is_media_type(&head.headers, EVENT_STREAM) {
            return Ok(Mode::Stream);
        }
        let is_json = is_media_type(&head.headers, APPLICATION_JSON);
        Ok(if self.has_media_answer() && !is_json { Mode::Raw } else { Mode::Whole })
    }

    fn whole(&mut self, body: Bytes) -> Result<Bytes, AnswerError> {
        let Ok(members) = Members::read(&body, self.stream.alias()) else {
            return if is_other_json(&body) { Ok(body) } else { Err(AnswerError::NotJson) };
        };
        self.usage = members.usage.and_then(Usage::from_openai).unwrap_or_default();
        match members.edits.as_slice() {
            [] => Ok(body),
            edits => Ok(json::splice(&body, edits)),
        }
    }

    fn push(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), AnswerError> {
        self.stream.push(bytes, out)
    }

    fn is_complete(&self) -> bool {
        self.stream.is_complete()
    }

    fn finish(&mut self, out: &mut BytesMut) -> Result<(), AnswerError> {
        self.stream.finish(out)
    }

    fn write_error(&mut self, code: &str, message: &str, out: &mut BytesMut) {
        self.stream.write_error(code, message, out);
    }

    fn usage(&self) -> Usage {
        self.stream.usage().unwrap_or(self.usage)
    }
}

/// Some answers and events are other JSON (a transcription may be one string): nothing in them to change.
pub(super) fn is_other_json(data: &[u8]) -> bool {
    !data.trim_ascii_start().starts_with(b"{") && json::is_value(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisix_domain::Secret;

    fn reader(operation: Operation) -> Reader {
        Reader::new(operation, "fast", false, Redactor::new(&Secret::new("hunter2").unwrap(), "llm.example"))
    }

    fn whole(body: &'static str) -> Result<String, AnswerError> {
        let answer = reader(Operation::Chat).whole(Bytes::from(body))?;
        Ok(String::from_utf8(answer.to_vec()).unwrap())
    }

    fn mode(operation: Operation, content_type: &str, encoding: &str) -> Result<Mode, AnswerError> {
        let answer = http::Response::builder()
            .header("content-type", content_type)
            .header("content-encoding", encoding);
        reader(operation).mode(&answer.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_the_model_changes() {
        let answer = r#"{ "id":"x", "model" :"gpt-4o-2024","n":1.50, "choices":[{"model":"gpt"}] }"#;
        assert_eq!(whole(answer).unwrap(), answer.replacen("\"gpt-4o-2024\"", "\"fast\"", 1));
        assert_eq!(whole(r#"{"model":null}"#).unwrap(), r#"{"model":null}"#);
        assert_eq!(whole(r#"{"data":[]}"#).unwrap(), r#"{"data":[]}"#);
        assert_eq!(whole(r#""text""#).unwrap(), r#""text""#);
    }

    #[test]
    fn every_model_is_replaced_and_the_last_usage_counts() {
        let mut reader = reader(Operation::Chat);
        let answer = r#"{"model":"gpt","usage":{"prompt_tokens":1},"mod\u0065l":"gpt","model":null,"usage":{"prompt_tokens":2}}"#;
        assert_eq!(reader.whole(Bytes::from(answer)).unwrap(), answer.replace("\"gpt\"", "\"fast\""));
        assert_eq!(reader.usage().input_tokens, Some(2));
    }

    #[test]
    fn a_cut_answer_is_an_error_wherever_it_is_cut() {
        let answer = r#"{"model":"gpt","choices":[{"message":{"content":"hi"}}]}"#;
        for end in 0..answer.len() {
            assert_eq!(whole(&answer[..end]), Err(AnswerError::NotJson), "cut at {end}");
        }
    }

    #[test]
    fn the_head_decides_the_mode() {
        assert_eq!(mode(Operation::Chat, "application/json; charset=utf-8", "identity"), Ok(Mode::Whole));
        assert_eq!(mode(Operation::Chat, "Text/Event-Stream;charset=utf-8", "identity"), Ok(Mode::Stream));
        assert_eq!(mode(Operation::AudioSpeech, "audio/mpeg", "identity"), Ok(Mode::Raw));
        assert_eq!(mode(Operation::AudioTranscriptions, "application/json", "identity"), Ok(Mode::Whole));
        assert_eq!(mode(Operation::Chat, "application/json", "gzip"), Err(AnswerError::UnexpectedType));
    }
}
