//! Rows to store.

use aisix_domain::{ResourceId, ResourceKind, ResourceRef};

/// A reference to the model with this number.
pub(crate) fn model_ref(number: u128) -> ResourceRef {
    ResourceRef { kind: ResourceKind::Model, id: ResourceId::from_u128(number) }
}

/// A stored model.
pub(crate) fn model(alias: &str) -> String {
    let provider_key = ResourceId::from_u128(1);
    format!(r#"{{"display_name":"{alias}","model_name":"m","provider_key_id":"{provider_key}"}}"#)
}
