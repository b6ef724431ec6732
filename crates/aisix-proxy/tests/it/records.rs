//! Every request ends in one log line and one update of the metrics, without secrets.

use std::sync::Arc;

use aisix_domain::SnapshotObserver;
use aisix_testkit::SnapshotBuilder;

use crate::harness::{CALLER, SECRET, options, post, start, start_with};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_line_says_who_what_where_and_how_long() {
    let harness = start().await;
    let call = r#"{"model":"fast","messages":[{"role":"user","content":"count these words"}]}"#;
    harness.post(CHAT, call).await;
    let line = &harness.log()[0];
    for (name, value) in [
        ("operation", "chat"),
        ("alias", "fast"),
        ("provider", "openai"),
        ("adapter", "openai"),
        ("kind", "access"),
    ] {
        assert_eq!(line[name], value, "{line}");
    }
    assert_eq!(line["status"], 200);
    assert_eq!(line["bytes_in"], call.len());
    for name in ["bytes_out", "input_tokens", "output_tokens", "first_byte_ms", "total_ms", "upstream_ms"] {
        assert!(line[name].as_f64().unwrap() > 0.0, "{name}: {line}");
    }
    assert!(line["caller_key_id"].is_string() && line["provider_key_id"].is_string());
    assert!(line.get("error").is_none());
}

#[tokio::test]
async fn metrics_count_calls_by_alias_and_refusals_by_code() {
    let harness = start().await;
    harness.post(CHAT, r#"{"model":"fast"}"#).await;
    harness.post(CHAT, r#"{"model":"fast","stream":true}"#).await;
    harness.post(CHAT, r#"{"model":"nope"}"#).await;
    let metrics = harness.status("/metrics").await;
    for line in [
        r#"aisix_requests_total{alias="fast",provider="openai",provider_key="main",adapter="openai",status_class="2xx"} 2"#,
        r#"gen_ai_server_request_duration_count{alias="fast",provider="openai",provider_key="main",adapter="openai",status_class="2xx"} 2"#,
        r#"gen_ai_server_time_to_first_token_count{alias="fast",provider="openai",provider_key="main",adapter="openai"} 1"#,
        r#"gen_ai_client_token_usage_count{alias="fast",provider="openai",provider_key="main",adapter="openai",gen_ai_token_type="output"} 2"#,
        r#"aisix_requests_refused_total{status_class="4xx",code="model_not_found"} 1"#,
        "aisix_requests_in_flight 0",
        r#"aisix_config_resources{collection="models"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
}

#[tokio::test]
async fn series_of_a_removed_model_go_with_it() {
    let harness = start().await;
    harness.post(CHAT, r#"{"model":"fast"}"#).await;
    let mut snapshot = (*SnapshotBuilder::new().build()).clone();
    let model = aisix_domain::ResourceRef {
        kind: aisix_domain::ResourceKind::Model,
        id: aisix_domain::ResourceId::from_u128(2),
    };
    snapshot.set_revision(9);
    let touched = aisix_domain::Touched::Rows(vec![model]);
    harness.gateway.updated(&aisix_domain::Update { snapshot: Arc::new(snapshot), touched });
    let metrics = harness.status("/metrics").await;
    assert!(
        !metrics.contains("alias=\"fast\"") && metrics.contains("aisix_config_applied_revision 9"),
        "{metrics}"
    );
}

#[tokio::test]
async fn status_lists_keys_that_cannot_be_used_and_the_last_good_one_serves() {
    let harness = start().await;
    let mut builder = SnapshotBuilder::new();
    let key = builder.provider_key("main", "https://api.openai.com/v1?api_key=sk-oops", SECRET);
    builder.model("fast", "gpt-4o-mini", key);
    builder.caller_key(CALLER, &["fast"]);
    harness.gateway.updated(&builder.update());
    let status: serde_json::Value = serde_json::from_str(&harness.status("/status/config").await).unwrap();
    assert_eq!(status["rejected_count"], 1);
    assert_eq!(status["rejected"][0]["serves_last_good"], true);
    assert!(status["rejected"][0]["reason"].as_str().unwrap().starts_with("secret_in_query"), "{status}");
    assert_eq!(harness.post(CHAT, r#"{"model":"fast"}"#).await.status, 200);
}

#[tokio::test]
async fn nothing_that_is_written_holds_a_secret() {
    let harness = start_with(options(), |builder, base| {
        let key = builder.provider_key("main", base, SECRET);
        builder.model("fast", "gpt-4o-mini", key);
        builder.caller_key(CALLER, &["*"]);
    })
    .await;
    harness.upstream.accept_only(&["another"]);
    let mut seen = format!("{:?}{:?}{:?}", harness.gateway, harness.proxy, harness.status);
    for body in
        [r#"{"model":"fast"}"#, r#"{"model":"fast","stream":true}"#, "{", r#"{"model":"sk-caller-key"}"#]
    {
        let response = harness.begin(post(CHAT, body)).await;
        seen += &format!("{response:?}");
        seen += &crate::harness::read(response).await.text();
    }
    seen += &harness
        .log()
        .iter()
        .filter(|line| line["alias"] != CALLER)
        .map(ToString::to_string)
        .collect::<String>();
    seen += &harness.status("/metrics").await;
    seen += &harness.status("/status/config").await;
    assert!(!seen.contains(SECRET) && !seen.contains(CALLER), "{seen}");
}

#[tokio::test]
async fn a_head_request_is_complete_and_says_how_long_the_answer_would_be() {
    let harness = start().await;
    let mut request = crate::harness::get("/v1/models");
    *request.method_mut() = http::Method::HEAD;
    let answer = harness.send(request).await;
    assert!(answer.body.is_empty() && answer.header("content-length").parse::<usize>().unwrap() > 0);
    let line = &harness.log()[0];
    assert_eq!((line["status"].as_u64(), line["bytes_out"].as_u64()), (Some(200), Some(0)), "{line}");
}

#[tokio::test]
async fn the_log_says_which_alias_was_refused() {
    let harness = start().await;
    harness.post(CHAT, r#"{"model":"nope"}"#).await;
    assert_eq!(harness.log()[0]["alias"], "nope");
}

#[tokio::test]
async fn renaming_a_provider_key_leaves_no_series_behind_and_editing_a_model_keeps_its_counters() {
    let update = |name: &str, timeout_ms| {
        let mut builder = SnapshotBuilder::new();
        let key = builder.provider_key(name, "http://127.0.0.1:1/v1", SECRET);
        builder.model_with("fast", "gpt", key, |model| model.timeout_ms = timeout_ms);
        builder.caller_key(CALLER, &["*"]);
        let rows = [(aisix_domain::ResourceKind::ProviderKey, 1), (aisix_domain::ResourceKind::Model, 2)];
        let touched = rows.map(|(kind, id)| aisix_domain::ResourceRef {
            kind,
            id: aisix_domain::ResourceId::from_u128(id),
        });
        aisix_domain::Update {
            snapshot: builder.build(),
            touched: aisix_domain::Touched::Rows(touched.into()),
        }
    };
    let harness = start().await;
    let call = async || harness.post(CHAT, r#"{"model":"fast"}"#).await;
    harness.gateway.updated(&update("old", None));
    call().await;
    harness.gateway.updated(&update("old", Some(1000)));
    call().await;
    let metrics = harness.status("/metrics").await;
    assert!(metrics.contains(r#"provider_key="old",adapter="openai",status_class="5xx"} 2"#), "{metrics}");
    harness.gateway.updated(&update("new", None));
    call().await;
    let metrics = harness.status("/metrics").await;
    assert!(!metrics.contains("old") && metrics.contains(r#"provider_key="new""#), "{metrics}");
}
