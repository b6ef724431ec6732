//! Request bodies: which media types, how large, how long they may take.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use crate::error::Problem;
use crate::{Admin, json};

/// How long a body may take to arrive.
const BODY_WAIT_MAX: Duration = Duration::from_secs(30);

/// A request body as JSON.
pub(crate) struct JsonBody(pub(crate) Value);

impl FromRequest<Arc<Admin>> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, admin: &Arc<Admin>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_media_type(&parts)?;
        let limit_bytes = admin.body_limit_bytes();
        if declared_length(&parts.headers).is_some_and(|length| length > limit_bytes as u64) {
            return Err(Problem::BodyTooLarge { limit_bytes });
        }
        let bytes = collected(body, limit_bytes).await?;
        json::parse(&bytes).map(Self)
    }
}

async fn collected(body: axum::body::Body, limit_bytes: usize) -> Result<Bytes, Problem> {
    let collecting = Limited::new(body, limit_bytes).collect();
    let late = |_| Problem::BodyTimeout { limit_seconds: BODY_WAIT_MAX.as_secs() };
    let collected = tokio::time::timeout(BODY_WAIT_MAX, collecting).await.map_err(late)?;
    collected.map(|body| body.to_bytes()).map_err(|e| match e.is::<LengthLimitError>() {
        true => Problem::BodyTooLarge { limit_bytes },
        false => Problem::BodyAborted,
    })
}

/// A body without a declared type is read as JSON; a declared one must be.
fn check_media_type(parts: &Parts) -> Result<(), Problem> {
    let expected: &[&str] = match parts.method {
        Method::PATCH => &["application/merge-patch+json", "application/json"],
        _ => &["application/json"],
    };
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::UnsupportedEncoding);
    }
    match parts.headers.get(header::CONTENT_TYPE) {
        Some(declared) if !expected.iter().any(|expected| is_media_type(declared, expected)) => {
            Err(Problem::UnsupportedMediaType { expected: expected[0] })
        }
        _ => Ok(()),
    }
}

/// Whether the value names the media type, whatever its parameters.
fn is_media_type(value: &HeaderValue, media_type: &str) -> bool {
    let essence = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(media_type.as_bytes())
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
