//! What an operator can see of the traffic.

use aisix_testkit::{Reply, eventually};
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ALIAS, CHAT, Gateway, Kind, Setup, Store};

fn hello() -> Value {
    json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello there"}]})
}

/// The lines of the access log, once there are `count` of them.
async fn access_log(gateway: &mut Gateway, count: usize) -> Vec<Value> {
    let number = gateway.number(Kind::Proxy);
    let service = gateway.service(number);
    eventually("every request has its line in the access log", async || {
        let output = service.output();
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let access: Vec<_> =
            lines.filter(|line| line["kind"] == "access" && line["operation"] == "chat").collect();
        (access.len() >= count).then_some(access)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_one_line_that_says_what_became_of_it() {
    let (mut gateway, made) = Setup::new(Store::Embedded).provisioned().await;
    gateway
        .proxy()
        .call(Method::POST, CHAT)
        .header("x-aisix-request-id", "req-plain")
        .json(&hello())
        .send()
        .await
        .expect(200);
    let mut stream = hello();
    stream["stream"] = true.into();
    gateway.proxy().post(CHAT, &stream).await.expect(200);
    gateway.proxy().post(CHAT, &json!({"model": "unknown"})).await.expect(404);
    gateway.upstream.next(CHAT, Reply::openai().silent_after_events(1));
    let mut left = gateway.proxy().call(Method::POST, CHAT).json(&stream).open().await;
    left.read_until("data: ").await;
    drop(left);

    let lines = access_log(&mut gateway, 4).await;
    assert_eq!(lines.len(), 4, "{lines:?}");
    let plain = &lines[0];
    assert_eq!(plain["request_id"], "req-plain");
    assert_eq!(
        (&plain["caller_key_id"], &plain["provider_key_id"]),
        (&json!(made.caller_key), &json!(made.provider_key))
    );
    assert_eq!(
        (&plain["alias"], &plain["provider"], &plain["status"]),
        (&json!(ALIAS), &json!("openai"), &json!(200))
    );
    for line in [plain, &lines[1]] {
        assert_eq!((&line["input_tokens"], &line["output_tokens"]), (&json!(2), &json!(4)), "{line}");
    }
    assert_eq!(lines[2]["status"], 404);
    assert_eq!(lines[3]["status"], 499, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_was_served() {
    let (gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    for _ in 0..3 {
        gateway.proxy().post(CHAT, &hello()).await.expect(200);
    }
    let metrics = gateway.observer(gateway.number(Kind::Proxy)).get("/metrics").await.expect(200).text();
    for name in
        ["gen_ai_client_token_usage", "gen_ai_server_request_duration", "gen_ai_server_time_to_first_token"]
    {
        assert!(metrics.contains(&format!("# TYPE {name}")), "{name} is missing: {metrics}");
    }
    let served = |line: &&str| line.starts_with("gen_ai_server_request_duration") && line.contains("_count{");
    let counts: Vec<_> =
        metrics.lines().filter(served).filter(|line| line.contains(&format!("\"{ALIAS}\""))).collect();
    assert!(counts.iter().any(|line| line.ends_with(" 3")), "{metrics}");
}
