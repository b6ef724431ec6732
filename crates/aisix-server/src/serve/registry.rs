//! The open connections of one listener.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Limits;
use super::vitals::{Clock, Verdict, Vitals};

#[derive(Debug)]
pub(crate) struct Registry {
    limits: Limits,
    clock: Arc<Clock>,
    open: Mutex<HashMap<u64, Arc<Vitals>>>,
    /// Open connections of every listener that shares the limit.
    open_in_all: Arc<AtomicUsize>,
    next_id: AtomicU64,
    ended: Notify,
}

/// The right to be connected, until dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) vitals: Arc<Vitals>,
    id: u64,
    registry: Arc<Registry>,
}

// === impl Registry ===

impl Registry {
    pub(crate) fn new(limits: Limits, open_in_all: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            clock: Clock::new(),
            open: Mutex::default(),
            open_in_all,
            next_id: AtomicU64::new(0),
            ended: Notify::new(),
        })
    }

    /// A ticket, unless as many connections are open as may be.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Ticket> {
        if self.open_in_all.fetch_add(1, Relaxed) >= self.limits.connections_max {
            self.open_in_all.fetch_sub(1, Relaxed);
            return None;
        }
        let vitals = Vitals::new(self.clock.clone());
        let id = self.next_id.fetch_add(1, Relaxed);
        self.open.lock().insert(id, vitals.clone());
        Some(Ticket { vitals, id, registry: self.clone() })
    }

    /// Looks at every connection once.
    pub(crate) fn sweep(&self) {
        self.clock.advance();
        let slack = self.limits.sweep_interval();
        for vitals in self.open.lock().values() {
            vitals.judge(vitals.overdue(&self.limits, slack));
        }
    }

    /// Lets every connection finish what runs.
    pub(crate) fn drain(&self) {
        self.judge_all(Verdict::Drain);
    }

    /// Ends every connection.
    pub(crate) fn close(&self) {
        self.judge_all(Verdict::Close);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.lock().is_empty()
    }

    /// Waits until the last connection has ended.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Waits until no connection is open.
    pub(crate) async fn emptied(&self) {
        while !self.is_empty() {
            self.ended().await;
        }
    }

    fn judge_all(&self, verdict: Verdict) {
        for vitals in self.open.lock().values() {
            vitals.judge(verdict);
        }
    }

    fn leave(&self, id: u64) {
        self.open_in_all.fetch_sub(1, Relaxed);
        let mut open = self.open.lock();
        open.remove(&id);
        if open.is_empty() {
            self.ended.notify_one();
        }
    }
}

// === impl Ticket ===

impl Drop for Ticket {
    fn drop(&mut self) {
        self.registry.leave(self.id);
    }
}
