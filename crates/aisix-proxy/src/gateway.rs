use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aisix_adapters::base_url::UrlPolicy;
use aisix_domain::{SnapshotObserver, StoreHealth, Update};
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::LineWriter;
use crate::metrics::Metrics;
use crate::routing::Routing;

/// How the data plane behaves.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// The largest request body, in bytes.
    pub request_body_bytes_max: usize,
    /// Longest wait for the head of an answer, and for a whole answer, unless the model sets its own.
    pub first_byte_timeout: Duration,
    /// Longest silence inside a streamed answer, unless the model sets its own.
    pub idle_timeout: Duration,
    /// What base URLs may be.
    pub url_policy: UrlPolicy,
}

/// What all workers share. Observes the mirror of the store; is read by every [`Proxy`](crate::Proxy).
pub struct Gateway {
    pub(crate) options: GatewayOptions,
    pub(crate) metrics: Metrics,
    pub(crate) access_log: Option<Arc<dyn LineWriter>>,
    routing: ArcSwapOption<Routing>,
    applied: Mutex<Applied>,
    draining: Arc<AtomicBool>,
}

#[derive(Default)]
struct Applied {
    health: StoreHealth,
    /// When the store was last known to be connected.
    connected_at: Option<Instant>,
}

impl Gateway {
    /// A gateway without configuration: it is ready once it was told of a first snapshot. Access-log lines go
    /// to `access_log`; while `draining` is set it says that it is not ready.
    pub fn new(
        options: GatewayOptions,
        access_log: Option<Arc<dyn LineWriter>>,
        draining: Arc<AtomicBool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            options,
            access_log,
            draining,
            metrics: Metrics::new(),
            routing: ArcSwapOption::empty(),
            applied: Mutex::default(),
        })
    }

    /// Whether the process was told to end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether requests can be served.
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && self.routing.load().is_some()
    }

    pub(crate) fn routing(&self) -> Option<Arc<Routing>> {
        self.routing.load_full()
    }

    pub(crate) fn health(&self) -> StoreHealth {
        self.applied.lock().health.clone()
    }

    /// For how long changes may have been missed: none while the store is connected.
    pub(crate) fn snapshot_age(&self) -> Option<Duration> {
        let applied = self.applied.lock();
        match applied.health.connected {
            true => Some(Duration::ZERO),
            false => applied.connected_at.map(|at| at.elapsed()),
        }
    }
}

impl SnapshotObserver for Gateway {
    fn updated(&self, update: &Update) {
        let before = self.routing.load_full();
        let routing = Routing::after(before.as_deref(), update, &self.options.url_policy);
        self.metrics.forget_removed(before.as_deref(), &routing, &update.touched);
        self.metrics.config_changed(&routing);
        self.routing.store(Some(Arc::new(routing)));
    }

    fn health_changed(&self, health: &StoreHealth) {
        self.metrics.health_changed(health);
        let mut applied = self.applied.lock();
        if applied.health.connected || health.connected {
            applied.connected_at = Some(Instant::now());
        }
        applied.health = health.clone();
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("ready", &self.is_ready()).finish_non_exhaustive()
    }
}
