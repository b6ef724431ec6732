use std::collections::BTreeMap;

use bytes::Bytes;

use crate::StoreError;

/// The most keys one transaction may write; etcd takes 128 operations by default.
pub const TXN_KEYS_MAX: usize = 100;
/// The most bytes of keys and values in one transaction; etcd takes 1.5 MiB by default.
pub const TXN_BYTES_MAX: usize = 1024 * 1024;

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
