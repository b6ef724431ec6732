use std::collections::BTreeMap;
use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::Recorded;
use super::super::reply::Answer;
use super::{CREATED, error};

/// The smallest thing that looks like a PNG.
const IMAGE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The beginning of an MP3 file.
const SOUND: &[u8] = b"ID3\x04\x00\x00\x00\x00\x00\x00";

pub(super) fn generated_image(request: &Value) -> Answer {
    let prompt = &request["prompt"];
    let image = match request["response_format"].as_str() {
        Some("url") => json!({"url": "https://images.invalid/testkit.png", "revised_prompt": prompt}),
        _ => json!({"b64_json": STANDARD.encode(IMAGE), "revised_prompt": prompt}),
    };
    Answer::json(&json!({"created": CREATED, "data": [image]}))
}

/// Gives the first image of the form back.
pub(super) async fn edited_image(request: &Recorded) -> Answer {
    let form = match form(request).await {
        Ok(form) => form,
        Err(refusal) => return refusal,
    };
    let Some(image) = form.get("image").or_else(|| form.get("image[]")) else {
        return error(StatusCode::BAD_REQUEST, "missing_required_parameter", "the form has no image");
    };
    Answer::json(&json!({"created": CREATED, "data": [{"b64_json": STANDARD.encode(image)}]}))
}

/// Says how many bytes of sound the form held, and for which model.
pub(super) async fn transcript(request: &Recorded) -> Answer {
    let form = match form(request).await {
        Ok(form) => form,
        Err(refusal) => return refusal,
    };
    let (Some(file), Some(model)) = (form.get("file"), form.get("model")) else {
        return error(
            StatusCode::BAD_REQUEST,
            "missing_required_parameter",
            "the form needs a file and a model",
        );
    };
    let text = format!("{} bytes for {}", file.len(), String::from_utf8_lossy(model));
    match form.get("response_format").map(AsRef::as_ref) {
        Some(b"text") => Answer::ok("text/plain; charset=utf-8", vec![Bytes::from(text + "\n")]),
        _ => Answer::json(&json!({"text": text, "usage": {"type": "duration", "seconds": 1}})),
    }
}

/// Sound that holds the text, so that a test can tell whose answer it is.
pub(super) fn speech(request: &Value) -> Answer {
    let text = request["input"].as_str().unwrap_or_default();
    Answer::ok("audio/mpeg", vec![Bytes::from([SOUND, text.as_bytes()].concat())])
}

type Form = BTreeMap<String, Bytes>;

async fn form(request: &Recorded) -> Result<Form, Answer> {
    let refused = |_| error(StatusCode::BAD_REQUEST, "invalid_multipart", "the body is no multipart form");
    let boundary =
        multer::parse_boundary(request.header("content-type").unwrap_or_default()).map_err(refused)?;
    let body = futures_util::stream::iter([Ok::<_, Infallible>(request.body.clone())]);
    let mut parts = multer::Multipart::new(body, boundary);
    let mut form = Form::new();
    while let Some(part) = parts.next_field().await.map_err(refused)? {
        let name = part.name().unwrap_or_default().to_owned();
        form.insert(name, part.bytes().await.map_err(refused)?);
    }
    Ok(form)
}
