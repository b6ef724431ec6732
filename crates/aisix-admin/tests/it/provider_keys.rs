use serde_json::{Value, json};

use crate::harness::{Service, model, provider_key, service};

/// The guide's provider key with some members changed; `null` removes one.
fn changed(changes: &Value) -> Value {
    let mut body = provider_key("a");
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
        if value == "REMOVED" {
            body.as_object_mut().unwrap().remove(name);
        }
    }
    body
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_with_its_field() {
    let service = service().await;
    let long = "x".repeat(256);
    for (changes, code, field) in [
        (json!({"display_name": "REMOVED"}), "field_required", "/display_name"),
        (json!({"display_name": ""}), "invalid_display_name", "/display_name"),
        (json!({"display_name": long}), "invalid_display_name", "/display_name"),
        (json!({"display_name": 7}), "wrong_type", "/display_name"),
        (json!({"display_name": null}), "wrong_type", "/display_name"),
        (json!({"provider": "REMOVED"}), "field_required", "/provider"),
        (json!({"provider": "open ai"}), "invalid_provider", "/provider"),
        (json!({"adapter": "REMOVED"}), "field_required", "/adapter"),
        (json!({"adapter": "gemini"}), "unknown_adapter", "/adapter"),
        (json!({"adapter": "bedrock"}), "adapter_not_available", "/adapter"),
        (json!({"secret": "REMOVED"}), "secret_required", "/secret"),
        (json!({"secret": ""}), "secret_required", "/secret"),
        (json!({"secret": null}), "secret_required", "/secret"),
        (json!({"api_base": null}), "api_base_required", "/api_base"),
        (json!({"secret": ["s"]}), "wrong_type", "/secret"),
        (json!({"secret": "***"}), "secret_is_redacted", "/secret"),
        (json!({"secret": "line\nbreak"}), "invalid_secret", "/secret"),
        (json!({"secret": {"key": "s"}}), "invalid_secret", "/secret"),
        (json!({"secret": "{\"key\":\"s\"}"}), "invalid_secret", "/secret"),
        (json!({"secret": "s".repeat(65537)}), "secret_too_long", "/secret"),
        (json!({"api_base": "REMOVED"}), "api_base_required", "/api_base"),
        (json!({"api_base": "https://user:pw@h.example/v1"}), "userinfo_not_allowed", "/api_base"),
        (json!({"api_base": "http://api.example.com/v1"}), "insecure_http", "/api_base"),
        (json!({"telemetry_tags": {"colour": "red"}}), "unknown_field", "/telemetry_tags/colour"),
        (json!({"telemetry_tags": {"featured": "yes"}}), "wrong_type", "/telemetry_tags/featured"),
        (json!({"strip_headers": ["a b"]}), "invalid_strip_headers", "/strip_headers"),
        (json!({"strip_headers": [7]}), "wrong_type", "/strip_headers/0"),
        (json!({"stream_usage": 1}), "wrong_type", "/stream_usage"),
        (json!({"api_key": "s"}), "unknown_field", "/api_key"),
        (json!({"id": "x"}), "unknown_field", "/id"),
    ] {
        let answer = service.send("POST /admin/v1/provider_keys", &changed(&changes)).await;
        assert_eq!(answer.refused(400, code)["field"], field, "{changes}");
    }
    for wrong in [json!(7), json!(0.5), json!(true), json!(["s"])] {
        let answer = service.send("POST /admin/v1/provider_keys", &changed(&json!({"secret": wrong}))).await;
        let message = &answer.refused(400, "wrong_type")["error_msg"];
        assert_eq!(message, "/secret must be a string or a JSON object", "{wrong}");
    }
    assert_eq!(service.ask("GET /admin/v1/provider_keys").await.json(), json!([]));
}

#[tokio::test]
async fn an_unknown_adapter_learns_the_five_and_a_later_one_what_there_is() {
    let service = service().await;
    let answer =
        service.send("POST /admin/v1/provider_keys", &changed(&json!({"adapter": "x"}))).await.json();
    assert_eq!(
        answer["error_msg"],
        "adapter must be one of openai, anthropic, bedrock, vertex, azure-openai"
    );
    let answer =
        service.send("POST /admin/v1/provider_keys", &changed(&json!({"adapter": "vertex"}))).await.json();
    assert_eq!(answer["error_msg"], "this version implements: openai");
}

#[tokio::test]
async fn fields_are_shown_in_their_order_and_unset_ones_left_out() {
    let service = service().await;
    let body = changed(&json!({
        "stream_usage": false,
        "strip_headers": ["X-B", "a", "x-b"],
        "telemetry_tags": {"pk_label": "p", "kind": "k"},
    }));
    let value = service.send("POST /admin/v1/provider_keys", &body).await.value();
    let expected = r#"{"display_name":"a","secret":"***","api_base":"https://api.openai.com/v1","provider":"openai","adapter":"openai","telemetry_tags":{"featured":false,"kind":"k","pk_label":"p"},"strip_headers":["x-b","a"],"stream_usage":false}"#;
    assert_eq!(value.to_string(), expected);
    let none = changed(&json!({"display_name": "b", "strip_headers": []}));
    let value = service.send("POST /admin/v1/provider_keys", &none).await.value();
    assert_eq!(value["strip_headers"], json!([]));
}

#[tokio::test]
async fn a_base_url_is_stored_as_written_and_its_repairs_are_named() {
    let service = service().await;
    let written = "https://api.openai.com/v1/chat/completions/";
    let answer = service.send("POST /admin/v1/provider_keys", &changed(&json!({"api_base": written}))).await;
    assert_eq!(answer.value()["api_base"], written);
    assert!(!answer.header("x-aisix-warning").is_empty());
    let answer = service.send("POST /admin/v1/provider_keys", &provider_key("b")).await;
    assert_eq!(answer.headers.get("x-aisix-warning"), None);
}

// === PUT and PATCH ===

/// Creates a provider key, changes it, and answers what is stored as its secret afterwards.
async fn secret_after(method: &str, body: Value) -> Result<String, String> {
    let service = service().await;
    let id = service.create("provider_keys", &changed(&json!({"secret": "first"}))).await;
    let answer = service.send(&format!("{method} /admin/v1/provider_keys/{id}"), &body).await;
    if !answer.status.is_success() {
        return Err(answer.json()["code"].as_str().unwrap().to_owned());
    }
    let stored: Value = serde_json::from_str(&service.stored("provider_keys", &id).await).unwrap();
    Ok(stored["secret"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_secret_stays_unless_another_is_sent() {
    for (method, body, expected) in [
        ("PUT", changed(&json!({"secret": "REMOVED"})), Ok("first")),
        ("PUT", changed(&json!({"secret": "***"})), Ok("first")),
        ("PUT", changed(&json!({"secret": "second"})), Ok("second")),
        ("PUT", changed(&json!({"secret": ""})), Err("secret_required")),
        ("PUT", changed(&json!({"secret": null})), Ok("first")),
        ("PATCH", json!({"provider": "p"}), Ok("first")),
        ("PATCH", json!({"secret": "***"}), Ok("first")),
        ("PATCH", json!({"secret": "second"}), Ok("second")),
        ("PATCH", json!({"secret": null}), Err("secret_required")),
        ("PATCH", json!({"secret": "a\u{7}b"}), Err("invalid_secret")),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(secret_after(method, body.clone()).await, expected, "{method} {body}");
    }
}

#[tokio::test]
async fn a_put_sets_what_it_leaves_out_to_its_default() {
    let service = service().await;
    let body =
        changed(&json!({"strip_headers": [], "stream_usage": true, "telemetry_tags": {"featured": true}}));
    let id = service.create("provider_keys", &body).await;
    let value = service.send(&format!("PUT /admin/v1/provider_keys/{id}"), &provider_key("a")).await.value();
    assert_eq!(value["telemetry_tags"], json!({"featured": false}));
    assert_eq!(value["strip_headers"].as_array().unwrap().len(), 4);
    assert_eq!(value.get("stream_usage"), None);
}

#[tokio::test]
async fn null_is_the_same_as_absent() {
    let service = service().await;
    let nulls = changed(&json!({"telemetry_tags": null, "strip_headers": null, "stream_usage": null}));
    let created = service.send("POST /admin/v1/provider_keys", &nulls).await;
    let value = created.value();
    assert_eq!(value["telemetry_tags"], json!({"featured": false}));
    assert_eq!((value["strip_headers"].as_array().unwrap().len(), value.get("stream_usage")), (4, None));
    let nested = changed(&json!({"telemetry_tags": {"featured": null, "kind": null}}));
    let replaced = service.send(&format!("PUT {}", created.header("location")), &nested).await;
    assert_eq!(replaced.value(), value);
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let service = service().await;
    let body = changed(&json!({"telemetry_tags": {"kind": "k", "pk_label": "p"}, "stream_usage": true}));
    let id = service.create("provider_keys", &body).await;
    let path = format!("PATCH /admin/v1/provider_keys/{id}");
    let patch = json!({"telemetry_tags": {"kind": null, "featured": true}, "stream_usage": null, "strip_headers": ["a"]});
    let headers = [("content-type", "application/merge-patch+json; charset=utf-8")];
    let answer = service.send_with(&path, &headers, patch.to_string()).await;
    let value = answer.value();
    assert_eq!(value["telemetry_tags"], json!({"featured": true, "pk_label": "p"}));
    assert_eq!((value.get("stream_usage"), &value["strip_headers"]), (None, &json!(["a"])));
    for (patch, code, field) in [
        (json!({"provider": null}), "field_required", "/provider"),
        (json!({"nope": 1}), "unknown_field", "/nope"),
        (json!({"nope": null}), "unknown_field", "/nope"),
        (json!({"telemetry_tags": {"zz": null}}), "unknown_field", "/telemetry_tags/zz"),
        (json!({"telemetry_tags": null, "adapter": "vertex"}), "adapter_not_available", "/adapter"),
    ] {
        assert_eq!(service.send(&path, &patch).await.refused(400, code)["field"], field, "{patch}");
    }
    service.send(&path, &json!([])).await.refused(400, "wrong_type");
}

/// Puts back what GET answers, as the bare value and as the whole entry, and checks that nothing was written.
pub(crate) async fn put_back_changes_nothing(service: &Service, path: &str) {
    let shown = service.ask(&format!("GET {path}")).await;
    let before = service.mirror.snapshot().unwrap().revision();
    for body in [shown.json(), shown.value()] {
        let answer = service.send(&format!("PUT {path}"), &body).await;
        assert_eq!(answer.body, shown.body);
        assert_eq!(answer.header("x-aisix-config-revision"), before.to_string());
    }
    assert_eq!(service.store.current_revision().await.unwrap(), before);
}

#[tokio::test]
async fn putting_back_what_was_read_changes_nothing() {
    let service = service().await;
    let id = service.create_provider_key("a").await;
    put_back_changes_nothing(&service, &format!("/admin/v1/provider_keys/{id}")).await;
}

#[tokio::test]
async fn an_entry_in_a_body_must_be_the_one_in_the_path() {
    let service = service().await;
    let (a, b) = (service.create_provider_key("a").await, service.create_provider_key("b").await);
    let entry = service.ask(&format!("GET /admin/v1/provider_keys/{a}")).await.json();
    let answer = service.send(&format!("PUT /admin/v1/provider_keys/{b}"), &entry).await;
    assert_eq!(answer.refused(400, "id_mismatch")["field"], "/id");
    let odd = json!({"value": entry["value"], "note": 1});
    service.send(&format!("PUT /admin/v1/provider_keys/{a}"), &odd).await.refused(400, "unknown_field");
}

#[tokio::test]
async fn fields_of_a_later_version_survive_a_write() {
    let service = service().await;
    let id = "db8613ea-2ecd-40e4-91aa-08197119f766";
    let later = r#""later":{"x":"canary","n": 1.50,"big":12345678901234567890123}"#;
    let row = format!(
        r#"{{"display_name":"a","secret":"s","api_base":"https://h.example/v1","provider":"p","adapter":"openai","telemetry_tags":{{"kind":"k",{later}}},{later}}}"#
    );
    service.store_row(&format!("/aisix/provider_keys/{id}"), row).await;
    let path = format!("/admin/v1/provider_keys/{id}");
    for (method, body) in [("PATCH", json!({"provider": "q"})), ("PUT", provider_key("b"))] {
        let answer = service.send(&format!("{method} {path}"), &body).await;
        assert!(answer.status.is_success() && !answer.json().to_string().contains("canary"));
        assert_eq!(service.stored("provider_keys", id).await.matches(later).count(), 2, "{method}");
    }
}

// === rules across resources ===

#[tokio::test]
async fn a_name_is_used_once_per_collection() {
    let service = service().await;
    let (a, b) = (service.create_provider_key("a").await, service.create_provider_key("b").await);
    let refusals = [
        service.send("POST /admin/v1/provider_keys", &provider_key("a")).await,
        service.send(&format!("PUT /admin/v1/provider_keys/{b}"), &provider_key("a")).await,
        service.send(&format!("PATCH /admin/v1/provider_keys/{b}"), &json!({"display_name": "a"})).await,
    ];
    for answer in refusals {
        let body = answer.refused(409, "name_in_use");
        assert_eq!((body["id"].as_str(), body["field"].as_str()), (Some(a.as_str()), Some("/display_name")));
    }
    service.create("models", &model("a", &a)).await;
    assert_eq!(service.ask(&format!("DELETE /admin/v1/provider_keys/{b}")).await.status, 200);
    service.create_provider_key("b").await;
}

#[tokio::test]
async fn a_provider_key_in_use_stays_and_names_its_models() {
    let service = service().await;
    let key = service.create_provider_key("a").await;
    let mut dependents = Vec::new();
    for alias in ["x", "y/*"] {
        dependents.push(json!({"id": service.create("models", &model(alias, &key)).await, "alias": alias}));
    }
    dependents.sort_by_key(|model| model["id"].as_str().unwrap().to_owned());
    let answer = service.ask(&format!("DELETE /admin/v1/provider_keys/{key}")).await;
    assert_eq!(answer.refused(409, "in_use")["models"], Value::from(dependents.clone()));
    for model in dependents {
        let id = model["id"].as_str().unwrap();
        let answer = service.ask(&format!("DELETE /admin/v1/models/{id}")).await;
        assert_eq!(answer.json(), json!({"deleted": true, "id": id}));
    }
    let answer = service.ask(&format!("DELETE /admin/v1/provider_keys/{key}")).await;
    assert_eq!(answer.body, format!(r#"{{"deleted":true,"id":"{key}"}}"#));
    service.ask(&format!("GET /admin/v1/provider_keys/{key}")).await.refused(404, "not_found");
}
