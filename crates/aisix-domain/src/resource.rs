use std::fmt;
use std::sync::Arc;

use crate::{CallerKey, Model, ProviderKey, ResourceId};

/// The three kinds of stored resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// [`ProviderKey`], stored under `provider_keys/`.
    ProviderKey,
    /// [`Model`], stored under `models/`.
    Model,
    /// [`CallerKey`], stored under `api_keys/`.
    CallerKey,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::ProviderKey, Self::Model, Self::CallerKey];

    /// The name of its collection, in storage keys and in routes.
    pub const fn collection(self) -> &'static str {
        match self {
            Self::ProviderKey => "provider_keys",
            Self::Model => "models",
            Self::CallerKey => "api_keys",
        }
    }

    /// What people call one of them, in messages.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::ProviderKey => "provider key",
            Self::Model => "model",
            Self::CallerKey => "caller key",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

/// Which resource, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceRef {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its id.
    pub id: ResourceId,
}

/// A stored resource: its id, its own revision (1 when created, one more per update) and its value.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// Assigned when it was created.
    pub id: ResourceId,
    /// Its own version.
    pub revision: u64,
    /// The resource.
    pub value: T,
}

/// What the three kinds have in common.
pub trait Resource {
    /// Its kind.
    const KIND: ResourceKind;

    /// The name that must be unique in the collection, if it has one.
    fn unique_name(&self) -> Option<Arc<str>>;
}

impl Resource for ProviderKey {
    const KIND: ResourceKind = ResourceKind::ProviderKey;

    fn unique_name(&self) -> Option<Arc<str>> {
        Some(self.display_name.shared())
    }
}

impl Resource for Model {
    const KIND: ResourceKind = ResourceKind::Model;

    fn unique_name(&self) -> Option<Arc<str>> {
        Some(self.display_name.shared())
    }
}

impl Resource for CallerKey {
    const KIND: ResourceKind = ResourceKind::CallerKey;

    fn unique_name(&self) -> Option<Arc<str>> {
        self.display_name.as_ref().map(crate::DisplayName::shared)
    }
}
