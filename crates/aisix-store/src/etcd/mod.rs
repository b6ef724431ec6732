//! A store in etcd 3.4 or later.

mod failure;
mod options;
mod page_size;
mod session;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_client::{Compare, CompareOp, GetOptions, GetResponse, KeyValue, TxnOp, TxnOpResponse, TxnResponse};

use self::failure::Failure;
pub use self::options::{EtcdOptions, EtcdTls};
use self::page_size::PageSize;
use self::session::{Session, Sessions};
use self::watch::EtcdWatch;
use crate::store::prefix_end;
use crate::txn::Guard;
use crate::{Committed, Cursor, Expected, Layout, Page, RangeQuery, Row, Store, StoreError, Txn, Watch};

/// A store in etcd.
pub struct EtcdStore {
    layout: Layout,
    sessions: Arc<Sessions>,
    page_size: PageSize,
}

// === impl EtcdStore ===

impl EtcdStore {
    /// A store in the etcd that `options` name. Does not connect yet.
    ///
    /// # Errors
    /// `Options` when they cannot be used together.
    pub fn new(options: EtcdOptions) -> Result<Self, StoreError> {
        let layout = Layout::new(&options.prefix);
        Ok(Self { layout, sessions: Arc::new(Sessions::new(options)?), page_size: PageSize::default() })
    }

    async fn read(&self, key: Vec<u8>, options: GetOptions) -> Result<GetResponse, Failure> {
        let get = |session: Arc<Session>| {
            let (mut client, key, options) = (session.client.kv_client(), key.clone(), options.clone());
            async move { client.get(key, Some(options)).await }
        };
        self.sessions.request("reading", get).await
    }
}

#[async_trait]
impl Store for EtcdStore {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    async fn get(&self, key: &str) -> Result<Option<Row>, StoreError> {
        let response = self.read(key.into(), GetOptions::new()).await.map_err(Failure::into_read_error)?;
        Ok(response.kvs().first().map(row))
    }

    async fn range(&self, query: RangeQuery) -> Result<Page, StoreError> {
        loop {
            let limit = query.rows_max().min(self.page_size.rows());
            let options = GetOptions::new()
                .with_range(prefix_end(&query.prefix))
                .with_limit(signed(limit as u64))
                .with_revision(signed(query.revision.unwrap_or_default()));
            match self.read(query.first_key(), options).await {
                Ok(response) => {
                    self.page_size.learn(response.kvs());
                    return Ok(page(&response, query.revision));
                }
                Err(Failure::AnswerTooLarge) if limit > 1 => self.page_size.halve(limit),
                Err(failure) => return Err(failure.into_read_error()),
            }
        }
    }

    async fn commit(&self, txn: Txn) -> Result<Committed, StoreError> {
        txn.check()?;
        let request = etcd_txn(&txn);
        let commit = |session: Arc<Session>| {
            let (mut client, request) = (session.client.kv_client(), request.clone());
            async move { client.txn(request).await }
        };
        let response = self.sessions.request("writing", commit).await.map_err(Failure::into_write_error)?;
        Ok(if response.succeeded() {
            Committed::At(unsigned(response.header().map_or(0, |header| header.revision())))
        } else {
            Committed::Conflict { seen_at: newest_guarded(&response) }
        })
    }

    async fn watch(&self, prefix: &str, from: u64) -> Result<Box<dyn Watch>, StoreError> {
        Ok(Box::new(EtcdWatch::open(Arc::clone(&self.sessions), prefix, from).await?))
    }
}

fn etcd_txn(txn: &Txn) -> etcd_client::Txn {
    let puts_and_deletions = txn.writes.iter().map(|(key, value)| match value {
        Some(value) => TxnOp::put(key.as_str(), value.as_ref(), None),
        None => TxnOp::delete(key.as_str(), None),
    });
    let keys_only = || Some(GetOptions::new().with_keys_only());
    let look = txn.guards.iter().map(|guard| TxnOp::get(guard.key.as_str(), keys_only()));
    etcd_client::Txn::new()
        .when(txn.guards.iter().map(compare).collect::<Vec<_>>())
        .and_then(puts_and_deletions.collect::<Vec<_>>())
        .or_else(look.collect::<Vec<_>>())
}

fn compare(guard: &Guard) -> Compare {
    match guard.expected {
        Expected::ModRevision(revision) => {
            Compare::mod_revision(guard.key.as_str(), CompareOp::Equal, signed(revision))
        }
        Expected::Version(version) => Compare::version(guard.key.as_str(), CompareOp::Equal, signed(version)),
    }
}

fn newest_guarded(response: &TxnResponse) -> u64 {
    let newest = |answer| match answer {
        TxnOpResponse::Get(found) => found.kvs().first().map(|kv| unsigned(kv.mod_revision())),
        _ => None,
    };
    response.op_responses().into_iter().filter_map(newest).max().unwrap_or_default()
}

/// An answer shows the revision that was asked for, else the one in its header.
fn page(response: &GetResponse, revision: Option<u64>) -> Page {
    let newest = unsigned(response.header().map_or(0, |header| header.revision()));
    let last = response.kvs().last().filter(|_| response.more());
    Page {
        rows: response.kvs().iter().map(row).collect(),
        revision: revision.unwrap_or(newest),
        next: last.map(|kv| Cursor::behind(kv.key())),
    }
}

fn row(kv: &KeyValue) -> Row {
    Row {
        key: key(kv),
        value: Bytes::copy_from_slice(kv.value()),
        version: unsigned(kv.version()),
        mod_revision: unsigned(kv.mod_revision()),
    }
}

/// A key of ours is UTF-8; what else stands under the prefix can only be shown.
fn key(kv: &KeyValue) -> Arc<str> {
    String::from_utf8_lossy(kv.key()).into()
}

/// etcd counts with signed numbers that are never negative.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
