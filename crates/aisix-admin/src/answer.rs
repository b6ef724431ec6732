//! The shapes of answers, and what every one of them carries.

use std::marker::PhantomData;

use aisix_domain::{Entry, Resource, ResourceId};
use axum::Json;
use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::error::Problem;
use crate::precondition::etag;
use crate::write::Done;

/// The store-wide revision that an answer shows or has made.
pub(crate) const CONFIG_REVISION: HeaderName = HeaderName::from_static("x-aisix-config-revision");

/// A stored resource as it is shown.
#[derive(Serialize)]
pub(crate) struct EntryView<V> {
    id: String,
    value: V,
    revision: u64,
}

/// The answer to a deletion.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Deleted {
    /// Always true.
    pub(crate) deleted: bool,
    #[schema(format = Uuid)]
    pub(crate) id: String,
}

/// Which resource a request was about, for its log line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject(pub(crate) ResourceId);

/// The id in a path. Text that is no id cannot be the id of anything: 404.
pub(crate) struct PathId<T>(pub(crate) ResourceId, pub(crate) PhantomData<fn() -> T>);

impl<V> EntryView<V> {
    pub(crate) fn of<'a, T>(entry: &'a Entry<T>) -> Self
    where
        V: From<&'a T>,
    {
        Self { id: entry.id.to_string(), value: V::from(&entry.value), revision: entry.revision }
    }
}

impl<T: Resource, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(text)| text.parse().ok());
        id.map(|id| Self(id, PhantomData)).ok_or(Problem::NotFound(T::KIND))
    }
}

/// An answer that shows the configuration as of a revision.
pub(crate) fn answer(status: StatusCode, config_revision: u64, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(CONFIG_REVISION, config_revision.into());
    response
}

/// An answer that is about one entry.
pub(crate) fn entry_answer<T>(
    status: StatusCode,
    entry: &Entry<T>,
    config_revision: u64,
    body: &impl Serialize,
) -> Response {
    let mut response = answer(status, config_revision, body);
    response.headers_mut().insert(header::ETAG, etag(entry.revision));
    response.extensions_mut().insert(Subject(entry.id));
    response
}

/// The answer to a creation: where the entry is from now on.
pub(crate) fn created<T: Resource>(done: &Done<Entry<T>>, body: &impl Serialize) -> Response {
    let mut response = entry_answer(StatusCode::CREATED, &done.outcome, done.config_revision, body);
    let location = format!("/admin/v1/{}/{}", T::KIND.collection(), done.outcome.id);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
