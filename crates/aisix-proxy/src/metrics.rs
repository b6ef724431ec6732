//! Counters and histograms, named after the OpenTelemetry conventions for generative AI where these have a
//! name, `aisix_*` otherwise. Labels come from the configuration, never from a request.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use aisix_domain::{Entry, Model, ProviderKey, ResourceKind, StoreHealth, Touched};
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::record::Record;
use crate::routing::{Routing, Target};

/// Upper bounds of durations, in seconds: from a cache hit to a long reasoning run.
const DURATION_BOUNDS: [f64; 14] =
    [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0];
/// Upper bounds of token counts, as the conventions advise.
const TOKEN_BOUNDS: [f64; 11] =
    [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0];

/// Everything that `/metrics` shows.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Labels, Counter>,
    duration: Family<Labels, Histogram, Bounds>,
    first_token: Family<Labels, Histogram, Bounds>,
    tokens: Family<Labels, Histogram, Bounds>,
    refused: Family<RefusedLabels, Counter>,
    in_flight: Gauge,
    resources: Family<KindLabels, Gauge>,
    rejected_rows: Gauge,
    applied_revision: Gauge<u64, AtomicU64>,
    observed_revision: Gauge<u64, AtomicU64>,
    store_connected: Gauge,
}

/// Labels of everything about calls; `extra` is the label that differs between the metrics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Labels {
    of: Arc<CallLabels>,
    extra: Option<(&'static str, &'static str)>,
}

#[derive(Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    alias: String,
    provider: String,
    provider_key: String,
    adapter: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    status_class: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    collection: &'static str,
}

/// The handles of one model and provider key, looked up once.
#[derive(Debug)]
struct Series {
    model: Arc<Entry<Model>>,
    key: Arc<Entry<ProviderKey>>,
    labels: Arc<CallLabels>,
    by_class: [(Counter, Histogram); STATUS_CLASSES.len()],
    first_token: Histogram,
    input_tokens: Histogram,
    output_tokens: Histogram,
}

/// Holds a model's series once there was a call. They are looked up again when it or its provider key changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeriesCell(Arc<ArcSwapOption<Series>>);

const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Clone, Debug)]
struct Bounds(&'static [f64]);

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            duration: Family::new_with_constructor(Bounds(&DURATION_BOUNDS)),
            first_token: Family::new_with_constructor(Bounds(&DURATION_BOUNDS)),
            tokens: Family::new_with_constructor(Bounds(&TOKEN_BOUNDS)),
            refused: Family::default(),
            in_flight: Gauge::default(),
            resources: Family::default(),
            rejected_rows: Gauge::default(),
            applied_revision: Gauge::default(),
            observed_revision: Gauge::default(),
            store_connected: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock();
        registry.register("aisix_requests", "Answered calls", self.requests.clone());
        registry.register("gen_ai_server_request_duration", "Seconds per call", self.duration.clone());
        let first_token = self.first_token.clone();
        registry.register(
            "gen_ai_server_time_to_first_token",
            "Seconds to the first byte of an answer",
            first_token,
        );
        registry.register(
            "gen_ai_client_token_usage",
            "Tokens per call, as the upstream counted",
            self.tokens.clone(),
        );
        let refused = "Requests that reached no model, by the code of the answer";
        registry.register("aisix_requests_refused", refused, self.refused.clone());
        registry.register("aisix_requests_in_flight", "Requests not yet finished", self.in_flight.clone());
        registry.register("aisix_config_resources", "Resources in the snapshot", self.resources.clone());
        registry.register(
            "aisix_config_rejected_rows",
            "Stored rows that cannot be used",
            self.rejected_rows.clone(),
        );
        let applied = self.applied_revision.clone();
        registry.register("aisix_config_applied_revision", "Store revision that serves", applied);
        let observed = self.observed_revision.clone();
        registry.register("aisix_config_observed_revision", "Newest store revision seen", observed);
        registry.register("aisix_store_connected", "1 while the store answers", self.store_connected.clone());
    }

    /// The exposition text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry.lock());
        text
    }

    pub(crate) fn started(&self) {
        self.in_flight.inc();
    }

    /// Counts a finished request.
    pub(crate) fn finished(&self, record: &Record) {
        self.in_flight.dec();
        match &record.target {
            Some(target) => self.series(target).observe(record),
            None => self.count_refused(record),
        }
    }

    fn count_refused(&self, record: &Record) {
        let Some(code) = &record.code else { return };
        let labels = RefusedLabels {
            status_class: STATUS_CLASSES[class_index(record.status)],
            code: code.to_string(),
        };
        self.refused.get_or_create(&labels).inc();
    }

    fn series(&self, target: &Target) -> Arc<Series> {
        let cell = &target.model.series.0;
        let known = cell.load_full();
        if let Some(series) = known.as_ref().filter(|series| series.is_of(target)) {
            return Arc::clone(series);
        }
        let series = Arc::new(self.look_up(target));
        // A renamed model or provider key must not leave its old series behind.
        if let Some(old) = known.filter(|old| old.labels != series.labels) {
            self.forget(&old.labels);
        }
        cell.store(Some(Arc::clone(&series)));
        series
    }

    fn look_up(&self, target: &Target) -> Series {
        let (model, key) = (&target.model.entry.value, &target.key.entry.value);
        let labels = Arc::new(CallLabels {
            alias: model.display_name.to_string(),
            provider: target.provider().to_string(),
            provider_key: key.display_name.to_string(),
            adapter: key.adapter.as_str(),
        });
        let with = |extra| Labels { of: Arc::clone(&labels), extra };
        let of_class = |class| {
            let labels = with(Some(("status_class", class)));
            (self.requests.get_or_create_owned(&labels), self.duration.get_or_create_owned(&labels))
        };
        let tokens = |kind| self.tokens.get_or_create_owned(&with(Some(("gen_ai_token_type", kind))));
        Series {
            model: Arc::clone(&target.model.entry),
            key: Arc::clone(&target.key.entry),
            by_class: STATUS_CLASSES.map(of_class),
            first_token: self.first_token.get_or_create_owned(&with(None)),
            input_tokens: tokens("input"),
            output_tokens: tokens("output"),
            labels,
        }
    }

    /// Drops the series of models that are gone, so that their names do not stay.
    pub(crate) fn forget_removed(&self, before: Option<&Routing>, after: &Routing, touched: &Touched) {
        let (Some(before), Touched::Rows(rows)) = (before, touched) else { return };
        let removed =
            rows.iter().filter(|row| row.kind == ResourceKind::Model && after.model(row.id).is_none());
        let old = removed.filter_map(|row| before.model(row.id)?.series.0.load_full());
        old.for_each(|series| self.forget(&series.labels));
    }

    fn forget(&self, labels: &Arc<CallLabels>) {
        let with = |extra| Labels { of: Arc::clone(labels), extra };
        for class in STATUS_CLASSES {
            let labels = with(Some(("status_class", class)));
            self.requests.remove(&labels);
            self.duration.remove(&labels);
        }
        self.first_token.remove(&with(None));
        for kind in ["input", "output"] {
            self.tokens.remove(&with(Some(("gen_ai_token_type", kind))));
        }
    }

    pub(crate) fn config_changed(&self, routing: &Routing) {
        let count = |kind: ResourceKind, rows: usize| {
            let labels = KindLabels { collection: kind.collection() };
            self.resources.get_or_create(&labels).set(i64::try_from(rows).unwrap_or(i64::MAX));
        };
        let snapshot = &routing.snapshot;
        count(ResourceKind::ProviderKey, snapshot.provider_keys().len());
        count(ResourceKind::Model, snapshot.models().len());
        count(ResourceKind::CallerKey, snapshot.caller_keys().len());
        self.rejected_rows.set(i64::try_from(routing.rejection_count()).unwrap_or(i64::MAX));
        self.applied_revision.set(snapshot.revision());
    }

    pub(crate) fn health_changed(&self, health: &StoreHealth) {
        self.store_connected.set(health.connected.into());
        self.observed_revision.set(health.observed_revision);
    }
}

impl Series {
    fn is_of(&self, target: &Target) -> bool {
        Arc::ptr_eq(&self.model, &target.model.entry) && Arc::ptr_eq(&self.key, &target.key.entry)
    }

    fn observe(&self, record: &Record) {
        let (requests, duration) = &self.by_class[class_index(record.status)];
        requests.inc();
        duration.observe(record.total().as_secs_f64());
        if let Some(first_byte) = record.first_byte.filter(|_| record.stream) {
            self.first_token.observe(first_byte.as_secs_f64());
        }
        let usage = &record.usage;
        for (histogram, tokens) in
            [(&self.input_tokens, usage.input_tokens), (&self.output_tokens, usage.output_tokens)]
        {
            if let Some(tokens) = tokens {
                histogram.observe(tokens as f64);
            }
        }
    }
}

fn class_index(status: u16) -> usize {
    usize::from(status / 100).clamp(1, STATUS_CLASSES.len()) - 1
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.of.encode(encoder)?;
        self.extra.iter().try_for_each(|pair| {
            let mut label = encoder.encode_label();
            let mut key = label.encode_label_key()?;
            key.write_str(pair.0)?;
            let mut value = key.encode_label_value()?;
            value.write_str(pair.1)?;
            value.finish()
        })
    }
}

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}
