//! What the admin API must know about a kind of resource; everything else about it is generic.

use aisix_adapters::base_url::UrlPolicy;
use aisix_domain::{Collection, ResourceId, Snapshot};
use aisix_store::Record;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::listing::Filter;

/// A kind of resource as the admin API offers it.
pub(crate) trait ResourceApi: Record + Clone + Send + Sync + 'static {
    /// What a request writes.
    type Body: DeserializeOwned + ToSchema + Send + Sync;
    /// What an answer shows; never a secret.
    type View<'a>: From<&'a Self> + Serialize + ToSchema;

    /// Query parameters of its list.
    const FILTERS: &'static [Filter<Self>];

    /// The rows of the kind.
    fn collection(snapshot: &Snapshot) -> &Collection<Self>;

    /// Makes the resource that a body describes, checking all rules that concern this resource alone.
    fn build(body: &Self::Body, change: Change<'_, Self>, policy: &UrlPolicy) -> Result<Self, Problem>;

    /// Checks the rules that concern other resources, beside the uniqueness of names.
    fn check_references(&self, _id: ResourceId, _snapshot: &Snapshot) -> Result<(), Problem> {
        Ok(())
    }

    /// Checks that nothing needs the resource any more.
    fn check_unused(_id: ResourceId, _snapshot: &Snapshot) -> Result<(), Problem> {
        Ok(())
    }

    /// Codes of what was understood although it was not written quite right.
    fn warnings(&self, _policy: &UrlPolicy) -> Vec<&'static str> {
        Vec::new()
    }
}

/// What a body is for.
pub(crate) enum Change<'a, T> {
    /// A new resource, or one whose stored row cannot be read.
    Create,
    /// The body takes the place of this value.
    Replace(&'a T),
    /// The body is this value with a patch applied.
    Patch(&'a T),
}

impl<T> Clone for Change<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Change<'_, T> {}

impl<'a, T> Change<'a, T> {
    /// The value before.
    pub(crate) fn old(self) -> Option<&'a T> {
        match self {
            Self::Create => None,
            Self::Replace(old) | Self::Patch(old) => Some(old),
        }
    }
}
