use std::borrow::Cow;
use std::ops::Range;

use aisix_domain::{Invalid, Operation};
use bytes::Bytes;
use http::HeaderMap;

use crate::{AnswerReader, json, multipart};

/// A caller's body, read as far as the gateway must: which alias it names, and where.
#[derive(Clone, Debug)]
pub struct Body {
    bytes: Bytes,
    alias: String,
    alias_at: Range<usize>,
    shape: Shape,
}

/// How the fields stand in the body.
#[derive(Clone, Debug)]
enum Shape {
    Json { stream: Option<Range<usize>>, stream_options: Option<Range<usize>> },
    Multipart,
}

/// One call, ready to be encoded for an upstream.
#[derive(Debug)]
pub struct Call<'a> {
    /// What is asked for.
    pub operation: Operation,
    /// The caller's body.
    pub body: &'a Body,
    /// The caller's headers, of which the family forwards its dialect's own.
    pub headers: &'a HeaderMap,
    /// The model under the upstream's name.
    pub upstream_model: &'a str,
}

/// An encoded call: what to send, and how to read what comes back.
#[derive(Debug)]
pub struct Encoded {
    /// In origin form, with its `host` header.
    pub request: http::Request<Bytes>,
    /// Made for this call, because the answer depends on what was asked.
    pub reader: Box<dyn AnswerReader>,
}

impl Body {
    /// Reads a JSON object that names a `model`.
    ///
    /// # Errors
    /// `invalid_json` with line and column, `model_required`, `invalid_model`. A body that names its model
    /// twice, in whatever case, is refused, because the gateway and the upstream might each believe another
    /// one.
    pub fn json(bytes: Bytes) -> Result<Self, Invalid> {
        let found = json::guarded_fields(&bytes, ["model", "stream", "stream_options"], "model");
        let [model, stream, stream_options] = found.map_err(|refused| invalid_json(&bytes, refused))?;
        let alias_at = model.filter(|at| &bytes[at.clone()] != b"null").ok_or_else(model_required)?;
        let alias = json::string(&bytes[alias_at.clone()])
            .filter(|alias| !alias.is_empty())
            .ok_or_else(|| Invalid::new("invalid_model", "/model", "model must be a non-empty string"))?
            .into_owned();
        let shape = Shape::Json { stream, stream_options };
        Ok(Self { alias, alias_at, shape, bytes })
    }

    /// Reads a `multipart/form-data` body that has one field `model`.
    ///
    /// # Errors
    /// `invalid_multipart`, also for a form that another reader may find another model in; `model_required`,
    /// `invalid_model`.
    pub fn multipart(bytes: Bytes, content_type: &str) -> Result<Self, Invalid> {
        let malformed =
            || Invalid::new("invalid_multipart", "", "the body is not unambiguous multipart/form-data");
        let boundary = multipart::boundary(content_type).ok_or_else(malformed)?;
        let fields = multipart::fields(&bytes, boundary, "model").ok_or_else(malformed)?;
        let alias_at = match fields.as_slice() {
            [one] => one.clone(),
            [] => return Err(model_required()),
            _ => {
                return Err(Invalid::new("invalid_model", "/model", "the form has several fields \"model\""));
            }
        };
        let alias = std::str::from_utf8(&bytes[alias_at.clone()]).ok().filter(|alias| !alias.is_empty());
        let alias =
            alias.ok_or_else(|| Invalid::new("invalid_model", "/model", "model must not be empty"))?;
        Ok(Self { alias: alias.to_owned(), alias_at, shape: Shape::Multipart, bytes })
    }

    /// The alias the caller asked for.
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// Whether it is JSON; otherwise it is a form.
    pub fn is_json(&self) -> bool {
        matches!(self.shape, Shape::Json { .. })
    }

    /// Whether the caller asks for a stream.
    ///
    /// # Errors
    /// `invalid_stream` unless `stream` is a boolean, `null` or absent.
    pub fn stream(&self) -> Result<bool, Invalid> {
        let Shape::Json { stream: Some(at), .. } = &self.shape else { return Ok(false) };
        match &self.bytes[at.clone()] {
            b"true" => Ok(true),
            b"false" | b"null" => Ok(false),
            _ => Err(Invalid::new("invalid_stream", "/stream", "stream must be true or false")),
        }
    }

    /// The body with the upstream's model in place of the alias; every other byte stays.
    pub(crate) fn with_model(&self, upstream_model: &str) -> Bytes {
        self.edited(upstream_model, None)
    }

    /// As [`Body::with_model`], with the upstream also asked for the usage of its stream. The flag says
    /// whether the caller had not, so that the answer to it is to be hidden.
    pub(crate) fn with_model_and_usage(&self, upstream_model: &str) -> (Bytes, bool) {
        match self.usage_request() {
            UsageRequest::Made => (self.with_model(upstream_model), false),
            UsageRequest::Missing(edit) => (self.edited(upstream_model, Some(edit)), true),
        }
    }

    fn edited(&self, upstream_model: &str, more: Option<json::Edit<'_>>) -> Bytes {
        let name = match self.is_json() {
            true => Cow::Owned(json::quoted(upstream_model)),
            false => Cow::Borrowed(upstream_model.as_bytes()),
        };
        let model = (self.alias_at.clone(), &name[..]);
        match more {
            None => json::splice(&self.bytes, &[model]),
            Some(edit) if edit.0.start < model.0.start => json::splice(&self.bytes, &[edit, model]),
            Some(edit) => json::splice(&self.bytes, &[model, edit]),
        }
    }

    fn usage_request(&self) -> UsageRequest {
        let Shape::Json { stream_options, .. } = &self.shape else { return UsageRequest::Made };
        let Some(at) = stream_options else {
            let brace = memchr::memchr(b'{', &self.bytes).map_or(0, |brace| brace + 1);
            return UsageRequest::Missing((brace..brace, br#""stream_options":{"include_usage":true},"#));
        };
        let object = &self.bytes[at.clone()];
        let Ok([include_usage]) = json::fields(object, ["include_usage"]) else {
            // `null` asks for nothing; any other value is the upstream's to refuse.
            return match object {
                b"null" => UsageRequest::Missing((at.clone(), br#"{"include_usage":true}"#)),
                _ => UsageRequest::Made,
            };
        };
        match include_usage {
            Some(value) if &object[value.clone()] == b"true" => UsageRequest::Made,
            Some(value) => UsageRequest::Missing((at.start + value.start..at.start + value.end, b"true")),
            None => {
                let rest = object[1..].trim_ascii_start();
                let insertion: &[u8] = match rest {
                    b"}" => br#""include_usage":true"#,
                    _ => br#""include_usage":true,"#,
                };
                UsageRequest::Missing((at.start + 1..at.start + 1, insertion))
            }
        }
    }
}

enum UsageRequest {
    Made,
    Missing(json::Edit<'static>),
}

/// Says where, never what: the body may hold secrets.
fn invalid_json(body: &[u8], refused: json::Refused) -> Invalid {
    let message = match refused {
        json::Refused::Repeated => "the body names model, stream or stream_options twice".to_owned(),
        json::Refused::OtherCase => "the body spells \"model\" in another case".to_owned(),
        json::Refused::Malformed(at) => {
            let before = &body[..at.min(body.len())];
            let line_start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
            let line = 1 + memchr::memchr_iter(b'\n', before).count();
            let column = 1 + before.len() - line_start;
            format!("the body is not a valid JSON object: see line {line} column {column}")
        }
    };
    Invalid::new("invalid_json", "", message)
}

/// The family lacks the operation.
pub(crate) fn unsupported(operation: Operation) -> Invalid {
    let message = format!("the model's upstream cannot serve {}", operation.as_str());
    Invalid::new("operation_not_supported", "/model", message)
}

fn model_required() -> Invalid {
    Invalid::new("model_required", "/model", "model is required: the alias to call")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: &str) -> Body {
        Body::json(Bytes::copy_from_slice(json.as_bytes())).unwrap()
    }

    fn code(json: &str) -> &'static str {
        Body::json(Bytes::copy_from_slice(json.as_bytes())).unwrap_err().code()
    }

    #[test]
    fn only_the_bytes_of_the_model_change() {
        let json = "{ \"temperature\":1.0e0,\"model\" : \"fast\", \"x\":{\"model\":\"fast\"},\"n\":1 }\n";
        assert_eq!(body(json).alias(), "fast");
        assert_eq!(body(json).with_model("gpt-\"4o\""), json.replacen("\"fast\"", "\"gpt-\\\"4o\\\"\"", 1));
    }

    #[test]
    fn bodies_without_one_clear_model_are_refused() {
        assert_eq!(code("{"), "invalid_json");
        assert_eq!(code("[\"m\"]"), "invalid_json");
        assert_eq!(code(""), "invalid_json");
        assert_eq!(code("{\"model\":\"a\"} x"), "invalid_json");
        assert_eq!(code("{\"model\":\"a\",\"mod\\u0065l\":\"b\"}"), "invalid_json");
        assert_eq!(code("{\"messages\":[]}"), "model_required");
        assert_eq!(code("{\"model\":\"a\",\"Model\":\"b\"}"), "invalid_json");
        assert_eq!(code("{\"MOD\\u0045L\":\"b\",\"model\":\"a\"}"), "invalid_json");
        assert_eq!(code("{\"Model\":\"a\"}"), "invalid_json");
        assert_eq!(code("{\"model\":null}"), "model_required");
        assert_eq!(code("{\"model\":7}"), "invalid_model");
        assert_eq!(code("{\"model\":\"\"}"), "invalid_model");
    }

    #[test]
    fn another_case_of_model_is_named_as_the_fault_and_only_at_the_top() {
        let refused = Body::json(Bytes::from(r#"{"model":"a","Model":"b"}"#)).unwrap_err();
        assert_eq!(refused.message(), "the body spells \"model\" in another case");
        assert_eq!(body(r#"{"model":"a","Models":1,"tool":{"Model":"b"}}"#).alias(), "a");
    }

    #[test]
    fn usage_is_asked_for_once_and_in_place() {
        for (given, sent, hidden) in [
            (
                r#"{"model":"a","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"b","stream":true}"#,
                true,
            ),
            (
                r#"{"model":"a","stream_options":null}"#,
                r#"{"model":"b","stream_options":{"include_usage":true}}"#,
                true,
            ),
            (
                r#"{"stream_options":{ },"model":"a"}"#,
                r#"{"stream_options":{"include_usage":true },"model":"b"}"#,
                true,
            ),
            (
                r#"{"stream_options":{"x":1},"model":"a"}"#,
                r#"{"stream_options":{"include_usage":true,"x":1},"model":"b"}"#,
                true,
            ),
            (
                r#"{"model":"a","stream_options":{"include_usage":false}}"#,
                r#"{"model":"b","stream_options":{"include_usage":true}}"#,
                true,
            ),
            (
                r#"{"model":"a","stream_options":{"include_usage":true}}"#,
                r#"{"model":"b","stream_options":{"include_usage":true}}"#,
                false,
            ),
            (r#"{"model":"a","stream_options":7}"#, r#"{"model":"b","stream_options":7}"#, false),
        ] {
            assert_eq!(body(given).with_model_and_usage("b"), (Bytes::from(sent), hidden), "{given}");
        }
    }

    #[test]
    fn stream_is_a_boolean() {
        assert!(body(r#"{"model":"a","stream":true}"#).stream().unwrap());
        assert!(!body(r#"{"model":"a","stream":null}"#).stream().unwrap());
        assert!(!body(r#"{"model":"a"}"#).stream().unwrap());
        assert_eq!(body(r#"{"model":"a","stream":"yes"}"#).stream().unwrap_err().code(), "invalid_stream");
    }

    #[test]
    fn a_form_names_its_model_in_a_field() {
        let form = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nears\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\u{1}ears\r\n--B--\r\n";
        let content_type = "multipart/form-data; boundary=B";
        let body = Body::multipart(Bytes::from(form), content_type).unwrap();
        assert_eq!(body.alias(), "ears");
        assert_eq!(body.with_model("whisper-1"), form.replacen("ears", "whisper-1", 1));
        let without = Body::multipart(Bytes::from(form.replace("\"model\"", "\"other\"")), content_type);
        assert_eq!(without.unwrap_err().code(), "model_required");
        assert_eq!(
            Body::multipart(Bytes::from(form), "multipart/form-data").unwrap_err().code(),
            "invalid_multipart"
        );
    }
}
