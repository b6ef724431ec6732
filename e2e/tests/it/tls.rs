//! TLS on both listeners and towards the upstream.

use aisix_testkit::Authority;
use http::Method;
use serde_json::json;

use crate::harness::{ALIAS, CHAT, Client, End, Setup, Store};

#[tokio::test(flavor = "multi_thread")]
async fn both_listeners_and_the_upstream_speak_tls() {
    let (gateway, _) = Setup::new(Store::Embedded).with_tls().provisioned().await;
    let mut chat = json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello"}]});
    gateway.proxy().post(CHAT, &chat).await.expect(200);
    chat["stream"] = true.into();
    let mut stream = gateway.proxy().call(Method::POST, CHAT).json(&chat).open().await;
    assert_eq!(stream.finish().await, End::Whole);

    let stranger = Authority::new().client_config();
    for client in [gateway.admin(), gateway.proxy()] {
        let plain = Client { tls: None, ..client.clone() };
        assert!(plain.call(Method::GET, "/livez").try_send().await.is_err(), "plain HTTP is refused");
        let distrustful = Client { tls: Some(stranger.clone()), ..client };
        assert!(
            distrustful.call(Method::GET, "/livez").try_send().await.is_err(),
            "the certificate is checked"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_nobody_vouches_for_is_refused() {
    let (gateway, made) = Setup::new(Store::Embedded).with_tls().provisioned().await;
    let stranger = aisix_testkit::Upstream::start_tls(&Authority::new()).await;
    let patch = json!({"api_base": stranger.api_base()});
    let call = gateway.admin().call(Method::PATCH, &format!("/admin/v1/provider_keys/{}", made.provider_key));
    let moved = call.body("application/merge-patch+json", patch.to_string()).send().await.expect(200);
    gateway.wait_until_applied(gateway.number(crate::harness::Kind::Proxy), &moved).await;
    let chat = json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello"}]});
    gateway.proxy().post(CHAT, &chat).await.expect(502);
    assert!(stranger.requests().is_empty());
}
