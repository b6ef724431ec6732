//! The chat request and answer that all measurements use.

use anyhow::Result;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::json;

/// The alias callers ask for; never the name the upstream knows.
pub(super) const ALIAS: &str = "bench-alias";
pub(super) const UPSTREAM_MODEL: &str = "bench-upstream-model";
pub(super) const CALLER_KEY: &str = "sk-bench-caller-0123456789abcdef";
pub(super) const PATH: &str = "/v1/chat/completions";

/// A plain request of about 250 bytes.
pub(super) fn request_body(alias: &str) -> String {
    json!({
        "model": alias,
        "messages": [
            {"role": "system", "content": "You are a careful assistant. Answer in one sentence."},
            {"role": "user", "content": "Why is the sky blue at noon but red when the sun sets over the sea?"},
        ],
        "temperature": 0.2,
        "max_tokens": 64,
    })
    .to_string()
}

pub(super) fn streamed_request_body(alias: &str) -> String {
    json!({"model": alias, "messages": [{"role": "user", "content": "Tell me a long story."}], "stream": true})
        .to_string()
}

/// An answer of about 800 bytes, as the vendor's own servers write it.
pub(super) fn answer_body(model: &str, content: &str) -> String {
    json!({
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1_741_569_952,
        "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": null, "annotations": []},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": 46,
            "completion_tokens": 52,
            "total_tokens": 98,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_b376dfbbd5",
    })
    .to_string()
}

pub(super) const CONTENT: &str = "Air scatters short waves far more than long ones, so at noon the scattered blue \
     reaches you from everywhere, while at sunset the light has crossed so much air that only orange and red are left for your eye.";

pub(super) fn request(body: impl Into<Bytes>) -> Result<Request<Full<Bytes>>> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header(header::HOST, "127.0.0.1")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {CALLER_KEY}"));
    Ok(request.body(Full::new(body.into()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_those_the_bars_speak_of() {
        let request = request_body(ALIAS).len();
        let answer = answer_body(UPSTREAM_MODEL, CONTENT).len();
        assert!((240..=260).contains(&request), "{request}");
        assert!((780..=820).contains(&answer), "{answer}");
    }
}
