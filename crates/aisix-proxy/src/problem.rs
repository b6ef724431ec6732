//! Everything that can go wrong with a request, and the answer to it in the caller's dialect. The only place
//! where errors become answers.

use std::borrow::Cow;
use std::time::Duration;

use aisix_adapters::{AnswerError, ErrorClass, UpstreamError};
use aisix_domain::{Dialect, Invalid};
use aisix_upstream::{BodyError, SendError};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::body::ProxyBody;
use crate::record::Record;
use crate::routes::NoRoute;

/// Why a request is not answered with an upstream's answer.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No route: the path is unknown.
    NotFound,
    /// The path takes other methods: these.
    MethodNotAllowed(&'static str),
    /// The request carries no caller key.
    KeyMissing,
    /// The caller key is unknown, disabled or expired; which of them is for the log only.
    KeyRefused(&'static str),
    /// No configuration was loaded yet.
    NotReady,
    /// No model answers to the alias.
    UnknownModel,
    /// The caller may not use the alias.
    ModelNotAllowed,
    /// No model of this provider may be used by the caller.
    UnknownProvider,
    /// The model's provider key is missing or cannot be used.
    ProviderKeyUnusable,
    /// The caller's request breaks a rule.
    Invalid(Invalid),
    /// The body is larger than this.
    BodyTooLarge(usize),
    /// The body broke before its end.
    BodyBroken,
    /// The caller paused for too long inside its body.
    BodyTimeout,
    /// The upstream refused; its headers may say when to try again.
    Refused(Box<Refusal>),
    /// The upstream could not be reached or did not answer.
    Unreachable(SendError),
    /// The upstream's answer ended early.
    AnswerBroken(BodyError),
    /// The upstream's answer cannot be passed on.
    AnswerUnusable(AnswerError),
    /// The upstream took longer than this.
    Timeout(Duration),
    /// The upstream paused for longer than this inside its answer.
    Silence(Duration),
}

/// An upstream's refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What it means.
    pub(crate) error: UpstreamError,
    /// The head of the refusal.
    pub(crate) headers: HeaderMap,
}

/// How a problem is told: status, OpenAI type and code, Anthropic type.
struct Telling {
    status: u16,
    openai_type: &'static str,
    code: Cow<'static, str>,
    anthropic_type: &'static str,
}

/// What the upstream's headers may tell the caller about trying again.
const RETRY_HEADERS: [HeaderName; 2] = [header::RETRY_AFTER, HeaderName::from_static("retry-after-ms")];
/// Obeyed by the official SDKs.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

impl Problem {
    /// The status of the answer.
    pub(crate) fn status(&self, dialect: Dialect) -> StatusCode {
        let status = match (self, dialect) {
            // Anthropic has a status of its own for lack of capacity.
            (Self::Refused(refusal), Dialect::Anthropic) if refusal.error.class == ErrorClass::Overload => {
                529
            }
            _ => self.telling().status,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)
    }

    /// The stable code, for the log.
    pub(crate) fn code(&self) -> Cow<'static, str> {
        match self {
            Self::KeyRefused(reason) => Cow::Borrowed(reason),
            Self::Unreachable(error) => Cow::Borrowed(error.code()),
            Self::AnswerUnusable(error) => Cow::Borrowed(error.code()),
            _ => self.telling().code,
        }
    }

    /// The code of the event that ends a stream: it says how the stream broke.
    pub(crate) fn stream_code(&self) -> Cow<'static, str> {
        match self {
            Self::AnswerUnusable(error) => Cow::Borrowed(error.code()),
            Self::AnswerBroken(_) => Cow::Borrowed("upstream_stream_truncated"),
            _ => self.telling().code,
        }
    }

    /// The answer.
    fn answer(&self, dialect: Dialect, request_id: &str) -> Response<Bytes> {
        let telling = self.telling();
        let body = match dialect {
            Dialect::Openai => json!({"error": {
                "message": self.message(),
                "type": telling.openai_type,
                "param": self.param(),
                "code": self.openai_code(&telling),
            }}),
            Dialect::Anthropic => json!({
                "type": "error",
                "error": {"type": telling.anthropic_type, "message": self.message()},
                "request_id": request_id,
            }),
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = self.status(dialect);
        self.write_headers(response.headers_mut());
        response
    }

    /// A refusal that the upstream gave no code to gets none from the gateway.
    fn openai_code<'t>(&self, telling: &'t Telling) -> Option<&'t str> {
        let uncoded = matches!(self, Self::Refused(refusal) if refusal.error.class == ErrorClass::Caller && refusal.error.code.is_none());
        (!uncoded).then_some(&*telling.code)
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::MethodNotAllowed(allowed) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
            }
            Self::KeyMissing | Self::KeyRefused(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::NotReady => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Refused(refusal) => write_refusal_headers(refusal, headers),
            _ => {}
        }
    }

    /// The answer with its record, which ends the request when the body ends.
    pub(crate) fn into_response(self, dialect: Dialect, mut record: Box<Record>) -> Response<ProxyBody> {
        let answer = self.answer(dialect, record.request_id.to_str().unwrap_or_default());
        record.fail(answer.status().as_u16(), &self);
        record.relayed(answer.body().len());
        answer.map(|bytes| ProxyBody::whole(bytes, Some(record)))
    }

    fn telling(&self) -> Telling {
        let tell = |status, openai_type, code: &'static str, anthropic_type| Telling {
            status,
            openai_type,
            code: Cow::Borrowed(code),
            anthropic_type,
        };
        const REQUEST: &str = "invalid_request_error";
        const SERVER: &str = "server_error";
        match self {
            Self::NotFound => tell(404, REQUEST, "unknown_route", "not_found_error"),
            Self::MethodNotAllowed(_) => tell(405, REQUEST, "method_not_allowed", REQUEST),
            Self::KeyMissing | Self::KeyRefused(_) => {
                tell(401, REQUEST, "invalid_api_key", "authentication_error")
            }
            Self::NotReady => tell(503, SERVER, "not_ready", "api_error"),
            Self::UnknownModel => tell(404, REQUEST, "model_not_found", "not_found_error"),
            Self::ModelNotAllowed => tell(403, "permission_error", "model_not_allowed", "permission_error"),
            Self::UnknownProvider => tell(404, REQUEST, "provider_not_found", "not_found_error"),
            Self::ProviderKeyUnusable => tell(503, SERVER, "provider_key_unusable", "api_error"),
            Self::Invalid(invalid) => tell(400, REQUEST, invalid.code(), REQUEST),
            Self::BodyTooLarge(_) => tell(413, REQUEST, "request_too_large", "request_too_large"),
            Self::BodyBroken => tell(400, REQUEST, "body_incomplete", REQUEST),
            Self::BodyTimeout => tell(408, REQUEST, "body_timeout", REQUEST),
            Self::Refused(refusal) => tell_refusal(&refusal.error),
            Self::Unreachable(SendError::ConnectTimeout) | Self::Timeout(_) | Self::Silence(_) => {
                tell(504, SERVER, "upstream_timeout", "timeout_error")
            }
            Self::Unreachable(_) | Self::AnswerBroken(_) | Self::AnswerUnusable(_) => {
                tell(502, SERVER, "upstream_error", "api_error")
            }
        }
    }

    /// For the caller. Never names the upstream's address, never holds a credential.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NotFound => "there is no such route; see docs/proxy-api.md".to_owned(),
            Self::MethodNotAllowed(allowed) => format!("this route takes {allowed}"),
            Self::KeyMissing => {
                "send your caller key as \"Authorization: Bearer <key>\", \"x-api-key\" or \"api-key\""
                    .to_owned()
            }
            Self::KeyRefused(_) => {
                "the caller key is not valid; ask the operator of the gateway for one".to_owned()
            }
            Self::NotReady => "the gateway has not loaded its configuration yet".to_owned(),
            Self::UnknownModel => {
                "the model does not exist; GET /v1/models lists the ones you may use".to_owned()
            }
            Self::ModelNotAllowed => {
                "your key may not use this model; GET /v1/models lists the ones it may".to_owned()
            }
            Self::UnknownProvider => "no model of this provider exists that your key may use".to_owned(),
            Self::ProviderKeyUnusable => "the model's provider key is missing or not usable".to_owned(),
            Self::Invalid(invalid) => invalid.message().to_owned(),
            Self::BodyTooLarge(limit) => format!("the body has more than {limit} bytes"),
            Self::BodyBroken => "the body ended before it was complete".to_owned(),
            Self::BodyTimeout => "the body did not arrive in time".to_owned(),
            Self::Refused(refusal) => refusal_message(&refusal.error),
            Self::Unreachable(error) => error.to_string(),
            Self::AnswerBroken(error) => error.to_string(),
            Self::AnswerUnusable(AnswerError::Reported(error)) => reported_message(error),
            Self::AnswerUnusable(error) => error.to_string(),
            Self::Timeout(limit) => format!("the upstream did not answer within {} ms", limit.as_millis()),
            Self::Silence(limit) => {
                format!("the upstream sent nothing for {} ms inside its answer", limit.as_millis())
            }
        }
    }

    fn param(&self) -> Option<String> {
        match self {
            Self::Invalid(invalid) if !invalid.field().is_empty() => {
                Some(invalid.field().trim_start_matches('/').replace('/', "."))
            }
            Self::UnknownModel | Self::ModelNotAllowed => Some("model".to_owned()),
            Self::Refused(refusal) if is_callers(refusal.error.class) => refusal.error.param.clone(),
            _ => None,
        }
    }
}

/// A failure inside a stream has a good status, so its words are all there is to tell.
fn reported_message(error: &UpstreamError) -> String {
    error.message.clone().unwrap_or_else(|| "the upstream reported an error in its stream".to_owned())
}

/// Whether the caller can mend it; then the upstream's own words are passed on.
fn is_callers(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Caller | ErrorClass::ContextLength | ErrorClass::ContentPolicy)
}

fn tell_refusal(error: &UpstreamError) -> Telling {
    let own_code = |default: &'static str| error.code.clone().unwrap_or(Cow::Borrowed(default));
    let (status, openai_type, code, anthropic_type) = match error.class {
        ErrorClass::Caller => {
            let status = if matches!(error.status, 409 | 413 | 415 | 422) { error.status } else { 400 };
            (status, "invalid_request_error", own_code("upstream_refused"), "invalid_request_error")
        }
        ErrorClass::ContextLength => {
            (400, "invalid_request_error", "context_length_exceeded".into(), "invalid_request_error")
        }
        ErrorClass::ContentPolicy => {
            (400, "invalid_request_error", "content_filter".into(), "invalid_request_error")
        }
        ErrorClass::Credential => (502, "server_error", "upstream_auth_error".into(), "api_error"),
        ErrorClass::ModelMissing => (502, "server_error", "upstream_model_not_found".into(), "api_error"),
        ErrorClass::Quota => (429, "rate_limit_error", "insufficient_quota".into(), "rate_limit_error"),
        ErrorClass::RateLimit => (429, "rate_limit_error", "rate_limit_exceeded".into(), "rate_limit_error"),
        ErrorClass::Overload => (503, "server_error", "overloaded".into(), "overloaded_error"),
        ErrorClass::Timeout => (504, "server_error", "upstream_timeout".into(), "timeout_error"),
        ErrorClass::Server => (502, "server_error", "upstream_error".into(), "api_error"),
    };
    Telling { status, openai_type, code, anthropic_type }
}

fn refusal_message(error: &UpstreamError) -> String {
    match (error.class, &error.message) {
        (ErrorClass::Credential, _) => {
            "the upstream refused the gateway's credential; the operator must check the provider key"
                .to_owned()
        }
        (ErrorClass::ModelMissing, _) => "the upstream does not know the model behind this alias".to_owned(),
        (class, Some(message)) if is_callers(class) || class == ErrorClass::RateLimit => message.clone(),
        (ErrorClass::Quota, _) => "the upstream account has no quota left".to_owned(),
        (ErrorClass::Overload, _) => "the upstream is overloaded".to_owned(),
        _ => format!("the upstream answered with status {}", error.status),
    }
}

fn write_refusal_headers(refusal: &Refusal, headers: &mut HeaderMap) {
    match refusal.error.class {
        // Trying again with the same credential or name cannot help.
        ErrorClass::Credential | ErrorClass::ModelMissing | ErrorClass::Quota => {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        _ => {
            for name in RETRY_HEADERS {
                if let Some(value) = refusal.headers.get(&name) {
                    headers.insert(name, value.clone());
                }
            }
        }
    }
}

impl From<NoRoute> for Problem {
    fn from(none: NoRoute) -> Self {
        match none {
            NoRoute::NotFound => Self::NotFound,
            NoRoute::Method(allowed) => Self::MethodNotAllowed(allowed),
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        Self::Unreachable(error)
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        Self::AnswerUnusable(error)
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        Self::AnswerBroken(error)
    }
}

impl Problem {
    /// For the log: what the upstream or the system said, from this level down. Free of credentials, because
    /// errors of the levels below are.
    pub(crate) fn cause(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.error.message.clone(),
            Self::AnswerUnusable(AnswerError::Reported(error)) => error.message.clone(),
            Self::Unreachable(error) => Some(chain(error)),
            Self::AnswerBroken(error) => Some(chain(error)),
            _ => None,
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
