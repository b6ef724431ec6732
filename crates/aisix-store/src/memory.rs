//! A store in memory, with the semantics of the others. Gone with the process: for tests and for programs
//! that embed the gateway and bring their own configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::txn::Guard;
use crate::watch::ALIVE_INTERVAL;
use crate::{
    Change, Committed, Layout, Page, RangeQuery, Row, Store, StoreError, Txn, Watch, WatchEnd, WatchEvent,
};

/// A store in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    layout: Layout,
    data: Mutex<Data>,
    /// What every reader and watch must know first.
    status: watch::Sender<Status>,
}

#[derive(Clone, Debug, Default)]
struct Status {
    revision: u64,
    fault: Option<StoreError>,
}

/// Everything since the last compaction.
#[derive(Default)]
struct Data {
    revision: u64,
    compacted: u64,
    /// By key and revision; `None` where the key was deleted.
    rows: BTreeMap<Arc<str>, BTreeMap<u64, Option<Row>>>,
    log: BTreeMap<u64, Vec<Change>>,
}

struct MemoryWatch {
    shared: Arc<Shared>,
    status: watch::Receiver<Status>,
    prefix: String,
    /// Everything up to here was yielded.
    position: u64,
}

// === impl MemoryStore ===

impl MemoryStore {
    /// An empty store.
    pub fn new(layout: Layout) -> Self {
        let (status, _) = watch::channel(Status::default());
        Self { shared: Arc::new(Shared { layout, data: Mutex::default(), status }) }
    }

    /// Forgets the history up to `revision`.
    pub fn compact(&self, revision: u64) {
        self.shared.data.lock().compact(revision);
    }

    /// Makes every request and every watch fail with `fault`, until it is `None`.
    pub fn set_fault(&self, fault: Option<StoreError>) {
        self.shared.status.send_modify(|status| status.fault = fault);
    }

    fn check(&self) -> Result<(), StoreError> {
        self.shared.status.borrow().fault.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    async fn get(&self, key: &str) -> Result<Option<Row>, StoreError> {
        self.check()?;
        Ok(self.shared.data.lock().row(key).cloned())
    }

    async fn range(&self, query: RangeQuery) -> Result<Page, StoreError> {
        self.check()?;
        self.shared.data.lock().page(&query)
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        self.check()?;
        txn.check()?;
        let mut data = self.shared.data.lock();
        let committed = data.commit(txn);
        self.shared.status.send_modify(|status| status.revision = data.revision);
        Ok(committed)
    }

    async fn watch(&self, prefix: &str, from: u64) -> Result<Box<dyn Watch>, StoreError> {
        self.check()?;
        self.shared.data.lock().check_watchable(from)?;
        Ok(Box::new(MemoryWatch {
            status: self.shared.status.subscribe(),
            shared: Arc::clone(&self.shared),
            prefix: prefix.to_owned(),
            position: from.saturating_sub(1),
        }))
    }
}

// === impl MemoryWatch ===

#[async_trait]
impl Watch for MemoryWatch {
    async fn next(&mut self) -> Result<WatchEvent, WatchEnd> {
        let Self { position, status, .. } = self;
        let news = status.wait_for(|status| status.fault.is_some() || status.revision > *position);
        if let Ok(Ok(status)) = tokio::time::timeout(ALIVE_INTERVAL, news).await
            && let Some(fault) = status.fault.clone()
        {
            return Err(fault.into());
        }
        self.advance()
    }
}

impl MemoryWatch {
    fn advance(&mut self) -> Result<WatchEvent, WatchEnd> {
        let data = self.shared.data.lock();
        data.check_watchable(self.position + 1)?;
        if data.revision == self.position {
            return Ok(WatchEvent::Alive { store_revision: data.revision });
        }
        let fresh = data.log.range(self.position + 1..).flat_map(|(_, changes)| changes);
        let changes: Vec<_> =
            fresh.filter(|change| change.key().starts_with(&self.prefix)).cloned().collect();
        self.position = data.revision;
        Ok(WatchEvent::caught_up(changes, data.revision))
    }
}

// === impl Data ===

impl Data {
    fn row(&self, key: &str) -> Option<&Row> {
        self.rows.get(key)?.last_key_value()?.1.as_ref()
    }

    fn page(&self, query: &RangeQuery) -> Result<Page, StoreError> {
        let revision = query.revision.unwrap_or(self.revision);
        if revision < self.compacted || revision > self.revision {
            return Err(StoreError::Compacted);
        }
        let as_of =
            |versions: &BTreeMap<u64, Option<Row>>| versions.range(..=revision).next_back()?.1.clone();
        let first = query.first_key();
        let wanted = self.rows.iter().filter(|(key, _)| key.as_bytes() >= first.as_slice());
        let wanted = wanted.take_while(|(key, _)| key.starts_with(&query.prefix));
        let rows = wanted.filter_map(|(_, versions)| as_of(versions)).take(query.rows_max() + 1).collect();
        Ok(Page::cut(rows, query.rows_max(), revision))
    }

    fn commit(&mut self, txn: Txn) -> Committed {
        if !txn.guards.iter().all(|guard| self.holds(guard)) {
            let seen = txn.guards.iter().filter_map(|guard| self.row(&guard.key));
            return Committed::Conflict {
                seen_at: seen.map(|row| row.mod_revision).max().unwrap_or_default(),
            };
        }
        let revision = self.revision + 1;
        let writes = txn.writes.into_iter();
        let changes: Vec<_> =
            writes.filter_map(|(key, value)| self.change(key.into(), value, revision)).collect();
        if !changes.is_empty() {
            self.revision = revision;
            self.log.insert(revision, changes);
        }
        Committed::At(self.revision)
    }

    fn holds(&self, guard: &Guard) -> bool {
        let (version, mod_revision) =
            self.row(&guard.key).map_or((0, 0), |row| (row.version, row.mod_revision));
        guard.expected.holds(version, mod_revision)
    }

    /// Applies one write; `None` when it deletes what is not there.
    fn change(&mut self, key: Arc<str>, value: Option<Bytes>, revision: u64) -> Option<Change> {
        let version = self.row(&key).map(|row| row.version);
        let change = match value {
            Some(value) => {
                let version = version.unwrap_or_default() + 1;
                Change::Put(Row { key: Arc::clone(&key), value, version, mod_revision: revision })
            }
            None => version.map(|_| Change::Delete { key: Arc::clone(&key), revision })?,
        };
        self.rows.entry(key).or_default().insert(revision, change.clone().into_row());
        Some(change)
    }

    fn check_watchable(&self, from: u64) -> Result<(), StoreError> {
        let held = from > self.compacted && from <= self.revision + 1;
        held.then_some(()).ok_or(StoreError::Compacted)
    }

    fn compact(&mut self, revision: u64) {
        self.compacted = revision.clamp(self.compacted, self.revision);
        self.log = self.log.split_off(&(self.compacted + 1));
        for versions in self.rows.values_mut() {
            let newer = versions.split_off(&(self.compacted + 1));
            let current = versions.pop_last().filter(|(_, row)| row.is_some());
            *versions = current.into_iter().chain(newer).collect();
        }
        self.rows.retain(|_, versions| !versions.is_empty());
    }
}
