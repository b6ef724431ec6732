//! Looking into JSON without rewriting it: where the members of an object stand, and the same bytes with some
//! replaced.
//!
//! This is on the path of every request and every event, and most of a body is never looked at: the object's
//! own grammar (RFC 8259) is checked, strings are skipped at the speed of `memchr`, and of what is nested only
//! the brackets are matched. So a cut or unbalanced text is refused, while a malformed number deep inside is
//! left to whoever reads it.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;

const SHORT_BYTES: usize = 24;
/// Deeper nesting is refused, as serde_json does.
const DEPTH_MAX: u32 = 128;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No JSON object, from this byte on.
    Malformed(usize),
    /// A member that was asked for is there twice.
    Repeated,
    /// A member has the name of one that was asked for, but for its case.
    OtherCase,
}

/// Where the values of the members called `names` stand in the object that `bytes` holds.
pub(crate) fn fields<const N: usize>(
    bytes: &[u8],
    names: [&str; N],
) -> Result<[Option<Range<usize>>; N], Refused> {
    fields_if(bytes, names, |_| Ok(()))
}

/// As [`fields`], of a text that others read after the gateway: some, such as Go's `encoding/json`, ignore the
/// case of keys, so another spelling of `guarded` is refused.
pub(crate) fn guarded_fields<const N: usize>(
    bytes: &[u8],
    names: [&str; N],
    guarded: &str,
) -> Result<[Option<Range<usize>>; N], Refused> {
    let guarded = guarded.as_bytes();
    fields_if(bytes, names, |key| match key.eq_ignore_ascii_case(guarded) && key != guarded {
        true => Err(Refused::OtherCase),
        false => Ok(()),
    })
}

fn fields_if<const N: usize>(
    bytes: &[u8],
    names: [&str; N],
    check: impl Fn(&[u8]) -> Result<(), Refused>,
) -> Result<[Option<Range<usize>>; N], Refused> {
    let mut found = [const { None }; N];
    members(bytes, |key, value| {
        check(key)?;
        let Some(place) = names.iter().position(|name| key == name.as_bytes()) else { return Ok(()) };
        match found[place].replace(value) {
            None => Ok(()),
            Some(_) => Err(Refused::Repeated),
        }
    })?;
    Ok(found)
}

/// Visits the members of the object that `bytes` holds, repeated ones too: each key decoded, each value's
/// place.
pub(crate) fn members(
    bytes: &[u8],
    visit: impl FnMut(&[u8], Range<usize>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    Text { bytes, at: 0 }.members(visit)
}

/// Whether the text is one JSON value of any kind, to the same depth of checking.
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    let mut text = Text { bytes, at: 0 };
    text.space();
    text.value().is_ok() && text.end().is_ok()
}

/// The text of a JSON string, or `None` for any other value.
pub(crate) fn string(value: &[u8]) -> Option<Cow<'_, str>> {
    let plain = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    // Most strings hold no escape: then the text between the quotes is the string.
    if memchr::memchr(b'\\', plain).is_none() {
        return std::str::from_utf8(plain).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(value).ok().map(Cow::Owned)
}

/// `text` as a JSON string with its quotes.
pub(crate) fn quoted(text: &str) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    // Writing a text to memory cannot fail.
    let _ = serde_json::to_writer(&mut quoted, text);
    quoted
}

/// One replacement: these bytes give way to those.
pub(crate) type Edit<'a> = (Range<usize>, &'a [u8]);

/// `bytes` with the edits made, which are in order and do not overlap.
pub(crate) fn splice(bytes: &[u8], edits: &[Edit<'_>]) -> Bytes {
    let grown: usize = edits.iter().map(|(_, new)| new.len()).sum();
    let mut out = BytesMut::with_capacity(bytes.len() + grown);
    splice_into(&mut out, bytes, edits);
    out.freeze()
}

/// As [`splice`], appended to `out`.
pub(crate) fn splice_into(out: &mut BytesMut, bytes: &[u8], edits: &[Edit<'_>]) {
    let mut from = 0;
    for (range, new) in edits {
        out.put_slice(&bytes[from..range.start]);
        out.put_slice(new);
        from = range.end;
    }
    out.put_slice(&bytes[from..]);
}

/// A text and how far it was read.
struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Text<'a> {
    fn members(
        &mut self,
        mut visit: impl FnMut(&[u8], Range<usize>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        self.space();
        self.expect(b'{')?;
        self.space();
        if self.take(b'}') {
            return self.end();
        }
        loop {
            let key = self.key()?;
            self.space();
            self.expect(b':')?;
            self.space();
            let value = self.value()?;
            visit(&key, value)?;
            self.space();
            if self.take(b'}') {
                return self.end();
            }
            self.expect(b',')?;
            self.space();
        }
    }

    /// A key, decoded: `"mod\u0065l"` is `model` too.
    fn key(&mut self) -> Result<Cow<'a, [u8]>, Refused> {
        let start = self.at;
        let has_escapes = self.string()?;
        let quoted = start..self.at;
        if !has_escapes {
            return Ok(Cow::Borrowed(&self.bytes[quoted.start + 1..quoted.end - 1]));
        }
        let decoded = serde_json::from_slice::<String>(&self.bytes[quoted.clone()]);
        decoded.map(|key| Cow::Owned(key.into_bytes())).map_err(|_| Refused::Malformed(quoted.start))
    }

    fn value(&mut self) -> Result<Range<usize>, Refused> {
        let start = self.at;
        match self.bytes.get(start) {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{' | b'[') => self.nested()?,
            _ => self.scalar()?,
        }
        Ok(start..self.at)
    }

    /// Skips a string. Tells whether it holds escapes.
    fn string(&mut self) -> Result<bool, Refused> {
        self.expect(b'"')?;
        let mut has_escapes = false;
        while let Some(skipped) = end_or_escape(&self.bytes[self.at..]) {
            self.at += skipped + 1;
            if self.bytes[self.at - 1] == b'"' {
                return Ok(has_escapes);
            }
            // Whatever is escaped, it does not end the string.
            self.at = (self.at + 1).min(self.bytes.len());
            has_escapes = true;
        }
        Err(Refused::Malformed(self.bytes.len()))
    }

    /// Skips an object or array. Which brackets are open is kept in the bits of one number.
    fn nested(&mut self) -> Result<(), Refused> {
        let (mut objects, mut depth) = (0u128, 0u32);
        while let Some(byte) = self.bytes.get(self.at).copied() {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' if depth == DEPTH_MAX => return Err(Refused::Malformed(self.at)),
                b'{' | b'[' => {
                    objects = (objects << 1) | u128::from(byte == b'{');
                    depth += 1;
                }
                b'}' | b']' if (objects & 1 == 1) != (byte == b'}') => {
                    return Err(Refused::Malformed(self.at));
                }
                b'}' | b']' => {
                    objects >>= 1;
                    depth -= 1;
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(Refused::Malformed(self.at))
    }

    /// `true`, `false`, `null` or a number.
    fn scalar(&mut self) -> Result<(), Refused> {
        let start = self.at;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let len = self.bytes[start..].iter().take_while(|byte| is_part(byte)).count();
        let scalar = &self.bytes[start..start + len];
        if !matches!(scalar, b"true" | b"false" | b"null") && !is_number(scalar) {
            return Err(Refused::Malformed(start));
        }
        self.at += len;
        Ok(())
    }

    fn space(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Refused> {
        if self.take(byte) { Ok(()) } else { Err(Refused::Malformed(self.at)) }
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Refused::Malformed(self.at)) }
    }
}

/// Where a string ends or goes on behind an escape. Keys and most values are shorter than what a vectored
/// search costs to begin.
fn end_or_escape(bytes: &[u8]) -> Option<usize> {
    let near = bytes.iter().take(SHORT_BYTES).position(|byte| matches!(byte, b'"' | b'\\'));
    near.or_else(|| Some(SHORT_BYTES + memchr2(b'"', b'\\', bytes.get(SHORT_BYTES..)?)?))
}

/// Most numbers that matter here are counts; anything more is left to the library.
fn is_number(text: &[u8]) -> bool {
    let is_count = matches!(text, [b'0'] | [b'1'..=b'9', ..]) && text.iter().all(u8::is_ascii_digit);
    is_count || serde_json::from_slice::<&serde_json::value::RawValue>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn model(text: &str) -> Result<Option<&str>, Refused> {
        let [found] = fields(text.as_bytes(), ["model"])?;
        Ok(found.map(|range| &text[range]))
    }

    #[test]
    fn a_value_is_found_by_its_decoded_key_and_replaced_in_place() {
        let body = br#" {"a":{"model":1}, "mo\u0064el" : "x\"y" ,"z":1e400}"#;
        let [model] = fields(body, ["model"]).unwrap();
        let model = model.unwrap();
        assert_eq!(string(&body[model.clone()]).unwrap(), "x\"y");
        let new = splice(body, &[(model, &quoted("é\"")[..])]);
        assert_eq!(new, r#" {"a":{"model":1}, "mo\u0064el" : "é\"" ,"z":1e400}"#.as_bytes());
    }

    #[test]
    fn null_is_not_absent_and_an_array_is_no_object() {
        assert_eq!(model(r#"{"model":null}"#), Ok(Some("null")));
        assert_eq!(model("{}"), Ok(None));
        assert!(model(r#"["gpt-4o"]"#).is_err());
    }

    #[test]
    fn two_answers_to_one_question_are_refused_and_to_no_question_they_are_not() {
        assert_eq!(model(r#"{"model":"a","mod\u0065l":"b"}"#), Err(Refused::Repeated));
        assert_eq!(model(r#"{"x":1,"x":2}"#), Ok(None));
    }

    #[test]
    fn what_is_no_object_is_refused_where_it_goes_wrong() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("{\"a\"}", 4),
            ("{\"a\":}", 5),
            ("{\"a\":1,}", 7),
            ("{\"a\":1} x", 8),
            ("{\"a\":[}]}", 6),
            ("{\"a\":{]}", 6),
            ("{\"a\":tru}", 5),
            ("{\"a\":01}", 5),
            ("{a:1}", 1),
            ("{\"a\":\"\\\"}", 9),
            ("{\"a\":1 \"b\":2}", 7),
            ("\u{feff}{}", 0),
        ] {
            assert_eq!(model(text), Err(Refused::Malformed(at)), "{text}");
        }
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(model(&deep(128)), Ok(None));
        assert!(model(&deep(129)).is_err());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC*".prop_map(Value::from),
            "[\"\\\\{}\\[\\],:\u{0}-\u{1f}]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-c\"\\\\{]{0,3}", inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_member_stands_where_serde_sees_it(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            // Reading a float back may move its last digit: compare with what serde reads from the same text.
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(is_value(text.as_bytes()));
            for name in ["a", "b", "\"", "\\{"] {
                let found = fields(text.as_bytes(), [name]);
                prop_assert_eq!(found.is_ok(), value.is_object());
                if let (Ok([range]), Some(object)) = (found, value.as_object()) {
                    let seen = range.map(|range| serde_json::from_str::<Value>(&text[range]).unwrap());
                    prop_assert_eq!(seen.as_ref(), object.get(name));
                }
            }
        }

        #[test]
        fn a_cut_text_is_refused(value in json().prop_filter("objects", Value::is_object), cut in 1usize..50) {
            let text = value.to_string();
            let end = text.len().saturating_sub(cut);
            prop_assert!(fields(&text.as_bytes()[..end], ["a"]).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = (fields(&bytes, ["a"]), is_value(&bytes), string(&bytes));
        }
    }
}
