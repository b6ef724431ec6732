//! Header values of the form `value; name=token; name="text"` (RFC 9110 §5.6.6).
//!
//! What the gateway reads here, an upstream reads again with another parser. So a value is taken only when no
//! parser can see something else in it.

use memchr::memchr;

/// The most parameters of one value.
const PARAMETERS_MAX: usize = 16;

/// A header value, taken apart.
#[derive(Debug)]
pub(crate) struct Parameters<'h> {
    kind: &'h [u8],
    pairs: Vec<(&'h [u8], &'h [u8])>,
}

impl<'h> Parameters<'h> {
    /// `None`: the value is malformed, repeats a parameter or splits or encodes one (RFC 2231), of which only
    /// `filename*` is in use.
    pub(crate) fn parse(value: &'h [u8]) -> Option<Self> {
        let (kind, mut rest) = value.split_at(memchr(b';', value).unwrap_or(value.len()));
        let mut parsed = Self { kind: kind.trim_ascii(), pairs: Vec::new() };
        while let Some(pair) = rest.strip_prefix(b";").map(<[u8]>::trim_ascii_start) {
            if pair.is_empty() {
                break;
            }
            let (name, value) = token(pair)?;
            let (value, after) = text(value.strip_prefix(b"=")?)?;
            let is_split = name.contains(&b'*') && !name.eq_ignore_ascii_case(b"filename*");
            if is_split || parsed.get(name).is_some() || parsed.pairs.len() == PARAMETERS_MAX {
                return None;
            }
            parsed.pairs.push((name, value));
            rest = after.trim_ascii_start();
            if !rest.is_empty() && !rest.starts_with(b";") {
                return None;
            }
        }
        Some(parsed)
    }

    /// Whether the value before the parameters is this one.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
    }

    /// A parameter's text, without quotes.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&'h [u8]> {
        self.pairs.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// The token that `text` begins with, and the rest.
pub(crate) fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let len = text.iter().take_while(is_part).count();
    (len > 0).then(|| text.split_at(len))
}

/// The token or quoted text that `text` begins with, and the rest.
fn text(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else { return token(text) };
    let (inner, rest) = quoted.split_at(memchr(b'"', quoted)?);
    // Browsers do not escape a backslash, so `\"` ends the text for one reader and not for another.
    let is_clear = !inner.ends_with(b"\\") && !inner.iter().any(u8::is_ascii_control);
    is_clear.then(|| (inner, &rest[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn get(value: &str, name: &str) -> Option<String> {
        let value = Parameters::parse(value.as_bytes())?.get(name.as_bytes())?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn quotes_hold_separators_together() {
        let value =
            "form-data; name=\"a; filename=b\" ;FileName=\"C:\\x;name=model.wav\"; filename*=utf-8''%C3%A9;";
        assert_eq!(get(value, "name").unwrap(), "a; filename=b");
        assert_eq!(get(value, "filename").unwrap(), "C:\\x;name=model.wav");
        assert_eq!(get(value, "filename*").unwrap(), "utf-8''%C3%A9");
        assert!(Parameters::parse(value.as_bytes()).unwrap().is("Form-Data"));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for value in [
            "x; a=1; A=2",
            "x; a*=utf-8''b",
            "x; a*0=b",
            "x; a=\"b\\\"; c=\"",
            "x; a=\"b",
            "x; a=\"b\"c",
            "x; a = b",
            "x; a=b c=d",
            "x; a=",
            "x; a",
            "x; =b",
            "x; a=\"b\rc\"",
            "x; a=b, x; c=d",
            "x;; a=b",
        ] {
            assert!(Parameters::parse(value.as_bytes()).is_none(), "{value}");
        }
        let many = |count: usize| (0..count).fold("x".to_owned(), |value, at| format!("{value}; p{at}=v"));
        assert!(Parameters::parse(many(PARAMETERS_MAX).as_bytes()).is_some());
        assert!(Parameters::parse(many(PARAMETERS_MAX + 1).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_panic(value in "[a-c;=\" \\\\*,\r\n]{0,24}") {
            if let Some(parsed) = Parameters::parse(value.as_bytes()) {
                prop_assert!(parsed.pairs.iter().all(|(name, _)| !name.is_empty()));
            }
        }
    }
}
