use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::pointer_push;
use crate::error::Problem;

/// How deep arrays and objects may nest.
const DEPTH_MAX: usize = 32;
/// The longest member name that an error repeats, in characters.
const NAME_SHOWN_CHARS_MAX: usize = 64;

/// Reads a JSON document. A member that occurs twice is refused: readers disagree on which one counts.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let fault = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let root = Node { pointer: String::new(), depth: 0, fault: &fault };
    let parsed = root.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    // Syntax errors say what was expected and where, never what was found.
    parsed.map_err(|e| fault.take().unwrap_or_else(|| Problem::MalformedJson { detail: e.to_string() }))
}

/// One value of the document. What is wrong beyond its syntax is left in `fault`.
struct Node<'f> {
    pointer: String,
    depth: usize,
    fault: &'f RefCell<Option<Problem>>,
}

// === impl Node ===

impl<'f> Node<'f> {
    fn child(&self, member: &str) -> Self {
        let mut pointer = self.pointer.clone();
        pointer_push(&mut pointer, member);
        Node { pointer, depth: self.depth + 1, fault: self.fault }
    }

    fn refuse<E: de::Error>(&self, problem: Problem) -> E {
        self.fault.replace(Some(problem));
        E::custom("refused")
    }

    fn check_depth<E: de::Error>(&self) -> Result<(), E> {
        if self.depth < DEPTH_MAX {
            return Ok(());
        }
        Err(self.refuse(Problem::NestedTooDeep { limit: DEPTH_MAX }))
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.child(&array.len().to_string()))? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let shown: String = name.chars().take(NAME_SHOWN_CHARS_MAX).collect();
            let child = self.child(&shown);
            if object.contains_key(&name) {
                return Err(child.refuse(Problem::DuplicateField { field: child.pointer.clone() }));
            }
            object.insert(name, members.next_value_seed(child)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let text = r#"{"z":[null,true,-1,18446744073709551615,0.5,"s"],"a":{}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn a_repeated_member_is_refused_with_its_pointer() {
        let problem = parse(br#"{"a":[{"b/c":1,"b/c":2}]}"#).unwrap_err();
        assert!(matches!(problem, Problem::DuplicateField { field } if field == "/a/0/b~1c"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert!(matches!(parse(&nested(DEPTH_MAX + 1)), Err(Problem::NestedTooDeep { .. })));
        assert!(matches!(parse(&nested(100_000)), Err(Problem::NestedTooDeep { .. })));
    }

    proptest! {
        #[test]
        fn an_error_never_repeats_the_text(prefix in r#"\{"secret": ?"canary-[a-z]{8}""#, rest in "[^,} \\\\\"].{0,8}") {
            if let Err(problem) = parse(format!("{prefix}{rest}").as_bytes()) {
                prop_assert!(!problem.to_string().contains("canary"), "{}", problem);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let strict = parse(&bytes).is_ok();
            let plain = serde_json::from_slice::<Value>(&bytes).is_ok();
            prop_assert!(plain || !strict);
        }
    }
}
