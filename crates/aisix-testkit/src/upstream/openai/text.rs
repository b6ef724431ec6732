use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::reply::{Answer, done, event};
use super::{CREATED, error, tokens, words};

const DIMENSIONS_DEFAULT: u64 = 8;

/// The legacy completion endpoint, plain and streamed.
pub(super) fn completion(request: &Value) -> Answer {
    let prompt = request["prompt"].as_str().unwrap_or_default();
    let text = format!("You said: {prompt}");
    let (prompt_tokens, completion_tokens) = (tokens(prompt), tokens(&text));
    let usage = json!({
        "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    });
    let object = |choices: Value, usage: Value| {
        json!({
            "id": "cmpl-testkit", "object": "text_completion", "created": CREATED,
            "model": request["model"], "choices": choices, "usage": usage,
        })
    };
    let choice = |text: &str, finish: Value| json!([{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]);
    if request["stream"] != true {
        return Answer::json(&object(choice(&text, "stop".into()), usage));
    }
    let spoken = words(&text).map(|word| object(choice(word, Value::Null), Value::Null));
    let finish = object(choice("", "stop".into()), Value::Null);
    let usage = (request["stream_options"]["include_usage"] == true).then(|| object(json!([]), usage));
    let chunks = spoken.chain([finish]).chain(usage);
    Answer::stream(chunks.map(|chunk| event(&chunk.to_string())).chain([done()]).collect::<Vec<Bytes>>())
}

/// One vector for each input: its n-th number is the input's length plus n.
pub(super) fn embeddings(request: &Value) -> Answer {
    let inputs = match &request["input"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().map(Value::to_string).collect(),
        _ => return error(StatusCode::BAD_REQUEST, "invalid_input", "input must be a string or an array"),
    };
    let dimensions = request["dimensions"].as_u64().unwrap_or(DIMENSIONS_DEFAULT);
    let in_base64 = request["encoding_format"] == "base64";
    let data: Vec<_> = (0..)
        .zip(&inputs)
        .map(|(index, input)| {
            let vector = vector(input, dimensions);
            let embedding = if in_base64 { as_base64(&vector).into() } else { json!(vector) };
            json!({"object": "embedding", "index": index as u64, "embedding": embedding})
        })
        .collect();
    let count: usize = inputs.iter().map(|input| tokens(input)).sum();
    let usage = json!({"prompt_tokens": count, "total_tokens": count});
    Answer::json(&json!({"object": "list", "data": data, "model": request["model"], "usage": usage}))
}

fn vector(input: &str, dimensions: u64) -> Vec<f32> {
    let length = u16::try_from(input.len()).unwrap_or(u16::MAX);
    std::iter::successors(Some(f32::from(length)), |number| Some(number + 1.0))
        .take(dimensions as usize)
        .collect()
}

/// Little-endian 32-bit floats, as the official SDKs ask for.
fn as_base64(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
}

/// Flags every input that holds the word `harm`.
pub(super) fn moderation(request: &Value) -> Answer {
    let flagged = request["input"].to_string().contains("harm");
    let result = json!({
        "flagged": flagged, "categories": {"violence": flagged},
        "category_scores": {"violence": if flagged { 0.9 } else { 0.1 }},
        "category_applied_input_types": {"violence": ["text"]},
    });
    Answer::json(&json!({"id": "modr-testkit", "model": request["model"], "results": [result]}))
}

/// Longer documents first.
pub(super) fn rerank(request: &Value) -> Answer {
    let documents = request["documents"].as_array().map_or(&[][..], Vec::as_slice);
    let mut order: Vec<_> = documents.iter().map(|document| document.to_string().len()).enumerate().collect();
    order.sort_by_key(|(index, length)| (std::cmp::Reverse(*length), *index));
    let results: Vec<_> = order
        .into_iter()
        .map(|(index, length)| json!({"index": index, "relevance_score": 1.0 - 1.0 / (length as f64 + 1.0)}))
        .collect();
    Answer::json(&json!({"id": "rerank-testkit", "model": request["model"], "results": results}))
}
