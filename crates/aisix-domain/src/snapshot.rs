use std::hash::Hash;
use std::ops::Bound;
use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

use crate::{
    CallerKey, Entry, KeyHash, Model, Pattern, Provider, ProviderKey, Resource, ResourceId, ResourceKind,
    ResourceRef,
};

/// Everything the store holds, as of one revision. Cheap to clone: two snapshots share what did not change,
/// and applying one change costs the same whatever the number of rows.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    revision: u64,
    generation: u64,
    provider_keys: Collection<ProviderKey>,
    models: Collection<Model>,
    caller_keys: Collection<CallerKey>,
    wildcards: RedBlackTreeMapSync<WildcardRank, ResourceId>,
    by_hash: Index<KeyHash>,
    models_by_provider_key: RedBlackTreeMapSync<(ResourceId, ResourceId), ()>,
    models_by_label: RedBlackTreeMapSync<(Arc<str>, ResourceId), ()>,
    provider_keys_by_provider: RedBlackTreeMapSync<(Arc<str>, ResourceId), ()>,
    rejections: RedBlackTreeMapSync<Arc<str>, Arc<Rejection>>,
}

/// The rows of one kind, by id and by name.
#[derive(Clone, Debug)]
pub struct Collection<T> {
    rows: RedBlackTreeMapSync<ResourceId, Arc<Entry<T>>>,
    by_name: Index<Arc<str>>,
}

/// A stored row that could not be read or used. Its last good value, if there was one, keeps serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why, without the row's value.
    pub reason: String,
    /// Whether an earlier value of the row still serves.
    pub serves_last_good: bool,
}

/// A new snapshot, with what changed since the one before.
#[derive(Clone, Debug)]
pub struct Update {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// What differs from the snapshot before.
    pub touched: Touched,
}

/// Which resources differ between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Assume that all do: this is the first snapshot, or changes were missed.
    Everything,
    /// These were written, removed or rejected.
    Rows(Vec<ResourceRef>),
}

/// How the mirror of the store is doing, beside the snapshots it yields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// Whether the store answers and the watch on it is alive.
    pub connected: bool,
    /// The newest revision of the store that was seen, applied or not.
    pub observed_revision: u64,
    /// Why it is not connected, without endpoints or credentials.
    pub last_error: Option<String>,
}

/// Told about every snapshot and about the store's health, in order, from one task at a time.
pub trait SnapshotObserver: Send + Sync {
    /// A new snapshot is there. Must not block.
    fn updated(&self, update: &Update);

    /// The store's health changed, or it was seen at a newer revision.
    fn health_changed(&self, health: &StoreHealth);
}

/// Several ids may stand under one key: rows written around the admin API need not be unique. The smallest
/// id wins, so that every process decides alike.
#[derive(Clone, Debug)]
struct Index<K: Eq + Hash>(HashTrieMapSync<K, Arc<[ResourceId]>>);

/// Longest literal part first, then the smaller id.
type WildcardRank = (std::cmp::Reverse<usize>, ResourceId);

impl Snapshot {
    /// The store's revision that this snapshot includes.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Declares that everything up to `revision` is included.
    pub fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// The revision of the last write made through an admin service; a guarded write names it.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Sets the generation.
    pub fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// All provider keys.
    pub fn provider_keys(&self) -> &Collection<ProviderKey> {
        &self.provider_keys
    }

    /// All models.
    pub fn models(&self) -> &Collection<Model> {
        &self.models
    }

    /// All caller keys.
    pub fn caller_keys(&self) -> &Collection<CallerKey> {
        &self.caller_keys
    }

    /// The model that answers to `alias`: the exact one, else the wildcard with the longest literal part.
    pub fn model_for(&self, alias: &str) -> Option<&Arc<Entry<Model>>> {
        let exact = self.models.named(alias).filter(|entry| entry.value.alias.is_exact());
        exact.or_else(|| {
            let candidates = self.wildcards.values().filter_map(|id| self.models.get(*id));
            candidates.into_iter().find(|entry| entry.value.alias.matches(alias))
        })
    }

    /// The caller key with this hash.
    pub fn caller_key_for(&self, hash: &KeyHash) -> Option<&Arc<Entry<CallerKey>>> {
        self.caller_keys.get(self.by_hash.first(hash)?)
    }

    /// The models that use a provider key, by id.
    pub fn models_of(&self, provider_key: ResourceId) -> impl Iterator<Item = &Arc<Entry<Model>>> {
        let from = (provider_key, ResourceId::from_u128(0));
        let rows = self.models_by_provider_key.range(from..).map(|((key, model), ())| (*key, *model));
        rows.take_while(move |(key, _)| *key == provider_key).filter_map(|(_, model)| self.models.get(model))
    }

    /// The models of a provider, by id: those labelled with it, and those without a label whose provider key
    /// names it. Nothing is collected: whoever needs the first one pays for that one.
    pub fn models_of_provider<'s>(
        &'s self,
        provider: &'s str,
    ) -> impl Iterator<Item = &'s Arc<Entry<Model>>> {
        type Models<'s> = Box<dyn Iterator<Item = &'s Arc<Entry<Model>>> + 's>;
        let unlabelled = |entry: &&Arc<Entry<Model>>| entry.value.provider.is_none();
        let labelled = under(&self.models_by_label, provider).filter_map(|id| self.models.get(id));
        let keys = under(&self.provider_keys_by_provider, provider);
        let of_keys = keys.map(|key| Box::new(self.models_of(key).filter(unlabelled)) as Models<'s>);
        let sources = std::iter::once(Box::new(labelled) as Models<'s>).chain(of_keys);
        let mut sources: Vec<_> = sources.map(Iterator::peekable).collect();
        std::iter::from_fn(move || {
            let smallest =
                sources.iter_mut().filter_map(|source| source.peek().map(|entry| entry.id)).min()?;
            let is_next =
                |source: &mut std::iter::Peekable<Models<'s>>| source.next_if(|entry| entry.id == smallest);
            sources.iter_mut().find_map(is_next)
        })
    }

    /// Rows that are stored but not in use, by storage key.
    pub fn rejections(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Rejection>)> {
        self.rejections.iter()
    }

    /// Why the row at this storage key is not in use.
    pub fn rejection(&self, key: &str) -> Option<&Arc<Rejection>> {
        self.rejections.get(key)
    }

    /// How many rows are stored but not in use.
    pub fn rejection_count(&self) -> usize {
        self.rejections.size()
    }

    /// Notes that the row at `key` cannot be used.
    pub fn reject(&mut self, key: Arc<str>, rejection: Rejection) {
        self.rejections.insert_mut(key, Arc::new(rejection));
    }

    /// Notes that the row at `key` is fine or gone.
    pub fn accept(&mut self, key: &str) {
        if self.rejections.contains_key(key) {
            self.rejections.remove_mut(key);
        }
    }

    /// Adds or replaces a provider key.
    pub fn put_provider_key(&mut self, entry: Entry<ProviderKey>) {
        self.remove_provider_key(entry.id);
        self.provider_keys_by_provider.insert_mut((entry.value.provider.shared(), entry.id), ());
        self.provider_keys.put(entry);
    }

    /// Adds or replaces a model.
    pub fn put_model(&mut self, entry: Entry<Model>) {
        self.remove_model(entry.id);
        let (id, model) = (entry.id, &entry.value);
        if !model.alias.is_exact() {
            self.wildcards.insert_mut(wildcard_rank(&model.alias, id), id);
        }
        self.models_by_provider_key.insert_mut((model.provider_key_id, id), ());
        if let Some(label) = model.provider.as_ref().map(Provider::shared) {
            self.models_by_label.insert_mut((label, id), ());
        }
        self.models.put(entry);
    }

    /// Adds or replaces a caller key.
    pub fn put_caller_key(&mut self, entry: Entry<CallerKey>) {
        self.remove_caller_key(entry.id);
        self.by_hash.insert(entry.value.key_hash, entry.id);
        self.caller_keys.put(entry);
    }

    /// Removes a resource, if it is there.
    pub fn remove(&mut self, resource: ResourceRef) {
        match resource.kind {
            ResourceKind::ProviderKey => self.remove_provider_key(resource.id),
            ResourceKind::Model => self.remove_model(resource.id),
            ResourceKind::CallerKey => self.remove_caller_key(resource.id),
        }
    }

    fn remove_provider_key(&mut self, id: ResourceId) {
        if let Some(old) = self.provider_keys.remove(id) {
            self.provider_keys_by_provider.remove_mut(&(old.value.provider.shared(), id));
        }
    }

    fn remove_model(&mut self, id: ResourceId) {
        let Some(old) = self.models.remove(id) else { return };
        self.wildcards.remove_mut(&wildcard_rank(&old.value.alias, id));
        self.models_by_provider_key.remove_mut(&(old.value.provider_key_id, id));
        if let Some(label) = old.value.provider.as_ref().map(Provider::shared) {
            self.models_by_label.remove_mut(&(label, id));
        }
    }

    fn remove_caller_key(&mut self, id: ResourceId) {
        if let Some(old) = self.caller_keys.remove(id) {
            self.by_hash.remove(&old.value.key_hash, id);
        }
    }
}

/// The ids that stand under `name`, in their order.
fn under(
    index: &RedBlackTreeMapSync<(Arc<str>, ResourceId), ()>,
    name: &str,
) -> impl Iterator<Item = ResourceId> {
    let name: Arc<str> = name.into();
    let from = (Arc::clone(&name), ResourceId::from_u128(0));
    index.range(from..).map(|(key, ())| key).take_while(move |(found, _)| *found == name).map(|(_, id)| *id)
}

fn wildcard_rank(alias: &Pattern, id: ResourceId) -> WildcardRank {
    (std::cmp::Reverse(alias.literal_len()), id)
}

// === impl Collection ===

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self { rows: RedBlackTreeMapSync::new_sync(), by_name: Index::default() }
    }
}

impl<T: Resource> Collection<T> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row with this id.
    pub fn get(&self, id: ResourceId) -> Option<&Arc<Entry<T>>> {
        self.rows.get(&id)
    }

    /// The row with this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Entry<T>>> {
        self.get(self.by_name.0.get(name)?.first().copied()?)
    }

    /// All rows, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry<T>>> {
        self.rows.values()
    }

    /// The rows after `id` (all when `None`), ordered by id.
    pub fn after(&self, id: Option<ResourceId>) -> impl Iterator<Item = &Arc<Entry<T>>> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.rows.range((from, Bound::Unbounded)).map(|(_, entry)| entry)
    }

    fn put(&mut self, entry: Entry<T>) {
        self.remove(entry.id);
        if let Some(name) = entry.value.unique_name() {
            self.by_name.insert(name, entry.id);
        }
        self.rows.insert_mut(entry.id, Arc::new(entry));
    }

    fn remove(&mut self, id: ResourceId) -> Option<Arc<Entry<T>>> {
        let old = Arc::clone(self.rows.get(&id)?);
        self.rows.remove_mut(&id);
        if let Some(name) = old.value.unique_name() {
            self.by_name.remove(&name, id);
        }
        Some(old)
    }
}

// === impl Index ===

impl<K: Eq + Hash> Default for Index<K> {
    fn default() -> Self {
        Self(HashTrieMapSync::new_sync())
    }
}

impl<K: Eq + Hash> Index<K> {
    fn first(&self, key: &K) -> Option<ResourceId> {
        self.0.get(key)?.first().copied()
    }

    fn insert(&mut self, key: K, id: ResourceId) {
        let others = self.0.get(&key).map_or(&[][..], |ids| ids);
        let mut ids: Vec<_> = others.iter().copied().chain([id]).collect();
        ids.sort_unstable();
        ids.dedup();
        self.0.insert_mut(key, ids.into());
    }

    fn remove(&mut self, key: &K, id: ResourceId)
    where
        K: Clone,
    {
        let Some(ids) = self.0.get(key) else { return };
        let rest: Arc<[ResourceId]> = ids.iter().copied().filter(|other| *other != id).collect();
        if rest.is_empty() {
            self.0.remove_mut(key);
        } else {
            self.0.insert_mut(key.clone(), rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DisplayName, UnknownFields};

    fn model(id: u128, alias: &str, provider_key: u128) -> Entry<Model> {
        let display_name = DisplayName::parse(alias).unwrap();
        let value = Model {
            alias: Model::alias_of(&display_name).unwrap(),
            display_name,
            model_name: "*".into(),
            provider_key_id: ResourceId::from_u128(provider_key),
            provider: id.is_multiple_of(2).then(|| Provider::parse("even").unwrap()),
            timeout_ms: None,
            stream_timeout_ms: None,
            cost: None,
            unknown_fields: UnknownFields::default(),
        };
        Entry { id: ResourceId::from_u128(id), revision: 1, value }
    }

    fn provider_key(id: u128, provider: &str) -> Entry<ProviderKey> {
        let value = ProviderKey {
            display_name: DisplayName::parse(&format!("key-{id}")).unwrap(),
            secret: crate::Secret::new("secret").unwrap(),
            api_base: None,
            provider: Provider::parse(provider).unwrap(),
            adapter: crate::Adapter::Openai,
            telemetry_tags: crate::TelemetryTags::default(),
            strip_headers: crate::StripHeaders::default(),
            stream_usage: None,
            unknown_fields: UnknownFields::default(),
        };
        Entry { id: ResourceId::from_u128(id), revision: 1, value }
    }

    fn caller_key(id: u128, name: Option<&str>, key: &str) -> Entry<CallerKey> {
        let value = CallerKey {
            display_name: name.map(|n| DisplayName::parse(n).unwrap()),
            key_hash: KeyHash::of(key),
            allowed_models: Vec::new(),
            expires_at: None,
            disabled: false,
            unknown_fields: UnknownFields::default(),
        };
        Entry { id: ResourceId::from_u128(id), revision: 1, value }
    }

    fn found(snapshot: &Snapshot, alias: &str) -> Option<String> {
        snapshot.model_for(alias).map(|entry| entry.value.display_name.to_string())
    }

    fn ids<'a, T: 'a>(entries: impl Iterator<Item = &'a Arc<Entry<T>>>) -> Vec<ResourceId> {
        entries.map(|entry| entry.id).collect()
    }

    #[test]
    fn exact_aliases_come_first_then_the_longest_literal() {
        let mut snapshot = Snapshot::default();
        for (id, alias) in ["*", "openai/*", "openai/gpt-*", "openai/gpt-4o"].into_iter().enumerate() {
            snapshot.put_model(model(id as u128, alias, 9));
        }
        assert_eq!(found(&snapshot, "openai/gpt-4o").as_deref(), Some("openai/gpt-4o"));
        assert_eq!(found(&snapshot, "openai/gpt-5").as_deref(), Some("openai/gpt-*"));
        assert_eq!(found(&snapshot, "openai/o1").as_deref(), Some("openai/*"));
        assert_eq!(found(&snapshot, "claude").as_deref(), Some("*"));
    }

    #[test]
    fn renaming_a_model_forgets_the_old_alias_everywhere() {
        let mut snapshot = Snapshot::default();
        snapshot.put_model(model(2, "old/*", 7));
        let before = snapshot.clone();
        snapshot.put_model(model(2, "new", 8));
        assert_eq!(found(&snapshot, "old/x"), None);
        assert_eq!(found(&snapshot, "new").as_deref(), Some("new"));
        assert!(ids(snapshot.models_of(ResourceId::from_u128(7))).is_empty());
        assert_eq!(ids(snapshot.models_of(ResourceId::from_u128(8))), [ResourceId::from_u128(2)]);
        assert_eq!(found(&before, "old/x").as_deref(), Some("old/*"), "an older snapshot does not change");
    }

    #[test]
    fn a_provider_has_the_models_labelled_with_it_and_those_of_its_keys() {
        let mut snapshot = Snapshot::default();
        (1..=4).for_each(|id| snapshot.put_model(model(id, &format!("m{id}"), 9)));
        let of = |snapshot: &Snapshot, provider: &str| ids(snapshot.models_of_provider(provider));
        let even = [ResourceId::from_u128(2), ResourceId::from_u128(4)];
        assert_eq!(of(&snapshot, "even"), even);
        assert!(of(&snapshot, "eve").is_empty());
        snapshot.put_provider_key(provider_key(9, "even"));
        assert_eq!(of(&snapshot, "even"), [1, 2, 3, 4].map(ResourceId::from_u128));
        snapshot.put_provider_key(provider_key(9, "odd"));
        assert_eq!(of(&snapshot, "odd"), [1, 3].map(ResourceId::from_u128));
        assert_eq!(of(&snapshot, "even"), even);
    }

    #[test]
    fn of_two_rows_with_one_name_the_smaller_id_wins_and_the_other_takes_over() {
        let mut snapshot = Snapshot::default();
        snapshot.put_caller_key(caller_key(2, Some("app"), "k"));
        snapshot.put_caller_key(caller_key(1, Some("app"), "k"));
        let winner = |s: &Snapshot| {
            let named = s.caller_keys().named("app").map(|e| e.id);
            assert_eq!(named, s.caller_key_for(&KeyHash::of("k")).map(|e| e.id));
            named
        };
        assert_eq!(winner(&snapshot), Some(ResourceId::from_u128(1)));
        snapshot.remove(ResourceRef { kind: ResourceKind::CallerKey, id: ResourceId::from_u128(1) });
        assert_eq!(winner(&snapshot), Some(ResourceId::from_u128(2)));
        snapshot.remove(ResourceRef { kind: ResourceKind::CallerKey, id: ResourceId::from_u128(2) });
        assert_eq!(winner(&snapshot), None);
    }

    #[test]
    fn rows_page_in_the_order_of_ids() {
        let mut snapshot = Snapshot::default();
        [5, 1, 3].into_iter().for_each(|id| snapshot.put_model(model(id, &format!("m{id}"), 9)));
        let after = Some(ResourceId::from_u128(1));
        assert_eq!(ids(snapshot.models().after(after)), [3, 5].map(ResourceId::from_u128));
        assert_eq!(ids(snapshot.models().after(None)), [1, 3, 5].map(ResourceId::from_u128));
    }
}
