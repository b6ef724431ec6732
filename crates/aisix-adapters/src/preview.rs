//! What a provider key would call, before it is stored and without opening a connection.

use aisix_domain::{Adapter, Invalid, Operation, Secret};

use crate::base_url::{BaseUrl, UrlPolicy};
use crate::{Family, family};

/// Stands for the upstream model in URLs that name one, when the question does not.
const MODEL_PLACEHOLDER: &str = "MODEL";

/// A provider key that may not be complete yet.
#[derive(Clone, Copy, Debug)]
pub struct PreviewRequest<'a> {
    /// The wire format.
    pub adapter: Adapter,
    /// The base URL as the operator wrote it.
    pub api_base: Option<&'a str>,
    /// The credential; when given, its shape is checked. It never appears in the answer.
    pub secret: Option<&'a Secret>,
    /// The upstream's name of a model.
    pub model: Option<&'a str>,
}

/// What would be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The normalised base, with what was repaired.
    pub base: BaseUrl,
    /// The URL of each operation.
    pub endpoints: Endpoints,
}

/// URLs by operation, in the order of answers; `None` where the family cannot serve it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the operations
pub struct Endpoints {
    pub chat: Option<String>,
    pub chat_stream: Option<String>,
    pub messages: Option<String>,
    pub messages_stream: Option<String>,
    pub responses: Option<String>,
    pub embeddings: Option<String>,
    pub completions: Option<String>,
    pub models: Option<String>,
    pub count_tokens: Option<String>,
}

/// What a provider key would call.
///
/// # Errors
/// `adapter_not_available` for a family that this version does not implement; what [`Family::normalize`] and
/// [`Family::check_secret`] refuse.
pub fn preview(request: PreviewRequest<'_>, policy: &UrlPolicy) -> Result<Preview, Invalid> {
    let family = family(request.adapter).ok_or_else(adapter_not_available)?;
    let base = family.normalize(request.api_base, policy)?;
    if let Some(secret) = request.secret {
        family.check_secret(secret)?;
    }
    let endpoints = Endpoints::of(family, &base, request.model.unwrap_or(MODEL_PLACEHOLDER));
    Ok(Preview { base, endpoints })
}

/// The error for an adapter that this version does not implement; it lists those that are.
pub fn adapter_not_available() -> Invalid {
    let implemented: Vec<_> =
        Adapter::ALL.into_iter().filter_map(family).map(|family| family.adapter().as_str()).collect();
    let message = format!("this version implements: {}", implemented.join(", "));
    Invalid::new("adapter_not_available", "/adapter", message)
}

impl Endpoints {
    fn of(family: &dyn Family, base: &BaseUrl, model: &str) -> Self {
        let plain = |operation| family.endpoint(base, operation, false, model);
        let stream = |operation| family.endpoint(base, operation, true, model);
        Self {
            chat: plain(Operation::Chat),
            chat_stream: stream(Operation::Chat),
            messages: plain(Operation::Messages),
            messages_stream: stream(Operation::Messages),
            responses: plain(Operation::Responses),
            embeddings: plain(Operation::Embeddings),
            completions: plain(Operation::Completions),
            models: plain(Operation::Models),
            count_tokens: plain(Operation::CountTokens),
        }
    }
}
