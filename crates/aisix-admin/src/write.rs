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

/// What came of one attempt.
enum Attempt<O> {
    Done(Done<O>),
    /// The snapshot was not the newest; the one of this revision is newer.
    Behind {
        revision: u64,
    },
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
            let planned = plan(&snapshot, self.ledger.begin(snapshot.generation()));
            match self.attempt(&snapshot, planned).await? {
                Attempt::Done(done) => return Ok(done),
                Attempt::Behind { revision } => self.catch_up(revision, deadline).await?,
            }
        }
        Err(Problem::WriteContended)
    }

    async fn attempt<O>(
        &self,
        snapshot: &Snapshot,
        planned: Result<Plan<'_, O>, Problem>,
    ) -> Result<Attempt<O>, Problem> {
        let (txn, outcome) = match planned {
            Ok(Plan { txn: Some(txn), outcome }) => (txn, outcome),
            Ok(Plan { txn: None, outcome }) => return self.confirm(snapshot, Ok(outcome)).await,
            Err(problem) => return self.confirm(snapshot, Err(problem)).await,
        };
        match txn.commit().await.map_err(refused)? {
            Committed::At(config_revision) => {
                self.show(config_revision).await;
                Ok(Attempt::Done(Done { outcome, config_revision }))
            }
            Committed::Conflict { seen_at } => Ok(Attempt::Behind { revision: seen_at }),
        }
    }

    /// A refusal, or a write that changes nothing, has no commit that would notice a newer write of another
    /// service: it holds only if there is none.
    async fn confirm<O>(
        &self,
        snapshot: &Snapshot,
        settled: Result<O, Problem>,
    ) -> Result<Attempt<O>, Problem> {
        let generation = self.ledger.generation().await.map_err(refused)?;
        if generation > snapshot.generation() {
            return Ok(Attempt::Behind { revision: generation });
        }
        settled.map(|outcome| Attempt::Done(Done { outcome, config_revision: snapshot.revision() }))
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
    tracing::warn!(error = &error as &dyn std::error::Error, "the store failed a write");
    match error {
        StoreError::OutcomeUnknown | StoreError::Timeout { .. } => Problem::OutcomeUnknown,
        StoreError::TooLarge => Problem::TooLargeForStore,
        _ => Problem::StoreUnavailable,
    }
}
