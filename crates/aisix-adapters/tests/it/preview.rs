//! What a provider key would call, without storing it.

use aisix_adapters::base_url::UrlPolicy;
use aisix_adapters::preview::{Preview, PreviewRequest, preview};
use aisix_domain::{Adapter, Invalid, Secret};

fn ask(adapter: Adapter, api_base: Option<&str>) -> Result<Preview, Invalid> {
    preview(PreviewRequest { adapter, api_base, secret: None, model: None }, &UrlPolicy::default())
}

#[test]
fn every_operation_of_the_openai_family() {
    let preview = ask(Adapter::Openai, Some("api.openai.com/v1/chat/completions")).unwrap();
    assert_eq!(preview.base.as_str(), "https://api.openai.com/v1");
    let codes: Vec<_> = preview.base.warnings().iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["https_assumed", "endpoint_path_removed"]);

    let url = |path: &str| Some(format!("https://api.openai.com/v1{path}"));
    let endpoints = preview.endpoints;
    assert_eq!(endpoints.chat, url("/chat/completions"));
    assert_eq!(endpoints.chat_stream, url("/chat/completions"));
    assert_eq!(endpoints.responses, url("/responses"));
    assert_eq!(endpoints.embeddings, url("/embeddings"));
    assert_eq!(endpoints.completions, url("/completions"));
    assert_eq!(endpoints.models, url("/models"));
    assert_eq!((endpoints.messages, endpoints.messages_stream, endpoints.count_tokens), (None, None, None));
}

#[test]
fn an_unset_base_is_refused() {
    let invalid = ask(Adapter::Openai, None).unwrap_err();
    assert_eq!((invalid.code(), invalid.field()), ("api_base_required", "/api_base"));
}

#[test]
fn an_adapter_without_a_family_is_named() {
    let missing = Adapter::ALL.into_iter().filter(|adapter| aisix_adapters::family(*adapter).is_none());
    for adapter in missing {
        let invalid = ask(adapter, None).unwrap_err();
        assert_eq!((invalid.code(), invalid.field()), ("adapter_not_available", "/adapter"), "{adapter}");
        assert!(invalid.message().contains("openai"));
    }
}

#[test]
fn an_unusable_secret_is_refused_without_showing_it() {
    let secret = Secret::new("canary\nline").unwrap();
    let request = PreviewRequest {
        adapter: Adapter::Openai,
        api_base: Some("https://api.openai.com/v1"),
        secret: Some(&secret),
        model: None,
    };
    let invalid = preview(request, &UrlPolicy::default()).unwrap_err();
    assert_eq!(invalid.field(), "/secret");
    assert!(!format!("{invalid:?} {request:?}").contains("canary"));
}
