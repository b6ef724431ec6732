use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Event, EventType, WatchOptions, WatchResponse, WatchStream};
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use super::session::{Session, Sessions};
use super::{key, row, signed, unsigned};
use crate::watch::ALIVE_INTERVAL;
use crate::{Change, StoreError, Watch, WatchEnd, WatchEvent};

/// The most bytes of one transaction that etcd may send in fragments: many times what it takes by default.
const FRAGMENTS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A watch that asks etcd for a sign of life when it is silent.
///
/// Only what etcd says in order of the changes moves the watch on: etcd before 3.4.25 may answer a request for
/// progress before changes that came earlier (etcd issue 15220).
pub(super) struct EtcdWatch {
    sessions: Arc<Sessions>,
    session: Arc<Session>,
    stream: WatchStream,
    /// Changes before this revision are not wanted.
    from: u64,
    fragments: Vec<Change>,
    fragments_bytes: usize,
    heard_at: Instant,
    /// Since then, whether a sign of life was asked for.
    probed: bool,
}

impl EtcdWatch {
    pub(super) async fn open(sessions: Arc<Sessions>, prefix: &str, from: u64) -> Result<Self, StoreError> {
        // One revision earlier than wanted: a watch that starts at the very revision of a compaction is not
        // told of the deletions made by it.
        let start = signed(from.saturating_sub(1)).max(1);
        let options = WatchOptions::new()
            .with_prefix()
            .with_start_revision(start)
            .with_progress_notify()
            .with_fragment();
        let watch = |session: Arc<Session>| {
            let (mut client, options) = (session.client.watch_client(), options.clone());
            async move { Ok((client.watch(prefix, Some(options)).await?, session)) }
        };
        let opened = sessions.request("watching", watch).await;
        let (stream, session) = opened.map_err(Failure::into_read_error)?;
        let (heard_at, fragments) = (Instant::now(), Vec::new());
        Ok(Self { sessions, session, stream, from, fragments, fragments_bytes: 0, heard_at, probed: false })
    }

    /// Waits for the next message, and asks for one when there is none.
    async fn message(&mut self) -> Result<WatchResponse, WatchEnd> {
        loop {
            let patience = if self.probed { self.sessions.request_timeout() } else { Duration::ZERO };
            match timeout_at(self.heard_at + ALIVE_INTERVAL + patience, self.stream.message()).await {
                Ok(Ok(Some(response))) => {
                    (self.heard_at, self.probed) = (Instant::now(), false);
                    return Ok(response);
                }
                Ok(Ok(None)) => return Err(broken(StoreError::Unreachable("the connection broke"))),
                Ok(Err(error)) => return Err(broken(Failure::from(error).into_read_error())),
                Err(_) if self.probed => return Err(broken(silent(ALIVE_INTERVAL + patience))),
                Err(_) => {
                    self.probed = true;
                    let asked = self.stream.request_progress().await;
                    asked.map_err(|error| broken(Failure::from(error).into_read_error()))?;
                }
            }
        }
    }

    /// What a message says, if it says something.
    fn read(&mut self, response: &WatchResponse) -> Result<Option<WatchEvent>, WatchEnd> {
        let revision = unsigned(response.header().map_or(0, |header| header.revision()));
        if response.compact_revision() > 0 {
            return Err(WatchEnd::Compacted);
        }
        if response.canceled() {
            return Err(cancelled(response.cancel_reason()));
        }
        // The store was put back to an earlier state.
        if response.created() && revision + 1 < self.from {
            return Err(WatchEnd::Compacted);
        }
        if !response.events().is_empty() {
            return self.read_changes(response);
        }
        // A notification of progress names its watch; an answer to a request for one does not.
        let is_in_order = response.watch_id() >= 0 && !response.created();
        Ok(Some(if is_in_order && self.fragments.is_empty() && revision >= self.from {
            WatchEvent::Progress { revision }
        } else {
            WatchEvent::Alive { store_revision: revision }
        }))
    }

    fn read_changes(&mut self, response: &WatchResponse) -> Result<Option<WatchEvent>, WatchEnd> {
        let changes = response.events().iter().filter_map(change);
        let wanted = changes.filter(|change| change.revision() >= self.from);
        self.fragments.extend(wanted);
        self.fragments_bytes += response.events().iter().map(value_len).sum::<usize>();
        if response.0.fragment {
            let fits = self.fragments_bytes <= FRAGMENTS_BYTES_MAX;
            return if fits { Ok(None) } else { Err(WatchEnd::Compacted) };
        }
        self.fragments_bytes = 0;
        let changes = std::mem::take(&mut self.fragments);
        let reached = changes.last().map(Change::revision);
        Ok(reached.map(|revision| WatchEvent::Changes { changes, revision }))
    }
}

#[async_trait]
impl Watch for EtcdWatch {
    async fn next(&mut self) -> Result<WatchEvent, WatchEnd> {
        loop {
            let event = match self.message().await {
                Ok(response) => self.read(&response),
                Err(end) => Err(end),
            };
            match event {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(end) => {
                    // A cancelled watch may be due to a stale token, which goes with the session.
                    if end != WatchEnd::Compacted {
                        self.sessions.discard(&self.session).await;
                    }
                    return Err(end);
                }
            }
        }
    }
}

fn change(event: &Event) -> Option<Change> {
    let kv = event.kv()?;
    // The accessor of the type panics on one it does not know.
    let is_deletion = event.0.r#type == EventType::Delete as i32;
    let deleted = || Change::Delete { key: key(kv), revision: unsigned(kv.mod_revision()) };
    Some(if is_deletion { deleted() } else { Change::Put(row(kv)) })
}

fn value_len(event: &Event) -> usize {
    event.kv().map_or(0, |kv| kv.value().len())
}

fn cancelled(reason: &str) -> WatchEnd {
    match reason {
        reason if reason.contains("permission denied") => WatchEnd::Broken(StoreError::PermissionDenied),
        _ => WatchEnd::Cancelled,
    }
}

fn silent(after: Duration) -> StoreError {
    StoreError::Timeout { operation: "watching", after }
}

fn broken(error: StoreError) -> WatchEnd {
    WatchEnd::Broken(error)
}
