//! The snapshot made ready for calls: what can be computed when the configuration changes is not computed
//! when a request arrives.

use std::sync::Arc;

use aisix_adapters::base_url::UrlPolicy;
use aisix_adapters::{Upstream, family};
use aisix_domain::{
    Entry, Invalid, Model, Provider, ProviderKey, Rejection, ResourceId, ResourceKind, ResourceRef, Snapshot,
    Touched, Update,
};
use aisix_upstream::RecvBody;
use http::HeaderName;
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

use crate::metrics::SeriesCell;
use crate::problem::{Problem, Refusal};

/// How much of a refusal's body is looked at.
const REFUSAL_BYTES_MAX: usize = 256 * 1024;

/// One snapshot and what was prepared from it. Two of them share what did not change.
#[derive(Clone, Debug)]
pub(crate) struct Routing {
    pub(crate) snapshot: Arc<Snapshot>,
    keys: HashTrieMapSync<ResourceId, Arc<PreparedKey>>,
    models: HashTrieMapSync<ResourceId, Arc<PreparedModel>>,
    /// Provider keys that are stored and readable, but no call can be made with them.
    unusable: RedBlackTreeMapSync<ResourceId, Rejection>,
}

/// A provider key ready for calls.
#[derive(Debug)]
pub(crate) struct PreparedKey {
    pub(crate) entry: Arc<Entry<ProviderKey>>,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) strip_headers: Vec<HeaderName>,
}

/// A model and its metrics.
#[derive(Debug)]
pub(crate) struct PreparedModel {
    pub(crate) entry: Arc<Entry<Model>>,
    pub(crate) series: SeriesCell,
}

/// Where a call goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) model: Arc<PreparedModel>,
    pub(crate) key: Arc<PreparedKey>,
}

impl Routing {
    /// What follows `before` when `update` arrives.
    pub(crate) fn after(before: Option<&Self>, update: &Update, policy: &UrlPolicy) -> Self {
        let snapshot = &update.snapshot;
        match (&update.touched, before) {
            (Touched::Rows(rows), Some(before)) => {
                let mut routing = Self { snapshot: Arc::clone(snapshot), ..before.clone() };
                rows.iter().for_each(|row| routing.refresh(*row, policy));
                routing
            }
            _ => {
                // The keys of before are last good values for those that cannot be prepared now.
                let keys = before.map(|before| before.keys.clone()).unwrap_or_default();
                let mut routing = Self::empty(snapshot, keys);
                routing.drop_missing_keys();
                snapshot.provider_keys().iter().for_each(|entry| routing.put_key(entry, policy));
                snapshot.models().iter().for_each(|entry| routing.put_model(entry));
                routing
            }
        }
    }

    /// The model that answers to `alias` and its provider key, when it can be used.
    pub(crate) fn target(&self, model: &Entry<Model>) -> Option<Target> {
        let key = self.keys.get(&model.value.provider_key_id)?;
        Some(Target { model: Arc::clone(self.models.get(&model.id)?), key: Arc::clone(key) })
    }

    /// The prepared key with this id.
    pub(crate) fn key(&self, id: ResourceId) -> Option<&Arc<PreparedKey>> {
        self.keys.get(&id)
    }

    /// The prepared model with this id.
    pub(crate) fn model(&self, id: ResourceId) -> Option<&Arc<PreparedModel>> {
        self.models.get(&id)
    }

    /// Every row that is stored but not in use: its collection and id, and why.
    pub(crate) fn rejections(&self) -> impl Iterator<Item = (String, &Rejection)> {
        let unreadable = self.snapshot.rejections().map(|(key, rejection)| (key.to_string(), &**rejection));
        let collection = ResourceKind::ProviderKey.collection();
        unreadable
            .chain(self.unusable.iter().map(move |(id, rejection)| (format!("{collection}/{id}"), rejection)))
    }

    /// How many rows are stored but not in use.
    pub(crate) fn rejection_count(&self) -> usize {
        self.snapshot.rejection_count() + self.unusable.size()
    }

    fn empty(snapshot: &Arc<Snapshot>, keys: HashTrieMapSync<ResourceId, Arc<PreparedKey>>) -> Self {
        Self {
            snapshot: Arc::clone(snapshot),
            keys,
            models: HashTrieMapSync::new_sync(),
            unusable: RedBlackTreeMapSync::new_sync(),
        }
    }

    fn drop_missing_keys(&mut self) {
        let keys = self.snapshot.provider_keys();
        let missing: Vec<_> = self.keys.keys().filter(|id| keys.get(**id).is_none()).copied().collect();
        for id in missing {
            self.keys.remove_mut(&id);
        }
    }

    fn refresh(&mut self, row: ResourceRef, policy: &UrlPolicy) {
        let snapshot = Arc::clone(&self.snapshot);
        match row.kind {
            ResourceKind::ProviderKey => match snapshot.provider_keys().get(row.id) {
                Some(entry) => self.put_key(entry, policy),
                None => {
                    self.keys.remove_mut(&row.id);
                    self.unusable.remove_mut(&row.id);
                }
            },
            ResourceKind::Model => match snapshot.models().get(row.id) {
                Some(entry) => self.put_model(entry),
                None => {
                    self.models.remove_mut(&row.id);
                }
            },
            // Caller keys are used as the snapshot has them.
            ResourceKind::CallerKey => {}
        }
    }

    fn put_key(&mut self, entry: &Arc<Entry<ProviderKey>>, policy: &UrlPolicy) {
        match PreparedKey::new(entry, policy) {
            Ok(prepared) => {
                self.keys.insert_mut(entry.id, Arc::new(prepared));
                self.unusable.remove_mut(&entry.id);
            }
            Err(invalid) => {
                let serves_last_good = self.keys.contains_key(&entry.id);
                let reason = format!("{}: {}", invalid.code(), invalid.message());
                self.unusable.insert_mut(entry.id, Rejection { reason, serves_last_good });
            }
        }
    }

    fn put_model(&mut self, entry: &Arc<Entry<Model>>) {
        // An edited model keeps its series: counters of labels that stay must not begin anew.
        let series = self.models.get(&entry.id).map(|old| old.series.clone()).unwrap_or_default();
        let prepared = PreparedModel { entry: Arc::clone(entry), series };
        self.models.insert_mut(entry.id, Arc::new(prepared));
    }
}

impl Target {
    /// Who the upstream is: the model's own label, else its provider key's.
    pub(crate) fn provider(&self) -> &Provider {
        self.model.entry.value.provider.as_ref().unwrap_or(&self.key.entry.value.provider)
    }

    /// Reads an upstream's refusal. A body that breaks off or is too large is as good as empty.
    pub(crate) async fn refusal(&self, head: http::response::Parts, body: RecvBody) -> Problem {
        let body = body.collect(REFUSAL_BYTES_MAX).await.unwrap_or_default();
        let error = self.key.upstream.read_error(head.status, &body);
        Problem::Refused(Box::new(Refusal { error, headers: head.headers }))
    }
}

impl PreparedKey {
    fn new(entry: &Arc<Entry<ProviderKey>>, policy: &UrlPolicy) -> Result<Self, Invalid> {
        let key = &entry.value;
        let family = family(key.adapter).ok_or_else(|| {
            Invalid::new("adapter_not_available", "/adapter", "this version does not implement the adapter")
        })?;
        let upstream = family.prepare(key, policy)?;
        let names = key.strip_headers.names().iter();
        let strip_headers = names.filter_map(|name| HeaderName::try_from(name.as_str()).ok()).collect();
        Ok(Self { entry: Arc::clone(entry), upstream, strip_headers })
    }
}
