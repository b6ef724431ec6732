use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::Invalid;

/// The longest display name, in characters.
pub const DISPLAY_NAME_CHARS_MAX: usize = 255;
/// The longest provider, in characters.
pub const PROVIDER_CHARS_MAX: usize = 64;

/// What operators call a resource; unique in its collection. 1–255 characters, none of them a control
/// character, no white space at either end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DisplayName(Arc<str>);

impl DisplayName {
    /// # Errors
    /// `invalid_display_name`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refuse = |why: &'static str| Err(Invalid::new("invalid_display_name", "/display_name", why));
        if text.is_empty() {
            return refuse("display_name must not be empty");
        }
        if text.chars().count() > DISPLAY_NAME_CHARS_MAX {
            return refuse("display_name has at most 255 characters");
        }
        if text.chars().any(char::is_control) {
            return refuse("display_name must not contain control characters");
        }
        if text.trim() != text {
            return refuse("display_name must not begin or end with white space");
        }
        Ok(Self(text.into()))
    }

    /// The name, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// Who the upstream is: an open string such as `openai`, `deepseek` or `corp-llm`. It labels metrics and
/// selects passthrough routes; it never decides the wire format.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Provider(Arc<str>);

impl Provider {
    /// # Errors
    /// `invalid_provider` unless `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = text.len() <= PROVIDER_CHARS_MAX
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if fits {
            return Ok(Self(text.into()));
        }
        let message =
            "provider must begin with a letter or digit and have at most 64 letters, digits, '.', '_' or '-'";
        Err(Invalid::new("invalid_provider", "/provider", message))
    }

    /// The name, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

// === impl Deref, Display: both are texts ===

impl Deref for DisplayName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for Provider {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names() {
        for good in ["a", "openai-prod", "Müller GmbH / west", &"ü".repeat(255)] {
            assert!(DisplayName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", " a", "a\n", "a\u{7}b", &"x".repeat(256)] {
            assert_eq!(DisplayName::parse(bad).unwrap_err().code(), "invalid_display_name", "{bad:?}");
        }
    }

    #[test]
    fn providers() {
        for good in ["openai", "corp-llm", "0x", "a.b_c-d", &"p".repeat(64)] {
            assert!(Provider::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "a b", "ä", "a/b", &"p".repeat(65)] {
            assert_eq!(Provider::parse(bad).unwrap_err().code(), "invalid_provider", "{bad:?}");
        }
    }
}
