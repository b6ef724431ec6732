use std::fmt;
use std::sync::Arc;

use crate::{DISPLAY_NAME_CHARS_MAX, Invalid};

/// A model name that may hold one `*`: `gpt-4o` matches itself, `openai/*` matches everything below.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    text: Arc<str>,
    star: Option<usize>,
}

impl Pattern {
    /// # Errors
    /// `invalid_pattern` when empty, longer than 255 characters, with control characters or two `*`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refuse = |why: &'static str| Err(Invalid::new("invalid_pattern", "", why));
        if text.is_empty() || text.chars().count() > DISPLAY_NAME_CHARS_MAX {
            return refuse("a model name has 1 to 255 characters");
        }
        if text.chars().any(char::is_control) {
            return refuse("a model name must not contain control characters");
        }
        if text.matches('*').count() > 1 {
            return refuse("a model name may hold a single '*'");
        }
        Ok(Self { text: text.into(), star: text.find('*') })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has no `*`.
    pub fn is_exact(&self) -> bool {
        self.star.is_none()
    }

    /// Length of the part that is not `*`, in bytes; the longest literal wins when several patterns match.
    pub fn literal_len(&self) -> usize {
        self.text.len() - usize::from(self.star.is_some())
    }

    /// Whether `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        self.captured(name).is_some()
    }

    /// What `*` stands for in `name` (empty for an exact pattern), or `None` when it does not match.
    pub fn captured<'n>(&self, name: &'n str) -> Option<&'n str> {
        let Some(star) = self.star else {
            return (*self.text == *name).then_some("");
        };
        name.strip_prefix(&self.text[..star])?.strip_suffix(&self.text[star + 1..])
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn captured(pattern: &str, name: &'static str) -> Option<&'static str> {
        Pattern::parse(pattern).unwrap().captured(name)
    }

    #[test]
    fn stars_capture() {
        assert_eq!(captured("openai/*", "openai/gpt-4o"), Some("gpt-4o"));
        assert_eq!(captured("*", "x"), Some("x"));
        assert_eq!(captured("a*z", "az"), Some(""));
        assert_eq!(captured("a*a", "a"), None, "prefix and suffix may not overlap");
        assert_eq!(captured("gpt-4o", "gpt-4o"), Some(""));
        assert_eq!(captured("gpt-4o", "gpt-4o-mini"), None);
    }

    #[test]
    fn two_stars_are_refused() {
        assert_eq!(Pattern::parse("*a*").unwrap_err().code(), "invalid_pattern");
        assert!(Pattern::parse("").is_err());
    }

    proptest! {
        #[test]
        fn what_a_star_captures_puts_the_name_together_again(prefix in "[a-z/]{0,8}", middle in "[a-z/]{0,8}", suffix in "[a-z/]{0,8}") {
            let pattern = Pattern::parse(&format!("{prefix}*{suffix}")).unwrap();
            let name = format!("{prefix}{middle}{suffix}");
            prop_assert_eq!(pattern.captured(&name), Some(middle.as_str()));
        }
    }
}
