use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Committed, Layout, StoreError, Txn, Watch};

/// The most rows one page holds.
pub const PAGE_ROWS_MAX: usize = 10_000;

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

// === impl Row ===

impl std::fmt::Debug for Row {
    /// Without the value: it may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, version, mod_revision, value: _ } = self;
        write!(f, "Row({key} version {version} at {mod_revision})")
    }
}
