//! `/metrics`, in the text format of OpenMetrics.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aisix_store::MirrorHandle;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::Admin;
use crate::error::Problem;
use crate::status::ConfigStatus;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const DURATION_BUCKETS_SECONDS: [f64; 8] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// The metrics of an admin service.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

/// The state of the configuration, read when it is scraped.
struct ConfigGauges(MirrorHandle);

/// `GET /metrics`.
pub(crate) async fn metrics(State(admin): State<Arc<Admin>>) -> Result<Response, Problem> {
    let mut text = String::new();
    text::encode(&mut text, &admin.metrics().registry).map_err(|_| Problem::Internal)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new(mirror: MirrorHandle) -> Self {
        let requests = Family::default();
        let durations = Family::<RouteLabels, Histogram>::new_with_constructor(|| {
            Histogram::new(DURATION_BUCKETS_SECONDS)
        });
        let mut registry = Registry::with_prefix("aisix");
        registry.register("admin_requests", "Answered admin requests", requests.clone());
        registry.register(
            "admin_request_duration_seconds",
            "Time to answer an admin request",
            durations.clone(),
        );
        registry.register_collector(Box::new(ConfigGauges(mirror)));
        Self { registry, requests, durations }
    }

    /// Counts an answered request. `route` is a route's template, not the caller's path.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.requests.get_or_create(&RequestLabels { method, route: route.clone(), status }).inc();
        self.durations.get_or_create(&RouteLabels { method, route }).observe(took.as_secs_f64());
    }
}

// === impl ConfigGauges ===

impl fmt::Debug for ConfigGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfigGauges")
    }
}

impl Collector for ConfigGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = ConfigStatus::of(&self.0, false);
        let gauges = [
            (
                "config_observed_revision",
                "Newest revision of the store that was seen",
                status.observed_revision as f64,
            ),
            (
                "config_applied_revision",
                "Revision in use",
                status.applied_revision.unwrap_or_default() as f64,
            ),
            (
                "config_rejected_rows",
                "Stored rows that cannot be read",
                status.rejected.rejected_count as f64,
            ),
            ("store_connected", "Whether the store answers", f64::from(u8::from(status.store.connected))),
        ];
        for (name, help, value) in gauges {
            gauge(&mut encoder, name, help, value)?;
        }
        if let Some(age) = status.snapshot_age_seconds {
            gauge(
                &mut encoder,
                "config_snapshot_age_seconds",
                "Time since the configuration was known to be the newest",
                age,
            )?;
        }
        counts(&mut encoder, &status)
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, TYPE)?)
}

fn counts(encoder: &mut DescriptorEncoder<'_>, status: &ConfigStatus) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor("config_resources", "Resources in use", None, TYPE)?;
    for (collection, count) in status.resources.by_collection() {
        ConstGauge::new(count as f64).encode(encoder.encode_family(&[("collection", collection)])?)?;
    }
    Ok(())
}

const TYPE: prometheus_client::metrics::MetricType = prometheus_client::metrics::MetricType::Gauge;
