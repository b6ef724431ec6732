//! The family's event streams: chat and completions end with `[DONE]`, responses, images and transcriptions
//! with an event of a final type.

use aisix_domain::Operation;
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use serde_json::json;

use super::answer::is_other_json;
use super::error;
use super::members::{Members, shifted};
use crate::sse::{SseEvent, SseReader};
use crate::{AnswerError, Redactor, Usage, json};

const DONE: &[u8] = b"[DONE]";
/// Beginnings of the names of events whose data is JSON.
const OWN_EVENTS: [&[u8]; 5] =
    [b"response.", b"image_generation.", b"image_edit.", b"transcript.", b"speech."];

/// Passes events on, with the alias in place of `model`.
#[derive(Debug)]
pub(super) struct Stream {
    operation: Operation,
    /// As a JSON string.
    alias: Bytes,
    /// The caller did not ask for the chunk that reports usage.
    hide_usage: bool,
    redactor: Redactor,
    sse: SseReader,
    /// An end marker was seen: the upstream may close the stream now.
    ended: bool,
    /// The end marker was one after which nothing comes.
    complete: bool,
    usage: Option<Usage>,
    /// The number that the next event of a responses stream has.
    sequence_number: u64,
}

impl Stream {
    pub(super) fn new(operation: Operation, alias: Bytes, hide_usage: bool, redactor: Redactor) -> Self {
        Self {
            operation,
            alias,
            hide_usage,
            redactor,
            sse: SseReader::default(),
            ended: false,
            complete: false,
            usage: None,
            sequence_number: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), AnswerError> {
        self.sse.push(bytes);
        while let Some(event) = self.sse.next_event().map_err(|_| AnswerError::EventTooLarge)? {
            self.relay(&event, out)?;
        }
        Ok(())
    }

    /// What stands for the model in everything the caller gets, as a JSON string.
    pub(super) fn alias(&self) -> &[u8] {
        &self.alias
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn finish(&mut self, out: &mut BytesMut) -> Result<(), AnswerError> {
        if let Some(last) = self.sse.finish().filter(|last| last.data().is_some()) {
            // Cut off inside an event, or a vendor that omits the last blank line: only the JSON can tell.
            self.relay(&last, out)
                .map_err(|e| if e == AnswerError::NotJson { AnswerError::Truncated } else { e })?;
            out.put_slice(b"\n\n");
        }
        if self.ended { Ok(()) } else { Err(AnswerError::Truncated) }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    pub(super) fn write_error(&mut self, code: &str, message: &str, out: &mut BytesMut) {
        let event = match self.operation {
            Operation::Responses => {
                let number = self.sequence_number;
                let data = json!({"type": "error", "code": code, "message": message, "param": null, "sequence_number": number});
                format!("event: error\ndata: {data}\n\n")
            }
            _ => {
                let data = json!({"error": {"message": message, "type": "server_error", "param": null, "code": code}});
                format!("data: {data}\n\n")
            }
        };
        out.put_slice(event.as_bytes());
    }

    fn relay(&mut self, event: &SseEvent, out: &mut BytesMut) -> Result<(), AnswerError> {
        if self.complete {
            return Ok(());
        }
        match event.data() {
            Some(data) if data.trim_ascii() == DONE => {
                (self.ended, self.complete) = (true, true);
                out.put_slice(event.raw());
            }
            Some(data) if !data.trim_ascii().is_empty() => self.relay_json(event, data, out)?,
            _ => out.put_slice(event.raw()),
        }
        Ok(())
    }

    fn relay_json(&mut self, event: &SseEvent, data: &[u8], out: &mut BytesMut) -> Result<(), AnswerError> {
        let alias = self.alias.clone();
        let Ok(members) = Members::read(data, &alias) else {
            if is_own(event.name()) && !is_other_json(data) {
                return Err(AnswerError::NotJson);
            }
            out.put_slice(event.raw());
            return Ok(());
        };
        let members = members.with_response();
        let kind = members.kind.and_then(json::string).unwrap_or_default();
        if let Some(reported) = self.reported_error(data, &members, &kind) {
            return Err(reported);
        }
        let is_usage_chunk = self.note(&members);
        if !(self.hide_usage && is_usage_chunk) {
            write_edited(event, data, members.edits, out);
        }
        let end = End::of(self.operation, &kind);
        self.ended |= end != End::NotYet;
        self.complete |= end == End::Final;
        Ok(())
    }

    /// An error inside a stream ends it: clients raise on any event with an `error`.
    fn reported_error(&self, data: &[u8], members: &Members<'_>, kind: &str) -> Option<AnswerError> {
        let has_error = members.error.is_some_and(|error| error != b"null");
        if !has_error && kind != "error" {
            return None;
        }
        let body = serde_json::from_slice(data).unwrap_or_default();
        let error = error::from_value(StatusCode::OK, &body, &self.redactor);
        Some(AnswerError::Reported(Box::new(error)))
    }

    /// Remembers what the event says. Tells whether it is the chunk that only reports usage.
    fn note(&mut self, members: &Members<'_>) -> bool {
        let usage = members.usage.and_then(Usage::from_openai);
        self.usage = usage.or(self.usage);
        if let Some(number) = members.sequence_number.and_then(number) {
            self.sequence_number = number.saturating_add(1);
        }
        usage.is_some() && members.choices.is_some_and(is_empty_array)
    }
}

/// Whether an event belongs to a dialect whose data is JSON. Others are a vendor's own, to keep the connection
/// alive for instance, and clients pass over them.
fn is_own(name: Option<&[u8]>) -> bool {
    match name {
        None | Some(b"" | b"message" | b"error") => true,
        Some(name) => OWN_EVENTS.iter().any(|prefix| name.starts_with(prefix)),
    }
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn is_empty_array(value: &[u8]) -> bool {
    let inner = value.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

fn write_edited(event: &SseEvent, data: &[u8], mut edits: Vec<json::Edit<'_>>, out: &mut BytesMut) {
    if edits.is_empty() {
        return out.put_slice(event.raw());
    }
    if let Some(start) = event.data_start() {
        edits = edits.into_iter().map(|edit| shifted(edit, start)).collect();
        return json::splice_into(out, event.raw(), &edits);
    }
    // Data of several lines is written as the same lines again.
    if let Some(name) = event.name() {
        out.put_slice(&[b"event: ", name, b"\n"].concat());
    }
    for line in json::splice(data, &edits).split(|b| *b == b'\n') {
        out.put_slice(&[b"data: ", line, b"\n"].concat());
    }
    out.put_slice(b"\n");
}

/// What the type of an event says about the end of its stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    /// The stream may end here; another image may follow.
    Possible,
    /// Nothing follows.
    Final,
}

impl End {
    fn of(operation: Operation, kind: &str) -> Self {
        match (operation, kind) {
            (
                Operation::Responses,
                "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled",
            ) => Self::Final,
            (Operation::ImagesGenerations, "image_generation.completed")
            | (Operation::ImagesEdits, "image_edit.completed")
            | (Operation::AudioTranscriptions, "transcript.text.done")
            | (Operation::AudioSpeech, "speech.audio.done") => Self::Possible,
            _ => Self::NotYet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisix_domain::Secret;
    use proptest::prelude::*;

    const CHAT: &str = concat!(
        ": hello\n\n",
        "data: {\"id\":\"c\",\"model\":\"gpt-4o-2024\",\"choices\":[{\"delta\":{\"content\":\"\\u00e9\"}}],\"usage\":null}\n\n",
        "data: {\"id\":\"c\",\"model\":\"gpt-4o-2024\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\r\n\r\n",
        "data: [DONE]\n\n",
    );
    const RESPONSES: &str = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"model\":\"gpt-5\",\"usage\":null}}\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"a\"}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"model\":\"gpt-5\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
    );

    fn stream(operation: Operation, hide_usage: bool) -> Stream {
        let redactor = Redactor::new(&Secret::new("hunter2-hunter2").unwrap(), "llm.example");
        Stream::new(operation, json::quoted("fast").into(), hide_usage, redactor)
    }

    fn relayed(stream: &mut Stream, chunks: &[&[u8]]) -> (String, Result<(), AnswerError>) {
        let mut out = BytesMut::new();
        let pushed = chunks.iter().try_for_each(|chunk| stream.push(chunk, &mut out));
        let result = pushed.and_then(|()| stream.finish(&mut out));
        (String::from_utf8(out.to_vec()).unwrap(), result)
    }

    fn relay_one(operation: Operation, text: &str) -> (String, Result<(), AnswerError>) {
        relayed(&mut stream(operation, false), &[text.as_bytes()])
    }

    #[test]
    fn every_byte_but_the_model_is_kept() {
        assert_eq!(relay_one(Operation::Chat, CHAT), (CHAT.replace("gpt-4o-2024", "fast"), Ok(())));
        assert_eq!(relay_one(Operation::Responses, RESPONSES), (RESPONSES.replace("gpt-5", "fast"), Ok(())));
    }

    #[test]
    fn the_usage_chunk_is_hidden_and_counted() {
        let mut stream = stream(Operation::Chat, true);
        let (seen, result) = relayed(&mut stream, &[CHAT.as_bytes()]);
        assert_eq!(result, Ok(()));
        assert!(!seen.contains("prompt_tokens") && seen.ends_with("data: [DONE]\n\n"), "{seen}");
        assert_eq!(stream.usage().unwrap().output_tokens, Some(4));
    }

    #[test]
    fn a_first_chunk_without_choices_and_usage_is_not_hidden() {
        let azure = "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\ndata: [DONE]\n\n";
        assert_eq!(relayed(&mut stream(Operation::Chat, true), &[azure.as_bytes()]).0, azure);
    }

    #[test]
    fn a_stream_cut_anywhere_is_an_error_or_complete() {
        for (operation, whole) in [(Operation::Chat, CHAT), (Operation::Responses, RESPONSES)] {
            for end in 0..whole.len() {
                let (seen, result) = relay_one(operation, &whole[..end]);
                let has_marker = seen.contains("[DONE]") || seen.contains("response.completed\",");
                assert_eq!(result.is_ok(), has_marker, "cut at {end}: {seen}");
            }
        }
    }

    #[test]
    fn an_error_inside_the_stream_ends_it_and_is_cleaned() {
        let text =
            "data: {\"error\":{\"message\":\"bad key hunter2-hunter2\",\"code\":\"x\"}}\n\ndata: [DONE]\n\n";
        let (seen, result) = relay_one(Operation::Chat, text);
        assert_eq!(seen, "");
        let Err(AnswerError::Reported(error)) = result else { panic!("{result:?}") };
        assert_eq!(error.message.as_deref(), Some("bad key [redacted]"));
    }

    #[test]
    fn error_events_speak_the_dialect_of_the_stream() {
        let mut out = BytesMut::new();
        stream(Operation::Chat, false).write_error("c", "m", &mut out);
        assert_eq!(&out[..], b"data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":\"c\"}}\n\n");
        let mut responses = stream(Operation::Responses, false);
        let mut out = BytesMut::new();
        responses.push(&RESPONSES.as_bytes()[..260], &mut out).unwrap();
        out.clear();
        responses.write_error("c", "m", &mut out);
        assert_eq!(&out[..], b"event: error\ndata: {\"type\":\"error\",\"code\":\"c\",\"message\":\"m\",\"param\":null,\"sequence_number\":2}\n\n");
    }

    #[test]
    fn events_that_carry_nothing_of_the_answer_are_relayed() {
        for event in [
            "data:",
            "data:  \ndata",
            "event: ping\ndata:",
            "event: ping\ndata: 2026-01-01 00:00",
            "event: keepalive\ndata: {",
            "event: ping\ndata: {\"type\":\"ping\"}",
            "data: null",
            "data: \"keepalive\"",
        ] {
            let text = format!("{event}\n\n{CHAT}");
            assert_eq!(relay_one(Operation::Chat, &text), (text.replace("gpt-4o-2024", "fast"), Ok(())));
        }
    }

    #[test]
    fn broken_json_in_an_event_of_the_answer_ends_the_stream() {
        for event in [
            "data: {\"model\":",
            "data: hello",
            "event: message\ndata: {",
            "event: error\ndata: Internal Server Error",
            "event: response.created\ndata: {",
        ] {
            let (seen, result) = relay_one(Operation::Chat, &format!("{event}\n\n{CHAT}"));
            assert_eq!((seen.as_str(), result), ("", Err(AnswerError::NotJson)), "{event}");
        }
    }

    #[test]
    fn every_model_of_an_event_is_replaced() {
        let chat = "data: {\"model\":\"gpt\",\"choices\":[],\"model\":\"gpt\"}\n\ndata: [DONE]\n\n";
        assert_eq!(relay_one(Operation::Chat, chat), (chat.replace("gpt", "fast"), Ok(())));
        let responses = RESPONSES
            .replace(
                "\"response\":{",
                "\"response\":{\"model\":\"gpt-5\"},\"response\":{\"model\":\"gpt-5\",",
            )
            .replace("\"usage\":{", "\"usage\":null,\"usage\":{");
        let mut stream = stream(Operation::Responses, false);
        let expected = (responses.replace("gpt-5", "fast"), Ok(()));
        assert_eq!(relayed(&mut stream, &[responses.as_bytes()]), expected);
        assert_eq!(stream.usage().unwrap().output_tokens, Some(4));
    }

    #[test]
    fn data_of_several_lines_keeps_its_lines() {
        let text = "event: x\ndata: {\"model\":\ndata: \"gpt\"}\n\ndata: [DONE]\n\n";
        assert_eq!(relay_one(Operation::Chat, text).0, text.replace("gpt", "fast"));
    }

    proptest! {
        #[test]
        fn any_split_relays_the_same(cuts in proptest::collection::vec(0usize..CHAT.len(), 0..8)) {
            let mut bounds: Vec<usize> = cuts.into_iter().chain([0, CHAT.len()]).collect();
            bounds.sort_unstable();
            let chunks: Vec<&[u8]> = bounds.windows(2).map(|w| &CHAT.as_bytes()[w[0]..w[1]]).collect();
            prop_assert_eq!(relayed(&mut stream(Operation::Chat, false), &chunks), relay_one(Operation::Chat, CHAT));
        }
    }
}
