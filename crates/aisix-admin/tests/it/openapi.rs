use std::path::Path;

use serde_json::Value;

use crate::harness::service;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Run with `UPDATE_OPENAPI=1` to write the document anew.
#[test]
fn the_committed_document_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, aisix_admin::openapi()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == aisix_admin::openapi(),
        "docs/openapi.json is out of date; run with UPDATE_OPENAPI=1"
    );
}

#[tokio::test]
async fn the_document_is_served() {
    let answer = service().await.ask("GET /admin/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert_eq!(document, serde_json::from_str::<Value>(&aisix_admin::openapi()).unwrap());
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn every_route_is_described_with_exactly_its_methods() {
    let service = service().await;
    let document: Value = serde_json::from_str(&aisix_admin::openapi()).unwrap();
    for (template, item) in document["paths"].as_object().unwrap() {
        let answer = service.ask(&format!("TRACE {}", template.replace("{id}", "x"))).await;
        answer.refused(405, "method_not_allowed");
        let mut allowed: Vec<_> =
            answer.header("allow").split(',').filter(|m| *m != "HEAD").map(str::to_lowercase).collect();
        let mut described: Vec<_> = METHODS.into_iter().filter(|method| item.get(method).is_some()).collect();
        allowed.sort();
        described.sort_unstable();
        assert_eq!(allowed, described, "{template}");
    }
}

#[test]
fn operations_are_named_once_and_references_lead_somewhere() {
    let document: Value = serde_json::from_str(&aisix_admin::openapi()).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut ids: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    check_references(&document, &document);
}

fn check_references(document: &Value, here: &Value) {
    if let Some(reference) = here.get("$ref").and_then(Value::as_str) {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let members = here.as_object().into_iter().flat_map(|members| members.values());
    let items = here.as_array().into_iter().flatten();
    members.chain(items).for_each(|value| check_references(document, value));
}
