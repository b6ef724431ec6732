use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Row, StoreError};

/// How long a watch without changes is silent at most before it says that it is alive.
pub(crate) const ALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// The changes of a store, in order and without gaps.
#[async_trait]
pub trait Watch: Send {
    /// Waits for the next event; a healthy watch yields one every few seconds even when nothing changes.
    ///
    /// Cancel safe: an event is lost only with the watch itself.
    ///
    /// # Errors
    /// The watch is over; a new one may start after the last event's revision unless the end says otherwise.
    async fn next(&mut self) -> Result<WatchEvent, WatchEnd>;
}

/// What a watch yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// Changes in the order of their revisions; the last write to a key within one transaction only.
    Changes {
        /// The changes, never part of a transaction only.
        changes: Vec<Change>,
        /// Everything up to here has been yielded.
        revision: u64,
    },
    /// Everything up to this revision has been yielded.
    Progress {
        /// The revision.
        revision: u64,
    },
    /// The watch is alive, and the store has reached a revision whose changes may still be on their way.
    Alive {
        /// The revision.
        store_revision: u64,
    },
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was put.
    Put(Row),
    /// It was deleted.
    Delete {
        /// The key.
        key: Arc<str>,
        /// When.
        revision: u64,
    },
}

/// Why a watch is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    /// The history it needs is gone: list again.
    #[error("the store no longer holds the history that the watch needs")]
    Compacted,
    /// The store ended it.
    #[error("the store cancelled the watch")]
    Cancelled,
    /// The connection broke or fell silent, or the store failed.
    #[error(transparent)]
    Broken(StoreError),
}

// === impl Change, WatchEvent, WatchEnd ===

impl Change {
    /// The key.
    pub fn key(&self) -> &Arc<str> {
        match self {
            Self::Put(row) => &row.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The row, if it was put.
    pub fn into_row(self) -> Option<Row> {
        match self {
            Self::Put(row) => Some(row),
            Self::Delete { .. } => None,
        }
    }

    /// When it happened.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Put(row) => row.mod_revision,
            Self::Delete { revision, .. } => *revision,
        }
    }
}

impl WatchEvent {
    /// Everything up to `revision`, which brought `changes`.
    pub(crate) fn caught_up(changes: Vec<Change>, revision: u64) -> Self {
        if changes.is_empty() { Self::Progress { revision } } else { Self::Changes { changes, revision } }
    }

    /// The newest revision of the store that it tells of.
    pub fn store_revision(&self) -> u64 {
        match self {
            Self::Changes { revision, .. } | Self::Progress { revision } => *revision,
            Self::Alive { store_revision } => *store_revision,
        }
    }
}

impl From<StoreError> for WatchEnd {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Compacted => Self::Compacted,
            other => Self::Broken(other),
        }
    }
}
