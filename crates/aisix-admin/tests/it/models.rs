use serde_json::{Value, json};

use crate::harness::{Service, model, service};
use crate::provider_keys::put_back_changes_nothing;

async fn with_provider_key() -> (Service, String) {
    let service = service().await;
    let id = service.create_provider_key("key").await;
    (service, id)
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_with_its_field() {
    let (service, key) = with_provider_key().await;
    for (field, wrong, code, pointer) in [
        ("display_name", json!("a*b*"), "invalid_display_name", "/display_name"),
        ("display_name", json!(" a"), "invalid_display_name", "/display_name"),
        ("model_name", json!(""), "invalid_model_name", "/model_name"),
        ("model_name", json!("*"), "invalid_model_name", "/model_name"),
        ("provider_key_id", json!("nope"), "unknown_provider_key", "/provider_key_id"),
        (
            "provider_key_id",
            json!("db8613ea-2ecd-40e4-91aa-08197119f766"),
            "unknown_provider_key",
            "/provider_key_id",
        ),
        ("provider_key_id", json!(null), "wrong_type", "/provider_key_id"),
        ("provider", json!(""), "invalid_provider", "/provider"),
        ("timeout", json!(0), "invalid_timeout", "/timeout"),
        ("timeout", json!(-1), "wrong_type", "/timeout"),
        ("timeout", json!("30"), "wrong_type", "/timeout"),
        ("stream_timeout", json!(86_400_001), "invalid_timeout", "/stream_timeout"),
        ("stream_timeout", json!(0.5), "wrong_type", "/stream_timeout"),
        ("cost", json!({"input_per_1k": 1}), "field_required", "/cost/output_per_1k"),
        ("cost", json!({"input_per_1k": -1, "output_per_1k": 1}), "invalid_cost", "/cost"),
        ("cost", json!({"input_per_1k": 1, "output_per_1k": 1, "per": 1}), "unknown_field", "/cost/per"),
        ("temperature", json!(1), "unknown_field", "/temperature"),
    ] {
        let mut body = model("a", &key);
        body[field] = wrong;
        let answer = service.send("POST /admin/v1/models", &body).await;
        assert_eq!(answer.refused(400, code)["field"], pointer, "{body}");
    }
    let seconds = json!({"timeout": 0.5});
    let refusal = service.send("POST /admin/v1/models", &seconds).await.refused(400, "wrong_type");
    assert_eq!(refusal["error_msg"], "/timeout must be a whole number of milliseconds");
}

#[tokio::test]
async fn null_is_the_same_as_absent() {
    let (service, key) = with_provider_key().await;
    let mut body = model("a", &key);
    let bare = service.send("POST /admin/v1/models", &body).await;
    for field in ["provider", "timeout", "stream_timeout", "cost"] {
        body[field] = json!(null);
    }
    let answer = service.send(&format!("PUT {}", bare.header("location")), &body).await;
    assert_eq!(answer.json(), bare.json());
}

#[tokio::test]
async fn every_field_comes_back_in_its_order() {
    let (service, key) = with_provider_key().await;
    let text = format!(
        r#"{{"display_name":"openai/*","model_name":"*","provider_key_id":"{key}","provider":"corp","timeout":1000,"stream_timeout":2000,"cost":{{"input_per_1k":0.0025,"output_per_1k":0.01}}}}"#
    );
    let body: Value = serde_json::from_str(&text).unwrap();
    let answer = service.send("POST /admin/v1/models", &body).await;
    assert_eq!(answer.value().to_string(), text);
    put_back_changes_nothing(&service, answer.header("location")).await;
}

#[tokio::test]
async fn a_patch_removes_optional_fields() {
    let (service, key) = with_provider_key().await;
    let mut body = model("a", &key);
    body["timeout"] = json!(5);
    body["cost"] = json!({"input_per_1k": 1, "output_per_1k": 2});
    let id = service.create("models", &body).await;
    let path = format!("PATCH /admin/v1/models/{id}");
    let value = service.send(&path, &json!({"timeout": null, "cost": {"output_per_1k": 3.5}})).await.value();
    assert_eq!(value.get("timeout"), None);
    assert_eq!(value["cost"], json!({"input_per_1k": 1.0, "output_per_1k": 3.5}));
    service.send(&path, &json!({"provider_key_id": "nope"})).await.refused(400, "unknown_provider_key");
}

#[tokio::test]
async fn prices_of_a_later_version_stay_as_long_as_there_are_prices() {
    let (service, key) = with_provider_key().await;
    let id = "db8613ea-2ecd-40e4-91aa-08197119f766";
    let row = format!(
        r#"{{"display_name":"a","model_name":"m","provider_key_id":"{key}","cost":{{"input_per_1k":1,"output_per_1k":2,"cached":1.50}}}}"#
    );
    service.store_row(&format!("/aisix/models/{id}"), row).await;
    let path = format!("PATCH /admin/v1/models/{id}");
    let value = service.send(&path, &json!({"cost": {"input_per_1k": 3}})).await.value();
    assert_eq!(value["cost"], json!({"input_per_1k": 3.0, "output_per_1k": 2.0}));
    assert!(service.stored("models", id).await.contains(r#""cached":1.50"#));
    service.send(&path, &json!({"cost": null})).await.value();
    assert!(!service.stored("models", id).await.contains("cost"));
}

#[tokio::test]
async fn revisions_count_the_changes_of_one_resource() {
    let (service, key) = with_provider_key().await;
    let path = format!("/admin/v1/models/{}", service.create("models", &model("a", &key)).await);
    let mut config_revision = 0;
    for revision in 2..=4 {
        let answer = service.send(&format!("PUT {path}"), &model(&format!("a{revision}"), &key)).await;
        assert_eq!(answer.json()["revision"], revision);
        let next = answer.header("x-aisix-config-revision").parse::<u64>().unwrap();
        assert!(next > config_revision);
        config_revision = next;
        assert_eq!(
            service.ask(&format!("GET {path}")).await.json(),
            answer.json(),
            "reads see the write at once"
        );
    }
}

#[tokio::test]
async fn put_never_creates() {
    let (service, key) = with_provider_key().await;
    for id in
        ["db8613ea-2ecd-40e4-91aa-08197119f766", "x", "DB8613EA-2ECD-40E4-91AA-08197119F766", "%ff", "%00"]
    {
        for method in ["PUT", "PATCH"] {
            service
                .send(&format!("{method} /admin/v1/models/{id}"), &model("a", &key))
                .await
                .refused(404, "not_found");
        }
        for method in ["GET", "DELETE"] {
            service.ask(&format!("{method} /admin/v1/models/{id}")).await.refused(404, "not_found");
        }
    }
}
