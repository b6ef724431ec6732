//! Everything that can go wrong with an admin request, and the one place that turns it into an answer.

use aisix_domain::{Invalid, ResourceId, ResourceKind};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// Seconds after which a refused write or a not yet ready service is worth another try.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Why a request is refused. The text is for the operator; it never holds a value that the request carried,
/// since that may be a secret in the wrong place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "the admin key is missing or wrong: send it as 'Authorization: Bearer <admin key>' or 'X-Api-Key'"
    )]
    Unauthorized,
    #[error("there is no such route; GET /admin/openapi.json lists them all")]
    NoSuchRoute,
    #[error("the route does not have this method; the header 'Allow' lists those it has")]
    MethodNotAllowed,
    #[error("there is no {0} with this id")]
    NotFound(ResourceKind),
    #[error(
        "the stored row of this {0} cannot be read; GET /status/config says why. Repair the row or delete it"
    )]
    Unreadable(ResourceKind),
    #[error("send JSON and say so: 'Content-Type: {expected}'")]
    UnsupportedMediaType { expected: &'static str },
    #[error("the body is compressed; send it as it is")]
    UnsupportedEncoding,
    #[error("the body has more than {limit_bytes} bytes")]
    BodyTooLarge { limit_bytes: usize },
    #[error("the body did not arrive within {limit_seconds} seconds")]
    BodyTimeout { limit_seconds: u64 },
    #[error("the body ended early")]
    BodyAborted,
    #[error("the body is no JSON: {detail}")]
    MalformedJson { detail: String },
    #[error("the body is nested more than {limit} levels deep")]
    NestedTooDeep { limit: usize },
    #[error("the field is there twice")]
    DuplicateField { field: String },
    #[error("there is no such field; known are {}", .known.join(", "))]
    UnknownField { field: String, known: &'static [&'static str] },
    #[error("the field is required")]
    FieldRequired { field: String },
    #[error("{} must be {expected}", if .field.is_empty() { "the body" } else { .field })]
    WrongType { field: String, expected: String },
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("there is no such parameter; known are {}", .known.join(", "))]
    UnknownParameter { parameter: String, known: Vec<&'static str> },
    #[error("{expected}")]
    InvalidParameter { parameter: &'static str, expected: &'static str },
    #[error("the id in the body is not the id in the path")]
    IdMismatch,
    #[error("the resource was changed meanwhile: it is at revision {current}")]
    RevisionMismatch { current: u64 },
    #[error("another {kind} has this display_name")]
    NameInUse { kind: ResourceKind, id: ResourceId },
    #[error("another caller key has this key")]
    KeyInUse { id: ResourceId },
    #[error("models use this provider key; delete them or point them at another one first")]
    InUse { models: Vec<Dependent> },
    #[error("the store has not answered yet, or does not now; nothing was changed")]
    StoreUnavailable,
    #[error("the resource is larger than the store accepts")]
    TooLargeForStore,
    #[error("other writers were faster each time; nothing was changed, try again")]
    WriteContended,
    #[error("the store did not confirm the write in time; read the resource to see whether it happened")]
    OutcomeUnknown,
    #[error("the service is shutting down")]
    Draining,
    #[error("the service failed; its log says why under this request's id")]
    Internal,
}

/// The code of the answered error, for the request's log line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorCode(pub(crate) &'static str);

/// A model that uses a provider key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Dependent {
    pub(crate) id: String,
    pub(crate) alias: String,
}

// === impl Problem ===

impl Problem {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.kind().1
    }

    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NoSuchRoute => (StatusCode::NOT_FOUND, "route_not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Unreadable(_) => (StatusCode::NOT_FOUND, "unreadable_row"),
            Self::UnsupportedMediaType { .. } => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::UnsupportedEncoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_encoding"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::BodyTimeout { .. } => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::BodyAborted => (StatusCode::BAD_REQUEST, "body_aborted"),
            Self::MalformedJson { .. } => (StatusCode::BAD_REQUEST, "malformed_json"),
            Self::NestedTooDeep { .. } => (StatusCode::BAD_REQUEST, "nested_too_deep"),
            Self::DuplicateField { .. } => (StatusCode::BAD_REQUEST, "duplicate_field"),
            Self::UnknownField { .. } => (StatusCode::BAD_REQUEST, "unknown_field"),
            Self::FieldRequired { .. } => (StatusCode::BAD_REQUEST, "field_required"),
            Self::WrongType { .. } => (StatusCode::BAD_REQUEST, "wrong_type"),
            Self::Invalid(invalid) => (StatusCode::BAD_REQUEST, invalid.code()),
            Self::UnknownParameter { .. } => (StatusCode::BAD_REQUEST, "unknown_parameter"),
            Self::InvalidParameter { .. } => (StatusCode::BAD_REQUEST, "invalid_parameter"),
            Self::IdMismatch => (StatusCode::BAD_REQUEST, "id_mismatch"),
            Self::RevisionMismatch { .. } => (StatusCode::PRECONDITION_FAILED, "revision_mismatch"),
            Self::NameInUse { .. } => (StatusCode::CONFLICT, "name_in_use"),
            Self::KeyInUse { .. } => (StatusCode::CONFLICT, "key_in_use"),
            Self::InUse { .. } => (StatusCode::CONFLICT, "in_use"),
            Self::TooLargeForStore => (StatusCode::PAYLOAD_TOO_LARGE, "too_large_for_store"),
            Self::StoreUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            Self::WriteContended => (StatusCode::SERVICE_UNAVAILABLE, "write_contended"),
            Self::OutcomeUnknown => (StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// JSON pointer to the field at fault; `None` when it is not one field's fault.
    pub(crate) fn field(&self) -> Option<&str> {
        let field = match self {
            Self::DuplicateField { field }
            | Self::UnknownField { field, .. }
            | Self::FieldRequired { field }
            | Self::WrongType { field, .. } => field,
            Self::Invalid(invalid) => invalid.field(),
            Self::IdMismatch => "/id",
            Self::NameInUse { .. } => "/display_name",
            Self::KeyInUse { .. } => "/key_hash",
            _ => return None,
        };
        Some(field).filter(|field| !field.is_empty())
    }

    /// What a program may want to act on, beside the code.
    fn details(&self) -> Value {
        match self {
            Self::UnknownParameter { parameter, .. } => json!({ "parameter": parameter }),
            Self::InvalidParameter { parameter, .. } => json!({ "parameter": parameter }),
            Self::RevisionMismatch { current } => json!({ "current_revision": current }),
            Self::NameInUse { id, .. } | Self::KeyInUse { id } => json!({ "id": id.to_string() }),
            Self::InUse { models } => json!({ "models": models }),
            _ => Value::Null,
        }
    }

    fn header(&self) -> Option<(http::HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::RevisionMismatch { current } => Some((header::ETAG, crate::precondition::etag(*current))),
            Self::BodyTooLarge { .. } | Self::BodyTimeout { .. } => {
                Some((header::CONNECTION, HeaderValue::from_static("close")))
            }
            _ if self.kind().0 == StatusCode::SERVICE_UNAVAILABLE => {
                Some((header::RETRY_AFTER, RETRY_AFTER_SECONDS.into()))
            }
            _ => None,
        }
    }

    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("error_msg".to_owned(), self.to_string().into());
        body.insert("code".to_owned(), self.code().into());
        if let Some(field) = self.field() {
            body.insert("field".to_owned(), field.into());
        }
        if let Value::Object(details) = self.details() {
            body.extend(details);
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind().0, Json(self.body())).into_response();
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(ErrorCode(self.code()));
        response
    }
}
