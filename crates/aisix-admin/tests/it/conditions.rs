use serde_json::json;

use crate::harness::{Service, provider_key, service};

async fn changed_once() -> (Service, String) {
    let service = service().await;
    let id = service.create_provider_key("a").await;
    let path = format!("/admin/v1/provider_keys/{id}");
    let answer = service.send(&format!("PATCH {path}"), &json!({ "provider": "b" })).await;
    assert_eq!((answer.header("etag"), answer.json()["revision"].as_u64()), ("\"2\"", Some(2)));
    (service, path)
}

#[tokio::test]
async fn a_stale_tag_changes_nothing_and_learns_the_current_revision() {
    let (service, path) = changed_once().await;
    for stale in ["\"1\"", "W/\"2\"", "\"22\", \"1\"", "nonsense"] {
        for (method, body) in
            [("PUT", provider_key("c").to_string()), ("PATCH", "{}".to_owned()), ("DELETE", String::new())]
        {
            let headers = [("if-match", stale), ("content-type", "application/json")];
            let answer = service.send_with(&format!("{method} {path}"), &headers, body).await;
            assert_eq!(answer.refused(412, "revision_mismatch")["current_revision"], 2);
            assert_eq!(answer.header("etag"), "\"2\"");
        }
    }
    assert_eq!(service.ask(&format!("GET {path}")).await.json()["revision"], 2);
}

#[tokio::test]
async fn a_current_tag_lets_pass() {
    let (service, path) = changed_once().await;
    let mut revision = 2;
    for current in ["\"2\"", "*", "\"1\", \"4\""] {
        let headers = [("if-match", current), ("content-type", "application/json")];
        let body = json!({ "provider": format!("p{revision}") }).to_string();
        let answer = service.send_with(&format!("PATCH {path}"), &headers, body).await;
        revision += 1;
        assert_eq!(answer.json()["revision"], revision, "{current}");
    }
    let answer = service.send_with(&format!("DELETE {path}"), &[("if-match", "\"5\"")], "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_condition_on_nothing_is_not_found() {
    let service = service().await;
    let path = "/admin/v1/models/db8613ea-2ecd-40e4-91aa-08197119f766";
    service.send_with(&format!("DELETE {path}"), &[("if-match", "*")], "").await.refused(404, "not_found");
}
