//! The whole data plane inside another program: no store, no configuration file, any runtime. The program makes
//! a snapshot itself and calls one function over `http` types.
//!
//! `cargo run -p aisix-examples --bin embed_proxy`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aisix_domain::{
    Adapter, CallerKey, DisplayName, Entry, KeyHash, Model, Pattern, Provider, ProviderKey, ResourceId,
    Secret, Snapshot, SnapshotObserver, StripHeaders, TelemetryTags, Touched, UnknownFields, Update,
};
use aisix_proxy::{Gateway, GatewayOptions, Proxy, UrlPolicy};
use aisix_upstream::{Client, ClientOptions, client_config};
use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let api_base = pretend_upstream().await?;
    let gateway = Gateway::new(options(), None, Arc::new(AtomicBool::new(false)));
    gateway.updated(&Update { snapshot: Arc::new(snapshot(&api_base)?), touched: Touched::Everything });
    let client = Client::new(ClientOptions {
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(60),
        idle_per_origin_max: 16,
        tls: client_config(None)?,
    });
    let proxy = Proxy::new(gateway, client);

    let request = Request::post("/v1/chat/completions")
        .header("authorization", "Bearer sk-caller")
        .header("content-type", "application/json")
        .body(Full::from(r#"{"model":"fast","messages":[]}"#))?;
    let response = proxy.handle(request).await;
    println!("{}", response.status());
    let body = response.into_body().collect().await?.to_bytes();
    println!("{}", String::from_utf8_lossy(&body));
    Ok(())
}

/// One provider key, one alias for it, and one caller who may use the alias.
fn snapshot(api_base: &str) -> Result<Snapshot> {
    let key = ProviderKey {
        display_name: DisplayName::parse("example")?,
        secret: Secret::new("sk-example")?,
        api_base: Some(api_base.into()),
        provider: Provider::parse("example")?,
        adapter: Adapter::Openai,
        telemetry_tags: TelemetryTags::default(),
        strip_headers: StripHeaders::default(),
        stream_usage: None,
        unknown_fields: UnknownFields::default(),
    };
    let display_name = DisplayName::parse("fast")?;
    let key_id = ResourceId::random();
    let model = Model {
        alias: Model::alias_of(&display_name)?,
        display_name,
        model_name: "example-model".into(),
        provider_key_id: key_id,
        provider: None,
        timeout_ms: None,
        stream_timeout_ms: None,
        cost: None,
        unknown_fields: UnknownFields::default(),
    };
    let caller = CallerKey {
        display_name: None,
        key_hash: KeyHash::of("sk-caller"),
        allowed_models: vec![Pattern::parse("*")?],
        expires_at: None,
        disabled: false,
        unknown_fields: UnknownFields::default(),
    };
    let mut snapshot = Snapshot::default();
    snapshot.put_provider_key(Entry { id: key_id, revision: 1, value: key });
    snapshot.put_model(Entry { id: ResourceId::random(), revision: 1, value: model });
    snapshot.put_caller_key(Entry { id: ResourceId::random(), revision: 1, value: caller });
    Ok(snapshot)
}

fn options() -> GatewayOptions {
    GatewayOptions {
        request_body_bytes_max: 1024 * 1024,
        first_byte_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(60),
        url_policy: UrlPolicy::default(),
    }
}

/// A server that answers one connection, in place of a real upstream.
async fn pretend_upstream() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api_base = format!("http://{}/v1", listener.local_addr()?);
    tokio::spawn(async move {
        let answer = |_: Request<Incoming>| {
            let body = Full::new(Bytes::from_static(br#"{"model":"example-model","choices":[]}"#));
            let response = Response::builder().header("content-type", "application/json").body(body);
            std::future::ready(response)
        };
        if let Ok((stream, _)) = listener.accept().await {
            let connection = hyper::server::conn::http1::Builder::new();
            let _: Result<(), _> =
                connection.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
        }
        Ok::<_, Infallible>(())
    });
    Ok(api_base)
}
