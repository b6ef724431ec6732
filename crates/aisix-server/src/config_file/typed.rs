//! A tree to a value of the caller's type.

use std::iter::Enumerate;
use std::slice::Iter;
use std::str::FromStr;

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::Fault;
use super::document::{Entry, Node, Origin, Value, join};
use super::problem::Problem;

/// Builds the value.
pub(super) fn build<T: DeserializeOwned>(root: &Node) -> Result<T, Fault> {
    let place = Place { node: root, path: String::new() };
    let origin = root.origin.clone();
    T::deserialize(place).map_err(|problem| problem.at(&origin, "").into_fault())
}

/// The keys of the whole file, asked from the type itself: it refuses any other with the list of them.
pub(super) fn top_level_keys<T: DeserializeOwned>() -> &'static [&'static str] {
    let origin = Origin::START;
    let entry = Entry { key: String::new(), node: Node::absent(&origin), origin: origin.clone() };
    let node = Node { origin, value: Value::Map(vec![entry]) };
    T::deserialize(Place { node: &node, path: String::new() })
        .err()
        .and_then(|problem| problem.known_keys())
        .unwrap_or_default()
}

/// A node and the keys that lead to it.
struct Place<'a> {
    node: &'a Node,
    path: String,
}

struct Entries<'a> {
    entries: Iter<'a, Entry>,
    value: Option<&'a Entry>,
    path: String,
}

struct Elements<'a> {
    nodes: Enumerate<Iter<'a, Node>>,
    path: String,
}

// === impl Place ===

impl<'a> Place<'a> {
    /// What text out of the environment stands for when its type is not known from elsewhere.
    fn visit_parsed<'de, V: Visitor<'de>, T: FromStr>(
        self,
        visitor: V,
        visit: impl FnOnce(V, T) -> Result<V::Value, Problem>,
    ) -> Result<V::Value, Problem> {
        let origin = &self.node.origin;
        match &self.node.value {
            Value::Untyped(text) => match text.trim().parse() {
                Ok(value) => visit(visitor, value),
                Err(_) => Err(Problem::invalid_type(Unexpected::Str(""), &visitor)),
            }
            .map_err(|problem: Problem| problem.at(origin, &self.path)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn visit<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visit_integer(*value, visitor),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) | Value::Untyped(text) => visitor.visit_str(text),
            Value::List(nodes) => {
                visitor.visit_seq(Elements { nodes: nodes.iter().enumerate(), path: self.path.clone() })
            }
            Value::Map(entries) => self.visit_entries(entries, visitor),
        }
    }

    fn visit_entries<'de, V: Visitor<'de>>(
        &self,
        entries: &[Entry],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_map(Entries { entries: entries.iter(), value: None, path: self.path.clone() })
    }
}

/// serde's own visitors know the 64-bit calls only.
fn visit_integer<'de, V: Visitor<'de>>(value: i128, visitor: V) -> Result<V::Value, Problem> {
    match (u64::try_from(value), i64::try_from(value)) {
        (Ok(value), _) => visitor.visit_u64(value),
        (_, Ok(value)) => visitor.visit_i64(value),
        _ => visitor.visit_i128(value),
    }
}

macro_rules! deserialize_parsed {
    ($($method:ident: $type:ty, $visit:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            self.visit_parsed::<V, $type>(visitor, $visit)
        }
    )*};
}

impl<'de> Deserializer<'de> for Place<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.visit(visitor).map_err(|problem| problem.at(&self.node.origin, &self.path))
    }

    deserialize_parsed! {
        deserialize_bool: bool, |visitor, value| visitor.visit_bool(value);
        deserialize_i8: i128, |visitor, value| visit_integer(value, visitor);
        deserialize_i16: i128, |visitor, value| visit_integer(value, visitor);
        deserialize_i32: i128, |visitor, value| visit_integer(value, visitor);
        deserialize_i64: i128, |visitor, value| visit_integer(value, visitor);
        deserialize_u8: i128, |visitor, value| visit_integer(value, visitor);
        deserialize_u16: i128, |visitor, value| visit_integer(value, visitor);
        deserialize_u32: i128, |visitor, value| visit_integer(value, visitor);
        deserialize_u64: i128, |visitor, value| visit_integer(value, visitor);
        deserialize_f32: f64, |visitor, value| visitor.visit_f64(value);
        deserialize_f64: f64, |visitor, value| visitor.visit_f64(value);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    /// A section whose keys are all commented out is there, and empty.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Null => self.visit_entries(&[], visitor),
            Value::Map(entries) => self.visit_entries(entries, visitor),
            other => Err(Problem::invalid_type(unexpected(other), &"a section")),
        }
        .map_err(|problem| problem.at(&self.node.origin, &self.path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Text(text) | Value::Untyped(text) => {
                let text: StrDeserializer<'_, Problem> = text.as_str().into_deserializer();
                visitor.visit_enum(text)
            }
            other => Err(Problem::invalid_type(unexpected(other), &"a string")),
        }
        .map_err(|problem| problem.at(&self.node.origin, &self.path))
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
        ignored_any
    }
}

/// Only its kind is ever looked at.
fn unexpected(value: &Value) -> Unexpected<'static> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Integer(_) => Unexpected::Signed(0),
        Value::Float(_) => Unexpected::Float(0.0),
        Value::Text(_) | Value::Untyped(_) => Unexpected::Str(""),
        Value::List(_) => Unexpected::Seq,
        Value::Map(_) => Unexpected::Map,
    }
}

// === impl Entries ===

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        self.value = self.entries.next();
        let Some(entry) = self.value else { return Ok(None) };
        let key: StrDeserializer<'_, Problem> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|problem| problem.at(&entry.origin, &self.path))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let entry =
            self.value.take().ok_or_else(|| Problem::custom("a value was asked for before its key"))?;
        let path = join(&self.path, &entry.key);
        seed.deserialize(Place { node: &entry.node, path: path.clone() })
            .map_err(|problem| problem.at(&entry.node.origin, &path))
    }
}

// === impl Elements ===

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let Some((index, node)) = self.nodes.next() else { return Ok(None) };
        let path = format!("{}[{index}]", self.path);
        seed.deserialize(Place { node, path: path.clone() })
            .map(Some)
            .map_err(|problem| problem.at(&node.origin, &path))
    }
}
