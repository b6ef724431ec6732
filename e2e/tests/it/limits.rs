//! What is too big is refused in the shape of the route.

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{ALIAS, CHAT, Client, Setup, Store};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_limit_is_413() {
    let setup = Setup::new(Store::Embedded).with("proxy", "request_body_limit_bytes: 4096");
    let (gateway, _) = setup.provisioned().await;
    let chat = |length: usize| json!({"model": ALIAS, "messages": [{"role": "user", "content": "x".repeat(length)}]});
    let refusal = gateway.proxy().post(CHAT, &chat(4096)).await.expect(413);
    assert_eq!(refusal.json()["error"]["code"], "request_too_large");
    gateway.proxy().post(CHAT, &chat(3000)).await.expect(200);
    assert_eq!(gateway.upstream.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_announced_above_the_limit_is_413_before_it_is_sent() {
    let (gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    for (client, path, code) in [
        (gateway.proxy(), CHAT, "request_too_large"),
        (gateway.admin(), "/admin/v1/provider_keys", "body_too_large"),
    ] {
        let answer = answer_to_announcement(&client, path, 1 << 30).await;
        gateway.note(answer.as_str());
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains(code), "{answer}");
    }
}

/// Sends a head that announces a body, and nothing after it.
async fn answer_to_announcement(client: &Client, path: &str, length: u64) -> String {
    let (address, key) = (client.address, &client.key);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_above_the_limit_are_431() {
    let (gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    for client in [gateway.proxy(), gateway.admin()] {
        let call = client.call(Method::GET, "/v1/models").header("x-large", &"x".repeat(32 * 1024));
        assert_eq!(call.try_send().await.unwrap().status, 431);
    }
}
