use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::pointer_push;
use crate::error::Problem;

/// Reads a request from its JSON value. Errors name the field and what was expected there, never its value.
pub(crate) fn typed<'de, T: Deserialize<'de>>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Typed(value)).map_err(|e| {
        let field = pointer(e.path());
        e.into_inner().at(field)
    })
}

/// `serde_json` has a deserialiser over values, but its errors quote what they found.
struct Typed(Value);

/// What does not fit, without the value that does not.
#[derive(Debug)]
enum Mismatch {
    Type { expected: String },
    Unknown { name: String, known: &'static [&'static str] },
    Missing { name: &'static str },
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer_push(&mut pointer, &index.to_string()),
            Segment::Map { key } => pointer_push(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

// === impl Typed ===

impl Typed {
    fn require(self, fits: impl FnOnce(&Value) -> bool, expected: &str) -> Result<Self, Mismatch> {
        if fits(&self.0) { Ok(self) } else { Err(Mismatch::Type { expected: expected.to_owned() }) }
    }
}

impl<'de> Deserializer<'de> for Typed {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(value) => visitor.visit_string(value),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Typed))),
            Value::Object(members) => visitor.visit_map(MapDeserializer::new(
                members.into_iter().map(|(name, value)| (name, Typed(value))),
            )),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.require(Value::is_boolean, "true or false")?.deserialize_any(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.require(Value::is_u64, "a whole number of zero or more")?.deserialize_any(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.require(Value::is_number, "a number")?.deserialize_any(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.require(Value::is_string, "a string")?.deserialize_any(visitor)
    }

    /// Strings are all that the arrays of requests hold.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.require(Value::is_array, "an array of strings")?.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.require(Value::is_object, "a JSON object")?.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 char str bytes byte_buf unit unit_struct tuple tuple_struct map
        enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Mismatch> for Typed {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

// === impl Mismatch ===

impl Mismatch {
    fn at(self, mut field: String) -> Problem {
        match self {
            Self::Type { expected } => Problem::WrongType { field, expected },
            Self::Unknown { name, known } => {
                name_last(&mut field, &name);
                Problem::UnknownField { field, known }
            }
            Self::Missing { name } => {
                name_last(&mut field, name);
                Problem::FieldRequired { field }
            }
        }
    }
}

/// The path of an error about a member may end at the member or at the object around it.
fn name_last(pointer: &mut String, member: &str) {
    let mut last = String::new();
    pointer_push(&mut last, member);
    if !pointer.ends_with(&last) {
        pointer.push_str(&last);
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not fit")
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Type { expected: "of another kind".to_owned() }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::Type { expected: expected.to_string() }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown { name: name.to_owned(), known }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        #[serde(default)]
        wait: Option<u64>,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<String>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        price: f64,
    }

    #[test]
    fn a_fitting_value_is_read() {
        let value = json!({"name": "n", "wait": 5, "inner": {"price": 1}, "list": ["a"]});
        let outer: Outer = typed(value).unwrap();
        assert_eq!(
            (outer.name.as_str(), outer.wait, outer.list.as_slice()),
            ("n", Some(5), &["a".to_owned()][..])
        );
        assert_eq!(outer.inner.unwrap().price, 1.0);
    }

    #[test]
    fn a_wrong_type_is_told_in_plain_words() {
        for (value, message) in [
            (json!([]), "the body must be a JSON object"),
            (json!({"name": true}), "/name must be a string"),
            (json!({"name": "n", "wait": 1e3}), "/wait must be a whole number of zero or more"),
            (json!({"name": "n", "inner": 7}), "/inner must be a JSON object"),
            (json!({"name": "n", "inner": {"price": "1"}}), "/inner/price must be a number"),
            (json!({"name": "n", "list": "a"}), "/list must be an array of strings"),
            (json!({"name": "n", "list": [7]}), "/list/0 must be a string"),
        ] {
            assert_eq!(typed::<Outer>(value.clone()).unwrap_err().to_string(), message, "{value}");
        }
    }

    #[test]
    fn errors_point_at_the_field_and_hide_its_value() {
        let cases = [
            (json!("canary"), "", "wrong_type"),
            (json!({}), "/name", "field_required"),
            (json!({"name": 7}), "/name", "wrong_type"),
            (json!({"name": "n", "wait": "canary"}), "/wait", "wrong_type"),
            (json!({"name": "n", "wait": -1}), "/wait", "wrong_type"),
            (json!({"name": "n", "wait": 1.5}), "/wait", "wrong_type"),
            (json!({"name": "n", "list": ["a", 1]}), "/list/1", "wrong_type"),
            (json!({"name": "n", "list": ["a", null]}), "/list/1", "wrong_type"),
            (json!({"name": "n", "inner": {"price": "canary"}}), "/inner/price", "wrong_type"),
            (json!({"name": "n", "inner": {}}), "/inner/price", "field_required"),
            (json!({"name": "n", "inner": {"price": 1, "x/y": "canary"}}), "/inner/x~1y", "unknown_field"),
            (json!({"name": "n", "nmae": "canary"}), "/nmae", "unknown_field"),
        ];
        for (value, field, code) in cases {
            let problem = typed::<Outer>(value.clone()).unwrap_err();
            assert_eq!(problem.field().unwrap_or_default(), field, "{value}");
            assert_eq!(problem.code(), code, "{value}");
            assert!(!problem.to_string().contains("canary"), "{problem}");
        }
    }
}
