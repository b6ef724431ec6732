//! Every route of the admin API.

use std::sync::Arc;

use aisix_domain::{CallerKey, Model, ProviderKey};
use axum::handler::Handler;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use bytes::Bytes;
use http::header;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder};

use crate::answer::Deleted;
use crate::error::Problem;
use crate::health::{self, Health};
use crate::listing::LIMIT_MAX;
use crate::openapi::{Api, On, Op, array_of, component, entry_of, number_up_to, text, uuid};
use crate::preview::{self, PreviewBody, PreviewView};
use crate::resource::ResourceApi;
use crate::resources::{create_caller_key, rotate_caller_key};
use crate::status::{self, ConfigStatus};
use crate::{Admin, crud, metrics, observe};

const OPENAPI: &str = "/admin/openapi.json";
const JSON: &[&str] = &["application/json"];
const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];
const REVISION: (&str, &str) = ("X-Aisix-Config-Revision", "The store-wide revision");
const ETAG: (&str, &str) = ("ETag", "The entry's revision in quotes");
const LOCATION: (&str, &str) = ("Location", "Where the entry is");
const WARNING: (&str, &str) =
    ("X-Aisix-Warning", "Codes of what was understood although not written quite right");
const LINK: (&str, &str) = ("Link", "Where the list goes on: `<…>; rel=\"next\"`");

const DESCRIPTION: &str = "Provider keys, models and caller keys of an AISIX gateway. Every error is a JSON \
object with `error_msg`, `code` and, where one field is at fault, `field`.";

/// The admin API as one service, to be served on the admin listener.
pub fn router(admin: Arc<Admin>) -> Router {
    let (router, document) = api().into_parts();
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let serve_document = move || {
        std::future::ready(([(header::CONTENT_TYPE, "application/json")], document.clone()).into_response())
    };
    router
        .route(OPENAPI, get(serve_document))
        .fallback(async || Problem::NoSuchRoute)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&admin), observe::authenticate))
        .layer(middleware::from_fn_with_state(Arc::clone(&admin), observe::record))
        .with_state(admin)
}

/// The OpenAPI 3.1 document of the admin API, as indented JSON with a line end.
pub fn openapi() -> String {
    let (_, document) = api().into_parts();
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn api() -> Api {
    let api = Api::new(DESCRIPTION)
        .schema::<Deleted>()
        .route(On::Post, "/admin/v1/provider_keys/preview", preview::preview, preview_op())
        .schema::<PreviewBody>()
        .schema::<PreviewView>()
        .route(On::Get, "/admin/v1/health", health::health, health_op())
        .schema::<Health>()
        .described(On::Get, OPENAPI, openapi_op())
        .route(
            On::Get,
            "/livez",
            health::livez,
            Op::public("operation", "livez", "Whether the process runs").ok(),
        )
        .route(
            On::Get,
            "/readyz",
            health::readyz,
            Op::public("operation", "readyz", "Whether it can answer").ok(),
        )
        .route(On::Get, "/metrics", metrics::metrics, metrics_op())
        .route(On::Get, "/status/config", status::config_status, status_op())
        .schema::<ConfigStatus>();
    let api = writable::<ProviderKey>(api, "provider_keys");
    let api = writable::<Model>(api, "models");
    let api = caller_keys(schemas::<CallerKey>(api), "api_keys");
    // The spelling that some clients expect.
    caller_keys(api, "apikeys")
}

/// A kind of resource with nothing special about its creation.
fn writable<T: ResourceApi>(api: Api, collection: &str) -> Api {
    let api = schemas::<T>(api);
    let created = entry::<T>();
    entries::<T, _>(api, collection, crud::create::<T>, &created)
}

/// Caller keys: the service may generate the key, and it can be rotated.
fn caller_keys(api: Api, collection: &str) -> Api {
    let issued = entry_of(&shown::<CallerKey>()).property("plaintext", text());
    let rotated = ObjectBuilder::new()
        .property("entry", component(&entry::<CallerKey>()))
        .required("entry")
        .property("plaintext", text())
        .required("plaintext");
    let api = api.named_schema("IssuedCallerKeyEntry", issued).named_schema("RotatedCallerKeyEntry", rotated);
    let op = Op::new(
        collection,
        format!("rotate_{collection}"),
        "Replace the key; the new one is shown this once",
    )
    .with_id()
    .conditional()
    .answer(200, "The entry and the new key", component("RotatedCallerKeyEntry"), &[ETAG, REVISION])
    .error(503, "The store cannot be written now");
    let api = api.route(On::Post, &format!("/admin/v1/{collection}/{{id}}/rotate"), rotate_caller_key, op);
    entries::<CallerKey, _>(api, collection, create_caller_key, "IssuedCallerKeyEntry")
}

/// The routes that every kind of resource has. `created` is the schema that a creation answers.
fn entries<T: ResourceApi, A: 'static>(
    api: Api,
    collection: &str,
    create: impl Handler<A, Arc<Admin>>,
    created: &str,
) -> Api {
    let all = format!("/admin/v1/{collection}");
    let one = format!("{all}/{{id}}");
    api.route(On::Get, &all, crud::list::<T>, list_op::<T>(collection))
        .route(On::Post, &all, create, create_op::<T>(collection, created))
        .route(On::Get, &one, crud::get::<T>, get_op::<T>(collection))
        .route(On::Put, &one, crud::replace::<T>, replace_op::<T>(collection))
        .route(On::Patch, &one, crud::patch::<T>, patch_op::<T>(collection))
        .route(On::Delete, &one, crud::delete::<T>, delete_op::<T>(collection))
}

// === names of schemas ===

fn schemas<T: ResourceApi>(api: Api) -> Api {
    api.schema::<T::Body>().schema::<T::View<'static>>().named_schema(entry::<T>(), entry_of(&shown::<T>()))
}

fn shown<T: ResourceApi>() -> String {
    <T::View<'static> as ToSchema>::name().into_owned()
}

fn entry<T: ResourceApi>() -> String {
    format!("{}Entry", shown::<T>())
}

// === descriptions ===

fn list_op<T: ResourceApi>(collection: &str) -> Op {
    let op =
        Op::new(collection, format!("list_{collection}"), format!("List every {}, ordered by id", T::KIND))
            .query("limit", "At most so many; a Link header leads on", number_up_to(LIMIT_MAX))
            .query("after", "Only those behind this id", uuid());
    let op = T::FILTERS.iter().fold(op, |op, filter| op.query(filter.name, filter.description, text()));
    op.answer(200, "The entries", array_of(&entry::<T>()), &[LINK, REVISION])
        .error(400, "A parameter is unknown or wrong")
        .error(503, "The store was not read yet")
}

fn create_op<T: ResourceApi>(collection: &str, created: &str) -> Op {
    Op::new(collection, format!("create_{collection}"), format!("Create a {}", T::KIND))
        .body(component(&T::Body::name()), JSON)
        .answer(201, "The new entry", component(created), &[LOCATION, ETAG, REVISION, WARNING])
        .error(409, "The name or the key is in use; `id` says by which")
        .error(503, "The store cannot be written now")
}

fn get_op<T: ResourceApi>(collection: &str) -> Op {
    Op::new(collection, format!("get_{collection}"), format!("Show a {}", T::KIND))
        .with_id()
        .answer(200, "The entry", component(&entry::<T>()), &[ETAG, REVISION])
        .error(503, "The store was not read yet")
}

fn replace_op<T: ResourceApi>(collection: &str) -> Op {
    let op = Op::new(collection, format!("replace_{collection}"), format!("Replace a {}", T::KIND));
    changed::<T>(op.body(component(&T::Body::name()), JSON))
}

fn patch_op<T: ResourceApi>(collection: &str) -> Op {
    let summary = format!("Change a {} by a JSON merge patch (RFC 7396)", T::KIND);
    let op = Op::new(collection, format!("patch_{collection}"), summary);
    changed::<T>(op.body(Object::new(), MERGE_PATCH))
}

fn changed<T: ResourceApi>(op: Op) -> Op {
    op.with_id()
        .conditional()
        .answer(200, "The entry", component(&entry::<T>()), &[ETAG, REVISION, WARNING])
        .error(409, "The name or the key is in use; `id` says by which")
        .error(503, "The store cannot be written now")
}

fn delete_op<T: ResourceApi>(collection: &str) -> Op {
    Op::new(collection, format!("delete_{collection}"), format!("Delete a {}", T::KIND))
        .with_id()
        .conditional()
        .answer(200, "It is deleted", component(&Deleted::name()), &[REVISION])
        .error(409, "Others use it; `models` lists them")
        .error(503, "The store cannot be written now")
}

fn preview_op() -> Op {
    Op::new("provider_keys", "preview_provider_key", "What a provider key would call; opens no connection")
        .body(component(&PreviewBody::name()), JSON)
        .answer(200, "What would be called", component(&PreviewView::name()), &[])
}

fn health_op() -> Op {
    Op::new("operation", "health", "How the configuration is doing").answer(
        200,
        "Its state, also when it is not well",
        component(&Health::name()),
        &[],
    )
}

fn openapi_op() -> Op {
    Op::new("operation", "openapi", "This document").answer(200, "OpenAPI 3.1", Object::new(), &[])
}

fn metrics_op() -> Op {
    Op::public("operation", "metrics", "Metrics for Prometheus")
        .text_answer("OpenMetrics text", "application/openmetrics-text")
}

fn status_op() -> Op {
    Op::public("operation", "status_config", "What this process has seen and uses of the configuration")
        .answer(200, "The state", component(&ConfigStatus::name()), &[])
}
