//! What a provider key would call, before it is stored. Opens no connection.

use std::sync::Arc;

use aisix_adapters::base_url::Warning;
use aisix_adapters::preview::{self, Endpoints, PreviewRequest};
use aisix_domain::{Model, Pattern, Provider};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::JsonBody;
use crate::error::Problem;
use crate::resources::{SecretBody, adapter_schema, parse_adapter};
use crate::{Admin, json};

/// A provider key that may not be complete yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PreviewRequest)]
pub(crate) struct PreviewBody {
    #[schema(schema_with = adapter_schema)]
    adapter: String,
    #[schema(max_length = 2048, example = "https://api.openai.com/v1/chat/completions")]
    api_base: Option<String>,
    provider: Option<String>,
    /// Its shape is checked when it is given.
    secret: Option<SecretBody>,
    /// The upstream's name of a model, for URLs that hold one.
    model: Option<String>,
    /// Stands in for the project of a vertex credential; the other adapters have no use for it.
    #[serde(rename = "project")]
    _project: Option<String>,
    /// Stands in for the location of a vertex credential; the other adapters have no use for it.
    #[serde(rename = "location")]
    _location: Option<String>,
    /// Stands in for the region of a bedrock credential; the other adapters have no use for it.
    #[serde(rename = "region")]
    _region: Option<String>,
}

/// What would be called.
#[derive(Serialize, ToSchema)]
#[schema(as = Preview)]
pub(crate) struct PreviewView {
    /// The base URL in normal form.
    api_base: String,
    /// What was repaired or looks wrong.
    warnings: Vec<WarningView>,
    endpoints: EndpointsView,
}

/// Something that was repaired, or that looks wrong although it may be meant.
#[derive(Serialize, ToSchema)]
#[schema(as = Warning)]
struct WarningView {
    code: &'static str,
    message: String,
}

/// The URL of each operation; `null` where the adapter cannot serve it.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoints)]
struct EndpointsView {
    chat: Option<String>,
    chat_stream: Option<String>,
    messages: Option<String>,
    messages_stream: Option<String>,
    responses: Option<String>,
    embeddings: Option<String>,
    completions: Option<String>,
    models: Option<String>,
    count_tokens: Option<String>,
}

/// `POST /admin/v1/provider_keys/preview`.
pub(crate) async fn preview(
    State(admin): State<Arc<Admin>>,
    JsonBody(value): JsonBody,
) -> Result<Json<PreviewView>, Problem> {
    let body: PreviewBody = json::typed(value)?;
    body.provider.as_deref().map(Provider::parse).transpose()?;
    if let Some(model) = &body.model {
        Model::check_model_name(model, &Pattern::parse("*")?).map_err(|invalid| invalid.at("/model"))?;
    }
    let secret = body.secret.as_ref().map(SecretBody::to_secret).transpose()?;
    let request = PreviewRequest {
        adapter: parse_adapter(&body.adapter)?,
        api_base: body.api_base.as_deref(),
        secret: secret.as_ref(),
        model: body.model.as_deref(),
    };
    let preview = preview::preview(request, admin.url_policy())?;
    Ok(Json(preview.into()))
}

// === impl From ===

impl From<preview::Preview> for PreviewView {
    fn from(preview: preview::Preview) -> Self {
        Self {
            api_base: preview.base.as_str().to_owned(),
            warnings: preview.base.warnings().iter().map(WarningView::from).collect(),
            endpoints: preview.endpoints.into(),
        }
    }
}

impl From<&Warning> for WarningView {
    fn from(warning: &Warning) -> Self {
        Self { code: warning.code, message: warning.message.clone() }
    }
}

impl From<Endpoints> for EndpointsView {
    fn from(endpoints: Endpoints) -> Self {
        let Endpoints {
            chat,
            chat_stream,
            messages,
            messages_stream,
            responses,
            embeddings,
            completions,
            models,
            count_tokens,
        } = endpoints;
        Self {
            chat,
            chat_stream,
            messages,
            messages_stream,
            responses,
            embeddings,
            completions,
            models,
            count_tokens,
        }
    }
}
