//! YAML text to a tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Location, Spanned};

use super::Fault;
use super::document::{Entry, Node, Origin, Value};

struct ValueVisitor;

/// The tree of one YAML document.
pub(super) fn document(text: &str) -> Result<Node, Fault> {
    let options = serde_saphyr::options! {
        // Doubled keys are found below, where both places are known.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `off` is a log level.
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    let root: Spanned<Value> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax(&error))?;
    let root = node(root);
    check_doubled(&root)?;
    Ok(root)
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { origin: origin(spanned.referenced), value: spanned.value }
}

fn origin(location: Location) -> Origin {
    Origin::File { line: location.line(), column: location.column() }
}

/// The parser's own words, less the place that they end with.
fn syntax(error: &Error) -> Fault {
    let origin = error.location().map_or(Origin::START, origin);
    let message = match error {
        Error::MultipleDocuments { .. } => "holds more than one YAML document".to_owned(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an alias must not stand inside what it stands for".to_owned()
        }
        _ => error.to_string(),
    };
    let message = message.split(" at line ").next().unwrap_or_default();
    Fault::new(&origin, format!("not valid YAML: {message}"))
}

fn check_doubled(node: &Node) -> Result<(), Fault> {
    match &node.value {
        Value::List(nodes) => nodes.iter().try_for_each(check_doubled),
        Value::Map(entries) => entries.iter().enumerate().try_for_each(|(index, entry)| {
            if entries[..index].iter().any(|earlier| earlier.key == entry.key) {
                return Err(Fault::new(&entry.origin, format!("key {:?} is here twice", entry.key)));
            }
            check_doubled(&entry.node)
        }),
        _ => Ok(()),
    }
}

// === impl Value ===

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(element) = elements.next_element()? {
            nodes.push(node(element));
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let node = node(map.next_value()?);
            entries.push(Entry { key: key.value, origin: origin(key.referenced), node });
        }
        Ok(Value::Map(entries))
    }
}
