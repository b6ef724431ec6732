use serde_json::{Value, json};

use crate::harness::{model, service};

/// The body of the guide's first curl line.
const GUIDE_BODY: &str = r#"{
"display_name": "openai-prod",
"provider": "openai",
"adapter": "openai",
"secret": "YOUR_OPENAI_API_KEY",
"api_base": "https://api.openai.com/v1"
}"#;

#[tokio::test]
async fn the_guides_answer_comes_back_byte_for_byte() {
    let service = service().await;
    let headers = [("content-type", "application/json")];
    let answer = service.send_with("POST /admin/v1/provider_keys", &headers, GUIDE_BODY).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let expected = format!(
        r#"{{"id":"{id}","value":{{"display_name":"openai-prod","secret":"***","api_base":"https://api.openai.com/v1","provider":"openai","adapter":"openai","telemetry_tags":{{"featured":false}},"strip_headers":["authorization","cookie","set-cookie","x-api-key"]}},"revision":1}}"#
    );
    assert_eq!(answer.status, 201);
    assert_eq!(std::str::from_utf8(&answer.body).unwrap(), expected);
    assert_eq!(answer.header("location"), format!("/admin/v1/provider_keys/{id}"));
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(
        answer.header("x-aisix-config-revision"),
        service.mirror.snapshot().unwrap().revision().to_string()
    );
    assert_eq!(answer.header("cache-control"), "no-store");

    let shown = service.ask(&format!("GET {}", answer.header("location"))).await;
    assert_eq!(shown.body, answer.body);
    let listed = service.ask("GET /admin/v1/provider_keys").await;
    assert_eq!(std::str::from_utf8(&listed.body).unwrap(), format!("[{expected}]"));
    assert!(service.stored("provider_keys", &id).await.contains(r#""secret":"YOUR_OPENAI_API_KEY""#));
}

#[tokio::test]
async fn every_base_url_of_the_guide_for_the_openai_adapter_is_accepted() {
    let service = service().await;
    for (provider, api_base) in [
        ("openai", "https://api.openai.com/v1"),
        ("deepseek", "https://api.deepseek.com"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
    ] {
        let body = json!({
            "display_name": provider, "provider": provider, "adapter": "openai", "secret": "s", "api_base": api_base,
        });
        let answer = service.send("POST /admin/v1/provider_keys", &body).await;
        assert_eq!(answer.value()["api_base"], api_base);
    }
}

#[tokio::test]
async fn from_provider_key_to_caller_key() {
    let service = service().await;
    let provider_key = service.create_provider_key("openai-prod").await;
    let answer = service.send("POST /admin/v1/models", &model("gpt-4o", &provider_key)).await;
    let expected =
        json!({ "display_name": "gpt-4o", "model_name": "gpt-4o", "provider_key_id": provider_key });
    assert_eq!(answer.value().to_string(), expected.to_string());

    let answer = service.send("POST /admin/v1/api_keys", &json!({ "allowed_models": ["gpt-4o"] })).await;
    let entry = answer.json();
    let members: Vec<_> = entry.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["id", "value", "revision", "plaintext"]);
    assert_eq!(entry["value"]["allowed_models"], json!(["gpt-4o"]));
    let shown: Value = service.ask(&format!("GET {}", answer.header("location"))).await.json();
    assert_eq!(shown["value"], entry["value"]);
    assert_eq!(shown.get("plaintext"), None);
}
