use std::sync::Arc;

use aisix_domain::{ResourceId, ResourceRef};

use crate::record::Record;
use crate::{Committed, Expected, Store, StoreError, Txn};

/// Writes resources so that rules across rows hold among concurrent writers.
///
/// A writer validates against a [`Snapshot`](aisix_domain::Snapshot) and names its generation; if any other
/// writer has committed since, nothing is written.
#[derive(Clone)]
pub struct Ledger {
    store: Arc<dyn Store>,
}

/// Writes that were validated together.
pub struct LedgerTxn<'a> {
    ledger: &'a Ledger,
    txn: Txn,
}

/// The generation key's value has no meaning: its `mod_revision` counts.
const GENERATION_VALUE: &[u8] = b"{}";

impl Ledger {
    /// A ledger in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Begins a transaction that commits only while `generation`, as
    /// [`Snapshot::generation`](aisix_domain::Snapshot::generation) says it, is the newest.
    pub fn begin(&self, generation: u64) -> LedgerTxn<'_> {
        let key = self.store.layout().generation_key();
        let guarded = Txn::new().guard(key.as_str(), Expected::ModRevision(generation));
        LedgerTxn { ledger: self, txn: guarded.put(key, GENERATION_VALUE) }
    }

    /// The newest generation. A snapshot of this generation, or of a later one, misses no write of any writer.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn generation(&self) -> Result<u64, StoreError> {
        let row = self.store.get(&self.store.layout().generation_key()).await?;
        Ok(row.map_or(0, |row| row.mod_revision))
    }
}

impl LedgerTxn<'_> {
    /// Creates (`revision` 0) or replaces the resource whose own revision is `revision`; it becomes
    /// `revision + 1`. Guarded by it, so that a row changed around the admin services is never overwritten
    /// unseen.
    #[must_use]
    pub fn put<R: Record>(mut self, id: ResourceId, revision: u64, resource: &R) -> Self {
        let key = self.ledger.store.layout().resource_key(ResourceRef { kind: R::KIND, id });
        self.txn = self.txn.guard(key.as_str(), Expected::Version(revision)).put(key, resource.encode());
        self
    }

    /// Deletes a resource.
    #[must_use]
    pub fn delete(mut self, resource: ResourceRef) -> Self {
        let key = self.ledger.store.layout().resource_key(resource);
        self.txn = self.txn.delete(key);
        self
    }

    /// Commits; the answered revision is the config revision.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit(self) -> Result<Committed, StoreError> {
        self.ledger.store.commit(self.txn).await
    }
}
