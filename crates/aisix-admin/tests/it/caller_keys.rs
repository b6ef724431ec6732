use std::collections::HashSet;

use serde_json::json;

use crate::harness::service;
use crate::provider_keys::put_back_changes_nothing;

/// SHA-256 of `abc`.
const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn hash_of(key: &str) -> String {
    aisix_domain::KeyHash::of(key).to_string()
}

#[tokio::test]
async fn a_key_may_be_brought_as_its_hash_as_itself_or_be_generated() {
    let service = service().await;
    let brought =
        service.send("POST /admin/v1/api_keys", &json!({"key_hash": HASH.to_uppercase()})).await.json();
    assert_eq!((brought["value"]["key_hash"].as_str(), brought.get("plaintext")), (Some(HASH), None));

    let answer = service.send("POST /admin/v1/api_keys", &json!({"key": "sk-canary-0123456789"})).await;
    assert_eq!(answer.value()["key_hash"], hash_of("sk-canary-0123456789"));
    assert!(!answer.json().to_string().contains("canary"));

    let generated = service.send("POST /admin/v1/apikeys", &json!({"display_name": "app"})).await;
    let entry = generated.json();
    let plaintext = entry["plaintext"].as_str().unwrap();
    assert!(plaintext.starts_with("sk-") && plaintext.len() >= 46, "{plaintext}");
    assert_eq!(entry["value"]["key_hash"], hash_of(plaintext));
    assert!(generated.header("location").starts_with("/admin/v1/api_keys/"));
    assert!(!service.stored("api_keys", entry["id"].as_str().unwrap()).await.contains(plaintext));
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_with_its_field() {
    let service = service().await;
    for (body, code, field) in [
        (json!({"key": "sk-0123456789abcdef", "key_hash": HASH}), "key_and_key_hash", "/key"),
        (json!({"key": "short"}), "invalid_key", "/key"),
        (json!({"key": "0123456789 0123456789"}), "invalid_key", "/key"),
        (json!({"key": 7}), "wrong_type", "/key"),
        (json!({"key_hash": "abc"}), "invalid_key_hash", "/key_hash"),
        (json!({"allowed_models": "*"}), "wrong_type", "/allowed_models"),
        (json!({"allowed_models": ["a", "*b*"]}), "invalid_pattern", "/allowed_models/1"),
        (json!({"allowed_models": vec!["a"; 1001]}), "invalid_allowed_models", "/allowed_models"),
        (json!({"expires_at": "tomorrow"}), "invalid_timestamp", "/expires_at"),
        (json!({"disabled": "no"}), "wrong_type", "/disabled"),
        (json!({"display_name": ""}), "invalid_display_name", "/display_name"),
        (json!({"plaintext": "x"}), "unknown_field", "/plaintext"),
    ] {
        let answer = service.send("POST /admin/v1/api_keys", &body).await;
        assert_eq!(answer.refused(400, code)["field"], field, "{body}");
    }
}

#[tokio::test]
async fn every_field_comes_back_in_its_order() {
    let service = service().await;
    let body = json!({
        "display_name": "app", "key_hash": HASH, "allowed_models": ["a", "b/*"],
        "expires_at": "2027-01-31T00:00:00+01:00", "disabled": true,
    });
    let answer = service.send("POST /admin/v1/api_keys", &body).await;
    assert_eq!(answer.value().to_string(), body.to_string());
    put_back_changes_nothing(&service, answer.header("location")).await;
    let answer = service.send("POST /admin/v1/api_keys", &json!({})).await;
    assert_eq!(answer.value()["allowed_models"], json!([]));
    assert_eq!(answer.value()["disabled"], json!(false));
}

#[tokio::test]
async fn null_is_the_same_as_absent() {
    let service = service().await;
    let nulls = json!({
        "display_name": null, "key_hash": null, "key": null, "allowed_models": null, "expires_at": null,
        "disabled": null,
    });
    let created = service.send("POST /admin/v1/api_keys", &nulls).await;
    let entry = created.json();
    assert!(entry["plaintext"].is_string());
    let expected = json!({"key_hash": entry["value"]["key_hash"], "allowed_models": [], "disabled": false});
    assert_eq!(entry["value"], expected);
    let replaced = service.send(&format!("PUT {}", created.header("location")), &nulls).await;
    assert_eq!(replaced.value(), expected);
}

#[tokio::test]
async fn a_change_keeps_the_key_unless_it_brings_one() {
    let service = service().await;
    let id = service.create("api_keys", &json!({"key_hash": HASH})).await;
    let path = format!("/admin/v1/api_keys/{id}");
    let key = "sk-0123456789abcdef";
    for (method, body, expected) in [
        ("PUT", json!({"allowed_models": ["*"]}), HASH.to_owned()),
        ("PATCH", json!({"disabled": true}), HASH.to_owned()),
        ("PATCH", json!({"key": key}), hash_of(key)),
        ("PUT", json!({"key": "sk-another-0123456789"}), hash_of("sk-another-0123456789")),
        ("PATCH", json!({"key_hash": HASH}), HASH.to_owned()),
    ] {
        let value = service.send(&format!("{method} {path}"), &body).await.value();
        assert_eq!(value["key_hash"], expected, "{method} {body}");
    }
    let removal = service.send(&format!("PATCH {path}"), &json!({"key_hash": null})).await;
    assert_eq!(removal.refused(400, "key_required")["field"], "/key_hash");
}

#[tokio::test]
async fn a_key_belongs_to_one_caller() {
    let service = service().await;
    let id = service.create("api_keys", &json!({"key_hash": HASH})).await;
    let other = service.create("api_keys", &json!({})).await;
    for answer in [
        service.send("POST /admin/v1/api_keys", &json!({"key_hash": HASH})).await,
        service.send(&format!("PATCH /admin/v1/api_keys/{other}"), &json!({"key_hash": HASH})).await,
    ] {
        assert_eq!(answer.refused(409, "key_in_use")["id"], id);
    }
    for name in ["app", "app2"] {
        service.create("api_keys", &json!({"display_name": name})).await;
    }
    service
        .send("POST /admin/v1/api_keys", &json!({"display_name": "app"}))
        .await
        .refused(409, "name_in_use");
}

#[tokio::test]
async fn rotation_replaces_the_key_and_nothing_else() {
    let service = service().await;
    let body = json!({"display_name": "app", "key_hash": HASH, "allowed_models": ["a"]});
    let id = service.create("api_keys", &body).await;
    let mut seen = HashSet::from([HASH.to_owned()]);
    for (revision, collection) in [(2, "api_keys"), (3, "apikeys")] {
        let answer = service.ask(&format!("POST /admin/v1/{collection}/{id}/rotate")).await;
        let rotated = answer.json();
        assert_eq!(rotated.as_object().unwrap().keys().collect::<Vec<_>>(), ["entry", "plaintext"]);
        let plaintext = rotated["plaintext"].as_str().unwrap();
        let expected = json!({
            "id": id, "revision": revision,
            "value": {"display_name": "app", "key_hash": hash_of(plaintext), "allowed_models": ["a"], "disabled": false},
        });
        assert_eq!(rotated["entry"], expected);
        assert!(seen.insert(hash_of(plaintext)));
        assert_eq!(answer.header("etag"), format!("\"{revision}\""));
    }
    let path = format!("POST /admin/v1/api_keys/{id}/rotate");
    service.send_with(&path, &[("if-match", "\"1\"")], "").await.refused(412, "revision_mismatch");
    service.ask("POST /admin/v1/api_keys/nope/rotate").await.refused(404, "not_found");
}
