//! Rows to store.

use aisix_domain::{ResourceId, ResourceKind, ResourceRef, Snapshot};
use aisix_store::{Committed, Store, Txn};

/// A reference to the model with this number.
pub(crate) fn model_ref(number: u128) -> ResourceRef {
    ResourceRef { kind: ResourceKind::Model, id: ResourceId::from_u128(number) }
}

/// A stored model.
pub(crate) fn model(alias: &str) -> String {
    let provider_key = ResourceId::from_u128(1);
    format!(r#"{{"display_name":"{alias}","model_name":"m","provider_key_id":"{provider_key}"}}"#)
}

/// The write of a model's row.
pub(crate) fn put_model(store: &dyn Store, number: u128, value: impl Into<String>) -> Txn {
    Txn::new().put(store.layout().resource_key(model_ref(number)), value.into())
}

/// The deletion of a model's row.
pub(crate) fn delete_model(store: &dyn Store, number: u128) -> Txn {
    Txn::new().delete(store.layout().resource_key(model_ref(number)))
}

/// Commits what must succeed.
pub(crate) async fn commit(store: &dyn Store, txn: Txn) -> u64 {
    match store.commit(txn).await.unwrap() {
        Committed::At(revision) => revision,
        Committed::Conflict { .. } => panic!("a guard did not hold"),
    }
}

/// The aliases in a snapshot, in the order of their models' numbers.
pub(crate) fn aliases(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.models().iter().map(|entry| &*entry.value.display_name).collect()
}
