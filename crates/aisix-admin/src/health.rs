//! How the configuration is doing, for people and for programs that watch over the service.

use std::collections::HashMap;
use std::sync::Arc;

use aisix_adapters::base_url::UrlPolicy;
use aisix_adapters::family;
use aisix_adapters::preview::adapter_not_available;
use aisix_domain::{Entry, Invalid, Model, ProviderKey, ResourceId, Snapshot};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Admin;
use crate::error::Problem;
use crate::status::RejectedRows;

/// What the service knows about its configuration.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    status: Status,
    /// Every model, ordered by id.
    models: Vec<ModelHealth>,
    config: ConfigHealth,
}

/// `ok`: everything works. `degraded`: the store is away, a row cannot be read, or a model cannot serve.
/// `unhealthy`: the store was never read.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HealthStatus)]
enum Status {
    Ok,
    Degraded,
    Unhealthy,
}

/// Whether a model can serve.
#[derive(Serialize, ToSchema)]
struct ModelHealth {
    #[schema(format = Uuid)]
    id: String,
    /// Its alias.
    display_name: String,
    /// `ok` or `unavailable`.
    status: &'static str,
    /// Why it is unavailable, as an error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// How fresh the configuration is.
#[derive(Serialize, ToSchema)]
struct ConfigHealth {
    /// The revision in use; `null` until the store was read once.
    snapshot_revision: Option<u64>,
    /// How long ago the snapshot was last known to be the newest.
    snapshot_age_seconds: Option<f64>,
    store_connected: bool,
    #[serde(flatten)]
    rejected: RejectedRows,
}

/// `GET /admin/v1/health`: 200 whatever it says; `/readyz` is for load balancers.
pub(crate) async fn health(State(admin): State<Arc<Admin>>) -> Json<Health> {
    let snapshot = admin.mirror().snapshot();
    let models = snapshot.as_deref().map(|snapshot| model_health(snapshot, admin.url_policy()));
    let config = ConfigHealth {
        snapshot_revision: snapshot.as_deref().map(Snapshot::revision),
        snapshot_age_seconds: admin.mirror().snapshot_age().map(|age| age.as_secs_f64()),
        store_connected: admin.mirror().health().connected,
        rejected: snapshot.as_deref().map(RejectedRows::of).unwrap_or_default(),
    };
    Json(Health { status: status(models.as_deref(), &config), models: models.unwrap_or_default(), config })
}

/// `GET /livez`.
pub(crate) async fn livez(State(admin): State<Arc<Admin>>) -> Result<&'static str, Problem> {
    if admin.is_draining() { Err(Problem::Draining) } else { Ok("ok") }
}

/// `GET /readyz`.
pub(crate) async fn readyz(State(admin): State<Arc<Admin>>) -> Result<&'static str, Problem> {
    let alive = livez(State(Arc::clone(&admin))).await?;
    admin.snapshot().map(|_| alive)
}

fn status(models: Option<&[ModelHealth]>, config: &ConfigHealth) -> Status {
    let Some(models) = models else { return Status::Unhealthy };
    let all_serve = models.iter().all(|model| model.reason.is_none());
    if all_serve && config.store_connected && config.rejected.rejected_count == 0 {
        Status::Ok
    } else {
        Status::Degraded
    }
}

fn model_health(snapshot: &Snapshot, policy: &UrlPolicy) -> Vec<ModelHealth> {
    let unusable = |key: &Arc<Entry<ProviderKey>>| (key.id, check_usable(&key.value, policy).err());
    let provider_keys: HashMap<ResourceId, Option<Invalid>> =
        snapshot.provider_keys().iter().map(unusable).collect();
    let reason = |model: &Model| match provider_keys.get(&model.provider_key_id) {
        None => Some("unknown_provider_key"),
        Some(fault) => fault.as_ref().map(Invalid::code),
    };
    snapshot.models().iter().map(|model| ModelHealth::of(model, reason(&model.value))).collect()
}

/// A row that was written around the admin API may be readable and yet of no use.
fn check_usable(key: &ProviderKey, policy: &UrlPolicy) -> Result<(), Invalid> {
    let family = family(key.adapter).ok_or_else(adapter_not_available)?;
    family.normalize(key.api_base.as_deref(), policy)?;
    family.check_secret(&key.secret)
}

impl ModelHealth {
    fn of(model: &Entry<Model>, reason: Option<&'static str>) -> Self {
        Self {
            id: model.id.to_string(),
            display_name: model.value.display_name.to_string(),
            status: if reason.is_none() { "ok" } else { "unavailable" },
            reason,
        }
    }
}
