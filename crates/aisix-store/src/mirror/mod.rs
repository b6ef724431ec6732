//! Keeps a [`Snapshot`] equal to what a store holds: lists it, watches it, and never gives up.

mod backoff;
mod rows;
mod state;

use std::sync::Arc;
use std::time::Duration;

use aisix_domain::{Snapshot, SnapshotObserver, StoreHealth, Update};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use self::backoff::Backoff;
pub use self::state::{MirrorState, Step};
use crate::{Store, WatchEnd, WatchEvent};

/// Follows a store on a task of its own.
pub struct Mirror {
    store: Arc<dyn Store>,
    state: MirrorState,
    observers: Vec<Arc<dyn SnapshotObserver>>,
    health: watch::Sender<StoreHealth>,
    view: watch::Sender<View>,
    backoff: Backoff,
}

/// What a mirror has found. Clones share it; the mirror ends with the last of them.
#[derive(Clone)]
pub struct MirrorHandle {
    health: watch::Receiver<StoreHealth>,
    view: watch::Receiver<View>,
    _task: Arc<AbortOnDrop>,
}

#[derive(Clone, Debug, Default)]
struct View {
    snapshot: Option<Arc<Snapshot>>,
    /// When the store last said, by any sign of life, that this is its newest state.
    confirmed_at: Option<Instant>,
}

struct AbortOnDrop(AbortHandle);

impl Mirror {
    /// Starts to follow `store` on the current runtime, and tells the observers of every snapshot. Succeeds
    /// also while the store is away. Panics outside a Tokio runtime.
    pub fn start(store: Arc<dyn Store>, observers: Vec<Arc<dyn SnapshotObserver>>) -> MirrorHandle {
        let (health, health_receiver) = watch::channel(StoreHealth::default());
        let (view, view_receiver) = watch::channel(View::default());
        let state = MirrorState::new(store.layout().clone());
        let mirror = Self { store, state, observers, health, view, backoff: Backoff::default() };
        let task = tokio::spawn(mirror.run()).abort_handle();
        MirrorHandle { health: health_receiver, view: view_receiver, _task: Arc::new(AbortOnDrop(task)) }
    }

    async fn run(mut self) {
        loop {
            let end = self.follow().await;
            self.state.on_end(&end);
            self.disconnected(&end);
            tokio::time::sleep(self.backoff.next_delay()).await;
        }
    }

    /// Lists and watches until that fails.
    async fn follow(&mut self) -> WatchEnd {
        loop {
            let stepped = match self.state.step() {
                Step::List(query) => self.store.range(query).await.map(|page| {
                    let update = self.state.on_page(&page);
                    self.publish(update, page.revision);
                }),
                Step::Watch { from } => return self.watch(from).await,
            };
            if let Err(error) = stepped {
                return error.into();
            }
        }
    }

    async fn watch(&mut self, from: u64) -> WatchEnd {
        let root = self.store.layout().root().to_owned();
        let mut watch = match self.store.watch(&root, from).await {
            Ok(watch) => watch,
            Err(error) => return error.into(),
        };
        self.connected();
        loop {
            match watch.next().await {
                Ok(event) => self.on_event(&event),
                Err(end) => return end,
            }
        }
    }

    fn on_event(&mut self, event: &WatchEvent) {
        self.backoff.reset();
        self.connected();
        let update = self.state.on_event(event);
        self.publish(update, event.store_revision());
    }

    fn publish(&mut self, update: Option<Update>, observed_revision: u64) {
        if let Some(update) = &update {
            self.observers.iter().for_each(|observer| observer.updated(update));
        }
        self.view.send_modify(|view| {
            view.snapshot = self.state.snapshot().cloned();
            view.confirmed_at = view.snapshot.as_ref().map(|_| Instant::now());
        });
        self.change_health(|health| health.observed_revision = observed_revision);
    }

    fn connected(&self) {
        let recovered = self.change_health(|health| {
            health.connected = true;
            health.last_error = None;
        });
        if recovered {
            tracing::info!("following the store");
        }
    }

    fn disconnected(&self, end: &WatchEnd) {
        let reason = end.to_string();
        let changed = self.change_health(|health| {
            health.connected = false;
            health.last_error = Some(reason.clone());
        });
        if changed {
            tracing::warn!(reason, "lost the store; the last good configuration keeps serving");
        }
    }

    /// Tells the observers if the health differs afterwards; answers whether it does.
    fn change_health(&self, change: impl FnOnce(&mut StoreHealth)) -> bool {
        let changed = self.health.send_if_modified(|health| {
            let before = health.clone();
            change(health);
            *health != before
        });
        if changed {
            let health = self.health.borrow().clone();
            self.observers.iter().for_each(|observer| observer.health_changed(&health));
        }
        changed
    }
}

impl MirrorHandle {
    /// The newest snapshot; `None` until the store was read once.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.view.borrow().snapshot.clone()
    }

    /// How long ago the snapshot was last known to be the store's newest state: seconds at most while the
    /// store is connected, growing while it is not.
    pub fn snapshot_age(&self) -> Option<Duration> {
        self.view.borrow().confirmed_at.map(|at| at.elapsed())
    }

    /// How the store is doing.
    pub fn health(&self) -> StoreHealth {
        self.health.borrow().clone()
    }

    /// Waits for the first snapshot.
    pub async fn wait_for_snapshot(&self, timeout: Duration) -> Option<Arc<Snapshot>> {
        self.wait_for(timeout, |_| true).await
    }

    /// Waits for a snapshot that includes everything up to `revision`; `None` if there is none in time.
    pub async fn wait_for_revision(&self, revision: u64, timeout: Duration) -> Option<Arc<Snapshot>> {
        self.wait_for(timeout, |snapshot| snapshot.revision() >= revision).await
    }

    async fn wait_for(&self, timeout: Duration, wanted: impl Fn(&Snapshot) -> bool) -> Option<Arc<Snapshot>> {
        let mut view = self.view.clone();
        let fits = view.wait_for(|view| view.snapshot.as_deref().is_some_and(&wanted));
        tokio::time::timeout(timeout, fits).await.ok()?.ok()?.snapshot.clone()
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
