//! What every request carries and leaves behind: an id, one log line, one count.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, header};
use uuid::Uuid;

use crate::Admin;
use crate::answer::Subject;
use crate::error::{ErrorCode, Problem};

/// Names a request in answers and logs; a caller may choose it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-aisix-request-id");
/// The longest request id taken from a caller, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;
const UNMATCHED: &str = "unmatched";

/// Records the request, whatever becomes of it.
pub(crate) async fn record(State(admin): State<Arc<Admin>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = request_id(&request);
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let named = named_resource(&mut request).await;

    let mut response = next.run(request).await;

    let took = started.elapsed();
    admin.metrics().answered(method, route, response.status().as_u16(), took);
    log(method, route, &request_id, named, &response, took);
    response.headers_mut().insert(REQUEST_ID, request_id);
    response
}

/// Lets only operators into `/admin`; everything else needs no key. Runs before a body is read.
pub(crate) async fn authenticate(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_guarded = path == "/admin" || path.starts_with("/admin/");
    if is_guarded && !admin.keys().accept(request.headers()) {
        return no_store(Problem::Unauthorized.into_response());
    }
    let response = next.run(request).await;
    if is_guarded { no_store(response) } else { response }
}

/// Answers may hold a caller key that is shown once.
fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn request_id(request: &Request) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
            && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b))
    };
    let given = request.headers().get(REQUEST_ID).filter(sane).cloned();
    given.unwrap_or_else(|| {
        HeaderValue::try_from(Uuid::new_v4().to_string()).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// A name from a fixed set: a caller may invent methods.
fn method_name(method: &Method) -> &'static str {
    const NAMES: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    NAMES.into_iter().find(|name| *name == method.as_str()).unwrap_or("OTHER")
}

/// The resource that the path names, if it names one.
async fn named_resource(request: &mut Request) -> Option<Subject> {
    use axum::RequestExt;

    let parameters = request.extract_parts::<RawPathParams>().await.ok()?;
    parameters.iter().find_map(|(_, value)| value.parse().ok()).map(Subject)
}

fn log(
    method: &'static str,
    route: &str,
    request_id: &HeaderValue,
    named: Option<Subject>,
    response: &Response,
    took: Duration,
) {
    let subject = response.extensions().get::<Subject>().copied().or(named);
    let code = response.extensions().get::<ErrorCode>();
    tracing::info!(
        method,
        route,
        status = response.status().as_u16(),
        code = code.map(|ErrorCode(code)| *code),
        request_id = request_id.to_str().unwrap_or_default(),
        resource_id = subject.map(|Subject(id)| tracing::field::display(id)),
        took_ms = took.as_secs_f64() * 1000.0,
        "admin request",
    );
}
