//! The error bodies of the family: OpenAI's own and the variants of compatible vendors.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::Value;

use crate::{ErrorClass, Redactor, UpstreamError};

/// Reads a refusal. A body that is no JSON (a proxy's HTML page) yields no message.
pub(super) fn read(status: StatusCode, body: &[u8], redactor: &Redactor) -> UpstreamError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    from_value(status, &body, redactor)
}

/// As [`read`], for a body that is parsed already.
pub(super) fn from_value(status: StatusCode, body: &Value, redactor: &Redactor) -> UpstreamError {
    let error = body.get("error").unwrap_or(body);
    let code = code(error, body);
    let message = message(error, body);
    let class = classify(status, code.as_deref(), error.get("type").and_then(Value::as_str), message);
    UpstreamError {
        class,
        status: status.as_u16(),
        message: message.map(|text| redactor.clean(text)),
        code: code.map(|code| redactor.clean(&code).into()),
        param: error.get("param").and_then(Value::as_str).map(|text| redactor.clean(text)),
    }
}

/// Codes are texts, or numbers (vLLM), or absent.
fn code<'v>(error: &'v Value, body: &'v Value) -> Option<Cow<'v, str>> {
    match error.get("code").or_else(|| body.get("code"))? {
        Value::String(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// The first text among the places where vendors put it.
fn message<'v>(error: &'v Value, body: &'v Value) -> Option<&'v str> {
    let places =
        [error.get("message"), Some(error), body.get("message"), body.get("detail"), body.get("msg")];
    let first_of_list = body.pointer("/detail/0/msg");
    places
        .into_iter()
        .chain([first_of_list])
        .flatten()
        .find_map(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn classify(status: StatusCode, code: Option<&str>, kind: Option<&str>, message: Option<&str>) -> ErrorClass {
    let is = |name: &str| code == Some(name) || kind == Some(name);
    match status.as_u16() {
        401 | 403 => ErrorClass::Credential,
        402 => ErrorClass::Quota,
        429 if is("insufficient_quota") => ErrorClass::Quota,
        429 => ErrorClass::RateLimit,
        404 => ErrorClass::ModelMissing,
        408 | 504 => ErrorClass::Timeout,
        503 | 529 => ErrorClass::Overload,
        _ if is("context_length_exceeded") || message.is_some_and(speaks_of_context) => {
            ErrorClass::ContextLength
        }
        _ if is("content_filter") || is("content_policy_violation") => ErrorClass::ContentPolicy,
        400..=499 => ErrorClass::Caller,
        _ => ErrorClass::Server,
    }
}

/// Vendors without the code say it in words.
fn speaks_of_context(message: &str) -> bool {
    const WORDS: [&str; 4] = [
        "maximum context length",
        "prompt is too long",
        "input is too long",
        "exceeds the maximum number of tokens",
    ];
    let message = message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisix_domain::Secret;

    fn check(status: u16, body: &str, class: ErrorClass, message: Option<&str>, code: Option<&str>) {
        let redactor = Redactor::new(&Secret::new("hunter2-hunter2").unwrap(), "llm.example");
        let error = read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), &redactor);
        assert_eq!(
            (error.class, error.message.as_deref(), error.code.as_deref()),
            (class, message, code),
            "{body}"
        );
    }

    #[test]
    fn vendors_put_their_message_in_many_places() {
        use ErrorClass::*;
        check(
            400,
            r#"{"error":{"message":"no","type":"invalid_request_error","param":"n","code":"unsupported_value"}}"#,
            Caller,
            Some("no"),
            Some("unsupported_value"),
        );
        check(400, r#"{"error":"no"}"#, Caller, Some("no"), None);
        check(400, r#"{"message":"no"}"#, Caller, Some("no"), None);
        check(422, r#"{"detail":"no"}"#, Caller, Some("no"), None);
        check(422, r#"{"detail":[{"msg":"no","loc":["body"]}]}"#, Caller, Some("no"), None);
        check(404, r#"{"object":"error","message":"no","code":404}"#, ModelMissing, Some("no"), Some("404"));
        check(400, r#"{"error":{"code":"1113","message":"no"}}"#, Caller, Some("no"), Some("1113"));
        check(502, "<html>bad gateway</html>", Server, None, None);
        check(500, "", Server, None, None);
    }

    #[test]
    fn classes() {
        use ErrorClass::*;
        check(
            401,
            r#"{"error":{"message":"Incorrect API key provided: hunter2-hunter2"}}"#,
            Credential,
            Some("Incorrect API key provided: [redacted]"),
            None,
        );
        check(403, "{}", Credential, None, None);
        check(
            429,
            r#"{"error":{"code":"insufficient_quota","message":"pay"}}"#,
            Quota,
            Some("pay"),
            Some("insufficient_quota"),
        );
        check(429, r#"{"error":{"message":"slow","code":null}}"#, RateLimit, Some("slow"), None);
        check(
            400,
            r#"{"error":{"message":"long","code":"context_length_exceeded"}}"#,
            ContextLength,
            Some("long"),
            Some("context_length_exceeded"),
        );
        check(
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#,
            ContextLength,
            Some("This model's maximum context length is 8192 tokens"),
            None,
        );
        check(
            400,
            r#"{"error":{"message":"x","code":"content_filter"}}"#,
            ContentPolicy,
            Some("x"),
            Some("content_filter"),
        );
        check(529, "{}", Overload, None, None);
        check(504, "{}", Timeout, None, None);
        check(418, "{}", Caller, None, None);
    }
}
