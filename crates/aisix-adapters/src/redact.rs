use std::fmt;
use std::ops::Range;
use std::sync::Arc;

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
/// A shorter secret may be part of any word (`none`, `EMPTY` where an upstream wants no key): only the whole
/// word is taken for it.
const SECRET_BYTES_SURE: usize = 8;

/// Takes out of an upstream's text what must not reach a caller or a log: the credential, whatever looks like
/// one, and addresses. Every URL goes, because one that has the host in another spelling tells as much. Cheap to
/// clone: every call takes one along.
#[derive(Clone)]
pub struct Redactor(Arc<Known>);

/// What must not be seen.
struct Known {
    secret: Secret,
    host: String,
}

impl Redactor {
    /// For texts of the upstream at `host` that is called with `secret`.
    pub fn new(secret: &Secret, host: &str) -> Self {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        Self(Arc::new(Known { secret: secret.clone(), host }))
    }

    /// The text without them, cut to 4 KiB.
    pub fn clean(&self, text: &str) -> String {
        let text = without(text, |text, from| find_secret(text, from, self.0.secret.reveal()));
        let text = without(&text, find_url);
        let lower = text.to_ascii_lowercase();
        let text = without(&text, |text, from| {
            let host = find_word(&lower, from, &self.0.host)?;
            Some(host.start..host.end + authority_rest_len(&text[host.end..]))
        });
        let clean: String = text
            .split_inclusive(|c: char| c.is_whitespace() || "\"'`,;()<>[]{}".contains(c))
            .map(without_credential)
            .collect();
        cut(&clean).to_owned()
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

/// The text with every place that `find` points at, searching from an offset, replaced.
fn without(text: &str, find: impl Fn(&str, usize) -> Option<Range<usize>>) -> String {
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    while let Some(place) = find(text, from).filter(|place| !place.is_empty()) {
        out.push_str(&text[from..place.start]);
        out.push_str(REMOVED);
        from = place.end;
    }
    out.push_str(&text[from..]);
    out
}

fn find_secret(text: &str, from: usize, secret: &str) -> Option<Range<usize>> {
    if secret.len() < SECRET_BYTES_SURE {
        return find_word(text, from, secret);
    }
    let start = from + text[from..].find(secret)?;
    Some(start..start + secret.len())
}

/// `word`, where no letter or digit goes on with it.
fn find_word(text: &str, from: usize, word: &str) -> Option<Range<usize>> {
    let goes_on = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let places = text[from..].match_indices(word).map(|(at, _)| from + at..from + at + word.len());
    places
        .into_iter()
        .find(|place| !text[..place.start].ends_with(goes_on) && !text[place.end..].starts_with(goes_on))
}

/// An absolute URL of any scheme.
fn find_url(text: &str, from: usize) -> Option<Range<usize>> {
    let separator = from + text[from..].find("://")?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let start = from + text[from..separator].trim_end_matches(is_scheme).len();
    Some(start..separator + url_len(&text[separator..]))
}

/// How much of the text belongs to a URL; punctuation at its end belongs to the sentence.
fn url_len(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || "\"'`<>\\".contains(c);
    let url = text.split(ends).next().unwrap_or_default();
    url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']).len()
}

/// How much of what follows a host still is its address: a port, a path.
fn authority_rest_len(text: &str) -> usize {
    let port = text.strip_prefix(':').is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
    if port || text.starts_with('/') { url_len(text) } else { 0 }
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
        clean_for("hunter2-hunter2", "llm.corp.example", text)
    }

    fn clean_for(secret: &str, host: &str, text: &str) -> String {
        Redactor::new(&Secret::new(secret).unwrap(), host).clean(text)
    }

    #[test]
    fn credentials_and_addresses_go_and_the_rest_stays() {
        for (text, expected) in [
            ("Incorrect API key: sk-abc***wxyz. See docs.", "Incorrect API key: [redacted] See docs."),
            ("key hunter2-hunter2 is wrong", "key [redacted] is wrong"),
            ("key=xhunter2-hunter2x", "key=x[redacted]x"),
            ("cannot reach https://LLM.corp.example:8443/v1/x now", "cannot reach [redacted] now"),
            ("{\"key\":\"AIzaSyA1234567\"}", "{\"key\":\"[redacted]\"}"),
            ("'messages' must not be empty", "'messages' must not be empty"),
            ("task-oriented sk-x", "task-oriented sk-x"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn an_address_goes_in_every_spelling() {
        for (text, expected) in [
            ("at http://%6clm.corp.example/v1, retry", "at [redacted], retry"),
            ("(HTTPS://10.0.0.7:8000/v1/chat?x=1). Bye", "([redacted]). Bye"),
            ("{\"url\":\"http://[fd00::7]:80/x\"}", "{\"url\":\"[redacted]\"}"),
            ("grpc+tls://a/b http://c", "[redacted] [redacted]"),
            ("dial LLM.Corp.Example:8443: refused", "dial [redacted]: refused"),
            ("POST llm.corp.example/v1/chat failed", "POST [redacted] failed"),
            ("Host llm.corp.example.", "Host [redacted]."),
            ("xllm.corp.example llm.corp.examples", "xllm.corp.example llm.corp.examples"),
            ("and/or: yes, 5:// 6", "and/or: yes, [redacted] 6"),
        ] {
            assert_eq!(clean(text), expected);
        }
        assert_eq!(
            clean_for("k", "[fd00::7]", "dial fd00::7 or [fd00::7]"),
            "dial [redacted] or [[redacted]]"
        );
    }

    #[test]
    fn a_short_secret_or_host_is_a_whole_word() {
        assert_eq!(
            clean_for("e", "vllm", "the vLLMEngine of vllm-x failed"),
            "the vLLMEngine of vllm-x failed"
        );
        assert_eq!(clean_for("e", "vllm", "e: vLLM:8000/v1 is down"), "[redacted]: [redacted] is down");
        assert_eq!(clean_for("EMPTY", "a", "EMPTY_INPUT \"EMPTY\""), "EMPTY_INPUT \"[redacted]\"");
        assert_eq!(clean_for("none", "a", "nonexistent"), "nonexistent");
    }

    #[test]
    fn a_secret_at_the_cut_is_not_half_shown() {
        let clean = clean(&format!("{} hunter2-hunter2", "a".repeat(TEXT_BYTES_MAX - 8)));
        assert!(!clean.contains("hunter"), "{}", &clean[TEXT_BYTES_MAX - 20..]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(clean(&"é".repeat(4000)).len(), TEXT_BYTES_MAX);
        assert_eq!(clean(&format!("a{}", "é".repeat(4000))).len(), TEXT_BYTES_MAX - 1);
    }
}
