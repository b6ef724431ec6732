//! What operators look at: `/metrics` and `/status/config`, on a listener of their own.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{Gateway, ProxyBody};

/// Serves the status routes of a gateway. Nothing here needs a key, so nothing here shows one.
#[derive(Clone, Debug)]
pub struct StatusService(Arc<Gateway>);

/// The most rejected rows listed; the count is always complete.
const REJECTIONS_SHOWN_MAX: usize = 100;

impl StatusService {
    /// The status of `gateway`.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self(gateway)
    }

    /// Answers a request; its body is not looked at.
    pub fn handle<B>(&self, request: &Request<B>) -> Response<ProxyBody> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let error = json!({"error_msg": "status routes take GET", "code": "method_not_allowed"});
            let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, JSON, error.to_string());
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/metrics" => answer(StatusCode::OK, OPENMETRICS, self.0.metrics.render()),
            "/status/config" => answer(StatusCode::OK, JSON, self.config().to_string()),
            "/livez" => crate::answer::health(!self.0.is_draining()),
            "/readyz" => crate::answer::health(self.0.is_ready()),
            _ => {
                let error = json!({"error_msg": "routes are /metrics, /status/config, /livez and /readyz", "code": "unknown_route"});
                answer(StatusCode::NOT_FOUND, JSON, error.to_string())
            }
        }
    }

    fn config(&self) -> Value {
        let health = self.0.health();
        let store = json!({"connected": health.connected, "last_error": health.last_error});
        let Some(routing) = self.0.routing() else {
            return json!({"ready": false, "observed_revision": health.observed_revision, "applied_revision": null, "store": store});
        };
        let snapshot = &routing.snapshot;
        let rejected: Vec<_> = routing
            .rejections()
            .map(|(row, rejection)| json!({"row": row, "reason": rejection.reason, "serves_last_good": rejection.serves_last_good}))
            .collect();
        json!({
            "ready": self.0.is_ready(),
            "observed_revision": health.observed_revision.max(snapshot.revision()),
            "applied_revision": snapshot.revision(),
            "snapshot_age_seconds": self.0.snapshot_age().map(|age| age.as_secs_f64()),
            "resources": {
                "provider_keys": snapshot.provider_keys().len(),
                "models": snapshot.models().len(),
                "api_keys": snapshot.caller_keys().len(),
            },
            "rejected_count": rejected.len(),
            "rejected": rejected.into_iter().take(REJECTIONS_SHOWN_MAX).collect::<Vec<_>>(),
            "store": store,
        })
    }
}

const JSON: &str = "application/json";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn answer(status: StatusCode, content_type: &'static str, text: String) -> Response<ProxyBody> {
    let mut response = Response::new(ProxyBody::whole(Bytes::from(text), None));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
