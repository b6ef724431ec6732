use std::fmt;
use std::sync::Arc;

use aisix_domain::{Adapter, Invalid, Operation, ProviderKey, Secret};
use http::{HeaderMap, StatusCode, Uri, header};

use crate::base_url::{BaseUrl, UrlPolicy};
use crate::{Call, Encoded, UpstreamError, openai};

/// A protocol family: all that depends on the [`Adapter`] outside the domain. One directory per family.
pub trait Family: Send + Sync + fmt::Debug {
    /// The adapter it implements.
    fn adapter(&self) -> Adapter;

    /// Whether the secret has a shape that the family can use.
    ///
    /// # Errors
    /// `invalid_secret`, saying what is expected, never what was found.
    fn check_secret(&self, secret: &Secret) -> Result<(), Invalid>;

    /// The base URL in normal form, and what was repaired. Opens no connection.
    ///
    /// # Errors
    /// The codes of docs/base-urls.md, field `/api_base`.
    fn normalize(&self, api_base: Option<&str>, policy: &UrlPolicy) -> Result<BaseUrl, Invalid>;

    /// The URL of an operation, or `None` when the family cannot serve it.
    fn endpoint(
        &self,
        base: &BaseUrl,
        operation: Operation,
        stream: bool,
        upstream_model: &str,
    ) -> Option<String>;

    /// Prepares a provider key for calls: everything that can be computed before the first one.
    ///
    /// # Errors
    /// As [`Family::check_secret`] and [`Family::normalize`].
    fn prepare(&self, key: &ProviderKey, policy: &UrlPolicy) -> Result<Arc<dyn Upstream>, Invalid>;
}

/// A provider key made ready for calls.
pub trait Upstream: Send + Sync + fmt::Debug {
    /// Where connections go.
    fn origin(&self) -> &Arc<Origin>;

    /// The request for a call, in origin form, and the reader of its answer.
    ///
    /// # Errors
    /// When the call cannot be expressed: the caller's to mend.
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Invalid>;

    /// Where a raw request goes and with which headers: `path` (with its leading slash and its query) is
    /// appended to the base, the credential and `host` are put into `headers`.
    ///
    /// # Errors
    /// `invalid_path` when the path could leave the base.
    fn passthrough(&self, path: &str, headers: HeaderMap) -> Result<(Uri, HeaderMap), Invalid>;

    /// Reads a refusal: what it means, and what may be said of it to the caller.
    fn read_error(&self, status: StatusCode, body: &[u8]) -> UpstreamError;
}

/// The family of an adapter; `None` when this version does not implement it.
pub fn family(adapter: Adapter) -> Option<&'static dyn Family> {
    match adapter {
        Adapter::Openai => Some(&openai::Openai),
        Adapter::Anthropic | Adapter::Bedrock | Adapter::Vertex | Adapter::AzureOpenai => None,
    }
}

/// Scheme, host and port of an upstream; what connections are pooled by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// DNS name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Origin {
    /// The origin of a base URL.
    pub fn of(base: &BaseUrl) -> Self {
        Self { tls: base.is_https(), host: base.host().to_owned(), port: base.port() }
    }
}

/// The type of JSON bodies.
pub(crate) const APPLICATION_JSON: &str = "application/json";

/// Whether a header value names the media type `essence`, whatever its parameters.
pub(crate) fn is_media_type(headers: &HeaderMap, essence: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    value[..end].trim_ascii().eq_ignore_ascii_case(essence.as_bytes())
}
