use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use aisix_domain::{
    CallerKey, Collection, Entry, Invalid, Model, ProviderKey, Rejection, ResourceId, ResourceKind,
    ResourceRef, Snapshot,
};

use crate::layout::Place;
use crate::{Layout, Record, Row};

/// What each stored resource looked like, to tell at the next listing which have changed.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    hasher: RandomState,
    of: HashMap<ResourceRef, u64>,
}

/// A resource with its place in a snapshot.
trait Held: Record + Clone {
    fn collection(snapshot: &Snapshot) -> &Collection<Self>;
    fn put(snapshot: &mut Snapshot, entry: Entry<Self>);
}

/// Brings a stored row into the snapshot; a row that cannot be read leaves its last good value in use.
/// Answers the resource that it is, if it is one.
pub(super) fn put(snapshot: &mut Snapshot, layout: &Layout, row: &Row) -> Option<ResourceRef> {
    let place = layout.place(&row.key);
    let outcome = match place {
        Place::Resource(resource) => put_resource(snapshot, resource, row),
        Place::NoId => {
            Err(Rejection { reason: "the key does not end in a UUID".into(), serves_last_good: false })
        }
        Place::Generation => {
            snapshot.set_generation(row.mod_revision);
            return None;
        }
        Place::Other => return None,
    };
    match outcome {
        Ok(()) => snapshot.accept(&row.key),
        Err(rejection) => reject(snapshot, &row.key, rejection),
    }
    place.resource()
}

/// Takes the row at `key` out of the snapshot. Answers the resource that it was, if it was one.
pub(super) fn delete(snapshot: &mut Snapshot, layout: &Layout, key: &str) -> Option<ResourceRef> {
    let place = layout.place(key);
    if place == Place::Generation {
        snapshot.set_generation(0);
    }
    if let Place::Resource(resource) = place {
        snapshot.remove(resource);
    }
    snapshot.accept(key);
    place.resource()
}

fn put_resource(snapshot: &mut Snapshot, resource: ResourceRef, row: &Row) -> Result<(), Rejection> {
    match resource.kind {
        ResourceKind::ProviderKey => put_held::<ProviderKey>(snapshot, resource.id, row),
        ResourceKind::Model => put_held::<Model>(snapshot, resource.id, row),
        ResourceKind::CallerKey => put_held::<CallerKey>(snapshot, resource.id, row),
    }
}

fn put_held<R: Held>(snapshot: &mut Snapshot, id: ResourceId, row: &Row) -> Result<(), Rejection> {
    let decoded = R::decode(&row.value);
    let rejection = decoded.as_ref().err().map(|invalid| Rejection {
        reason: reason(invalid),
        serves_last_good: R::collection(snapshot).get(id).is_some(),
    });
    // A last good value takes the stored row's number, so that a writer can replace the row it cannot read.
    let value =
        decoded.ok().or_else(|| R::collection(snapshot).get(id).map(|last_good| last_good.value.clone()));
    if let Some(value) = value {
        R::put(snapshot, Entry { id, revision: row.version, value });
    }
    rejection.map_or(Ok(()), Err)
}

fn reject(snapshot: &mut Snapshot, key: &Arc<str>, rejection: Rejection) {
    let Rejection { reason, serves_last_good } = &rejection;
    tracing::warn!(key = &**key, reason, serves_last_good, "a stored row cannot be used");
    snapshot.reject(Arc::clone(key), rejection);
}

fn reason(invalid: &Invalid) -> String {
    if invalid.field().is_empty() { invalid.to_string() } else { format!("{}: {invalid}", invalid.field()) }
}

impl Place {
    fn resource(self) -> Option<ResourceRef> {
        match self {
            Self::Resource(resource) => Some(resource),
            Self::NoId | Self::Generation | Self::Other => None,
        }
    }
}

// === impl Fingerprints ===

impl Fingerprints {
    pub(super) fn note(&mut self, resource: ResourceRef, row: &Row) {
        self.of.insert(resource, self.fingerprint(row));
    }

    pub(super) fn forget(&mut self, resource: ResourceRef) {
        self.of.remove(&resource);
    }

    pub(super) fn contains(&self, resource: ResourceRef) -> bool {
        self.of.contains_key(&resource)
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = ResourceRef> {
        self.of.keys().copied()
    }

    /// Whether the row was noted as it is now.
    pub(super) fn is_unchanged(&self, resource: ResourceRef, row: &Row) -> bool {
        self.of.get(&resource) == Some(&self.fingerprint(row))
    }

    /// An empty set whose fingerprints compare with these.
    pub(super) fn fresh(&self) -> Self {
        Self { hasher: self.hasher.clone(), of: HashMap::with_capacity(self.of.len()) }
    }

    fn fingerprint(&self, row: &Row) -> u64 {
        self.hasher.hash_one((row.version, &row.value))
    }
}

// === impl Held ===

impl Held for ProviderKey {
    fn collection(snapshot: &Snapshot) -> &Collection<Self> {
        snapshot.provider_keys()
    }

    fn put(snapshot: &mut Snapshot, entry: Entry<Self>) {
        snapshot.put_provider_key(entry);
    }
}

impl Held for Model {
    fn collection(snapshot: &Snapshot) -> &Collection<Self> {
        snapshot.models()
    }

    fn put(snapshot: &mut Snapshot, entry: Entry<Self>) {
        snapshot.put_model(entry);
    }
}

impl Held for CallerKey {
    fn collection(snapshot: &Snapshot) -> &Collection<Self> {
        snapshot.caller_keys()
    }

    fn put(snapshot: &mut Snapshot, entry: Entry<Self>) {
        snapshot.put_caller_key(entry);
    }
}
