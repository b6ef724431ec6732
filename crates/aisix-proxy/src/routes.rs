//! Which request means what: one static table.

use aisix_domain::{Dialect, Operation};
use http::{HeaderMap, Method};

/// What a request's method and path mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// A call to the model that its body names.
    Call(Operation),
    /// The list of the caller's aliases.
    Models,
    /// One alias.
    Model(&'p str),
    /// A raw request to a provider: its name, and the path behind it.
    Passthrough(&'p str, &'p str),
    /// The process is up.
    Alive,
    /// The process can serve.
    Ready,
}

impl Route<'_> {
    /// What the request is recorded as; probes are not recorded.
    pub(crate) fn operation_name(&self) -> &'static str {
        match self {
            Self::Call(operation) => operation.as_str(),
            Self::Models | Self::Model(_) => Operation::Models.as_str(),
            Self::Passthrough(..) => Operation::Passthrough.as_str(),
            Self::Alive | Self::Ready => "",
        }
    }
}

/// Why there is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// No such path.
    NotFound,
    /// The path takes another method.
    Method(&'static str),
}

const CALLS: [(&str, Operation); 14] = [
    ("/v1/chat/completions", Operation::Chat),
    ("/v1/completions", Operation::Completions),
    ("/v1/embeddings", Operation::Embeddings),
    ("/v1/responses", Operation::Responses),
    ("/v1/messages", Operation::Messages),
    ("/v1/messages/count_tokens", Operation::CountTokens),
    ("/v1/images/generations", Operation::ImagesGenerations),
    ("/v1/images/edits", Operation::ImagesEdits),
    ("/v1/images/variations", Operation::ImagesVariations),
    ("/v1/audio/transcriptions", Operation::AudioTranscriptions),
    ("/v1/audio/translations", Operation::AudioTranslations),
    ("/v1/audio/speech", Operation::AudioSpeech),
    ("/v1/moderations", Operation::Moderations),
    ("/v1/rerank", Operation::Rerank),
];

/// The route of a request.
pub(crate) fn route<'p>(method: &Method, path: &'p str) -> Result<Route<'p>, NoRoute> {
    if let Some((_, operation)) = CALLS.iter().find(|(known, _)| *known == path) {
        return only(method, &[Method::POST], "POST", Route::Call(*operation));
    }
    if let Some(rest) = path.strip_prefix("/passthrough/") {
        let (provider, _) = rest.split_once('/').ok_or(NoRoute::NotFound)?;
        return Ok(Route::Passthrough(provider, &rest[provider.len()..]));
    }
    let route = match path {
        "/v1/models" => Route::Models,
        "/livez" => Route::Alive,
        "/readyz" => Route::Ready,
        _ => path
            .strip_prefix("/v1/models/")
            .filter(|alias| !alias.is_empty())
            .map(Route::Model)
            .ok_or(NoRoute::NotFound)?,
    };
    only(method, &[Method::GET, Method::HEAD], "GET, HEAD", route)
}

fn only<'p>(
    method: &Method,
    allowed: &[Method],
    list: &'static str,
    route: Route<'p>,
) -> Result<Route<'p>, NoRoute> {
    if allowed.contains(method) { Ok(route) } else { Err(NoRoute::Method(list)) }
}

/// The dialect of a path, for answers and for errors, also where there is no route.
pub(crate) fn dialect(path: &str, headers: &HeaderMap) -> Dialect {
    let is_models = path == "/v1/models" || path.starts_with("/v1/models/");
    let is_messages = path == "/v1/messages" || path.starts_with("/v1/messages/");
    match is_messages || (is_models && headers.contains_key("anthropic-version")) {
        true => Dialect::Anthropic,
        false => Dialect::Openai,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        assert_eq!(route(&Method::POST, "/v1/chat/completions"), Ok(Route::Call(Operation::Chat)));
        assert_eq!(route(&Method::GET, "/v1/chat/completions"), Err(NoRoute::Method("POST")));
        assert_eq!(route(&Method::GET, "/v1/models/openai/gpt-4o"), Ok(Route::Model("openai/gpt-4o")));
        assert_eq!(route(&Method::POST, "/v1/models"), Err(NoRoute::Method("GET, HEAD")));
        assert_eq!(
            route(&Method::PATCH, "/passthrough/openai/files/1"),
            Ok(Route::Passthrough("openai", "/files/1"))
        );
        assert_eq!(route(&Method::GET, "/passthrough/openai"), Err(NoRoute::NotFound));
        assert_eq!(route(&Method::GET, "/v2/models"), Err(NoRoute::NotFound));
        assert_eq!(route(&Method::GET, "/v1/models/"), Err(NoRoute::NotFound));
    }

    #[test]
    fn the_path_decides_the_dialect() {
        let none = HeaderMap::new();
        let anthropic = HeaderMap::from_iter([(
            http::HeaderName::from_static("anthropic-version"),
            "2023-06-01".parse().unwrap(),
        )]);
        assert_eq!(dialect("/v1/messages/unknown", &none), Dialect::Anthropic);
        assert_eq!(dialect("/v1/models", &none), Dialect::Openai);
        assert_eq!(dialect("/v1/models", &anthropic), Dialect::Anthropic);
        assert_eq!(dialect("/v1/chat/completions", &anthropic), Dialect::Openai);
    }
}
