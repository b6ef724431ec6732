use std::fmt;

use aisix_domain::Secret;

/// What stands where something was taken out of a text.
const REMOVED: &str = "[redacted]";
/// Texts of upstreams are cut to this length before they are passed on.
const TEXT_BYTES_MAX: usize = 4096;
/// Beginnings of words that are credentials: OpenAI and Anthropic keys, AWS key ids, Google keys and tokens,
/// JSON web tokens.
const CREDENTIAL_PREFIXES: [&str; 8] = ["sk-", "sk_", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", "gsk_"];
/// A word shorter than this is no credential.
const CREDENTIAL_BYTES_MIN: usize = 8;

/// Takes out of an upstream's text what must not reach a caller or a log: the credential, whatever looks like
/// one, and the upstream's address.
#[derive(Clone)]
pub struct Redactor {
    secret: Secret,
    host: String,
}

impl Redactor {
    /// For texts of the upstream at `host` that is called with `secret`.
    pub fn new(secret: &Secret, host: &str) -> Self {
        Self { secret: secret.clone(), host: host.to_owned() }
    }

    /// The text without them, cut to 4 KiB.
    pub fn clean(&self, text: &str) -> String {
        let text = cut(text).replace(self.secret.reveal(), REMOVED);
        let text = without_address(&text, &self.host);
        text.split_inclusive(|c: char| c.is_whitespace() || "\"'`,;()<>[]{}".contains(c))
            .map(without_credential)
            .collect()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Loopback names are everywhere and reveal nothing; any other host goes, with the URL around it.
fn without_address(text: &str, host: &str) -> String {
    let contains = |word: &str| word.to_ascii_lowercase().contains(host);
    text.split_inclusive(char::is_whitespace)
        .map(|word| if contains(word) { redacted(word) } else { word.to_owned() })
        .collect()
}

fn without_credential(word: &str) -> String {
    let bare = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let looks_like_one = bare.len() >= CREDENTIAL_BYTES_MIN
        && CREDENTIAL_PREFIXES.iter().any(|prefix| bare.starts_with(prefix));
    if looks_like_one { redacted(word) } else { word.to_owned() }
}

/// The word's place, with the separator that ends it.
fn redacted(word: &str) -> String {
    let end = word.chars().next_back().filter(|c| !c.is_alphanumeric() && *c != '-' && *c != '_');
    format!("{REMOVED}{}", end.map(String::from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        Redactor::new(&Secret::new("hunter2-hunter2").unwrap(), "llm.corp.example").clean(text)
    }

    #[test]
    fn credentials_and_addresses_go_and_the_rest_stays() {
        for (text, expected) in [
            ("Incorrect API key: sk-abc***wxyz. See docs.", "Incorrect API key: [redacted] See docs."),
            ("key hunter2-hunter2 is wrong", "key [redacted] is wrong"),
            ("cannot reach https://LLM.corp.example:8443/v1/x now", "cannot reach [redacted] now"),
            ("{\"key\":\"AIzaSyA1234567\"}", "{\"key\":\"[redacted]\"}"),
            ("'messages' must not be empty", "'messages' must not be empty"),
            ("task-oriented sk-x", "task-oriented sk-x"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(clean(&"é".repeat(4000)).len(), TEXT_BYTES_MAX);
        assert_eq!(clean(&format!("a{}", "é".repeat(4000))).len(), TEXT_BYTES_MAX - 1);
    }
}
