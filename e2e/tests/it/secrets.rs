//! Every way of getting a secret shown that we could think of. The search itself is the harness's.

use aisix_testkit::Reply;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ALIAS, CHAT, Setup, Store};

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "secrets got out")]
async fn a_run_that_shows_a_secret_fails() {
    let gateway = Setup::new(Store::Embedded).start().await;
    gateway.note(format!("Authorization: Bearer {}", gateway.caller_key()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_wrong_place_is_not_repeated() {
    let (gateway, made) = Setup::new(Store::Embedded).provisioned().await;
    let secret = gateway.provider_secret();
    let changed = |field: &str, value: Value| {
        let mut body = gateway.provider_key();
        body["display_name"] = "another".into();
        body[field] = value;
        body
    };
    let collection = "/admin/v1/provider_keys";
    for body in [
        changed("api_base", format!("https://user:{secret}@api.openai.com/v1").into()),
        changed("api_base", format!("https://api.openai.com/v1?api_key={secret}").into()),
        changed("api_base", secret.into()),
        changed("adapter", secret.into()),
        changed("provider", secret.into()),
        changed("secret", json!({"key": secret})),
        changed("secret", format!("{secret}\n").into()),
        changed("telemetry_tags", secret.into()),
        changed("strip_headers", json!([secret])),
    ] {
        let answer = gateway.admin().post(collection, &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        gateway.admin().put(&format!("{collection}/{}", made.provider_key), &body).await.expect(400);
        let preview =
            json!({"adapter": body["adapter"], "api_base": body["api_base"], "secret": body["secret"]});
        gateway.admin().post(&format!("{collection}/preview"), &preview).await;
    }
    let malformed = format!("{{\"secret\": {}, oops", json!(secret));
    gateway
        .admin()
        .call(Method::POST, collection)
        .body("application/json", malformed)
        .send()
        .await
        .expect(400);
    gateway.admin().with_key(secret).get(collection).await.expect(401);
    gateway.proxy().with_key(secret).get("/v1/models").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_repeats_our_credential_is_not_quoted() {
    let (gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    let secret = gateway.provider_secret();
    let chat = json!({"model": ALIAS, "messages": [{"role": "user", "content": "hello"}]});
    let message = format!("Incorrect API key provided: {secret}. Authorization: Bearer {secret}");
    let body =
        json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": "bad"}});
    for status in [400, 401, 403, 404, 422, 429, 500, 503] {
        gateway.upstream.always(CHAT, Reply::status(status).json(&body).header("x-debug", secret));
        assert!(gateway.proxy().post(CHAT, &chat).await.status >= 400);
        gateway.upstream.always(CHAT, Reply::status(status).body("text/html", format!("<p>{message}</p>")));
        assert!(gateway.proxy().post(CHAT, &chat).await.status >= 400);
    }
    gateway.upstream.always(CHAT, Reply::events([body.to_string()]));
    let mut stream = chat.clone();
    stream["stream"] = true.into();
    gateway.proxy().post(CHAT, &stream).await;

    gateway.upstream.accept_only(&["another key"]);
    gateway.upstream.always(CHAT, Reply::openai());
    let answer = gateway.proxy().post(CHAT, &chat).await.expect(502);
    assert_eq!(answer.json()["error"]["code"], "upstream_auth_error");
    assert_eq!(answer.header("x-should-retry"), "false");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passthrough_swaps_the_credential_and_keeps_the_callers_key_back() {
    let (gateway, _) = Setup::new(Store::Embedded).provisioned().await;
    let path = "/passthrough/openai/models";
    for header in ["x-api-key", "api-key", "authorization"] {
        let value = if header == "authorization" {
            format!("bearer {}", gateway.caller_key())
        } else {
            gateway.caller_key().to_owned()
        };
        let call = gateway
            .proxy()
            .call(Method::GET, path)
            .anonymous()
            .header(header, &value)
            .header("cookie", "a=b");
        call.send().await.expect(200);
        let sent = gateway.upstream.last_request();
        assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {}", gateway.provider_secret())));
        assert_eq!(sent.header("cookie"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_key_is_shown_once_and_never_again() {
    let (mut gateway, made) = Setup::new(Store::Embedded).provisioned().await;
    // Its own admin client: the one documented answer with a key in it is not for the search.
    let mut admin = gateway.admin();
    admin.seen = crate::harness::Seen::default();
    let created = admin.post("/admin/v1/api_keys", &json!({"allowed_models": ["*"]})).await.expect(201);
    let first = created.json()["plaintext"].as_str().unwrap().to_owned();
    let rotate = format!("/admin/v1/api_keys/{}/rotate", made.caller_key);
    let rotated = admin.post(&rotate, &json!({})).await.expect(200);
    let second = rotated.json()["plaintext"].as_str().unwrap().to_owned();
    gateway.keep_secret("generated key", &first["sk-".len()..]);
    gateway.keep_secret("rotated key", &second["sk-".len()..]);

    let proxy = gateway.number(crate::harness::Kind::Proxy);
    gateway.wait_until_applied(proxy, &rotated).await;
    for key in [&first, &second] {
        gateway.proxy().with_key(key).get("/v1/models").await.expect(200);
    }
    gateway.proxy().get("/v1/models").await.expect(401);
    gateway.admin().get("/admin/v1/api_keys").await.expect(200);
}
