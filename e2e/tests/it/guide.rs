//! The provider keys guide, word for word, and what it leads to.

use http::Method;
use serde_json::json;

use crate::harness::{ALIAS, CHAT, End, Setup, Store, UPSTREAM_MODEL};

on_both_stores!(the_guide_holds_word_for_word, a_provider_key_carries_a_chat);

/// The body as the guide's shell line leaves it.
const BODY: &str = r#"{
"display_name": "openai-prod",
"provider": "openai",
"adapter": "openai",
"secret": "YOUR_OPENAI_API_KEY",
"api_base": "https://api.openai.com/v1"
}"#;

const ANSWER: &str = r#"{"id":"ID","value":{"display_name":"openai-prod","secret":"***","api_base":"https://api.openai.com/v1","provider":"openai","adapter":"openai","telemetry_tags":{"featured":false},"strip_headers":["authorization","cookie","set-cookie","x-api-key"]},"revision":1}"#;

async fn the_guide_holds_word_for_word(store: Store) {
    let gateway = Setup::new(store).start().await;
    let admin = gateway.admin();
    let created = admin.call(Method::POST, "/admin/v1/provider_keys").body("application/json", BODY);
    let created = created.send().await.expect(201);
    let id = created.id();
    let answer = ANSWER.replace("ID", &id);
    assert_eq!(created.text(), answer);
    assert_eq!(created.header("location"), format!("/admin/v1/provider_keys/{id}"));
    assert_eq!(created.header("etag"), "\"1\"");

    assert_eq!(admin.get(&format!("/admin/v1/provider_keys/{id}")).await.expect(200).text(), answer);
    assert_eq!(admin.get("/admin/v1/provider_keys").await.expect(200).text(), format!("[{answer}]"));
    let again =
        admin.call(Method::POST, "/admin/v1/provider_keys").body("application/json", BODY).send().await;
    assert_eq!(again.expect(409).json()["code"], "name_in_use");
    let model = json!({"display_name": ALIAS, "model_name": UPSTREAM_MODEL, "provider_key_id": id});
    admin.post("/admin/v1/models", &model).await.expect(201);
}

async fn a_provider_key_carries_a_chat(store: Store) {
    let (gateway, _) = Setup::new(store).provisioned().await;
    let mut chat = json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello there"}]});
    let answer = gateway.proxy().post(CHAT, &chat).await.expect(200).json();
    assert_eq!((&answer["model"], &answer["object"]), (&ALIAS.into(), &"chat.completion".into()));
    assert_eq!(answer["choices"][0]["message"]["content"], "You said: hello there");

    chat["stream"] = true.into();
    let mut stream = gateway.proxy().call(Method::POST, CHAT).json(&chat).open().await;
    assert_eq!(stream.finish().await, End::Whole);
    let text = stream.text();
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(!text.contains(UPSTREAM_MODEL) && !text.contains("total_tokens"), "{text}");
    let sent = gateway.upstream.last_request();
    assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {}", gateway.provider_secret())));
    assert_eq!(sent.json()["model"], UPSTREAM_MODEL);
    assert_eq!(sent.json()["stream_options"], json!({"include_usage": true}));
}
