use axum::body::Body;
use bytes::Bytes;
use http_body_util::StreamBody;
use serde_json::json;

use crate::harness::{Service, service};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn post(service: &Service, headers: &[(&str, &str)], body: impl Into<Body>) -> crate::harness::Answer {
    service.send_with("POST /admin/v1/models", headers, body).await
}

#[tokio::test]
async fn unknown_routes_and_methods_are_refused_as_json() {
    let service = service().await;
    for path in [
        "/admin",
        "/admin/v1",
        "/admin/v1/nothing",
        "/admin/v1/models/",
        "/",
        "/favicon.ico",
        "/admin/v1/models/x/y",
    ] {
        service.ask(&format!("GET {path}")).await.refused(404, "route_not_found");
    }
    for (line, allow) in [
        ("DELETE /admin/v1/models", "GET,HEAD,POST"),
        ("OPTIONS /admin/v1/models", "GET,HEAD,POST"),
        ("POST /admin/v1/models/x", "GET,HEAD,PUT,PATCH,DELETE"),
        ("GET /admin/v1/provider_keys/preview", "POST"),
        ("GET /admin/v1/api_keys/x/rotate", "POST"),
        ("PROPFIND /livez", "GET,HEAD"),
    ] {
        let answer = service.ask(line).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allow, "{line}");
    }
}

#[tokio::test]
async fn only_json_is_read() {
    let service = service().await;
    for content_type in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/jsonx",
        "application/merge-patch+json",
        "",
    ] {
        let answer = post(&service, &[("content-type", content_type)], "{}").await;
        answer.refused(415, "unsupported_media_type");
    }
    for content_type in ["application/json", "Application/JSON ; charset=utf-8"] {
        post(&service, &[("content-type", content_type)], "{}").await.refused(400, "field_required");
    }
    post(&service, &[], "{}").await.refused(400, "field_required");
    post(&service, &[JSON, ("content-encoding", "gzip")], "{}")
        .await
        .refused(415, "unsupported_content_encoding");
}

#[tokio::test]
async fn malformed_json_says_where_and_never_what() {
    let service = service().await;
    for (text, code) in [
        ("", "malformed_json"),
        ("{\"display_name\": \"canary\"", "malformed_json"),
        ("{\"display_name\": canary}", "malformed_json"),
        ("{} canary", "malformed_json"),
        ("{\"canary\": \"\u{1}\"}", "malformed_json"),
        ("\u{feff}{}", "malformed_json"),
        ("[\"canary\"]", "wrong_type"),
        ("\"canary\"", "wrong_type"),
        ("null", "wrong_type"),
    ] {
        let body = post(&service, &[JSON], text.to_owned()).await.refused(400, code);
        assert!(!body.to_string().contains("canary"), "{body}");
        assert!(
            code != "malformed_json" || body["error_msg"].as_str().unwrap().contains("line 1 column"),
            "{body}"
        );
    }
    let body = post(&service, &[JSON], "{\"cost\": {\"a\": 1, \"a\": 2}}").await;
    assert_eq!(body.refused(400, "duplicate_field")["field"], "/cost/a");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    post(&service, &[JSON], deep).await.refused(400, "nested_too_deep");
    post(&service, &[JSON], &b"{\"display_name\": \"\xff\"}"[..]).await.refused(400, "malformed_json");
}

#[tokio::test]
async fn too_large_a_body_is_refused_by_its_announcement_or_when_it_passes_the_limit() {
    let service = service().await;
    let limit = aisix_admin::BODY_LIMIT_BYTES_DEFAULT;
    let announced = (limit + 1).to_string();
    let endless = || futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
    let answer =
        post(&service, &[JSON, ("content-length", &announced)], Body::new(StreamBody::new(endless()))).await;
    answer.refused(413, "body_too_large");

    let chunk = || Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(vec![b' '; 64 * 1024])));
    let unannounced = futures_util::stream::repeat_with(chunk);
    post(&service, &[JSON], Body::new(StreamBody::new(unannounced))).await.refused(413, "body_too_large");

    let fitting = format!("{}{}", " ".repeat(limit - 2), "{}");
    post(&service, &[JSON], fitting).await.refused(400, "field_required");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let service = service().await;
    let endless = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
    post(&service, &[JSON], Body::new(StreamBody::new(endless))).await.refused(408, "body_timeout");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let service = service().await;
    let broken =
        futures_util::stream::iter([Err::<http_body::Frame<Bytes>, _>(std::io::Error::other("canary"))]);
    let body = post(&service, &[JSON], Body::new(StreamBody::new(broken))).await.refused(400, "body_aborted");
    assert!(!body.to_string().contains("canary"));
}

#[tokio::test]
async fn the_error_of_a_head_request_has_no_body() {
    let service = service().await;
    let answer = service.ask("HEAD /admin/v1/models/x").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0));
    let answer = service.ask("HEAD /admin/v1/models").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-length")), (200, "2"));
}

#[tokio::test]
async fn request_ids_come_back_when_they_are_sane() {
    let service = service().await;
    for (given, kept) in [("abc-1:2.3_4", true), ("has space", false), ("", false), (&"x".repeat(129), false)]
    {
        let answer = service.send_with("GET /livez", &[("x-aisix-request-id", given)], "").await;
        let id = answer.header("x-aisix-request-id");
        assert_eq!(id == given, kept, "{given:?}");
        assert!(!id.is_empty());
    }
    let answer = service.send("POST /admin/v1/models", &json!({})).await;
    assert_eq!(answer.header("x-aisix-request-id").len(), 36);
}
