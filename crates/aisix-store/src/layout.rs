use std::sync::Arc;

use aisix_domain::{ResourceId, ResourceKind, ResourceRef};

/// Where the rows are: `{prefix}/provider_keys/{id}`, `{prefix}/models/{id}`, `{prefix}/api_keys/{id}`, and
/// below `{prefix}/_` what the product needs for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: Arc<str>,
}

/// What a storage key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A resource.
    Resource(ResourceRef),
    /// In a collection, under something that is no id.
    NoId,
    /// The generation key.
    Generation,
    /// Nothing this version knows.
    Other,
}

const GENERATION: &str = "_generation";

impl Layout {
    /// Rows under `prefix`; a `/` at its end does not matter.
    pub fn new(prefix: &str) -> Self {
        Self { root: format!("{}/", prefix.trim_end_matches('/')).into() }
    }

    /// What all keys begin with; ends with `/`.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The key of a resource.
    pub fn resource_key(&self, resource: ResourceRef) -> String {
        format!("{}{}/{}", self.root, resource.kind.collection(), resource.id)
    }

    /// The key that every write through an admin service puts and is guarded by.
    pub fn generation_key(&self) -> String {
        format!("{}{GENERATION}", self.root)
    }

    pub(crate) fn place(&self, key: &str) -> Place {
        let Some(rest) = key.strip_prefix(&*self.root) else { return Place::Other };
        if rest == GENERATION {
            return Place::Generation;
        }
        let Some((collection, id)) = rest.split_once('/') else { return Place::Other };
        let Some(kind) = ResourceKind::ALL.into_iter().find(|kind| kind.collection() == collection) else {
            return Place::Other;
        };
        id.parse::<ResourceId>().map_or(Place::NoId, |id| Place::Resource(ResourceRef { kind, id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_found_where_it_is_put() {
        for prefix in ["/aisix", "/aisix/", "plain", "", "/"] {
            let layout = Layout::new(prefix);
            for kind in ResourceKind::ALL {
                let resource = ResourceRef { kind, id: ResourceId::random() };
                assert_eq!(layout.place(&layout.resource_key(resource)), Place::Resource(resource));
            }
            assert_eq!(layout.place(&layout.generation_key()), Place::Generation);
        }
    }

    #[test]
    fn other_keys_are_told_apart() {
        let layout = Layout::new("/aisix");
        for (key, place) in [
            ("/aisix/models/DB8613EA-2ECD-40E4-91AA-08197119F766", Place::NoId),
            ("/aisix/models/", Place::NoId),
            ("/aisix/models/db8613ea-2ecd-40e4-91aa-08197119f766/x", Place::NoId),
            ("/aisix/guardrails/db8613ea-2ecd-40e4-91aa-08197119f766", Place::Other),
            ("/aisix/_later", Place::Other),
            ("/aisix/models", Place::Other),
            ("/aisixx/models/1", Place::Other),
        ] {
            assert_eq!(layout.place(key), place, "{key}");
        }
    }
}
