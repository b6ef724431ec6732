//! Writes: validate against the newest snapshot, commit if nobody else has written since, try again if so.

use std::sync::Arc;
use std::time::Duration;

use aisix_domain::Snapshot;
use aisix_store::{Committed, Ledger, LedgerTxn, MirrorHandle, Store, StoreError};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::error::Problem;

/// How long a write may take, waiting for its turn included. The store's own timeout comes on top.
const WRITE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often a write is validated anew because another service was faster.
const ATTEMPTS_MAX: usize = 64;
/// How long an answer waits until reads of this service show what was written.
const READ_YOUR_WRITE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Writes on behalf of all requests of this process, one at a time.
pub(crate) struct Writer {
    ledger: Ledger,
    mirror: MirrorHandle,
    turn: Mutex<()>,
}

/// What a validated request wants.
pub(crate) struct Plan<'l, O> {
    /// What to commit; `None` when there is nothing to change.
    txn: Option<LedgerTxn<'l>>,
    outcome: O,
}

/// The outcome of a write, and the config revision that includes it.
pub(crate) struct Done<O> {
    pub(crate) outcome: O,
    pub(crate) config_revision: u64,
}

// === impl Plan ===

impl<'l, O> Plan<'l, O> {
    pub(crate) fn keep(outcome: O) -> Self {
        Self { txn: None, outcome }
    }

    pub(crate) fn commit(txn: LedgerTxn<'l>, outcome: O) -> Self {
        Self { txn: Some(txn), outcome }
    }
}

// === impl Writer ===

impl Writer {
    pub(crate) fn new(store: Arc<dyn Store>, mirror: MirrorHandle) -> Self {
        Self { ledger: Ledger::new(store), mirror, turn: Mutex::new(()) }
    }

    /// Carries out what `plan` makes of the newest snapshot. Afterwards the snapshots of this process show it.
    pub(crate) async fn write<O>(
        &self,
        plan: impl for<'l> Fn(&Snapshot, LedgerTxn<'l>) -> Result<Plan<'l, O>, Problem>,
    ) -> Result<Done<O>, Problem> {
        let deadline = Instant::now() + WRITE_WAIT_MAX;
        let _turn = timeout_at(deadline, self.turn.lock()).await.map_err(|_| Problem::WriteContended)?;
        for _ in 0..ATTEMPTS_MAX {
            let snapshot = self.mirror.snapshot().ok_or(Problem::StoreUnavailable)?;
            let Plan { txn, outcome } = plan(&snapshot, self.ledger.begin(snapshot.generation()))?;
            let Some(txn) = txn else {
                return Ok(Done { outcome, config_revision: snapshot.revision() });
            };
            match txn.commit().await.map_err(refused)? {
                Committed::At(config_revision) => {
                    self.show(config_revision).await;
                    return Ok(Done { outcome, config_revision });
                }
                Committed::Conflict { seen_at } => self.catch_up(seen_at, deadline).await?,
            }
        }
        Err(Problem::WriteContended)
    }

    /// Waits until reads see the write. It has happened, so it is answered as done even if they do not yet.
    async fn show(&self, revision: u64) {
        if self.mirror.wait_for_revision(revision, READ_YOUR_WRITE_WAIT_MAX).await.is_none() {
            tracing::warn!(revision, "a committed write is not visible to this service yet");
        }
    }

    async fn catch_up(&self, revision: u64, deadline: Instant) -> Result<(), Problem> {
        let left = deadline.saturating_duration_since(Instant::now());
        let caught_up = self.mirror.wait_for_revision(revision, left).await;
        caught_up.map(drop).ok_or(Problem::WriteContended)
    }
}

fn refused(error: StoreError) -> Problem {
    tracing::warn!(error = &error as &dyn std::error::Error, "the store did not take a write");
    match error {
        StoreError::OutcomeUnknown | StoreError::Timeout { .. } => Problem::OutcomeUnknown,
        StoreError::TooLarge => Problem::TooLargeForStore,
        _ => Problem::StoreUnavailable,
    }
}
