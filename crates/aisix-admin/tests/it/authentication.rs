use axum::body::Body;
use bytes::Bytes;
use http_body_util::StreamBody;

use crate::harness::{ADMIN_KEY, service};

#[tokio::test]
async fn every_admin_key_opens_in_either_header() {
    let service = service().await;
    let bearer = format!("bEaReR {ADMIN_KEY}");
    for header in
        [("authorization", bearer.as_str()), ("x-api-key", ADMIN_KEY), ("x-api-key", "second-admin-key")]
    {
        let answer = service.send_as("GET /admin/v1/models", &[header], Body::empty()).await;
        assert_eq!(answer.status, 200, "{header:?}");
    }
}

#[tokio::test]
async fn everything_under_admin_is_closed_without_a_key() {
    let service = service().await;
    for line in [
        "GET /admin",
        "GET /admin/",
        "GET /admin/openapi.json",
        "GET /admin/v1/health",
        "POST /admin/v1/models",
        "DELETE /admin/v1/models",
        "GET /admin/nowhere",
        "POST /admin/v1/provider_keys/preview",
    ] {
        for headers in [
            &[][..],
            &[("authorization", "Bearer wrong")],
            &[("authorization", "Basic x")],
            &[("x-api-key", "")],
            &[("x-api-key", ADMIN_KEY), ("authorization", "Bearer wrong")],
        ] {
            let answer = service.send_as(line, headers, "{}").await;
            answer.refused(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{line}");
        }
    }
}

#[tokio::test]
async fn the_rest_is_open() {
    let service = service().await;
    for path in ["/livez", "/readyz", "/metrics", "/status/config"] {
        assert_eq!(service.send_as(&format!("GET {path}"), &[], Body::empty()).await.status, 200, "{path}");
    }
    service.send_as("GET /administrator", &[], Body::empty()).await.refused(404, "route_not_found");
}

#[tokio::test]
async fn a_body_is_not_read_before_the_key_is_checked() {
    let service = service().await;
    let endless = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
    let headers = [("content-type", "application/json")];
    let answer =
        service.send_as("POST /admin/v1/models", &headers, Body::new(StreamBody::new(endless))).await;
    answer.refused(401, "unauthorized");
}
