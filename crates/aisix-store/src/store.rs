use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Layout, StoreError};

/// The most keys one transaction may write; etcd takes 128 operations by default.
pub const TXN_KEYS_MAX: usize = 100;
/// The most bytes of keys and values in one transaction; etcd takes 1.5 MiB by default.
pub const TXN_BYTES_MAX: usize = 1024 * 1024;
/// The most rows one page holds.
pub const PAGE_ROWS_MAX: usize = 10_000;
/// How long a watch without changes is silent at most before it says that it is alive.
pub(crate) const ALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// A key-value store with one revision for all its keys, which every committed write increments.
///
/// The semantics are etcd's, whatever the implementation: a transaction commits at one revision, a reader can
/// list the keys as they were at a revision, and watch every change after one.
#[async_trait]
pub trait Store: Send + Sync {
    /// Where under this store the product's rows are.
    fn layout(&self) -> &Layout;

    /// Reads one row.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Compacted`, `TooLarge` and `OutcomeUnknown`.
    async fn get(&self, key: &str) -> Result<Option<Row>, StoreError>;

    /// Reads rows in the order of their keys.
    ///
    /// # Errors
    /// As [`Store::get`]; `Compacted` when the history at `query.revision` is gone.
    async fn range(&self, query: RangeQuery) -> Result<Page, StoreError>;

    /// Applies all writes at one revision if all guards hold, and none otherwise.
    ///
    /// # Errors
    /// As [`Store::get`]; `TooLarge`; `OutcomeUnknown` when the answer was lost.
    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError>;

    /// Watches all keys that begin with `prefix`, from the changes of revision `from` on.
    ///
    /// # Errors
    /// As [`Store::get`], `Compacted` when that history is gone or lies in the future, because the store was
    /// put back to an earlier state. Both may also be found by the watch itself.
    async fn watch(&self, prefix: &str, from: u64) -> Result<Box<dyn Watch>, StoreError>;

    /// The store's revision; fails where the store cannot be used, so it serves as a check at start.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn current_revision(&self) -> Result<u64, StoreError> {
        let prefix = self.layout().root().to_owned();
        Ok(self.range(RangeQuery { prefix, after: None, limit: 1, revision: None }).await?.revision)
    }
}

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

/// One row as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Arc<str>,
    /// Its value.
    pub value: Bytes,
    /// 1 when created, one more per put.
    pub version: u64,
    /// The revision of its last put.
    pub mod_revision: u64,
}

/// Which rows to read.
#[derive(Clone, Debug)]
pub struct RangeQuery {
    /// Keys that begin with this.
    pub prefix: String,
    /// Only keys behind this one.
    pub after: Option<Cursor>,
    /// At most so many; a page may hold fewer, and holds [`PAGE_ROWS_MAX`] at most.
    pub limit: usize,
    /// As of this revision; the newest when unset.
    pub revision: Option<u64>,
}

/// A place among the keys. A key of the store need not be valid UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

/// Some of the rows of a range.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of their keys.
    pub rows: Vec<Row>,
    /// The revision that the rows show.
    pub revision: u64,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Cursor>,
}

/// Writes that commit together, on conditions.
#[derive(Clone, Default)]
pub struct Txn {
    pub(crate) guards: Vec<Guard>,
    pub(crate) writes: BTreeMap<String, Option<Bytes>>,
}

/// A condition of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) key: String,
    pub(crate) expected: Expected,
}

/// What must be true of a key. Zero stands for a key that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It was last put at this revision.
    ModRevision(u64),
    /// It has this version.
    Version(u64),
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Its writes are in effect at this revision.
    At(u64),
    /// A guard did not hold. A mirror that has reached this revision has seen what the guarded keys hold now.
    Conflict {
        /// The newest `mod_revision` among the guarded keys.
        seen_at: u64,
    },
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

// === impl RangeQuery, Cursor ===

impl Cursor {
    /// Behind `key`.
    pub fn behind(key: impl Into<Vec<u8>>) -> Self {
        Self(key.into())
    }

    /// The last key that is not wanted any more.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The smallest key behind it.
    pub(crate) fn following(&self) -> Vec<u8> {
        self.0.iter().copied().chain([0]).collect()
    }
}

impl RangeQuery {
    /// The limit within the bounds of a page.
    pub(crate) fn rows_max(&self) -> usize {
        self.limit.clamp(1, PAGE_ROWS_MAX)
    }

    /// The smallest key of the range.
    pub(crate) fn first_key(&self) -> Vec<u8> {
        self.after.as_ref().map_or_else(|| self.prefix.clone().into_bytes(), Cursor::following)
    }
}

impl Page {
    /// The first `limit` of `rows`, of which there is one more when another page follows.
    pub(crate) fn cut(mut rows: Vec<Row>, limit: usize, revision: u64) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| Cursor::behind(row.key.as_bytes()));
        Self { rows, revision, next }
    }
}

/// The smallest key behind all that begin with `prefix`; empty when there is none.
pub(crate) fn prefix_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

// === impl Txn ===

impl Txn {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Commits only if `key` is as expected.
    #[must_use]
    pub fn guard(mut self, key: impl Into<String>, expected: Expected) -> Self {
        self.guards.push(Guard { key: key.into(), expected });
        self
    }

    /// Puts a row. The last write to a key counts.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.writes.insert(key.into(), Some(value.into()));
        self
    }

    /// Deletes a row, if it is there.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.writes.insert(key.into(), None);
        self
    }

    /// The bounds that hold on every store.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let size = |(key, value): (&String, &Option<Bytes>)| key.len() + value.as_ref().map_or(0, Bytes::len);
        let bytes: usize = self.writes.iter().map(size).sum();
        let fits = self.writes.len().max(self.guards.len()) <= TXN_KEYS_MAX && bytes <= TXN_BYTES_MAX;
        fits.then_some(()).ok_or(StoreError::TooLarge)
    }
}

impl Expected {
    /// Whether it holds for what is stored.
    pub(crate) fn holds(self, version: u64, mod_revision: u64) -> bool {
        match self {
            Self::ModRevision(expected) => expected == mod_revision,
            Self::Version(expected) => expected == version,
        }
    }
}

// === impl Row, Change, WatchEvent, WatchEnd ===

impl std::fmt::Debug for Row {
    /// Without the value: it may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, version, mod_revision, value: _ } = self;
        write!(f, "Row({key} version {version} at {mod_revision})")
    }
}

impl Change {
    /// The key.
    pub fn key(&self) -> &Arc<str> {
        match self {
            Self::Put(row) => &row.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The row, if it was put.
    pub fn put(self) -> Option<Row> {
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
