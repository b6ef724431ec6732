use std::sync::Arc;

use aisix_domain::{
    Adapter, CallerKey, DisplayName, Entry, KeyHash, Model, Pattern, Provider, ProviderKey, ResourceId,
    Secret, Snapshot, StripHeaders, TelemetryTags, Touched, UnknownFields, Update,
};

/// Puts a snapshot together from the few things a test cares about; everything else has its default.
/// Ids count from 1, over all kinds.
#[derive(Clone, Debug, Default)]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
    rows: u128,
}

impl SnapshotBuilder {
    /// An empty snapshot at revision 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider key of the `openai` family; its provider is `openai`.
    pub fn provider_key(&mut self, name: &str, api_base: &str, secret: &str) -> ResourceId {
        self.provider_key_with(name, api_base, secret, |_| {})
    }

    /// The same, changed by `change` before it is added.
    pub fn provider_key_with(
        &mut self,
        name: &str,
        api_base: &str,
        secret: &str,
        change: impl FnOnce(&mut ProviderKey),
    ) -> ResourceId {
        let mut value = ProviderKey {
            display_name: DisplayName::parse(name).expect("a display name"),
            secret: Secret::new(secret).expect("a secret"),
            api_base: Some(api_base.into()),
            provider: Provider::parse("openai").expect("a provider"),
            adapter: Adapter::Openai,
            telemetry_tags: TelemetryTags::default(),
            strip_headers: StripHeaders::default(),
            stream_usage: None,
            unknown_fields: UnknownFields::default(),
        };
        change(&mut value);
        let entry = self.entry(value);
        let id = entry.id;
        self.snapshot.put_provider_key(entry);
        id
    }

    /// Adds a model: callers say `alias`, the upstream behind `provider_key` is asked for `model_name`.
    pub fn model(&mut self, alias: &str, model_name: &str, provider_key: ResourceId) -> ResourceId {
        self.model_with(alias, model_name, provider_key, |_| {})
    }

    /// The same, changed by `change` before it is added.
    pub fn model_with(
        &mut self,
        alias: &str,
        model_name: &str,
        provider_key: ResourceId,
        change: impl FnOnce(&mut Model),
    ) -> ResourceId {
        let display_name = DisplayName::parse(alias).expect("a display name");
        let mut value = Model {
            alias: Model::alias_of(&display_name).expect("an alias"),
            display_name,
            model_name: model_name.into(),
            provider_key_id: provider_key,
            provider: None,
            timeout_ms: None,
            stream_timeout_ms: None,
            cost: None,
            unknown_fields: UnknownFields::default(),
        };
        change(&mut value);
        let entry = self.entry(value);
        let id = entry.id;
        self.snapshot.put_model(entry);
        id
    }

    /// Adds a caller key that may use the aliases of `allowed_models`.
    pub fn caller_key(&mut self, key: &str, allowed_models: &[&str]) -> ResourceId {
        self.caller_key_with(key, allowed_models, |_| {})
    }

    /// The same, changed by `change` before it is added.
    pub fn caller_key_with(
        &mut self,
        key: &str,
        allowed_models: &[&str],
        change: impl FnOnce(&mut CallerKey),
    ) -> ResourceId {
        let mut value = CallerKey {
            display_name: None,
            key_hash: KeyHash::of(key),
            allowed_models: allowed_models
                .iter()
                .map(|text| Pattern::parse(text).expect("a pattern"))
                .collect(),
            expires_at: None,
            disabled: false,
            unknown_fields: UnknownFields::default(),
        };
        change(&mut value);
        let entry = self.entry(value);
        let id = entry.id;
        self.snapshot.put_caller_key(entry);
        id
    }

    /// The snapshot; its revision is the number of rows added.
    pub fn build(&self) -> Arc<Snapshot> {
        let mut snapshot = self.snapshot.clone();
        snapshot.set_revision(u64::try_from(self.rows).expect("few rows"));
        Arc::new(snapshot)
    }

    /// The snapshot as the first one that an observer is told about.
    pub fn update(&self) -> Update {
        Update { snapshot: self.build(), touched: Touched::Everything }
    }

    fn entry<T>(&mut self, value: T) -> Entry<T> {
        self.rows += 1;
        Entry { id: ResourceId::from_u128(self.rows), revision: 1, value }
    }
}
