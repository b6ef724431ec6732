//! The control plane of the AISIX gateway: provider keys, models and caller keys over HTTP.
//!
//! [`router`] serves an [`Admin`]. A request is authenticated before its body is read; a write is validated
//! against a snapshot of the whole store and committed only while that snapshot is the newest, so rules across
//! resources hold among any number of services. No answer, error or log line shows a stored secret.
//!
//! Routes, fields and error codes are in `docs/admin-api.md`; [`openapi()`] generates `docs/openapi.json`.

mod answer;
mod auth;
mod body;
mod crud;
mod error;
mod health;
mod json;
mod listing;
mod metrics;
mod observe;
mod openapi;
mod precondition;
mod preview;
mod resource;
mod resources;
mod routes;
mod status;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use aisix_adapters::base_url::UrlPolicy;
use aisix_domain::{ResourceRef, Snapshot};
use aisix_store::{Layout, MirrorHandle, Store};
use secrecy::SecretString;

use auth::AdminKeys;
use error::Problem;
use metrics::Metrics;
pub use routes::{openapi, router};
use write::Writer;

/// The default of [`AdminOptions::body_limit_bytes`]: as large as what a store takes.
pub const BODY_LIMIT_BYTES_DEFAULT: usize = 1024 * 1024;

/// What an operator decides about the admin service.
pub struct AdminOptions {
    /// Who may use it. Without a key nobody may.
    pub admin_keys: Vec<SecretString>,
    /// The largest request body.
    pub body_limit_bytes: usize,
    /// Which base URLs are accepted.
    pub url_policy: UrlPolicy,
}

/// The admin service, to be served by [`router`].
pub struct Admin {
    keys: AdminKeys,
    body_limit_bytes: usize,
    url_policy: UrlPolicy,
    store: Arc<dyn Store>,
    mirror: MirrorHandle,
    writer: Writer,
    metrics: Metrics,
    draining: Arc<AtomicBool>,
}

impl AdminOptions {
    /// The defaults, for these admin keys.
    pub fn new(admin_keys: Vec<SecretString>) -> Self {
        Self { admin_keys, body_limit_bytes: BODY_LIMIT_BYTES_DEFAULT, url_policy: UrlPolicy::default() }
    }
}

impl Admin {
    /// A service that writes to `store` and answers from its `mirror`. While `draining` is set, `/livez` and
    /// `/readyz` answer 503.
    pub fn new(
        options: AdminOptions,
        store: Arc<dyn Store>,
        mirror: MirrorHandle,
        draining: Arc<AtomicBool>,
    ) -> Self {
        Self {
            keys: AdminKeys::new(&options.admin_keys),
            body_limit_bytes: options.body_limit_bytes,
            url_policy: options.url_policy,
            writer: Writer::new(Arc::clone(&store), mirror.clone()),
            metrics: Metrics::new(mirror.clone()),
            store,
            mirror,
            draining,
        }
    }

    fn keys(&self) -> &AdminKeys {
        &self.keys
    }

    fn body_limit_bytes(&self) -> usize {
        self.body_limit_bytes
    }

    fn url_policy(&self) -> &UrlPolicy {
        &self.url_policy
    }

    fn layout(&self) -> &Layout {
        self.store.layout()
    }

    fn mirror(&self) -> &MirrorHandle {
        &self.mirror
    }

    fn writer(&self) -> &Writer {
        &self.writer
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The configuration; there is none before the store was read once.
    fn snapshot(&self) -> Result<Arc<Snapshot>, Problem> {
        self.mirror.snapshot().ok_or(Problem::StoreUnavailable)
    }

    /// The version of a row as stored, readable or not.
    async fn stored_version(&self, resource: ResourceRef) -> Result<Option<u64>, Problem> {
        let row = self.store.get(&self.layout().resource_key(resource)).await;
        row.map(|row| row.map(|row| row.version)).map_err(|_| Problem::StoreUnavailable)
    }
}
