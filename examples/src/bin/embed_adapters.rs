//! The wire formats alone, without a runtime, a socket or a store: a provider key becomes an HTTP request, and
//! the bytes of an answer become events under the caller's alias.
//!
//! `cargo run -p aisix-examples --bin embed_adapters`

#![allow(clippy::print_stdout, reason = "an example prints")]

use aisix_adapters::base_url::UrlPolicy;
use aisix_adapters::{AnswerError, Body, Call, Mode, family};
use aisix_domain::{
    Adapter, DisplayName, Operation, Provider, ProviderKey, Secret, StripHeaders, TelemetryTags,
    UnknownFields,
};
use anyhow::{Context, Result};
use bytes::BytesMut;
use http::HeaderMap;

fn main() -> Result<()> {
    let key = ProviderKey {
        display_name: DisplayName::parse("openai-prod")?,
        secret: Secret::new("sk-example")?,
        // As an operator might paste it: the endpoint is taken off again.
        api_base: Some("https://api.openai.com/v1/chat/completions".into()),
        provider: Provider::parse("openai")?,
        adapter: Adapter::Openai,
        telemetry_tags: TelemetryTags::default(),
        strip_headers: StripHeaders::default(),
        stream_usage: None,
        unknown_fields: UnknownFields::default(),
    };
    let family = family(key.adapter).context("this version implements the adapter")?;
    let upstream = family.prepare(&key, &UrlPolicy::default())?;

    let body =
        Body::json(r#"{"model":"fast","stream":true,"messages":[{"role":"user","content":"hi"}]}"#.into())?;
    let call = Call {
        operation: Operation::Chat,
        body: &body,
        headers: &HeaderMap::new(),
        upstream_model: "gpt-4o-mini",
    };
    let mut encoded = upstream.encode(&call)?;
    println!("{} {} to {}", encoded.request.method(), encoded.request.uri(), upstream.origin().host);
    println!("{}", String::from_utf8_lossy(encoded.request.body()));

    // Any HTTP client may send it; these are the bytes that might come back, cut in an awkward place.
    let (head, ()) =
        http::Response::builder().header("content-type", "text/event-stream").body(())?.into_parts();
    anyhow::ensure!(encoded.reader.mode(&head)? == Mode::Stream, "an event stream is read as one");
    let mut out = BytesMut::new();
    for chunk in ["data: {\"model\":\"gpt-4o-mini\",\"cho", "ices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n"]
    {
        encoded.reader.push(chunk.as_bytes(), &mut out)?;
    }
    print!("{}", String::from_utf8_lossy(&out));
    // The stream ends without its end marker: that is an error, never a clean end.
    anyhow::ensure!(
        encoded.reader.finish(&mut out) == Err(AnswerError::Truncated),
        "a cut stream is an error"
    );
    println!("the stream broke off: {}", AnswerError::Truncated);
    Ok(())
}
