//! What an operator changes takes effect, here and in every proxy.

use aisix_testkit::Upstream;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ALIAS, CHAT, Gateway, Kind, Setup, Store};

on_both_stores!(
    the_placeholder_keeps_the_secret,
    a_model_moves_to_another_upstream,
    what_is_removed_is_refused,
    two_proxies_serve_the_same,
    a_restart_keeps_everything,
);

fn hello() -> Value {
    json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello"}]})
}

async fn upstream_credential(gateway: &Gateway) -> String {
    gateway.proxy().post(CHAT, &hello()).await.expect(200);
    gateway.upstream.last_request().header("authorization").unwrap().to_owned()
}

async fn the_placeholder_keeps_the_secret(store: Store) {
    let (gateway, made) = Setup::new(store).provisioned().await;
    let path = format!("/admin/v1/provider_keys/{}", made.provider_key);
    let before = upstream_credential(&gateway).await;

    let mut value = gateway.admin().get(&path).await.expect(200).json()["value"].clone();
    assert_eq!(value["secret"], "***");
    let unchanged = gateway.admin().put(&path, &value).await.expect(200);
    assert_eq!(unchanged.json()["revision"], 1, "a body that a GET returned changes nothing");

    value["display_name"] = "renamed".into();
    let renamed = gateway.admin().put(&path, &value).await.expect(200);
    assert_eq!(renamed.json()["revision"], 2);
    gateway.wait_until_applied(gateway.number(Kind::Proxy), &renamed).await;
    assert_eq!(upstream_credential(&gateway).await, before);

    value.as_object_mut().unwrap().remove("secret");
    value["display_name"] = "renamed again".into();
    let renamed = gateway.admin().put(&path, &value).await.expect(200);
    gateway.wait_until_applied(gateway.number(Kind::Proxy), &renamed).await;
    assert_eq!(upstream_credential(&gateway).await, before);
}

async fn a_model_moves_to_another_upstream(store: Store) {
    let (gateway, made) = Setup::new(store).provisioned().await;
    let other = Upstream::start().await;
    let mut other_key = gateway.provider_key();
    other_key["display_name"] = "other".into();
    other_key["api_base"] = other.api_base().into();
    let other_key = gateway.admin().post("/admin/v1/provider_keys", &other_key).await.expect(201).id();

    let patch = json!({"provider_key_id": other_key, "model_name": "other-model"});
    let call = gateway.admin().call(Method::PATCH, &format!("/admin/v1/models/{}", made.model));
    let moved = call.body("application/merge-patch+json", patch.to_string()).send().await.expect(200);
    gateway.wait_until_applied(gateway.number(Kind::Proxy), &moved).await;
    let answer = gateway.proxy().post(CHAT, &hello()).await.expect(200).json();
    assert_eq!(answer["model"], ALIAS);
    assert_eq!(other.last_request().json()["model"], "other-model");
    assert!(gateway.upstream.requests().is_empty());
}

async fn what_is_removed_is_refused(store: Store) {
    let (gateway, made) = Setup::new(store).provisioned().await;
    let proxy = gateway.number(Kind::Proxy);
    let provider_key = format!("/admin/v1/provider_keys/{}", made.provider_key);
    let refusal = gateway.admin().delete(&provider_key).await.expect(409);
    assert_eq!(refusal.json()["code"], "in_use");
    assert!(refusal.text().contains(&made.model) && refusal.text().contains(ALIAS), "{}", refusal.text());

    let gone = gateway.admin().delete(&format!("/admin/v1/models/{}", made.model)).await.expect(200);
    assert_eq!(gone.json(), json!({"deleted": true, "id": made.model}));
    gateway.wait_until_applied(proxy, &gone).await;
    let answer = gateway.proxy().post(CHAT, &hello()).await.expect(404);
    assert_eq!(answer.json()["error"]["code"], "model_not_found");
    gateway.admin().delete(&provider_key).await.expect(200);

    let gone = gateway.admin().delete(&format!("/admin/v1/api_keys/{}", made.caller_key)).await.expect(200);
    gateway.wait_until_applied(proxy, &gone).await;
    let answer = gateway.proxy().post(CHAT, &hello()).await.expect(401);
    assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
}

async fn two_proxies_serve_the_same(store: Store) {
    let (mut gateway, made) = Setup::new(store).provisioned().await;
    let first = gateway.number(Kind::Proxy);
    let second = gateway.start_service(Kind::Proxy).await;
    for proxy in [first, second] {
        gateway.caller_of(proxy).post(CHAT, &hello()).await.expect(200);
    }
    let path = format!("/admin/v1/api_keys/{}", made.caller_key);
    let call = gateway.admin().call(Method::PATCH, &path);
    let disabled = call.body("application/merge-patch+json", r#"{"disabled":true}"#).send().await.expect(200);
    for proxy in [first, second] {
        gateway.wait_until_applied(proxy, &disabled).await;
        gateway.caller_of(proxy).post(CHAT, &hello()).await.expect(401);
    }
}

async fn a_restart_keeps_everything(store: Store) {
    let (mut gateway, made) = Setup::new(store).provisioned().await;
    for kind in [Kind::Admin, Kind::Proxy] {
        let number = gateway.number(kind);
        gateway.service(number).process.terminate();
        assert!(gateway.service(number).process.wait().await.success());
    }
    let (admin, proxy) = (gateway.start_service(Kind::Admin).await, gateway.start_service(Kind::Proxy).await);
    gateway.caller_of(proxy).post(CHAT, &hello()).await.expect(200);
    let admin = gateway.caller_of(admin).with_key(gateway.admin_key());
    let model = admin.get(&format!("/admin/v1/models/{}", made.model)).await.expect(200).json();
    assert_eq!((&model["value"]["display_name"], &model["revision"]), (&ALIAS.into(), &1.into()));
}
