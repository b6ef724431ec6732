//! One line of JSON per finished request.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use crate::record::Record;

/// Where access-log lines go. Must neither block nor fail.
pub trait LineWriter: Send + Sync {
    /// Takes one line, without its line end.
    fn line(&self, line: &[u8]);
}

/// A line in the making. Every request writes one, so numbers and texts go straight into the bytes.
struct Line(Vec<u8>);

/// Most lines are shorter.
const LINE_BYTES_USUAL: usize = 640;

/// The line of a finished request. Members that are not known are left out.
pub(crate) fn line(record: &Record) -> Vec<u8> {
    let key = record.target.as_ref().map(|target| &target.key.entry);
    let mut line = Line(Vec::with_capacity(LINE_BYTES_USUAL));
    line.begin();
    line.text("request_id", Some(text(&record.request_id)));
    line.text("operation", Some(record.operation));
    line.plain("caller_key_id", record.caller_key);
    line.text("alias", record.alias.as_deref());
    line.text("provider", record.target.as_ref().map(|target| &**target.provider()));
    line.plain("provider_key_id", key.map(|key| key.id));
    line.text("adapter", key.map(|key| key.value.adapter.as_str()));
    line.number("status", Some(record.status.into()));
    line.flag("stream", record.stream);
    line.number("bytes_in", Some(record.bytes_in));
    line.number("bytes_out", Some(record.bytes_out));
    line.number("input_tokens", record.usage.input_tokens);
    line.number("output_tokens", record.usage.output_tokens);
    line.number("cached_tokens", record.usage.cached_tokens);
    line.number("reasoning_tokens", record.usage.reasoning_tokens);
    line.milliseconds("first_byte_ms", record.first_byte);
    line.milliseconds("total_ms", Some(record.total()));
    line.milliseconds("upstream_ms", record.upstream);
    line.number("upstream_status", record.upstream_status.map(u64::from));
    line.text("upstream_request_id", record.upstream_request_id.as_ref().map(text));
    line.text("error", record.code.as_deref());
    line.text("cause", record.cause.as_deref());
    line.end()
}

// Writing to a vector cannot fail, so results of writes are not looked at.
impl Line {
    fn begin(&mut self) {
        let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let _ = write!(self.0, "{{\"time\":\"{now:.3}\",\"kind\":\"access\"");
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        self.name(name);
        let _ = serde_json::to_writer(&mut self.0, value);
    }

    /// An id: a text that needs no escapes.
    fn plain(&mut self, name: &str, value: Option<aisix_domain::ResourceId>) {
        let Some(value) = value else { return };
        self.name(name);
        let _ = write!(self.0, "\"{value}\"");
    }

    fn number(&mut self, name: &str, value: Option<u64>) {
        let Some(value) = value else { return };
        self.name(name);
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// With three decimals: microseconds.
    fn milliseconds(&mut self, name: &str, value: Option<Duration>) {
        let Some(value) = value else { return };
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.number(name, Some(micros / 1000));
        let decimals = [100, 10, 1].map(|place| b'0' + (micros % 1000 / place % 10) as u8);
        self.0.push(b'.');
        self.0.extend_from_slice(&decimals);
    }
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}
