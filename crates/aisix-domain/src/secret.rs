use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::Invalid;

/// What stands in every answer where a secret would be.
pub const REDACTED: &str = "***";

/// The longest secret accepted: a service-account file is about 2.5 KiB.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// An upstream credential: a key, or a JSON document for families whose credential has several parts.
///
/// It has no `Display` and no serialisation, its `Debug` shows nothing, and its memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text as it is. Whether it fits its wire format is for the adapter to say.
    ///
    /// # Errors
    /// `secret_required` when empty, `secret_is_redacted` for the placeholder of answers, `secret_too_long`.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let secret = Self(SecretString::from(text.into()));
        match secret.reveal() {
            "" => Err(Invalid::new("secret_required", "/secret", "the secret must not be empty")),
            REDACTED => Err(Invalid::new(
                "secret_is_redacted",
                "/secret",
                "\"***\" stands for a stored secret in answers; send the real secret",
            )),
            text if text.len() > SECRET_BYTES_MAX => {
                Err(Invalid::new("secret_too_long", "/secret", "a secret has at most 65536 bytes"))
            }
            _ => Ok(secret),
        }
    }

    /// The text itself. Called in two places only: where an adapter signs a request and where the store
    /// encodes a record.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both are the same text. Takes the same time wherever they differ.
    pub fn same_as(&self, other: &Self) -> bool {
        let (a, b) = (self.reveal().as_bytes(), other.reveal().as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(Secret: fmt::Display, serde::Serialize, PartialEq, AsRef<str>, Into<String>);
    assert_not_impl_any!(crate::ProviderKey: fmt::Display, serde::Serialize);
    assert_not_impl_any!(crate::CallerKey: fmt::Display, serde::Serialize);
    assert_not_impl_any!(crate::Snapshot: fmt::Display, serde::Serialize);

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("canary-5b1f").unwrap();
        assert!(!format!("{secret:?} {secret:#?}").contains("canary"));
    }

    #[test]
    fn the_placeholder_and_nothing_are_no_secrets() {
        assert_eq!(Secret::new("***").unwrap_err().code(), "secret_is_redacted");
        assert_eq!(Secret::new("").unwrap_err().code(), "secret_required");
        assert_eq!(Secret::new("x".repeat(SECRET_BYTES_MAX + 1)).unwrap_err().code(), "secret_too_long");
    }
}
