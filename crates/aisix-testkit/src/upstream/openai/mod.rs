//! What OpenAI answers. Everything in an answer follows from the request, so that tests can say what to
//! expect: the model is the one asked for, and texts repeat what they were given.

mod chat;
mod media;
mod responses;
mod text;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Recorded;
use super::reply::Answer;

/// The only model that this upstream does not have.
const MISSING_MODEL: &str = "missing-model";
/// The same moment in every answer, so that transcripts can be compared.
const CREATED: u64 = 1_700_000_000;

pub(super) async fn answer(request: &Recorded) -> Answer {
    let route = Route::of(request.path());
    match (&request.method, route.rest) {
        (&Method::GET, "models") => {
            Answer::json(&json!({"object": "list", "data": [model_object("gpt-4o-mini")]}))
        }
        (&Method::GET, rest) if rest.starts_with("models/") => {
            Answer::json(&model_object(&rest["models/".len()..]))
        }
        (&Method::POST, "images/edits" | "images/variations") => media::edited_image(request).await,
        (&Method::POST, "audio/transcriptions" | "audio/translations") => media::transcript(request).await,
        (&Method::POST, rest) => from_json(rest, request),
        _ => error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this method is not allowed here"),
    }
}

fn from_json(rest: &str, request: &Recorded) -> Answer {
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return error(
            StatusCode::BAD_REQUEST,
            "invalid_json",
            "We could not parse the JSON body of your request.",
        );
    };
    if let Some(refusal) = refused_model(&body) {
        return refusal;
    }
    match rest {
        "chat/completions" => chat::answer(&body),
        "completions" => text::completion(&body),
        "embeddings" => text::embeddings(&body),
        "moderations" => text::moderation(&body),
        "rerank" => text::rerank(&body),
        "responses" => responses::answer(&body),
        "images/generations" => media::generated_image(&body),
        "audio/speech" => media::speech(&body),
        _ => error(StatusCode::NOT_FOUND, "unknown_url", "Unknown request URL."),
    }
}

/// A path behind its version segment, wherever that stands: `/v1/chat/completions`, `/api/v3/embeddings`.
struct Route<'p> {
    rest: &'p str,
}

impl<'p> Route<'p> {
    fn of(path: &'p str) -> Self {
        let is_version = |segment: &str| {
            segment.starts_with('v') && segment[1..].starts_with(|c: char| c.is_ascii_digit())
        };
        let mut rest = path.trim_start_matches('/');
        while let Some((segment, behind)) = rest.split_once('/') {
            rest = behind;
            if is_version(segment) {
                return Self { rest };
            }
        }
        Self { rest: path.trim_start_matches('/') }
    }
}

fn refused_model(body: &Value) -> Option<Answer> {
    match body["model"].as_str() {
        Some(MISSING_MODEL) => {
            let message =
                format!("The model `{MISSING_MODEL}` does not exist or you do not have access to it.");
            Some(error(StatusCode::NOT_FOUND, "model_not_found", &message))
        }
        Some(_) => None,
        None => Some(error(
            StatusCode::BAD_REQUEST,
            "missing_required_parameter",
            "you must provide a model parameter",
        )),
    }
}

fn model_object(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": CREATED, "owned_by": "openai"})
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": code});
    Answer { status, ..Answer::json(&json!({"error": error})) }
}

/// A token is a word here, which is all a test needs to count.
fn tokens(text: &str) -> usize {
    text.split_whitespace().count()
}

/// The words of a text, each with the white space behind it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_segment_may_stand_anywhere() {
        for (path, rest) in [
            ("/v1/chat/completions", "chat/completions"),
            ("/chat/completions", "chat/completions"),
            ("/api/v3/embeddings", "embeddings"),
            ("/v1beta/openai/models", "openai/models"),
        ] {
            assert_eq!(Route::of(path).rest, rest);
        }
    }
}
