//! Entity tags: an entry's tag is its revision.

use http::{HeaderMap, HeaderValue, header};

use crate::error::Problem;

/// The tag of a revision: the number in quotes.
pub(crate) fn etag(revision: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Checks `If-Match` (RFC 9110 §13.1.1) against the current revision; without the header everything goes.
///
/// The comparison is strong, so `W/"3"` matches nothing. A number without quotes is taken as a tag.
pub(crate) fn check_if_match(headers: &HeaderMap, current: u64) -> Result<(), Problem> {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    if values.peek().is_none() || values.any(|value| lists(value, current)) {
        return Ok(());
    }
    Err(Problem::RevisionMismatch { current })
}

fn lists(value: &HeaderValue, current: u64) -> bool {
    let tags = value.to_str().unwrap_or_default().split(',').map(str::trim);
    let current = current.to_string();
    tags.into_iter().any(|tag| tag == "*" || unquoted(tag) == current)
}

fn unquoted(tag: &str) -> &str {
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        check_if_match(&headers, 3).is_ok()
    }

    #[test]
    fn strong_tags_lists_and_the_star_match() {
        for good in [&[][..], &["\"3\""], &["*"], &["\"1\", \"3\""], &["\"1\"", "\"3\""], &["3"]] {
            assert!(permits(good), "{good:?}");
        }
        for bad in [&["\"2\""][..], &["W/\"3\""], &["\"33\""], &[""], &["\"3"], &["three"]] {
            assert!(!permits(bad), "{bad:?}");
        }
    }
}
