//! Looking for secrets in everything that a run leaves behind.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// As much of a secret as nobody may see: OpenAI shows its own keys' first eight characters in a refusal.
const SHOWN_CHARS_MAX: usize = 8;

/// A secret whose traces are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

impl Canary {
    /// Whether the text holds the secret or a telling part of it, in any spelling that programs give to text.
    pub(crate) fn sings_in(&self, text: &str) -> bool {
        self.traces().iter().any(|trace| text.contains(trace))
    }

    fn traces(&self) -> Vec<String> {
        let bytes = self.value.as_bytes();
        let (head, tail) =
            (&self.value[..SHOWN_CHARS_MAX], &self.value[self.value.len() - SHOWN_CHARS_MAX..]);
        let spellings = [head, tail].map(|part| [part.to_owned(), json_escaped(part), percent_encoded(part)]);
        let hex = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        spellings
            .into_iter()
            .flatten()
            .chain([hex])
            .chain((0..3).flat_map(|skip| base64_inside(&bytes[skip..])))
            .collect()
    }
}

fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.trim_matches('"').to_owned()
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => write!(encoded, "%{byte:02X}").unwrap(),
        }
        encoded
    })
}

/// How the bytes look inside a longer text that was encoded as a whole; the three alignments cover all.
fn base64_inside(bytes: &[u8]) -> [String; 2] {
    let whole = &bytes[..bytes.len() / 3 * 3];
    [STANDARD_NO_PAD.encode(whole), URL_SAFE_NO_PAD.encode(whole)]
}

#[test]
fn every_spelling_is_found() {
    let canary = Canary { name: "test", value: r#"sk-7Qz9"Xv\K2/m+w==4tR8"#.to_owned() };
    let wrapped = format!("{{\"authorization\":\"Bearer {}\"}}", canary.value);
    for text in [
        canary.value.clone(),
        json_escaped(&canary.value),
        percent_encoded(&canary.value),
        STANDARD_NO_PAD.encode(&wrapped),
        STANDARD_NO_PAD.encode(format!("x{wrapped}")),
        URL_SAFE_NO_PAD.encode(format!("xx{wrapped}")),
        format!("Incorrect API key provided: {}***", &canary.value[..8]),
    ] {
        assert!(canary.sings_in(&format!("before {text} after")), "{text}");
    }
    assert!(!canary.sings_in("sk-7 Qz9 *** sk-... 4tR8"));
}
