//! The head of an answer: what the upstream says that callers may hear, and what the gateway adds.

use std::time::Duration;

use aisix_adapters::AnswerReader;
use aisix_domain::Dialect;
use aisix_upstream::RecvBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body;

use crate::body::{ProxyBody, Upstream};
use crate::record::Record;
use crate::request_id::{ANTHROPIC_REQUEST_ID, OPENAI_REQUEST_ID, REQUEST_ID};

/// A good answer, before its head is finished.
pub(crate) enum Answer {
    /// There already.
    Whole(Response<Bytes>),
    /// Events, to be read by the reader; the time is the longest silence.
    Stream(Response<RecvBody>, Box<dyn AnswerReader>, Duration),
    /// Bytes as they come; the time is the longest silence.
    Raw(Response<RecvBody>, Duration),
}

const SERVER: HeaderValue = HeaderValue::from_static(concat!("AISIX/", env!("CARGO_PKG_VERSION")));

/// Headers of modelled answers that are passed on, besides those of [`PASSED_PREFIXES`].
const PASSED: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_DISPOSITION, header::RETRY_AFTER];
const PASSED_PREFIXES: [&str; 4] = ["x-ratelimit-", "openai-processing-", "openai-version", "retry-after-"];

impl Answer {
    /// The answer with its record, which ends the request when the body ends.
    pub(crate) fn into_response(self, record: Box<Record>) -> Response<ProxyBody> {
        match self {
            Self::Whole(response) => whole(response, record),
            Self::Stream(response, reader, silence_max) => {
                let (mut head, body) = response.into_parts();
                head.headers = passed(&head.headers);
                head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
                let upstream = Upstream::new(body, head.status.as_u16(), silence_max);
                Response::from_parts(head, ProxyBody::stream(upstream, reader, record))
            }
            Self::Raw(response, silence_max) => {
                let (head, body) = response.into_parts();
                let upstream = Upstream::new(body, head.status.as_u16(), silence_max);
                Response::from_parts(head, ProxyBody::raw(upstream, record))
            }
        }
    }

    /// JSON that the gateway made itself.
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        let mut response = Response::new(Bytes::from(value.to_string()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self::Whole(response)
    }
}

fn whole(response: Response<Bytes>, mut record: Box<Record>) -> Response<ProxyBody> {
    record.complete(response.status().as_u16());
    record.relayed(response.body().len());
    response.map(|bytes| ProxyBody::whole(bytes, Some(record)))
}

/// Of the upstream's headers, those that callers get on modelled routes.
pub(crate) fn passed(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in upstream {
        if PASSED.contains(name) || PASSED_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix)) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// What every answer carries.
pub(crate) fn sign(headers: &mut HeaderMap, dialect: Dialect, request_id: HeaderValue) {
    let sdk_name = match dialect {
        Dialect::Openai => OPENAI_REQUEST_ID,
        Dialect::Anthropic => ANTHROPIC_REQUEST_ID,
    };
    headers.insert(sdk_name, request_id.clone());
    headers.insert(REQUEST_ID, request_id);
    headers.insert(header::SERVER, SERVER);
}

/// The answer to a HEAD request: the head that GET would have had.
pub(crate) fn head_only(response: Response<ProxyBody>) -> Response<ProxyBody> {
    let (mut head, body) = response.into_parts();
    if let (Some(length), false) =
        (body.size_hint().exact(), head.headers.contains_key(header::CONTENT_LENGTH))
    {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, body.discard())
}

/// The plain answers of the health routes.
pub(crate) fn health(ok: bool) -> Response<ProxyBody> {
    let (status, text) =
        if ok { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    let mut response = Response::new(ProxyBody::whole(Bytes::from_static(text.as_bytes()), None));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
