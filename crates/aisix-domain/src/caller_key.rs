use std::fmt;

use crate::{DisplayName, Invalid, Model, Pattern, Timestamp, UnknownFields};

/// The most entries in `allowed_models`.
pub const ALLOWED_MODELS_MAX: usize = 1000;

/// The API key an application presents. Only its SHA-256 is kept.
#[derive(Clone, Debug)]
pub struct CallerKey {
    /// Unique among caller keys when set.
    pub display_name: Option<DisplayName>,
    /// SHA-256 of the key.
    pub key_hash: KeyHash,
    /// Aliases the caller may use. Empty denies all, `*` allows all.
    pub allowed_models: Vec<Pattern>,
    /// Refused from this moment on.
    pub expires_at: Option<Timestamp>,
    /// Refused while set.
    pub disabled: bool,
    /// Fields of the row that this version does not know.
    pub unknown_fields: UnknownFields,
}

impl CallerKey {
    /// Reads `allowed_models`.
    ///
    /// # Errors
    /// `invalid_allowed_models` for more than [`ALLOWED_MODELS_MAX`], `invalid_pattern` for one of them.
    pub fn parse_allowed_models<S: AsRef<str>>(names: &[S]) -> Result<Vec<Pattern>, Invalid> {
        if names.len() > ALLOWED_MODELS_MAX {
            let message = format!("allowed_models has at most {ALLOWED_MODELS_MAX} entries");
            return Err(Invalid::new("invalid_allowed_models", "/allowed_models", message));
        }
        let read = |(index, name): (usize, &S)| {
            Pattern::parse(name.as_ref()).map_err(|invalid| invalid.at(format!("/allowed_models/{index}")))
        };
        names.iter().enumerate().map(read).collect()
    }

    /// Whether the caller may use `alias`.
    pub fn allows(&self, alias: &str) -> bool {
        self.allowed_models.iter().any(|allowed| allowed.matches(alias))
    }

    /// Whether the caller may use `model` under some alias: a key may spell out names that a wildcard answers to.
    pub fn may_use(&self, model: &Model) -> bool {
        let spelled_out = self.allowed_models.iter().filter(|allowed| allowed.is_exact());
        self.allows(&model.display_name)
            || spelled_out.into_iter().any(|name| model.alias.matches(name.as_str()))
    }

    /// Whether the key is past its time at `now`, in seconds since 1970.
    pub fn is_expired(&self, now_unix_seconds: i64) -> bool {
        self.expires_at.as_ref().is_some_and(|at| at.unix_seconds() <= now_unix_seconds)
    }
}

/// SHA-256 of a caller key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a presented key.
    pub fn of(key: &str) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits of either case.
    ///
    /// # Errors
    /// `invalid_key_hash`.
    pub fn from_hex(hex: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(
                "invalid_key_hash",
                "/key_hash",
                "key_hash is the SHA-256 of the key: 64 hexadecimal digits",
            )
        };
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| invalid())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

/// 64 hexadecimal digits in lower case.
impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A hash is no secret, but whoever reads it can tell which row a key belongs to: show its beginning only.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(allowed: &[&str], expires_at: Option<&str>) -> CallerKey {
        CallerKey {
            display_name: None,
            key_hash: KeyHash::of("sk-test"),
            allowed_models: allowed.iter().map(|p| Pattern::parse(p).unwrap()).collect(),
            expires_at: expires_at.map(|t| Timestamp::parse(t).unwrap()),
            disabled: false,
            unknown_fields: UnknownFields::default(),
        }
    }

    #[test]
    fn nothing_allowed_denies_all_and_a_star_allows_all() {
        assert!(!key(&[], None).allows("a"));
        assert!(key(&["*"], None).allows("anything/at-all"));
        assert!(key(&["b", "openai/*"], None).allows("openai/x"));
        assert!(!key(&["b", "openai/*"], None).allows("bb"));
    }

    #[test]
    fn a_key_expires_at_its_moment() {
        let key = key(&[], Some("1970-01-01T00:01:00Z"));
        assert!(!key.is_expired(59));
        assert!(key.is_expired(60));
    }

    #[test]
    fn allowed_models_are_bounded_and_a_bad_one_is_pointed_at() {
        let refused = |names: &[&str]| {
            let invalid = CallerKey::parse_allowed_models(names).unwrap_err();
            (invalid.code(), invalid.field().to_owned())
        };
        assert_eq!(
            CallerKey::parse_allowed_models(&["a"; ALLOWED_MODELS_MAX]).unwrap().len(),
            ALLOWED_MODELS_MAX
        );
        assert_eq!(refused(&["a"; ALLOWED_MODELS_MAX + 1]).0, "invalid_allowed_models");
        assert_eq!(refused(&["a", "**"]), ("invalid_pattern", "/allowed_models/1".to_owned()));
    }

    #[test]
    fn hashes_read_and_write_hex() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyHash::of("abc").to_string(), known);
        assert_eq!(KeyHash::from_hex(&known.to_uppercase()).unwrap(), KeyHash::of("abc"));
        for bad in ["", "ba78", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(KeyHash::from_hex(bad).unwrap_err().code(), "invalid_key_hash");
        }
    }
}
