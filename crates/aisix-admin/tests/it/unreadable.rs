use serde_json::json;

use crate::harness::{model, provider_key, service};

const ID: &str = "db8613ea-2ecd-40e4-91aa-08197119f766";

#[tokio::test]
async fn an_unreadable_row_is_reported_left_out_of_lists_and_can_be_deleted() {
    let service = service().await;
    let good = service.create_provider_key("good").await;
    service.store_row(&format!("/aisix/provider_keys/{ID}"), "{\"secret\": \"canary\"").await;
    let path = format!("/admin/v1/provider_keys/{ID}");

    service.ask(&format!("GET {path}")).await.refused(404, "unreadable_row");
    service.send(&format!("PATCH {path}"), &json!({"provider": "p"})).await.refused(404, "unreadable_row");
    let listed = service.ask("GET /admin/v1/provider_keys").await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(good)));
    let health = service.ask("GET /admin/v1/health").await.json();
    assert_eq!(health["status"], "degraded");
    let row = &health["config"]["rejected"][0];
    assert_eq!(
        (&row["row"], &row["serves_last_good"]),
        (&json!(format!("/aisix/provider_keys/{ID}")), &json!(false))
    );
    assert!(!health.to_string().contains("canary"));

    assert_eq!(service.ask(&format!("DELETE {path}")).await.status, 200);
    service.ask(&format!("GET {path}")).await.refused(404, "not_found");
    assert_eq!(service.ask("GET /admin/v1/health").await.json()["status"], "ok");
}

#[tokio::test]
async fn a_put_repairs_a_row_that_never_was_readable() {
    let service = service().await;
    let key = format!("/aisix/provider_keys/{ID}");
    for broken in ["1", "2"] {
        service.store_row(&key, broken).await;
    }
    let path = format!("PUT /admin/v1/provider_keys/{ID}");
    let mut keeping = provider_key("a");
    keeping["secret"] = "***".into();
    service.send(&path, &keeping).await.refused(400, "secret_is_redacted");
    let answer = service.send(&path, &provider_key("a")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["revision"]), (200, &json!(3)));
    assert_eq!(service.ask("GET /admin/v1/health").await.json()["status"], "ok");
}

#[tokio::test]
async fn a_row_that_became_unreadable_serves_and_takes_writes() {
    let service = service().await;
    let id = service.create_provider_key("a").await;
    let alias = service.create("models", &model("m", &id)).await;
    service.store_row(&format!("/aisix/provider_keys/{id}"), "{}").await;
    let path = format!("/admin/v1/provider_keys/{id}");
    let shown = service.ask(&format!("GET {path}")).await;
    assert_eq!(shown.value()["display_name"], "a");
    service.ask(&format!("DELETE {path}")).await.refused(409, "in_use");

    let answer = service.send(&format!("PUT {path}"), &shown.json()).await;
    assert_eq!(answer.json()["revision"], 3, "the last good value is written again");
    assert!(service.stored("provider_keys", &id).await.contains("sk-upstream"));
    assert_eq!(service.ask("GET /admin/v1/health").await.json()["status"], "ok");
    assert_eq!(service.ask(&format!("DELETE /admin/v1/models/{alias}")).await.status, 200);
}
