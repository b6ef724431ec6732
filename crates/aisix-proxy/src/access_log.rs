//! One line of JSON per finished request.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use serde::Serialize;

use crate::record::Record;

/// Where access-log lines go. Must neither block nor fail.
pub trait LineWriter: Send + Sync {
    /// Takes one line, without its line end.
    fn line(&self, line: &[u8]);
}

/// The members of a line, in their order. Absent ones are left out.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    kind: &'static str,
    request_id: &'a str,
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter: Option<&'static str>,
    status: u16,
    stream: bool,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte_ms: Option<f64>,
    total_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

/// The line of a finished request.
pub(crate) fn line(record: &Record) -> Vec<u8> {
    let key = record.target.as_ref().map(|target| &target.key.entry);
    let line = Line {
        time: now(),
        kind: "access",
        request_id: text(&record.request_id),
        operation: record.operation,
        caller_key_id: record.caller_key.map(|id| id.to_string()),
        alias: record.alias.as_deref(),
        provider: key.map(|key| &*key.value.provider),
        provider_key_id: key.map(|key| key.id.to_string()),
        adapter: key.map(|key| key.value.adapter.as_str()),
        status: record.status,
        stream: record.stream,
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        input_tokens: record.usage.input_tokens,
        output_tokens: record.usage.output_tokens,
        cached_tokens: record.usage.cached_tokens,
        reasoning_tokens: record.usage.reasoning_tokens,
        first_byte_ms: record.first_byte.map(milliseconds),
        total_ms: milliseconds(record.total()),
        upstream_ms: record.upstream.map(milliseconds),
        upstream_status: record.upstream_status,
        upstream_request_id: record.upstream_request_id.as_ref().map(text),
        error: record.code.as_deref(),
        cause: record.cause.as_deref(),
    };
    let mut bytes = Vec::with_capacity(512);
    // Writing numbers and texts to memory cannot fail.
    let _ = serde_json::to_writer(&mut bytes, &line);
    bytes
}

fn now() -> String {
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{now:.3}")
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// With three decimals: microseconds.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
