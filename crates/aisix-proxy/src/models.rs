//! `GET /v1/models` and `GET /v1/models/{alias}`: the caller's own aliases, in either dialect's shape.

use std::collections::BTreeMap;
use std::sync::Arc;

use aisix_domain::{CallerKey, Dialect, Entry, Model};
use http::request::Parts;
use serde_json::{Value, json};

use crate::admit::Admitted;
use crate::answer::Answer;
use crate::problem::Problem;
use crate::request_body;
use crate::routes::dialect;
use crate::routing::Routing;

/// The page size of the Anthropic dialect: unless told, and at most.
const PAGE_DEFAULT: usize = 20;
const PAGE_MAX: usize = 1000;
/// Aliases have no date of creation; clients require one.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// Lists the aliases that the caller may use.
pub(crate) fn list(admitted: Admitted<'_>, head: &Parts) -> Result<Answer, Problem> {
    let Admitted { routing, caller } = admitted;
    let aliases = aliases(routing, caller);
    Ok(Answer::json(&match dialect(head.uri.path(), &head.headers) {
        Dialect::Openai => {
            let data: Vec<_> = aliases.iter().map(|(alias, model)| openai(alias, model, routing)).collect();
            json!({"object": "list", "data": data})
        }
        Dialect::Anthropic => anthropic_page(&aliases, head.uri.query().unwrap_or_default())?,
    }))
}

/// Describes one alias.
pub(crate) fn one(admitted: Admitted<'_>, head: &Parts, alias: &str) -> Result<Answer, Problem> {
    let Admitted { routing, caller } = admitted;
    let alias = request_body::decoded_alias(alias)?;
    let model = routing.snapshot.model_for(&alias).ok_or(Problem::UnknownModel)?;
    // To a caller that may not use it, the alias does not exist.
    if !caller.allows(&alias) {
        return Err(Problem::UnknownModel);
    }
    Ok(Answer::json(&match dialect(head.uri.path(), &head.headers) {
        Dialect::Openai => openai(&alias, model, routing),
        Dialect::Anthropic => anthropic(&alias),
    }))
}

/// The aliases by name: those that exist and are allowed, and the names that the caller's key spells out and a
/// wildcard answers to.
fn aliases<'r>(routing: &'r Routing, caller: &'r CallerKey) -> BTreeMap<&'r str, &'r Arc<Entry<Model>>> {
    let snapshot = &routing.snapshot;
    let named = snapshot.models().iter().map(|model| (&*model.value.display_name, model));
    let spelled_out = caller.allowed_models.iter().filter(|allowed| allowed.is_exact());
    let answered = spelled_out.filter_map(|name| Some((name.as_str(), snapshot.model_for(name.as_str())?)));
    named.filter(|(alias, _)| caller.allows(alias)).chain(answered).collect()
}

fn openai(alias: &str, model: &Entry<Model>, routing: &Routing) -> Value {
    let key = routing.key(model.value.provider_key_id).map(|key| &key.entry.value.provider);
    let owner = model.value.provider.as_ref().or(key).map_or("", |provider| provider);
    json!({"id": alias, "object": "model", "created": 0, "owned_by": owner})
}

fn anthropic(alias: &str) -> Value {
    json!({"type": "model", "id": alias, "display_name": alias, "created_at": CREATED})
}

/// One page, as `limit`, `after_id` and `before_id` say.
fn anthropic_page(aliases: &BTreeMap<&str, &Arc<Entry<Model>>>, query: &str) -> Result<Value, Problem> {
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        value.map(request_body::decoded_alias).transpose()
    };
    let limit = parameter("limit")?.map_or(Ok(PAGE_DEFAULT), |text| page_size(&text))?;
    let (after, before) = (parameter("after_id")?, parameter("before_id")?);
    let matching: Vec<&str> = aliases
        .keys()
        .copied()
        .filter(|id| after.as_deref().is_none_or(|after| *id > after))
        .filter(|id| before.as_deref().is_none_or(|before| *id < before))
        .collect();
    // The page before an id is the one that ends there.
    let skipped = if before.is_some() { matching.len().saturating_sub(limit) } else { 0 };
    let page = &matching[skipped..matching.len().min(skipped + limit)];
    Ok(json!({
        "data": page.iter().map(|id| anthropic(id)).collect::<Vec<_>>(),
        "has_more": page.len() < matching.len(),
        "first_id": page.first(),
        "last_id": page.last(),
    }))
}

fn page_size(text: &str) -> Result<usize, Problem> {
    let size = text.parse().ok().filter(|size| (1..=PAGE_MAX).contains(size));
    size.ok_or_else(|| {
        aisix_domain::Invalid::new("invalid_limit", "/limit", "limit is a number from 1 to 1000").into()
    })
}
