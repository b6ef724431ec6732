//! The official OpenAI SDK for Python as a client: `e2e/python/openai_sdk.py` holds what it expects.

use std::path::{Path, PathBuf};
use std::process::Command;

use aisix_testkit::{Process, Reply, Upstream};
use serde_json::json;

use crate::harness::{ALIAS, CHAT, Gateway, Setup, Store};

macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let (gateway, _) = Setup::new(Store::Embedded).provisioned().await;
            run(&gateway, &[stringify!($name)]).await;
        }
    )+};
}

scenarios!(
    chat,
    chat_stream,
    tools,
    json_mode,
    vision,
    embeddings,
    completions,
    responses,
    models,
    audio,
    images,
    moderations,
);

/// Runs one scenario of the script against the proxy.
async fn run(gateway: &Gateway, arguments: &[&str]) {
    let mut command = Command::new(python());
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/openai_sdk.py"))
        .args(arguments)
        .env_clear();
    command.env("OPENAI_BASE_URL", format!("http://{}/v1", gateway.proxy().address));
    command.env("OPENAI_API_KEY", gateway.caller_key());
    let mut process = Process::start(command).unwrap();
    let status = process.wait().await;
    let output = process.stdout() + &process.stderr();
    gateway.note(output.as_str());
    assert!(status.success(), "{arguments:?}: {output}");
}

/// The virtual environment that `cargo xtask test` makes in the target directory.
fn python() -> PathBuf {
    let path = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("venv/bin/python");
    assert!(path.exists(), "{} is not there; `cargo xtask test` makes it", path.display());
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_gateway_raise_their_exception() {
    let (gateway, made) = Setup::new(Store::Embedded).provisioned().await;
    let forbidden =
        json!({"display_name": "not-allowed", "model_name": "m", "provider_key_id": made.provider_key});
    gateway.admin().post("/admin/v1/models", &forbidden).await.expect(201);
    let path = format!("/admin/v1/api_keys/{}", made.caller_key);
    let mut caller_key = gateway.admin().get(&path).await.expect(200).json()["value"].clone();
    caller_key["allowed_models"] = json!([ALIAS, "unknown"]);
    let changed = gateway.admin().put(&path, &caller_key).await.expect(200);
    gateway.wait_until_applied(gateway.number(crate::harness::Kind::Proxy), &changed).await;
    run(&gateway, &["refusals"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_upstream_raise_their_exception() {
    let (gateway, _) =
        Setup::new(Store::Embedded).with("upstream", "first_byte_timeout_ms: 1000").provisioned().await;
    let error =
        json!({"error": {"message": "no", "type": "invalid_request_error", "param": null, "code": null}});
    let mut upstreams = Vec::new();
    for (exception, reply) in [
        ("BadRequestError", Reply::status(400).json(&error)),
        ("RateLimitError", Reply::status(429).header("retry-after", "1").json(&error)),
        ("InternalServerError", Reply::status(500).body("text/html", "<h1>oops</h1>")),
    ] {
        upstreams.push(upstream_named(&gateway, exception, reply).await);
    }
    run(&gateway, &["raises", "BadRequestError", "RateLimitError", "InternalServerError"]).await;
}

/// A model whose upstream always answers with `reply`.
async fn upstream_named(gateway: &Gateway, alias: &str, reply: Reply) -> Upstream {
    let upstream = Upstream::start().await;
    upstream.always(CHAT, reply);
    let mut provider_key = gateway.provider_key();
    provider_key["display_name"] = alias.into();
    provider_key["api_base"] = upstream.api_base().into();
    let id = gateway.admin().post("/admin/v1/provider_keys", &provider_key).await.expect(201).id();
    let model = json!({"display_name": alias, "model_name": "m", "provider_key_id": id});
    let created = gateway.admin().post("/admin/v1/models", &model).await.expect(201);
    gateway.wait_until_applied(gateway.number(crate::harness::Kind::Proxy), &created).await;
    upstream
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_stream() {
    let (gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    gateway.upstream.next(CHAT, Reply::openai().cut_after_events(2));
    run(&gateway, &["broken_stream"]).await;
}
