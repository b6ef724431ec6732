//! The OpenAI API and everything compatible with it: bearer key, JSON or forms in, JSON or SSE out.
//!
//! Specification: the OpenAI API reference; vendors differ in their base URL and in small ways that the
//! readers tolerate.

mod answer;
mod error;
mod members;
mod stream;
pub(crate) mod url;

use std::sync::Arc;

use aisix_domain::{Adapter, Invalid, Operation, ProviderKey, Secret};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};

use crate::base_url::{BaseUrl, UrlPolicy};
use crate::family::APPLICATION_JSON;
use crate::{Call, Encoded, Family, Origin, Redactor, Upstream, UpstreamError, passthrough};

/// The family.
#[derive(Clone, Copy, Debug)]
pub struct Openai;

/// A provider key of the family, ready for calls.
#[derive(Debug)]
struct OpenaiUpstream {
    origin: Arc<Origin>,
    base_path: String,
    /// By operation, in the order of [`Operation::ALL`].
    paths: [Option<PathAndQuery>; Operation::ALL.len()],
    /// What every request carries: `host`, `authorization`, `user-agent`.
    headers: HeaderMap,
    redactor: Redactor,
    asks_usage: bool,
}

/// Headers of the dialect that go from the caller to the upstream.
const FORWARDED: [&str; 6] =
    ["openai-beta", "openai-organization", "openai-project", "idempotency-key", "traceparent", "tracestate"];

/// What most requests have, rounded up: a map that grows moves all it holds.
const REQUEST_HEADERS_USUAL: usize = 12;

const USER_AGENT: &str = concat!("AISIX/", env!("CARGO_PKG_VERSION"));

impl Family for Openai {
    fn adapter(&self) -> Adapter {
        Adapter::Openai
    }

    fn check_secret(&self, secret: &Secret) -> Result<(), Invalid> {
        bearer(secret).map(drop)
    }

    fn normalize(&self, api_base: Option<&str>, policy: &UrlPolicy) -> Result<BaseUrl, Invalid> {
        url::normalize(api_base, policy)
    }

    fn endpoint(&self, base: &BaseUrl, operation: Operation, _stream: bool, _model: &str) -> Option<String> {
        url::endpoint(base, operation)
    }

    fn prepare(&self, key: &ProviderKey, policy: &UrlPolicy) -> Result<Arc<dyn Upstream>, Invalid> {
        let base = self.normalize(key.api_base.as_deref(), policy)?;
        let unusable =
            || Invalid::new("invalid_api_base", "/api_base", "the base URL cannot be used in a request");
        let host = HeaderValue::try_from(base.authority()).map_err(|_| unusable())?;
        let headers = HeaderMap::from_iter([
            (header::HOST, host),
            (header::AUTHORIZATION, bearer(&key.secret)?),
            (header::USER_AGENT, HeaderValue::from_static(USER_AGENT)),
        ]);
        let path = |operation| {
            let url: http::Uri = url::endpoint(&base, operation)?.parse().ok()?;
            url.path_and_query().cloned()
        };
        Ok(Arc::new(OpenaiUpstream {
            origin: Arc::new(Origin::of(&base)),
            base_path: base.path().trim_end_matches('/').to_owned(),
            paths: Operation::ALL.map(path),
            headers,
            redactor: Redactor::new(&key.secret, base.host()),
            asks_usage: key.stream_usage.unwrap_or(true),
        }))
    }
}

/// The credential header, marked so that no log shows it.
fn bearer(secret: &Secret) -> Result<HeaderValue, Invalid> {
    // A key of this family is never JSON: that is a credential of another one.
    let fits = !secret.reveal().starts_with('{') && secret.reveal().bytes().all(|b| b.is_ascii_graphic());
    let value = fits.then(|| HeaderValue::try_from(format!("Bearer {}", secret.reveal())).ok()).flatten();
    let mut value = value.ok_or_else(|| {
        let message =
            "the secret of an openai key is the key alone: printable ASCII without spaces or line ends";
        Invalid::new("invalid_secret", "/secret", message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl OpenaiUpstream {
    fn path(&self, operation: Operation) -> Option<&PathAndQuery> {
        self.paths[operation as usize].as_ref()
    }

    fn request_headers(&self, call: &Call<'_>, stream: bool) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(REQUEST_HEADERS_USUAL);
        headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        let json = HeaderValue::from_static(APPLICATION_JSON);
        let content_type = call.headers.get(header::CONTENT_TYPE).filter(|_| !call.body.is_json()).cloned();
        headers.insert(header::CONTENT_TYPE, content_type.unwrap_or(json));
        headers.insert(header::ACCEPT, HeaderValue::from_static(answer::accepted(call.operation, stream)));
        // A caller sends few headers: comparing each with six names costs less than six look-ups.
        for (name, value) in call.headers {
            if FORWARDED.contains(&name.as_str()) {
                headers.append(name, value.clone());
            }
        }
        headers
    }
}

impl Upstream for OpenaiUpstream {
    fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Invalid> {
        let path = self.path(call.operation).ok_or_else(|| crate::call::unsupported(call.operation))?;
        let stream = call.body.stream()?;
        let has_usage_option = matches!(call.operation, Operation::Chat | Operation::Completions);
        let (body, hide_usage) = match stream && has_usage_option && self.asks_usage {
            true => call.body.with_model_and_usage(call.upstream_model),
            false => (call.body.with_model(call.upstream_model), false),
        };
        let reader =
            answer::Reader::new(call.operation, call.body.alias(), hide_usage, self.redactor.clone());
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.clone().into();
        *request.headers_mut() = self.request_headers(call, stream);
        Ok(Encoded { request, reader: Box::new(reader) })
    }

    fn passthrough(&self, path: &str, mut headers: HeaderMap) -> Result<(http::Uri, HeaderMap), Invalid> {
        let path = passthrough::join(&self.base_path, path)?;
        for (name, value) in &self.headers {
            if *name != header::USER_AGENT || !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
        Ok((path.into(), headers))
    }

    fn read_error(&self, status: StatusCode, body: &[u8]) -> UpstreamError {
        error::read(status, body, &self.redactor)
    }
}
