//! List, get, create, replace, patch and delete: one implementation for all kinds of resources.

use std::sync::Arc;

use aisix_domain::{Entry, ResourceId, ResourceRef, Snapshot};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Deleted, EntryView, PathId, Subject, answer, created, entry_answer};
use crate::body::JsonBody;
use crate::error::Problem;
use crate::listing::Listing;
use crate::precondition::check_if_match;
use crate::resource::{Change, ResourceApi};
use crate::write::{Done, Plan};
use crate::{Admin, json};

/// Codes of what was understood although it was not written quite right.
pub(crate) const WARNING: HeaderName = HeaderName::from_static("x-aisix-warning");

/// `GET` of a collection.
pub(crate) async fn list<T: ResourceApi>(
    State(admin): State<Arc<Admin>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let listing = Listing::<T>::parse(&uri, T::FILTERS)?;
    let snapshot = admin.snapshot()?;
    let page = listing.page(T::collection(&snapshot).after(listing.after()), &snapshot);
    let views: Vec<_> = page.entries.iter().map(|entry| EntryView::<T::View<'_>>::of(entry)).collect();
    let mut response = answer(StatusCode::OK, snapshot.revision(), &views);
    let last = page.entries.last().filter(|_| !page.is_last);
    if let Some(link) = last.and_then(|last| listing.link_to_next(uri.path(), last.id)) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// `GET` of an entry.
pub(crate) async fn get<T: ResourceApi>(
    State(admin): State<Arc<Admin>>,
    PathId(id, ..): PathId<T>,
) -> Result<Response, Problem> {
    let snapshot = admin.snapshot()?;
    let row = StoredRow::<T>::find(&admin, &snapshot, id)?;
    let entry = row.last_good.ok_or(Problem::Unreadable(T::KIND))?;
    Ok(show::<T>(entry, snapshot.revision()))
}

/// `POST` to a collection.
pub(crate) async fn create<T: ResourceApi>(
    State(admin): State<Arc<Admin>>,
    JsonBody(value): JsonBody,
) -> Result<Response, Problem> {
    let body: T::Body = json::typed(value)?;
    let done = insert::<T>(&admin, &body).await?;
    let response = created(&done, &EntryView::<T::View<'_>>::of(&done.outcome));
    Ok(warned(&admin, &done.outcome.value, response))
}

/// `PUT` of an entry.
pub(crate) async fn replace<T: ResourceApi>(
    State(admin): State<Arc<Admin>>,
    PathId(id, ..): PathId<T>,
    headers: HeaderMap,
    JsonBody(value): JsonBody,
) -> Result<Response, Problem> {
    let body: T::Body = json::typed(bare(value, id)?)?;
    let policy = admin.url_policy();
    let replaced = |old: Option<&T>| T::build(&body, old.map_or(Change::Create, Change::Replace), policy);
    let done = update(&admin, id, &headers, replaced).await?;
    Ok(warned(&admin, &done.outcome.value, show::<T>(&done.outcome, done.config_revision)))
}

/// `PATCH` of an entry.
pub(crate) async fn patch<T: ResourceApi>(
    State(admin): State<Arc<Admin>>,
    PathId(id, ..): PathId<T>,
    headers: HeaderMap,
    JsonBody(value): JsonBody,
) -> Result<Response, Problem> {
    let patch = bare(value, id)?;
    let patched = |old: Option<&T>| {
        let old = old.ok_or(Problem::Unreadable(T::KIND))?;
        let shown = serde_json::to_value(T::View::from(old)).map_err(|_| Problem::Internal)?;
        let body: T::Body = json::typed(json::merge_patch(shown, patch.clone()))?;
        T::build(&body, Change::Patch(old), admin.url_policy())
    };
    let done = update(&admin, id, &headers, patched).await?;
    Ok(warned(&admin, &done.outcome.value, show::<T>(&done.outcome, done.config_revision)))
}

/// `DELETE` of an entry, also of one whose row cannot be read.
pub(crate) async fn delete<T: ResourceApi>(
    State(admin): State<Arc<Admin>>,
    PathId(id, ..): PathId<T>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let deletion = admin.writer().write(|snapshot, txn| {
        let row = StoredRow::<T>::find(&admin, snapshot, id)?;
        row.check_if_match(&headers)?;
        T::check_unused(id, snapshot)?;
        Ok(Plan::commit(txn.delete(ResourceRef { kind: T::KIND, id }), ()))
    });
    let done = deletion.await?;
    let mut response =
        answer(StatusCode::OK, done.config_revision, &Deleted { deleted: true, id: id.to_string() });
    response.extensions_mut().insert(Subject(id));
    Ok(response)
}

/// Stores a new resource.
pub(crate) async fn insert<T: ResourceApi>(admin: &Admin, body: &T::Body) -> Result<Done<Entry<T>>, Problem> {
    let id = ResourceId::random();
    let value = T::build(body, Change::Create, admin.url_policy())?;
    let insertion = admin.writer().write(|snapshot, txn| {
        check_rules(id, &value, snapshot)?;
        Ok(Plan::commit(txn.put(id, 0, &value), ()))
    });
    let Done { config_revision, .. } = insertion.await?;
    Ok(Done { outcome: Entry { id, revision: 1, value }, config_revision })
}

/// Stores what `make` makes of the stored value, or of nothing where the row cannot be read. A value that is
/// stored already is not written again.
pub(crate) async fn update<T: ResourceApi>(
    admin: &Admin,
    id: ResourceId,
    headers: &HeaderMap,
    make: impl Fn(Option<&T>) -> Result<T, Problem>,
) -> Result<Done<Entry<T>>, Problem> {
    let unreadable = unreadable_revision::<T>(admin, id).await?;
    let update = admin.writer().write(|snapshot, txn| {
        let row = StoredRow::<T>::find(admin, snapshot, id)?;
        row.check_if_match(headers)?;
        let value = make(row.last_good.map(|entry| &entry.value))?;
        if let Some(entry) =
            row.last_good.filter(|entry| row.is_readable && entry.value.encode() == value.encode())
        {
            return Ok(Plan::keep(Entry::clone(entry)));
        }
        check_rules(id, &value, snapshot)?;
        let revision = row.last_good.map(|entry| entry.revision).or(unreadable).unwrap_or_default();
        let txn = txn.put(id, revision, &value);
        Ok(Plan::commit(txn, Entry { id, revision: revision + 1, value }))
    });
    update.await
}

/// The revision of a row that cannot be read and has no last good value: the snapshot does not know it.
async fn unreadable_revision<T: ResourceApi>(admin: &Admin, id: ResourceId) -> Result<Option<u64>, Problem> {
    match StoredRow::<T>::find(admin, &*admin.snapshot()?, id) {
        Ok(StoredRow { last_good: None, .. }) => {
            admin.stored_version(ResourceRef { kind: T::KIND, id }).await
        }
        _ => Ok(None),
    }
}

fn check_rules<T: ResourceApi>(id: ResourceId, value: &T, snapshot: &Snapshot) -> Result<(), Problem> {
    let name = value.unique_name();
    let named = name.and_then(|name| T::collection(snapshot).named(&name));
    if let Some(other) = named.filter(|other| other.id != id) {
        return Err(Problem::NameInUse { kind: T::KIND, id: other.id });
    }
    value.check_references(id, snapshot)
}

fn show<T: ResourceApi>(entry: &Entry<T>, config_revision: u64) -> Response {
    entry_answer(StatusCode::OK, entry, config_revision, &EntryView::<T::View<'_>>::of(entry))
}

fn warned<T: ResourceApi>(admin: &Admin, value: &T, mut response: Response) -> Response {
    for code in value.warnings(admin.url_policy()) {
        response.headers_mut().append(WARNING, HeaderValue::from_static(code));
    }
    response
}

/// What a body of PUT and PATCH may look like beside the bare resource: the entry that GET answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryBody {
    id: Option<String>,
    value: Value,
    /// Not a condition: that is what `If-Match` is for.
    #[serde(rename = "revision")]
    _revision: Option<u64>,
}

/// The resource in a body. No kind of resource has a field `value`, which tells an entry from a resource.
fn bare(body: Value, id: ResourceId) -> Result<Value, Problem> {
    if body.get("value").is_none() {
        return Ok(body);
    }
    let entry: EntryBody = json::typed(body)?;
    match entry.id {
        Some(other) if other != id.to_string() => Err(Problem::IdMismatch),
        _ => Ok(entry.value),
    }
}

/// What the snapshot knows of a stored row.
struct StoredRow<'s, T> {
    last_good: Option<&'s Arc<Entry<T>>>,
    is_readable: bool,
}

impl<'s, T: ResourceApi> StoredRow<'s, T> {
    fn find(admin: &Admin, snapshot: &'s Snapshot, id: ResourceId) -> Result<Self, Problem> {
        let key = admin.layout().resource_key(ResourceRef { kind: T::KIND, id });
        let last_good = T::collection(snapshot).get(id);
        let is_readable = snapshot.rejection(&key).is_none();
        if last_good.is_none() && is_readable {
            return Err(Problem::NotFound(T::KIND));
        }
        Ok(Self { last_good, is_readable })
    }

    fn check_if_match(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.last_good.map_or(Ok(()), |entry| check_if_match(headers, entry.revision))
    }
}
