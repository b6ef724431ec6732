use bytes::Bytes;
use serde_json::{Value, json};

use super::super::reply::{Answer, done, event};
use super::{CREATED, tokens, words};

const ID: &str = "chatcmpl-testkit";

/// What the assistant says, in either way of saying it.
struct Turn<'r> {
    model: &'r str,
    content: String,
    tool_call: Option<ToolCall<'r>>,
    prompt_tokens: usize,
}

struct ToolCall<'r> {
    name: &'r str,
    arguments: String,
}

pub(super) fn answer(request: &Value) -> Answer {
    let turn = Turn::of(request);
    if request["stream"] == true {
        let with_usage = request["stream_options"]["include_usage"] == true;
        Answer::stream(turn.events(with_usage))
    } else {
        Answer::json(&turn.completion())
    }
}

impl<'r> Turn<'r> {
    fn of(request: &'r Value) -> Self {
        let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let said = messages.last().map(said).unwrap_or_default();
        let is_tool_result = messages.last().is_some_and(|message| message["role"] == "tool");
        let content = match request["response_format"]["type"].as_str() {
            Some("json_object" | "json_schema") => json!({"echo": said}).to_string(),
            _ => format!("You said: {said}"),
        };
        let tool = request["tools"].get(0).filter(|_| !is_tool_result && request["tool_choice"] != "none");
        let tool_call = tool.and_then(|tool| tool["function"]["name"].as_str()).map(|name| {
            let arguments = json!({"echo": said}).to_string();
            ToolCall { name, arguments }
        });
        let prompt_tokens = messages.iter().map(|message| tokens(&self::said(message))).sum();
        Self { model: request["model"].as_str().unwrap_or_default(), content, tool_call, prompt_tokens }
    }

    fn completion(&self) -> Value {
        let message = match &self.tool_call {
            None => json!({"role": "assistant", "content": self.content, "refusal": null}),
            Some(call) => json!({"role": "assistant", "content": null, "tool_calls": [call.whole()]}),
        };
        json!({
            "id": ID, "object": "chat.completion", "created": CREATED, "model": self.model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason()}],
            "usage": self.usage(), "service_tier": "default", "system_fingerprint": "fp_testkit",
        })
    }

    fn events(&self, with_usage: bool) -> Vec<Bytes> {
        let mut deltas = vec![json!({"role": "assistant", "content": ""})];
        match &self.tool_call {
            None => deltas.extend(words(&self.content).map(|word| json!({"content": word}))),
            Some(call) => deltas.extend(call.deltas()),
        }
        let spoken =
            deltas.into_iter().map(|delta| json!([{"index": 0, "delta": delta, "finish_reason": null}]));
        let finish = json!([{"index": 0, "delta": {}, "finish_reason": self.finish_reason()}]);
        let no_usage = with_usage.then_some(Value::Null);
        let chunks = spoken.chain([finish]).map(|choices| self.chunk(choices, no_usage.clone()));
        let usage = with_usage.then(|| self.chunk(json!([]), Some(self.usage())));
        chunks.chain(usage).map(|chunk| event(&chunk.to_string())).chain([done()]).collect()
    }

    fn chunk(&self, choices: Value, usage: Option<Value>) -> Value {
        let mut chunk = json!({
            "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": self.model,
            "system_fingerprint": "fp_testkit", "choices": choices,
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        chunk
    }

    fn finish_reason(&self) -> &'static str {
        if self.tool_call.is_some() { "tool_calls" } else { "stop" }
    }

    fn usage(&self) -> Value {
        let spoken = self.tool_call.as_ref().map_or(&self.content, |call| &call.arguments);
        let completion_tokens = tokens(spoken);
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        })
    }
}

impl ToolCall<'_> {
    const ID: &'static str = "call_testkit";

    fn whole(&self) -> Value {
        json!({"id": Self::ID, "type": "function", "function": {"name": self.name, "arguments": self.arguments}})
    }

    /// The name first, then the arguments in two fragments, as OpenAI streams them.
    fn deltas(&self) -> Vec<Value> {
        let opening = json!({
            "index": 0, "id": Self::ID, "type": "function", "function": {"name": self.name, "arguments": ""},
        });
        let (head, tail) = self.arguments.split_at(1);
        let fragments = [head, tail].map(|text| json!({"index": 0, "function": {"arguments": text}}));
        [opening].into_iter().chain(fragments).map(|call| json!({"tool_calls": [call]})).collect()
    }
}

/// The text of a message. Parts that are no text are named by their type: `[image_url]`.
fn said(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(part_text).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

fn part_text(part: &Value) -> String {
    match part["text"].as_str() {
        Some(text) => text.to_owned(),
        None => format!("[{}]", part["type"].as_str().unwrap_or("unknown")),
    }
}
