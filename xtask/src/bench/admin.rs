//! The admin API, as far as the measurements use it.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use http::{Method, Request, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use super::chat;
use super::client::{Answer, Connection};

pub(super) const ADMIN_KEY: &str = "bench-admin-key-0123456789abcdef";

/// One connection to the admin listener.
#[derive(Debug)]
pub(super) struct Admin {
    connection: Connection,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
}

// === impl Admin ===

impl Admin {
    pub(super) async fn open(addr: SocketAddr) -> Result<Self> {
        Ok(Self { connection: Connection::open(addr).await? })
    }

    /// Creates a provider key for an upstream on this machine and answers its id.
    pub(super) async fn create_provider_key(&mut self, name: &str, upstream: SocketAddr) -> Result<String> {
        let provider_key = json!({
            "display_name": name,
            "provider": "bench",
            "adapter": "openai",
            "secret": "sk-bench-upstream-0123456789abcdef",
            "api_base": format!("http://{upstream}/v1"),
        });
        self.create("provider_keys", &provider_key).await
    }

    pub(super) async fn create_model(&mut self, alias: &str, provider_key_id: &str) -> Result<String> {
        let model = json!({"display_name": alias, "model_name": chat::UPSTREAM_MODEL, "provider_key_id": provider_key_id});
        self.create("models", &model).await
    }

    /// Creates the caller key of [`chat::CALLER_KEY`], which may use every model.
    pub(super) async fn create_caller_key(&mut self) -> Result<()> {
        let caller_key = json!({"display_name": "bench", "key": chat::CALLER_KEY, "allowed_models": ["*"]});
        self.create("api_keys", &caller_key).await.map(drop)
    }

    /// Points a model at another upstream model; returns when the admin has answered.
    pub(super) async fn rename_upstream_model(&mut self, model_id: &str, model_name: &str) -> Result<()> {
        let path = format!("models/{model_id}");
        self.send(Method::PATCH, &path, &json!({"model_name": model_name})).await.map(drop)
    }

    async fn create(&mut self, collection: &str, value: &Value) -> Result<String> {
        let answer = self.send(Method::POST, collection, value).await?;
        let entry: Entry =
            serde_json::from_slice(&answer.body).context("the admin answered without an entry")?;
        Ok(entry.id)
    }

    async fn send(&mut self, method: Method, path: &str, value: &Value) -> Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/admin/v1/{path}"))
            .header(header::HOST, "127.0.0.1")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
            .body(Full::from(value.to_string()))?;
        let answer = self.connection.exchange(request).await?;
        answer.success().with_context(|| format!("the admin refused a change of {path}"))?;
        Ok(answer)
    }
}
