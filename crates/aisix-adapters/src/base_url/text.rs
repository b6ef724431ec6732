//! The pasted text: what people wrap around a URL, and what shows that it is none.

use aisix_domain::{API_BASE_BYTES_MAX, Invalid};

use super::refused;

/// How deep a URL may be wrapped: a shell string inside a JSON string.
const QUOTE_LAYERS_MAX: usize = 2;

/// Pairs that people and programs put around a URL.
const QUOTES: [(char, char); 6] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('<', '>')];

/// The text without surrounding white space and quotes; `None` when nothing is left.
pub(super) fn unwrapped(raw: &str) -> Option<&str> {
    let mut text = trimmed(raw);
    for _ in 0..QUOTE_LAYERS_MAX {
        match unquoted(text) {
            Some(inner) => text = trimmed(inner),
            None => break,
        }
    }
    (!text.is_empty()).then_some(text)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// One layer of quotes less. A list separator after the closing quote goes with it.
fn unquoted(text: &str) -> Option<&str> {
    let item = trimmed(text.strip_suffix([',', ';']).unwrap_or(text));
    let inner = QUOTES.iter().find_map(|(open, close)| item.strip_prefix(*open)?.strip_suffix(*close))?;
    (!(item.starts_with('<') && is_placeholder_name(inner))).then_some(inner)
}

/// What stands in `<resource>`, as against a URL in angle brackets.
fn is_placeholder_name(inner: &str) -> bool {
    !inner.is_empty() && !inner.contains(['.', ':', '/'])
}

/// Refuses what is no bare URL.
pub(super) fn check(text: &str) -> Result<(), Invalid> {
    refuse_too_long(text)?;
    refuse_commands(text)?;
    refuse_characters(text)?;
    refuse_lists(text)?;
    refuse_placeholders(text)?;
    refuse_encoded(text)
}

pub(super) fn refuse_too_long(text: &str) -> Result<(), Invalid> {
    if text.len() <= API_BASE_BYTES_MAX {
        return Ok(());
    }
    Err(refused("too_long", format!("a base URL has at most {API_BASE_BYTES_MAX} bytes")))
}

fn refuse_commands(text: &str) -> Result<(), Invalid> {
    match text.split_once(char::is_whitespace) {
        Some((command, _)) if command.eq_ignore_ascii_case("curl") => Err(not_a_url("a shell command")),
        _ => Ok(()),
    }
}

fn refuse_characters(text: &str) -> Result<(), Invalid> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c)) {
        return Err(refused(
            "invalid_characters",
            "there is white space, a control character or an invisible character inside; write one bare URL",
        ));
    }
    if text.contains(['"', '`', '“', '”', '‘', '’']) || text.starts_with('\'') {
        return Err(refused(
            "invalid_characters",
            "there is a quote without its pair; write the URL without quotes",
        ));
    }
    if text.contains('\\') {
        return Err(refused("backslash_not_allowed", "write \"/\" where there is a backslash"));
    }
    Ok(())
}

fn refuse_lists(text: &str) -> Result<(), Invalid> {
    if is_assignment(text) {
        return Err(not_a_url("an assignment to a variable"));
    }
    if text.contains("](") {
        return Err(not_a_url("a markdown link"));
    }
    if text.split([',', ';', '|']).skip(1).any(has_web_scheme) {
        return Err(not_a_url("a list of URLs"));
    }
    Ok(())
}

fn not_a_url(found: &str) -> Invalid {
    refused("not_a_url", format!("this is {found}; write only the URL, such as https://api.openai.com/v1"))
}

/// `NAME=…`, as in a shell or an environment file.
fn is_assignment(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else { return false };
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn has_web_scheme(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| starts_with_ignoring_case(text, scheme))
}

/// Refuses what a reader of an example was meant to replace.
pub(super) fn refuse_placeholders(text: &str) -> Result<(), Invalid> {
    if text.contains(['<', '>', '{', '}']) || has_variable(text) || has_your(text) {
        return Err(refused(
            "unresolved_placeholder",
            "there is a placeholder from an example; write the real value in its place",
        ));
    }
    Ok(())
}

/// `$NAME` and `$(command)`.
fn has_variable(text: &str) -> bool {
    text.split('$')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "_(".contains(c)))
}

/// `YOUR_RESOURCE`; in the host, where case does not count, `your-resource` as well.
fn has_your(text: &str) -> bool {
    let host =
        text.split("//").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_your = |label: &str| ["your-", "your_"].iter().any(|word| starts_with_ignoring_case(label, word));
    text.contains("YOUR_") || text.contains("YOUR-") || host.split('.').any(is_your)
}

fn refuse_encoded(text: &str) -> Result<(), Invalid> {
    if !["http%3a", "https%3a", "http%253a", "https%253a"].iter().any(|p| starts_with_ignoring_case(text, p))
    {
        return Ok(());
    }
    Err(refused("percent_encoded_url", "the whole URL is percent-encoded; write it decoded, with \"://\""))
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Characters that cannot be seen, so that nobody can have meant them: zero-width ones, and those that change
/// the direction of writing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
