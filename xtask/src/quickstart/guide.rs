use std::time::Duration;

use aisix_testkit::within;
use anyhow::{Context, Result, ensure};

use super::services::Services;
use super::shell::{Export, Shell};

const ALIAS: &str = "my-model";
/// Both services see a change of the other within a fraction of a second; this is for machines in trouble.
const PROPAGATION_WAIT_MAX: Duration = Duration::from_secs(10);

/// Whom the guide calls in the end.
pub(super) struct Subject {
    pub(super) key: String,
    api_base: String,
    model_name: &'static str,
    is_demonstration: bool,
}

impl Subject {
    pub(super) fn openai(key: String) -> Self {
        let api_base = "https://api.openai.com/v1".to_owned();
        Self { key, api_base, model_name: "gpt-4o-mini", is_demonstration: false }
    }

    pub(super) fn demonstration(api_base: String) -> Self {
        let key = "sk-demonstration".to_owned();
        Self { key, api_base, model_name: "gpt-4o-mini", is_demonstration: true }
    }
}

/// Says what runs where, and gives the exports that make the printed lines work in another terminal. The
/// admin key was made for this run; a key that the user brought is never shown.
pub(super) fn introduce(services: &Services, subject: &Subject) {
    println!("\nadmin     {}", services.admin_url("/"));
    println!("proxy     {}", services.proxy_url("/"));
    println!("metrics   {}", services.status_url("/metrics"));
    println!(
        "upstream  {}{}",
        subject.api_base,
        if subject.is_demonstration { " (demonstration)" } else { "" }
    );
    println!("files     {}", services.directory());
    println!("\n# for a terminal of your own");
    for (name, value) in services.environment() {
        if *name != "OPENAI_API_KEY" || subject.is_demonstration {
            println!("export {name}=\"{value}\"");
        }
    }
}

/// The provider keys guide, and what it leads to: a model, a caller key, and two chat requests.
pub(super) async fn follow(shell: &mut Shell, services: &Services, subject: &Subject) -> Result<()> {
    let step = |title, variable, pointer| Export { title, variable, pointer };
    let provider_key = step("create a provider key", "PROVIDER_KEY_ID", "/id");
    shell.run_and_export(provider_key, &create_provider_key(services, subject)).await?;
    let model = step("attach it to a model", "MODEL_ID", "/id");
    shell.run_and_export(model, &create_model(services, subject)).await?;
    let caller_key = step("allow the model on a caller key", "AISIX_CALLER_KEY", "/plaintext");
    shell.run_and_export(caller_key, &create_caller_key(services)).await?;
    wait_until_served(shell, services).await?;

    let answer = shell.run("send a chat request with the caller key", &chat(services, Mode::Plain)).await?;
    ensure!(answer.contains("\"chat.completion\""), "the chat request was not answered");
    let stream = shell.run("send a streamed one", &chat(services, Mode::Streamed)).await?;
    ensure!(stream.trim_end().ends_with("data: [DONE]"), "the streamed answer did not come to its end");
    Ok(())
}

/// Shows the list only when it holds the model: asking for it again and again is nothing to look at.
async fn wait_until_served(shell: &Shell, services: &Services) -> Result<()> {
    let line = list_models(services);
    let is_served = async || shell.probe(&line).await.filter(|answer| answer.contains(ALIAS));
    within(PROPAGATION_WAIT_MAX, is_served)
        .await
        .context("the proxy does not serve what the admin stored")?;
    shell.run("see what the caller may use", &line).await.map(drop)
}

fn create_provider_key(services: &Services, subject: &Subject) -> String {
    let (url, api_base) = (services.admin_url("/admin/v1/provider_keys"), &subject.api_base);
    format!(
        r#"curl -sS -X POST "{url}" \
  -H "Authorization: Bearer ${{AISIX_ADMIN_KEY}}" \
  -H "Content-Type: application/json" \
  -d '{{
    "display_name": "openai-prod",
    "provider": "openai",
    "adapter": "openai",
    "secret": "'"${{OPENAI_API_KEY}}"'",
    "api_base": "{api_base}"
  }}'"#
    )
}

fn create_model(services: &Services, subject: &Subject) -> String {
    let (url, model_name) = (services.admin_url("/admin/v1/models"), subject.model_name);
    format!(
        r#"curl -sS -X POST "{url}" \
  -H "Authorization: Bearer ${{AISIX_ADMIN_KEY}}" \
  -H "Content-Type: application/json" \
  -d '{{
    "display_name": "{ALIAS}",
    "model_name": "{model_name}",
    "provider_key_id": "'"${{PROVIDER_KEY_ID}}"'"
  }}'"#
    )
}

fn create_caller_key(services: &Services) -> String {
    let url = services.admin_url("/admin/v1/api_keys");
    format!(
        r#"curl -sS -X POST "{url}" \
  -H "Authorization: Bearer ${{AISIX_ADMIN_KEY}}" \
  -H "Content-Type: application/json" \
  -d '{{
    "display_name": "my-application",
    "allowed_models": ["{ALIAS}"]
  }}'"#
    )
}

fn list_models(services: &Services) -> String {
    let url = services.proxy_url("/v1/models");
    format!(r#"curl -sS "{url}" -H "Authorization: Bearer ${{AISIX_CALLER_KEY}}""#)
}

#[derive(Clone, Copy)]
enum Mode {
    Plain,
    Streamed,
}

fn chat(services: &Services, mode: Mode) -> String {
    let url = services.proxy_url("/v1/chat/completions");
    let (flags, stream) = match mode {
        Mode::Plain => ("-sS", ""),
        Mode::Streamed => ("-sSN", "\"stream\": true,\n    "),
    };
    format!(
        r#"curl {flags} -X POST "{url}" \
  -H "Authorization: Bearer ${{AISIX_CALLER_KEY}}" \
  -H "Content-Type: application/json" \
  -d '{{
    "model": "{ALIAS}",
    {stream}"messages": [{{"role": "user", "content": "Say hello in five words."}}]
  }}'"#
    )
}
