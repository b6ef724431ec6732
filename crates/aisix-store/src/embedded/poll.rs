use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};

use tokio::sync::watch;

use super::POLL_INTERVAL;
use super::database::Database;
use super::worker::{announce, spawn};
use crate::StoreError;

/// The thread that sees the commits of other processes. It ends with this value.
pub(super) struct Poller {
    _stop: mpsc::Sender<()>,
}

/// SQLite tells cheaply, from shared memory, whether another connection has committed.
struct Observer {
    database: Database,
    data_version: i64,
}

impl Poller {
    pub(super) fn start(path: PathBuf, head: watch::Sender<u64>) -> Result<Self, StoreError> {
        let (stop, stopped) = mpsc::channel::<()>();
        let work = move || {
            let mut observer = None;
            while stopped.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                match poll(&mut observer, &path) {
                    Ok(news) => news.into_iter().for_each(|revision| announce(&head, revision)),
                    // The worker meets the same failure and reports it.
                    Err(_) => observer = None,
                }
            }
        };
        spawn("store-poll", work)?;
        Ok(Self { _stop: stop })
    }
}

/// The store's revision if there was a commit since the last call. Creates no file: the worker does.
fn poll(observer: &mut Option<Observer>, path: &Path) -> Result<Option<u64>, StoreError> {
    let observer = match observer.take() {
        Some(current) if current.database.is_at(path)? => observer.insert(current),
        _ => observer.insert(Observer { database: Database::open(path)?, data_version: 0 }),
    };
    let data_version = observer.database.data_version()?;
    if data_version == observer.data_version {
        return Ok(None);
    }
    observer.data_version = data_version;
    observer.database.revision().map(Some)
}
