//! A document as a tree that knows where each part of it was written.

use std::collections::HashMap;

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    File { line: u64, column: u64 },
    Variable(String),
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    /// A string that was written as one.
    Text(String),
    /// A string out of the environment, where everything is one: it may stand for a number or a boolean.
    Untyped(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) node: Node,
}

// === impl Origin ===

impl Origin {
    pub(super) const START: Self = Self::File { line: 1, column: 1 };
}

// === impl Node ===

impl Node {
    pub(super) fn absent(origin: &Origin) -> Self {
        Self { origin: origin.clone(), value: Value::Null }
    }

    /// Where each value stands, by its path: keys joined by dots, elements by number.
    pub(super) fn origins(&self) -> HashMap<String, Origin> {
        let mut origins = HashMap::new();
        self.collect_origins("", &mut origins);
        origins
    }

    fn collect_origins(&self, path: &str, origins: &mut HashMap<String, Origin>) {
        origins.insert(path.to_owned(), self.origin.clone());
        match &self.value {
            Value::Map(entries) => {
                for entry in entries {
                    entry.node.collect_origins(&join(path, &entry.key), origins);
                }
            }
            Value::List(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    node.collect_origins(&format!("{path}[{index}]"), origins);
                }
            }
            _ => {}
        }
    }
}

/// The path of a key inside the section at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
