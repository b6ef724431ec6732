use bytes::Bytes;
use serde_json::{Value, json};

use super::super::reply::Answer;
use super::{CREATED, tokens, words};

const ITEM: &str = "msg_testkit";

/// The responses endpoint, plain and streamed.
pub(super) fn answer(request: &Value) -> Answer {
    let text = format!("You said: {}", said(&request["input"]));
    if request["stream"] == true {
        Answer::stream(events(request, &text))
    } else {
        Answer::json(&response(request, Some(&text)))
    }
}

/// The response object; without `text` as it looks when it begins.
fn response(request: &Value, text: Option<&str>) -> Value {
    let (input_tokens, output_tokens) = (tokens(&said(&request["input"])), text.map_or(0, tokens));
    let usage = text.map(|_| {
        json!({
            "input_tokens": input_tokens, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output_tokens, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input_tokens + output_tokens,
        })
    });
    json!({
        "id": "resp_testkit", "object": "response", "created_at": CREATED,
        "status": if text.is_some() { "completed" } else { "in_progress" },
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "model": request["model"], "output": text.map(|text| vec![item(text, "completed")]).unwrap_or_default(),
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "temperature": 1.0, "top_p": 1.0, "usage": usage,
    })
}

fn item(text: &str, status: &str) -> Value {
    json!({"type": "message", "id": ITEM, "status": status, "role": "assistant", "content": [part(text)]})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

fn events(request: &Value, text: &str) -> Vec<Bytes> {
    let place = json!({"item_id": ITEM, "output_index": 0, "content_index": 0});
    let at = |more: Value| merged(place.clone(), more);
    let mut opening = item("", "in_progress");
    opening["content"] = json!([]);
    let before = [
        ("response.created", json!({"response": response(request, None)})),
        ("response.in_progress", json!({"response": response(request, None)})),
        ("response.output_item.added", json!({"output_index": 0, "item": opening})),
        ("response.content_part.added", at(json!({"part": part("")}))),
    ];
    let deltas =
        words(text).map(|word| ("response.output_text.delta", at(json!({"delta": word, "logprobs": []}))));
    let after = [
        ("response.output_text.done", at(json!({"text": text, "logprobs": []}))),
        ("response.content_part.done", at(json!({"part": part(text)}))),
        ("response.output_item.done", json!({"output_index": 0, "item": item(text, "completed")})),
        ("response.completed", json!({"response": response(request, Some(text))})),
    ];
    let all = before.into_iter().chain(deltas).chain(after);
    (0_usize..).zip(all).map(|(number, (name, body))| named_event(name, number, body)).collect()
}

/// Responses streams name each event twice and number it; they have no `[DONE]`.
fn named_event(name: &str, number: usize, body: Value) -> Bytes {
    let data = merged(json!({"type": name, "sequence_number": number}), body);
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

fn merged(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn said(input: &Value) -> String {
    match input {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.last().map(|item| said(&item["content"])).unwrap_or_default(),
        _ => String::new(),
    }
}
