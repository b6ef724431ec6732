//! What is too big is refused in the shape of the route.

use http::Method;
use serde_json::json;

use crate::harness::{ALIAS, CHAT, Setup, Store};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_limit_is_413() {
    let setup = Setup::new(Store::Embedded).with("proxy", "request_body_limit_bytes: 4096");
    let (gateway, _) = setup.provisioned().await;
    let chat = |length: usize| json!({"model": ALIAS, "messages": [{"role": "user", "content": "x".repeat(length)}]});
    let refusal = gateway.proxy().post(CHAT, &chat(4096)).await.expect(413);
    assert_eq!(refusal.json()["error"]["code"], "request_too_large");
    gateway.proxy().post(CHAT, &chat(3000)).await.expect(200);
    assert_eq!(gateway.upstream.requests().len(), 1);

    let provider_key = json!({"display_name": "x".repeat(8 * 1024 * 1024)});
    let refusal = gateway.admin().post("/admin/v1/provider_keys", &provider_key).await.expect(413);
    assert!(refusal.json()["error_msg"].is_string(), "{}", refusal.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_above_the_limit_are_431() {
    let (gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    for client in [gateway.proxy(), gateway.admin()] {
        let call = client.call(Method::GET, "/v1/models").header("x-large", &"x".repeat(1024 * 1024));
        assert_eq!(call.try_send().await.unwrap().status, 431);
    }
}
