//! Who may use the admin API.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

const X_API_KEY: &str = "x-api-key";
const BEARER: &[u8] = b"bearer";

/// The admin keys, as digests: comparing takes the same time whatever the length of a key and however much
/// of it is right.
pub(crate) struct AdminKeys(Vec<Digest>);

impl AdminKeys {
    pub(crate) fn new(keys: &[SecretString]) -> Self {
        Self(keys.iter().map(|key| digest(&SHA256, key.expose_secret().as_bytes())).collect())
    }

    /// Whether the headers carry an admin key and no other credential: a wrong one beside a right one is a
    /// mistake that the caller should hear of.
    pub(crate) fn accept(&self, headers: &HeaderMap) -> bool {
        let bearers = headers.get_all(header::AUTHORIZATION).iter().map(bearer_token);
        let api_keys = headers.get_all(X_API_KEY).iter().map(|value| Some(value.as_bytes()));
        let mut presented = bearers.chain(api_keys).peekable();
        presented.peek().is_some() && presented.all(|token| token.is_some_and(|token| self.contain(token)))
    }

    /// Compares with every key, so that the time does not tell which one is near.
    fn contain(&self, presented: &[u8]) -> bool {
        let presented = digest(&SHA256, presented);
        let equal = |key: &Digest| verify_slices_are_equal(key.as_ref(), presented.as_ref()).is_ok();
        self.0.iter().fold(false, |found, key| found | equal(key))
    }
}

/// RFC 6750 §2.1, with the scheme in any case.
fn bearer_token(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(BEARER.len())?;
    let named = scheme.eq_ignore_ascii_case(BEARER) && token.first() == Some(&b' ');
    named.then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(name: &'static str, value: &'static str) -> bool {
        all_accepted(&[(name, value)])
    }

    fn all_accepted(presented: &[(&'static str, &'static str)]) -> bool {
        let keys = AdminKeys::new(&["first".into(), "second key".into()]);
        let mut headers = HeaderMap::new();
        for (name, value) in presented {
            headers.append(*name, HeaderValue::from_static(value));
        }
        keys.accept(&headers)
    }

    #[test]
    fn every_credential_presented_must_be_right() {
        let right = [("authorization", "Bearer first"), ("x-api-key", "second key")];
        assert!(all_accepted(&right));
        for wrong in [
            ("authorization", "Bearer wrong"),
            ("authorization", "Basic first"),
            ("x-api-key", "wrong"),
            ("x-api-key", ""),
        ] {
            for right in right {
                assert!(!all_accepted(&[right, wrong]), "{wrong:?}");
                assert!(!all_accepted(&[wrong, right]), "{wrong:?}");
            }
        }
    }

    #[test]
    fn either_header_and_any_case_of_the_scheme() {
        for value in ["Bearer first", "bearer first", "BEARER   first ", "Bearer second key"] {
            assert!(accepted("authorization", value), "{value}");
        }
        assert!(accepted("x-api-key", "first"));
    }

    #[test]
    fn everything_else_is_refused() {
        for value in [
            "",
            "first",
            "Bearer",
            "Bearer ",
            "Bearerfirst",
            "Basic first",
            "Bearer firs",
            "Bearer first first",
        ] {
            assert!(!accepted("authorization", value), "{value}");
        }
        assert!(!accepted("x-api-key", "Bearer first"));
        assert!(!AdminKeys::new(&[]).accept(&HeaderMap::new()));
    }
}
