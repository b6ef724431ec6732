//! The caller's own aliases.

use serde_json::json;

use crate::harness::{CALLER, Harness, SECRET, get, options, start_with};

async fn harness() -> Harness {
    start_with(options(), |builder, base| {
        let key = builder.provider_key("main", base, SECRET);
        for alias in ["a", "b", "c", "hidden", "vendor/*"] {
            builder.model(alias, "gpt", key);
        }
        builder.caller_key(CALLER, &["a", "b", "c", "vendor/x"]);
    })
    .await
}

fn ids(list: &serde_json::Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_list_shows_what_the_key_allows() {
    let list = harness().await.send(get("/v1/models")).await.json();
    assert_eq!(ids(&list), ["a", "b", "c", "vendor/x"]);
    assert_eq!(list["data"][0], json!({"id": "a", "object": "model", "created": 0, "owned_by": "openai"}));
}

#[tokio::test]
async fn one_alias_with_its_slash_in_either_spelling() {
    let harness = harness().await;
    for path in ["/v1/models/vendor/x", "/v1/models/vendor%2Fx"] {
        assert_eq!(harness.send(get(path)).await.json()["id"], "vendor/x");
    }
    for path in ["/v1/models/hidden", "/v1/models/nope"] {
        assert_eq!(harness.send(get(path)).await.problem().2, "model_not_found", "{path}");
    }
}

#[tokio::test]
async fn anthropic_callers_get_pages() {
    let harness = harness().await;
    let page = async |query: &str| {
        let mut request = get(&format!("/v1/models{query}"));
        request.headers_mut().insert("anthropic-version", "2023-06-01".parse().unwrap());
        harness.send(request).await.json()
    };
    let all = page("").await;
    assert_eq!((ids(&all).len(), &all["has_more"], &all["first_id"]), (4, &json!(false), &json!("a")));
    let first = page("?limit=2").await;
    assert_eq!((ids(&first), &first["has_more"]), (vec!["a", "b"], &json!(true)));
    let next = page("?limit=2&after_id=b").await;
    assert_eq!((ids(&next), &next["has_more"]), (vec!["c", "vendor/x"], &json!(false)));
    assert_eq!(ids(&page("?limit=1&before_id=c").await), ["b"]);
    assert_eq!(page("?limit=0").await["error"]["type"], "invalid_request_error");
}
