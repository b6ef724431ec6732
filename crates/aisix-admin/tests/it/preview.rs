use serde_json::{Value, json};

use crate::harness::service;

const PREVIEW: &str = "POST /admin/v1/provider_keys/preview";

#[tokio::test]
async fn what_would_be_called_is_shown_with_the_repairs() {
    let service = service().await;
    let body = json!({"adapter": "openai", "api_base": " https://API.openai.com/v1/chat/completions ", "provider": "openai",
        "secret": "sk-canary", "model": "gpt-4o", "project": "p", "location": "l", "region": "r"});
    let answer = service.send(PREVIEW, &body).await;
    let preview = answer.json();
    assert_eq!(preview["api_base"], "https://api.openai.com/v1");
    assert!(
        preview["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|w| w["code"].is_string() && w["message"].is_string())
    );
    assert!(!preview["warnings"].as_array().unwrap().is_empty());
    let endpoints = json!({
        "chat": "https://api.openai.com/v1/chat/completions",
        "chat_stream": "https://api.openai.com/v1/chat/completions",
        "messages": null,
        "messages_stream": null,
        "responses": "https://api.openai.com/v1/responses",
        "embeddings": "https://api.openai.com/v1/embeddings",
        "completions": "https://api.openai.com/v1/completions",
        "models": "https://api.openai.com/v1/models",
        "count_tokens": null,
    });
    for (operation, url) in endpoints.as_object().unwrap() {
        assert_eq!(preview["endpoints"].get(operation), Some(url), "{operation}");
    }
    assert!(!preview.to_string().contains("canary"));
    assert_eq!(service.ask("GET /admin/v1/provider_keys").await.json(), json!([]), "nothing is stored");
}

#[tokio::test]
async fn bad_input_has_the_codes_of_the_base_url() {
    let service = service().await;
    let base = "https://api.openai.com/v1";
    for (body, code, field) in [
        (json!({"adapter": "openai"}), "api_base_required", json!("/api_base")),
        (json!({"adapter": "openai", "api_base": "https:/x"}), "malformed_scheme", json!("/api_base")),
        (
            json!({"adapter": "openai", "api_base": "https://h.example/v1?key=canary"}),
            "secret_in_query",
            json!("/api_base"),
        ),
        (
            json!({"adapter": "openai", "api_base": "https://api.anthropic.com/v1/messages"}),
            "adapter_mismatch",
            json!("/api_base"),
        ),
        (json!({"adapter": "x", "api_base": base}), "unknown_adapter", json!("/adapter")),
        (json!({"adapter": "bedrock"}), "adapter_not_available", json!("/adapter")),
        (json!({"adapter": "openai", "api_base": base, "secret": "a b"}), "invalid_secret", json!("/secret")),
        (
            json!({"adapter": "openai", "api_base": base, "provider": "a b"}),
            "invalid_provider",
            json!("/provider"),
        ),
        (json!({"adapter": "openai", "api_base": base, "model": ""}), "invalid_model_name", json!("/model")),
        (json!({"api_base": base}), "field_required", json!("/adapter")),
        (json!({"adapter": "openai", "display_name": "a"}), "unknown_field", json!("/display_name")),
        (json!([]), "wrong_type", Value::Null),
    ] {
        let refused = service.send(PREVIEW, &body).await.refused(400, code);
        assert_eq!(refused["field"], field, "{body}");
        assert!(!refused.to_string().contains("canary"), "{refused}");
    }
}
