use aisix_store::StoreError;
use serde_json::{Value, json};

use crate::harness::{memory, model, service, service_on, starting_service_on};

#[tokio::test]
async fn a_service_that_has_not_read_the_store_says_so() {
    let store = memory();
    store.set_fault(Some(StoreError::Unreachable("connection refused")));
    let service = starting_service_on(store.clone());
    assert_eq!(service.ask("GET /livez").await.body, "ok");
    for line in
        ["GET /readyz", "GET /admin/v1/models", "GET /admin/v1/models/db8613ea-2ecd-40e4-91aa-08197119f766"]
    {
        let answer = service.ask(line).await;
        answer.refused(503, "store_unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    service.send("POST /admin/v1/api_keys", &json!({})).await.refused(503, "store_unavailable");
    let health = service.ask("GET /admin/v1/health").await.json();
    assert_eq!(
        (&health["status"], &health["config"]["snapshot_revision"]),
        (&json!("unhealthy"), &Value::Null)
    );

    store.set_fault(None);
    let ready = service.ask_until("/readyz", |answer| answer.status == 200).await;
    assert_eq!((&ready.body[..], ready.header("content-type")), (&b"ok"[..], "text/plain; charset=utf-8"));
}

#[tokio::test]
async fn a_store_that_goes_away_refuses_writes_and_leaves_reads() {
    let store = memory();
    let service = service_on(store.clone()).await;
    let id = service.create_provider_key("a").await;
    for (fault, code) in [
        (StoreError::Unreachable("broken pipe"), "store_unavailable"),
        (StoreError::OutcomeUnknown, "outcome_unknown"),
        (StoreError::TooLarge, "too_large_for_store"),
        (StoreError::PermissionDenied, "store_unavailable"),
    ] {
        let status = if code == "too_large_for_store" { 413 } else { 503 };
        store.set_fault(Some(fault));
        service.send("POST /admin/v1/api_keys", &json!({})).await.refused(status, code);
        service.ask(&format!("DELETE /admin/v1/provider_keys/{id}")).await.refused(status, code);
        assert_eq!(service.ask(&format!("GET /admin/v1/provider_keys/{id}")).await.status, 200);
    }
    let health =
        service.ask_until("/admin/v1/health", |answer| answer.json()["status"] == "degraded").await.json();
    assert_eq!(health["config"]["store_connected"], false);
    assert_eq!(service.ask("GET /readyz").await.status, 200);
    store.set_fault(None);
    service.ask_until("/admin/v1/health", |answer| answer.json()["status"] == "ok").await;
}

#[tokio::test]
async fn draining_fails_both_probes_and_nothing_else() {
    let service = service().await;
    service.drain();
    for path in ["/livez", "/readyz"] {
        service.ask(&format!("GET {path}")).await.refused(503, "draining");
    }
    assert_eq!(service.ask("GET /admin/v1/models").await.status, 200);
}

#[tokio::test]
async fn health_names_the_models_that_cannot_serve() {
    let service = service().await;
    let key = service.create_provider_key("a").await;
    let id = service.create("models", &model("good", &key)).await;
    let health = service.ask("GET /admin/v1/health").await.json();
    assert_eq!(health.as_object().unwrap().keys().collect::<Vec<_>>(), ["status", "models", "config"]);
    assert_eq!(health["status"], "ok");
    assert_eq!(health["models"], json!([{"id": id, "display_name": "good", "status": "ok"}]));
    assert_eq!(health["config"]["snapshot_revision"], service.mirror.snapshot().unwrap().revision());
    assert!(health["config"]["snapshot_age_seconds"].as_f64().is_some_and(|age| (0.0..60.0).contains(&age)));

    for (row, reason) in [
        (None, "unknown_provider_key"),
        (
            Some(r#"{"display_name":"a","secret":"s","provider":"p","adapter":"vertex"}"#),
            "adapter_not_available",
        ),
        (Some(r#"{"display_name":"a","secret":"s","provider":"p","adapter":"openai"}"#), "api_base_required"),
    ] {
        let storage_key = format!("/aisix/provider_keys/{key}");
        match row {
            Some(row) => service.store_row(&storage_key, row).await,
            None => service.delete_row(&storage_key).await,
        }
        let health = service.ask("GET /admin/v1/health").await.json();
        let expected = json!([{"id": id, "display_name": "good", "status": "unavailable", "reason": reason}]);
        assert_eq!((&health["status"], &health["models"]), (&json!("degraded"), &expected));
    }
}

#[tokio::test]
async fn status_and_metrics_tell_the_same() {
    let service = service().await;
    let key = service.create_provider_key("a").await;
    service.create("models", &model("m", &key)).await;
    service.store_row("/aisix/models/no-id", "{}").await;
    service.send("POST /admin/v1/models", &json!({})).await.refused(400, "field_required");

    let status = service
        .ask_until("/status/config", |answer| answer.json()["store"]["connected"] == true)
        .await
        .json();
    let revision = service.mirror.snapshot().unwrap().revision();
    assert_eq!(
        (&status["applied_revision"], &status["observed_revision"]),
        (&json!(revision), &json!(revision))
    );
    assert_eq!((&status["ready"], &status["rejected_count"]), (&json!(true), &json!(1)));
    assert_eq!(status["resources"], json!({"provider_keys": 1, "models": 1, "api_keys": 0}));
    assert_eq!(status["rejected"][0]["row"], "/aisix/models/no-id");

    let answer = service.ask("GET /metrics").await;
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    let text = std::str::from_utf8(&answer.body).unwrap();
    for line in [
        format!("aisix_config_applied_revision {revision}.0"),
        "aisix_config_resources{collection=\"models\"} 1.0".to_owned(),
        "aisix_config_rejected_rows 1.0".to_owned(),
        "aisix_store_connected 1.0".to_owned(),
        "aisix_admin_requests_total{method=\"POST\",route=\"/admin/v1/models\",status=\"400\"} 1".to_owned(),
        "# EOF".to_owned(),
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}
