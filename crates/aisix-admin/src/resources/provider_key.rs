use aisix_adapters::base_url::UrlPolicy;
use aisix_adapters::family;
use aisix_adapters::preview::adapter_not_available;
use aisix_domain::{
    Adapter, Collection, DisplayName, Entry, Invalid, Model, Provider, ProviderKey, ResourceId, Secret,
    Snapshot, StripHeaders, TelemetryTags,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use super::secret::{Redacted, SecretBody};
use crate::error::{Dependent, Problem};
use crate::json;
use crate::listing::Filter;
use crate::resource::{Change, ResourceApi};

/// A provider key as it is written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProviderKeyWrite)]
pub(crate) struct ProviderKeyBody {
    /// Unique among provider keys.
    #[schema(min_length = 1, max_length = 255, example = "openai-prod")]
    display_name: String,
    /// The upstream credential. Required on create; absent or `"***"` keeps the stored one afterwards.
    secret: Option<SecretBody>,
    /// Where requests go. Stored as written, used in normal form.
    #[schema(max_length = 2048, example = "https://api.openai.com/v1")]
    api_base: Option<String>,
    /// Who the upstream is; labels metrics and never decides the wire format.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "openai")]
    provider: String,
    /// Which wire format to speak.
    #[schema(schema_with = adapter_schema)]
    adapter: String,
    telemetry_tags: Option<TagsJson>,
    /// Headers of a caller that never reach the upstream on passthrough routes.
    #[schema(max_items = 64)]
    strip_headers: Option<Vec<String>>,
    /// Whether streams ask the upstream for their token usage; unset means yes.
    stream_usage: Option<bool>,
}

/// A provider key as it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderKey)]
pub(crate) struct ProviderKeyView<'a> {
    display_name: &'a str,
    /// Always `"***"`.
    #[schema(value_type = String, example = "***")]
    secret: Redacted,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_base: Option<&'a str>,
    provider: &'a str,
    #[schema(schema_with = adapter_schema)]
    adapter: &'static str,
    telemetry_tags: TagsJson,
    strip_headers: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_usage: Option<bool>,
}

/// Labels for the operator's own reporting.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = TelemetryTags)]
struct TagsJson {
    #[serde(deserialize_with = "json::or_default")]
    featured: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branded_provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byo_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pk_label: Option<String>,
}

impl ResourceApi for ProviderKey {
    type Body = ProviderKeyBody;
    type View<'a> = ProviderKeyView<'a>;

    const FILTERS: &'static [Filter<Self>] = &[
        Filter {
            name: "display_name",
            description: "Only the one with this name.",
            keeps: |key, wanted, _| *key.display_name == *wanted,
        },
        Filter {
            name: "provider",
            description: "Only those of this provider.",
            keeps: |key, wanted, _| *key.provider == *wanted,
        },
        Filter {
            name: "adapter",
            description: "Only those that speak this wire format.",
            keeps: |key, wanted, _| key.adapter.as_str() == wanted,
        },
    ];

    fn collection(snapshot: &Snapshot) -> &Collection<Self> {
        snapshot.provider_keys()
    }

    fn build(body: &ProviderKeyBody, change: Change<'_, Self>, policy: &UrlPolicy) -> Result<Self, Problem> {
        let adapter = parse_adapter(&body.adapter)?;
        let family = family(adapter).ok_or_else(adapter_not_available)?;
        let key = Self {
            display_name: DisplayName::parse(&body.display_name)?,
            secret: secret(body.secret.as_ref(), change)?,
            api_base: body.api_base.as_deref().map(Into::into),
            provider: Provider::parse(&body.provider)?,
            adapter,
            telemetry_tags: telemetry_tags(body.telemetry_tags.clone().unwrap_or_default(), change),
            strip_headers: strip_headers(body.strip_headers.as_deref())?,
            stream_usage: body.stream_usage,
            unknown_fields: change.old().map(|old| old.unknown_fields.clone()).unwrap_or_default(),
        };
        family.normalize(key.api_base.as_deref(), policy)?;
        family.check_secret(&key.secret)?;
        Ok(key)
    }

    fn check_unused(id: ResourceId, snapshot: &Snapshot) -> Result<(), Problem> {
        let models: Vec<_> = snapshot.models_of(id).map(|model| Dependent::from(&**model)).collect();
        if models.is_empty() { Ok(()) } else { Err(Problem::InUse { models }) }
    }

    fn warnings(&self, policy: &UrlPolicy) -> Vec<&'static str> {
        let base = family(self.adapter).and_then(|f| f.normalize(self.api_base.as_deref(), policy).ok());
        base.map(|base| base.warnings().iter().map(|warning| warning.code).collect()).unwrap_or_default()
    }
}

/// The adapter of this name.
pub(crate) fn parse_adapter(name: &str) -> Result<Adapter, Invalid> {
    name.parse().map_err(|e| Invalid::new("unknown_adapter", "/adapter", format!("adapter {e}")))
}

fn secret(given: Option<&SecretBody>, change: Change<'_, ProviderKey>) -> Result<Secret, Invalid> {
    match (given, change) {
        (Some(given), Change::Replace(old) | Change::Patch(old)) if given.is_redacted() => {
            Ok(old.secret.clone())
        }
        (Some(given), _) => given.to_secret(),
        (None, Change::Replace(old)) => Ok(old.secret.clone()),
        (None, Change::Create) => Err(secret_required("secret is required: the credential of the upstream")),
        (None, Change::Patch(_)) => {
            Err(secret_required("the secret cannot be removed; leave it out to keep it"))
        }
    }
}

fn secret_required(why: &'static str) -> Invalid {
    Invalid::new("secret_required", "/secret", why)
}

fn telemetry_tags(given: TagsJson, change: Change<'_, ProviderKey>) -> TelemetryTags {
    let TagsJson { featured, kind, branded_provider, byo_label, pk_label } = given;
    let unknown_fields = change.old().map(|old| old.telemetry_tags.unknown_fields.clone());
    let unknown_fields = unknown_fields.unwrap_or_default();
    TelemetryTags { featured, kind, branded_provider, byo_label, pk_label, unknown_fields }
}

fn strip_headers(names: Option<&[String]>) -> Result<StripHeaders, Invalid> {
    names.map_or_else(|| Ok(StripHeaders::default()), StripHeaders::new)
}

pub(crate) fn adapter_schema() -> Object {
    let names = Adapter::ALL.map(Adapter::as_str);
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(names)).build()
}

// === impl From ===

impl<'a> From<&'a ProviderKey> for ProviderKeyView<'a> {
    fn from(key: &'a ProviderKey) -> Self {
        Self {
            display_name: &key.display_name,
            secret: Redacted,
            api_base: key.api_base.as_deref(),
            provider: &key.provider,
            adapter: key.adapter.as_str(),
            telemetry_tags: TagsJson::from(&key.telemetry_tags),
            strip_headers: key.strip_headers.names(),
            stream_usage: key.stream_usage,
        }
    }
}

impl From<&TelemetryTags> for TagsJson {
    fn from(tags: &TelemetryTags) -> Self {
        let TelemetryTags { featured, kind, branded_provider, byo_label, pk_label, .. } = tags.clone();
        Self { featured, kind, branded_provider, byo_label, pk_label }
    }
}

impl From<&Entry<Model>> for Dependent {
    fn from(model: &Entry<Model>) -> Self {
        Self { id: model.id.to_string(), alias: model.value.display_name.to_string() }
    }
}
