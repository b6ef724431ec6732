use std::sync::Arc;

use aisix_adapters::base_url::UrlPolicy;
use aisix_domain::{
    Collection, Cost, DisplayName, Entry, Invalid, Model, Provider, ProviderKey, ResourceId, Snapshot,
};
use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::error::Problem;
use crate::listing::Filter;
use crate::resource::{Change, ResourceApi};

/// A model as it is written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModelWrite)]
pub(crate) struct ModelBody {
    /// The alias that callers send as `model`, unique among models; it may hold one `*`.
    #[schema(min_length = 1, max_length = 255, example = "gpt-4o")]
    display_name: String,
    /// The upstream's model or deployment; a `*` in it stands for what the alias's `*` matched.
    #[schema(min_length = 1, max_length = 2048, example = "gpt-4o-2024-11-20")]
    model_name: String,
    /// The provider key that carries the calls.
    #[schema(format = Uuid)]
    provider_key_id: String,
    /// Label for metrics; the provider key's provider when unset.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    provider: Option<String>,
    /// Longest wait for a whole answer, in milliseconds.
    #[serde(default, deserialize_with = "milliseconds")]
    #[schema(minimum = 1, maximum = 86_400_000)]
    timeout: Option<u64>,
    /// Longest silence inside a streamed answer, in milliseconds.
    #[serde(default, deserialize_with = "milliseconds")]
    #[schema(minimum = 1, maximum = 86_400_000)]
    stream_timeout: Option<u64>,
    cost: Option<CostJson>,
}

/// A model as it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelView<'a> {
    display_name: &'a str,
    model_name: &'a str,
    #[schema(format = Uuid)]
    provider_key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<CostJson>,
}

/// Prices per 1000 tokens, in the operator's currency.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Cost)]
struct CostJson {
    #[schema(minimum = 0)]
    input_per_1k: f64,
    #[schema(minimum = 0)]
    output_per_1k: f64,
}

impl ResourceApi for Model {
    type Body = ModelBody;
    type View<'a> = ModelView<'a>;

    const FILTERS: &'static [Filter<Self>] = &[
        Filter {
            name: "display_name",
            description: "Only the one with this alias.",
            keeps: |model, wanted, _| *model.display_name == *wanted,
        },
        Filter {
            name: "provider",
            description: "Only those of this provider, by their own label or else their provider key's.",
            keeps: |model, wanted, snapshot| {
                provider_of(model, snapshot).is_some_and(|provider| **provider == *wanted)
            },
        },
        Filter {
            name: "adapter",
            description: "Only those whose provider key speaks this wire format.",
            keeps: |model, wanted, snapshot| {
                provider_key_of(model, snapshot).is_some_and(|key| key.value.adapter.as_str() == wanted)
            },
        },
        Filter {
            name: "provider_key_id",
            description: "Only those that use this provider key.",
            keeps: |model, wanted, _| model.provider_key_id.to_string() == wanted,
        },
    ];

    fn collection(snapshot: &Snapshot) -> &Collection<Self> {
        snapshot.models()
    }

    fn build(body: &ModelBody, change: Change<'_, Self>, _: &UrlPolicy) -> Result<Self, Problem> {
        let display_name = DisplayName::parse(&body.display_name)?;
        let alias = Self::alias_of(&display_name)?;
        Self::check_model_name(&body.model_name, &alias)?;
        let timeout =
            |field, millis: Option<u64>| millis.map(|ms| Self::check_timeout(field, ms)).transpose();
        Ok(Self {
            display_name,
            alias,
            model_name: body.model_name.as_str().into(),
            provider_key_id: body.provider_key_id.parse().map_err(|_| unknown_provider_key())?,
            provider: body.provider.as_deref().map(Provider::parse).transpose()?,
            timeout_ms: timeout("/timeout", body.timeout)?,
            stream_timeout_ms: timeout("/stream_timeout", body.stream_timeout)?,
            cost: body.cost.map(|given| cost(given, change)).transpose()?,
            unknown_fields: change.old().map(|old| old.unknown_fields.clone()).unwrap_or_default(),
        })
    }

    fn check_references(&self, _id: ResourceId, snapshot: &Snapshot) -> Result<(), Problem> {
        provider_key_of(self, snapshot).map(drop).ok_or_else(|| unknown_provider_key().into())
    }
}

/// Names the unit to those who send another one.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let unfit = |_| de::Error::invalid_type(Unexpected::Other("value"), &"a whole number of milliseconds");
    Option::deserialize(deserializer).map_err(unfit)
}

fn cost(given: CostJson, change: Change<'_, Model>) -> Result<Cost, Invalid> {
    let old = change.old().and_then(|old| old.cost.as_ref());
    let unknown_fields = old.map(|old| old.unknown_fields.clone()).unwrap_or_default();
    Ok(Cost { unknown_fields, ..Cost::new(given.input_per_1k, given.output_per_1k)? })
}

fn unknown_provider_key() -> Invalid {
    Invalid::new(
        "unknown_provider_key",
        "/provider_key_id",
        "there is no provider key with this id; create it first",
    )
}

fn provider_key_of<'s>(model: &Model, snapshot: &'s Snapshot) -> Option<&'s Arc<Entry<ProviderKey>>> {
    snapshot.provider_keys().get(model.provider_key_id)
}

fn provider_of<'s>(model: &'s Model, snapshot: &'s Snapshot) -> Option<&'s Provider> {
    let of_key = || provider_key_of(model, snapshot).map(|key| &key.value.provider);
    model.provider.as_ref().or_else(of_key)
}

// === impl From ===

impl<'a> From<&'a Model> for ModelView<'a> {
    fn from(model: &'a Model) -> Self {
        Self {
            display_name: &model.display_name,
            model_name: &model.model_name,
            provider_key_id: model.provider_key_id.to_string(),
            provider: model.provider.as_deref(),
            timeout: model.timeout_ms,
            stream_timeout: model.stream_timeout_ms,
            cost: model.cost.as_ref().map(CostJson::from),
        }
    }
}

impl From<&Cost> for CostJson {
    fn from(cost: &Cost) -> Self {
        Self { input_per_1k: cost.input_per_1k, output_per_1k: cost.output_per_1k }
    }
}
