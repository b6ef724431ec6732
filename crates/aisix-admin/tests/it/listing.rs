use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Answer, Service, model, provider_key, service};

fn ids(answer: &Answer) -> Vec<String> {
    answer.json().as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// Where the `Link` header leads.
fn next(answer: &Answer) -> Option<String> {
    let target = answer.header("link").strip_prefix('<')?.strip_suffix(">; rel=\"next\"").expect("rel=next");
    Some(target.to_owned())
}

/// Follows the pages of a list and answers their ids.
async fn walk(service: &Service, first: String) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), Some(first));
    while let Some(here) = path {
        let answer = service.ask(&format!("GET {here}")).await;
        pages.push(ids(&answer));
        path = next(&answer);
    }
    pages
}

#[tokio::test]
async fn without_a_limit_all_entries_come_at_once_in_the_order_of_their_ids() {
    let service = service().await;
    let mut expected = BTreeSet::new();
    for n in 0..25 {
        expected.insert(service.create_provider_key(&format!("key-{n}")).await);
    }
    let answer = service.ask("GET /admin/v1/provider_keys").await;
    assert_eq!(ids(&answer), Vec::from_iter(expected));
    assert_eq!(next(&answer), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_put_together_are_the_list(rows in 0..12_usize, limit in 1..14_usize, kept in 0..4_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let service = service().await;
            for row in 0..rows {
                let mut body = provider_key(&format!("key {row}"));
                body["provider"] = format!("p{}", row % 4).into();
                service.create("provider_keys", &body).await;
            }
            for filter in [String::new(), format!("&provider=p{kept}")] {
                let all = ids(&service.ask(&format!("GET /admin/v1/provider_keys?{}", filter.trim_start_matches('&'))).await);
                let pages = walk(&service, format!("/admin/v1/provider_keys?limit={limit}{filter}")).await;
                assert!(pages.iter().all(|page| page.len() <= limit));
                assert!(pages.len() <= all.len() / limit + 1, "no page more than needed");
                assert_eq!(pages.concat(), all);
            }
        });
    }
}

/// Two provider keys and three models.
async fn filled() -> (Service, String) {
    let service = service().await;
    let mut other = provider_key("east / west");
    other["provider"] = "corp".into();
    let (openai, corp) =
        (service.create_provider_key("openai-prod").await, service.create("provider_keys", &other).await);
    let mut labelled = model("c", &openai);
    labelled["provider"] = "label".into();
    for body in [model("a", &openai), model("b", &corp), labelled] {
        service.create("models", &body).await;
    }
    service.create("api_keys", &json!({"display_name": "app"})).await;
    service.create("api_keys", &json!({})).await;
    (service, corp)
}

#[tokio::test]
async fn filters_keep_what_they_name() {
    let (service, corp) = filled().await;
    for (query, expected) in [
        ("provider_keys?provider=openai".to_owned(), &["openai-prod"][..]),
        ("provider_keys?display_name=east%20%2F%20west".to_owned(), &["east / west"]),
        ("provider_keys?display_name=east+/+west&provider=openai".to_owned(), &[]),
        ("provider_keys?adapter=openai&provider=corp".to_owned(), &["east / west"]),
        ("provider_keys?adapter=vertex".to_owned(), &[]),
        ("models?display_name=a".to_owned(), &["a"]),
        ("models?provider=openai".to_owned(), &["a"]),
        ("models?provider=label".to_owned(), &["c"]),
        ("models?adapter=openai&provider=corp".to_owned(), &["b"]),
        (format!("models?provider_key_id={corp}"), &["b"]),
        ("models?provider_key_id=nope".to_owned(), &[]),
        ("api_keys?display_name=app".to_owned(), &["app"]),
        ("apikeys?display_name=nobody".to_owned(), &[]),
    ] {
        let answer = service.ask(&format!("GET /admin/v1/{query}")).await;
        let names: Vec<Value> =
            answer.json().as_array().unwrap().iter().map(|e| e["value"]["display_name"].clone()).collect();
        assert_eq!(names, expected, "{query}");
    }
}

#[tokio::test]
async fn the_link_keeps_path_and_filters() {
    let (service, _) = filled().await;
    let answer = service.ask("GET /admin/v1/models?adapter=openai&limit=2").await;
    let last = ids(&answer).pop().unwrap();
    assert_eq!(next(&answer), Some(format!("/admin/v1/models?limit=2&adapter=openai&after={last}")));
    let pages = walk(&service, "/admin/v1/apikeys?limit=1".to_owned()).await;
    assert_eq!(pages.len(), 2);
}

#[tokio::test]
async fn unknown_and_wrong_parameters_are_refused() {
    let (service, _) = filled().await;
    for (query, code, parameter) in [
        ("provider_keys?colour=red", "unknown_parameter", "colour"),
        ("provider_keys?provider_key_id=x", "unknown_parameter", "provider_key_id"),
        ("api_keys?provider=x", "unknown_parameter", "provider"),
        ("models?limit=0", "invalid_parameter", "limit"),
        ("models?limit=1001", "invalid_parameter", "limit"),
        ("models?limit=ten", "invalid_parameter", "limit"),
        ("models?after=x", "invalid_parameter", "after"),
        ("models?limit=1&limit=2", "invalid_parameter", "limit"),
        ("models?provider=a&provider=b", "invalid_parameter", "provider"),
    ] {
        let answer = service.ask(&format!("GET /admin/v1/{query}")).await;
        assert_eq!(answer.refused(400, code)["parameter"], parameter, "{query}");
    }
}
