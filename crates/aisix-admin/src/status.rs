//! `/status/config` and the gauges of `/metrics`: the same facts, for people and for Prometheus.

use std::sync::Arc;

use aisix_domain::{ResourceKind, Snapshot};
use aisix_store::MirrorHandle;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Admin;

/// The most rejected rows listed; the count is always complete.
const REJECTED_SHOWN_MAX: usize = 100;

/// What this process has seen and uses of the configuration.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConfigStatus {
    /// Whether there is a configuration and the process is not shutting down.
    ready: bool,
    /// The newest revision of the store that was seen.
    pub(crate) observed_revision: u64,
    /// The revision in use; `null` until the store was read once.
    pub(crate) applied_revision: Option<u64>,
    /// How long ago the configuration in use was last known to be the newest.
    pub(crate) snapshot_age_seconds: Option<f64>,
    pub(crate) resources: ResourceCounts,
    #[serde(flatten)]
    pub(crate) rejected: RejectedRows,
    pub(crate) store: StoreStatus,
}

/// Whether the store answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoreStatus {
    pub(crate) connected: bool,
    /// Why not, without endpoints or credentials; `null` when it does.
    last_error: Option<String>,
}

/// How many resources are in use.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct ResourceCounts {
    provider_keys: usize,
    models: usize,
    api_keys: usize,
}

/// Stored rows that cannot be read.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct RejectedRows {
    /// How many there are.
    pub(crate) rejected_count: usize,
    /// The first hundred.
    rejected: Vec<RejectedRow>,
}

/// A stored row that cannot be read.
#[derive(Serialize, ToSchema)]
struct RejectedRow {
    /// Its storage key.
    row: String,
    /// Why, without its value.
    reason: String,
    /// Whether an earlier value still serves.
    serves_last_good: bool,
}

/// `GET /status/config`.
pub(crate) async fn config_status(State(admin): State<Arc<Admin>>) -> Json<ConfigStatus> {
    Json(ConfigStatus::of(admin.mirror(), admin.is_draining()))
}

impl ConfigStatus {
    /// The status as of now.
    pub(crate) fn of(mirror: &MirrorHandle, is_draining: bool) -> Self {
        let (snapshot, health) = (mirror.snapshot(), mirror.health());
        let snapshot = snapshot.as_deref();
        let applied_revision = snapshot.map(Snapshot::revision);
        Self {
            ready: snapshot.is_some() && !is_draining,
            observed_revision: health.observed_revision.max(applied_revision.unwrap_or_default()),
            applied_revision,
            snapshot_age_seconds: mirror.snapshot_age().map(|age| age.as_secs_f64()),
            resources: snapshot.map(ResourceCounts::of).unwrap_or_default(),
            rejected: snapshot.map(RejectedRows::of).unwrap_or_default(),
            store: StoreStatus { connected: health.connected, last_error: health.last_error },
        }
    }
}

impl ResourceCounts {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            provider_keys: snapshot.provider_keys().len(),
            models: snapshot.models().len(),
            api_keys: snapshot.caller_keys().len(),
        }
    }

    /// The counts by the name of the collection.
    pub(crate) fn by_collection(&self) -> [(&'static str, usize); 3] {
        let count = |kind| match kind {
            ResourceKind::ProviderKey => self.provider_keys,
            ResourceKind::Model => self.models,
            ResourceKind::CallerKey => self.api_keys,
        };
        ResourceKind::ALL.map(|kind| (kind.collection(), count(kind)))
    }
}

impl RejectedRows {
    /// Those of a snapshot.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let rejected = snapshot.rejections().take(REJECTED_SHOWN_MAX).map(|(row, rejection)| RejectedRow {
            row: row.to_string(),
            reason: rejection.reason.clone(),
            serves_last_good: rejection.serves_last_good,
        });
        Self { rejected_count: snapshot.rejections().count(), rejected: rejected.collect() }
    }
}
