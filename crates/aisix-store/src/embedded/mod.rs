//! A store in an SQLite file that several processes share.
//!
//! One thread owns the connection that reads and writes; another looks every [`POLL_INTERVAL`] whether any
//! process has committed. No call blocks the caller's runtime. The file is opened at the first request and
//! again after a failure, so a store can exist before its file can be used.

mod database;
mod error;
mod poll;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use self::poll::Poller;
use self::worker::Worker;
use crate::watch::ALIVE_INTERVAL;
use crate::{Committed, Layout, Page, RangeQuery, Row, Store, StoreError, Txn, Watch, WatchEnd, WatchEvent};

/// How soon a commit of another process is seen.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long a commit waits for another process's.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// History kept for watches and consistent listings; up to twice as much between compactions.
pub const HISTORY_REVISIONS: u64 = 1000;

/// Where the file is.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The SQLite file; created, readable by its owner only, when it is not there.
    pub path: PathBuf,
    /// What all keys begin with.
    pub prefix: String,
}

/// A store in an SQLite file.
pub struct EmbeddedStore {
    layout: Layout,
    worker: Worker,
    head: watch::Receiver<u64>,
    _poller: Poller,
}

struct EmbeddedWatch {
    worker: Worker,
    head: watch::Receiver<u64>,
    prefix: String,
    /// Everything up to here was yielded.
    position: u64,
}

// === impl EmbeddedStore ===

impl EmbeddedStore {
    /// A store in the file at `options.path`. Does not open it yet.
    ///
    /// # Errors
    /// `Failed` when the process can start no more threads.
    pub fn new(options: EmbeddedOptions) -> Result<Self, StoreError> {
        let (head_sender, head) = watch::channel(0);
        let worker = Worker::start(options.path.clone(), head_sender.clone())?;
        let poller = Poller::start(options.path, head_sender)?;
        Ok(Self { layout: Layout::new(&options.prefix), worker, head, _poller: poller })
    }

    /// Forgets the history up to `revision`. Happens by itself beyond [`HISTORY_REVISIONS`].
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn compact(&self, revision: u64) -> Result<(), StoreError> {
        self.worker.run(move |database| database.compact(revision)).await
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    async fn get(&self, key: &str) -> Result<Option<Row>, StoreError> {
        let key = key.to_owned();
        self.worker.run(move |database| database.row(&key)).await
    }

    async fn range(&self, query: RangeQuery) -> Result<Page, StoreError> {
        self.worker.run(move |database| database.page(&query)).await
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        txn.check()?;
        self.worker.run(move |database| database.commit(&txn)).await
    }

    async fn watch(&self, prefix: &str, from: u64) -> Result<Box<dyn Watch>, StoreError> {
        self.worker.run(move |database| database.check_watchable(from)).await?;
        Ok(Box::new(EmbeddedWatch {
            worker: self.worker.clone(),
            head: self.head.clone(),
            prefix: prefix.to_owned(),
            position: from.saturating_sub(1),
        }))
    }
}

// === impl EmbeddedWatch ===

#[async_trait]
impl Watch for EmbeddedWatch {
    async fn next(&mut self) -> Result<WatchEvent, WatchEnd> {
        let position = self.position;
        // Without news the file is read all the same, so that one that has become unusable is noticed.
        let _ = tokio::time::timeout(ALIVE_INTERVAL, self.head.wait_for(|head| *head > position)).await;
        let prefix = self.prefix.clone();
        let (changes, revision) =
            self.worker.run(move |database| database.changes(&prefix, position)).await?;
        if revision == position {
            return Ok(WatchEvent::Alive { store_revision: revision });
        }
        self.position = revision;
        Ok(WatchEvent::caught_up(changes, revision))
    }
}
