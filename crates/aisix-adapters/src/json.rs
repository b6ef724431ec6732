//! Looking into JSON without rewriting it: where a value stands, and the same bytes with some replaced.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A field that keeps `null` apart from absent, for `#[serde(default, deserialize_with = …)]`.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads the head fields of an object. Anything but an object is refused: serde would read an array as a
/// struct, field by field.
pub(crate) fn read_object<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    match bytes.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(bytes),
        _ => Err(serde::de::Error::custom("expected an object")),
    }
}

/// Where `part`, a slice of `whole`, stands in it.
pub(crate) fn range_in(whole: &[u8], part: &RawValue) -> Range<usize> {
    let start = part.get().as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.get().len()
}

/// The text of a JSON string, or `None` for any other value.
pub(crate) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = raw.get();
    // Most strings hold no escape: then the text between the quotes is the string.
    let plain = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', plain.as_bytes()).is_none() {
        return Some(Cow::Borrowed(plain));
    }
    serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
}

/// `text` as a JSON string with its quotes.
pub(crate) fn quoted(text: &str) -> Bytes {
    serde_json::Value::from(text).to_string().into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        model: Option<&'a RawValue>,
    }

    #[test]
    fn a_value_is_found_by_its_decoded_key_and_replaced_in_place() {
        let body = br#" {"a":{"model":1}, "mo\u0064el" : "x\"y" ,"z":1e400}"#;
        let head: Head<'_> = read_object(body).unwrap();
        let model = head.model.unwrap();
        assert_eq!(string(model).unwrap(), "x\"y");
        let new = splice(body, &[(range_in(body, model), &quoted("é\"")[..])]);
        assert_eq!(new, r#" {"a":{"model":1}, "mo\u0064el" : "é\"" ,"z":1e400}"#.as_bytes());
    }

    #[test]
    fn null_is_not_absent_and_an_array_is_no_object() {
        assert_eq!(read_object::<Head<'_>>(br#"{"model":null}"#).unwrap().model.unwrap().get(), "null");
        assert!(read_object::<Head<'_>>(br#"{}"#).unwrap().model.is_none());
        assert!(read_object::<Head<'_>>(br#"["gpt-4o"]"#).is_err());
        assert!(
            read_object::<Head<'_>>(br#"{"model":"a","model":"b"}"#).is_err(),
            "two answers to one question"
        );
    }
}
