//! What the environment adds to a document.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::Fault;
use super::document::{Entry, Node, Origin, Value, join};

const SEPARATOR: &str = "__";

/// The variables of the process. Those that are not UTF-8 are as good as absent.
pub(super) struct Environment {
    variables: BTreeMap<String, String>,
    prefix: String,
}

/// Why a reference cannot be replaced.
enum Unexpandable {
    Unset(String),
    Malformed(&'static str),
}

// === impl Environment ===

impl Environment {
    pub(super) fn new(prefix: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { variables: variables.into_iter().filter_map(text).collect(), prefix: prefix.to_owned() }
    }

    /// Leaves out what depends on a variable that is not set, inside sections that nobody will look at.
    pub(super) fn leave_out_unset(&self, root: &mut Node, unneeded: &[&str]) {
        let Value::Map(sections) = &mut root.value else { return };
        for section in sections.iter_mut().filter(|section| unneeded.contains(&section.key.as_str())) {
            if let Value::Map(entries) = &mut section.node.value {
                entries.retain(|entry| !self.depends_on_unset(&entry.node));
            }
        }
    }

    fn depends_on_unset(&self, node: &Node) -> bool {
        match &node.value {
            Value::Text(text) => matches!(self.expanded(text), Err(Unexpandable::Unset(_))),
            Value::List(nodes) => nodes.iter().any(|node| self.depends_on_unset(node)),
            Value::Map(entries) => entries.iter().any(|entry| self.depends_on_unset(&entry.node)),
            _ => false,
        }
    }

    /// Replaces `${NAME}` and `${NAME:-default}` in every string; `$${` stands for `${`.
    pub(super) fn expand(&self, node: &mut Node) -> Result<(), Fault> {
        match &mut node.value {
            Value::Text(text) if text.contains("${") => {
                let expanded =
                    self.expanded(text).map_err(|problem| Fault::new(&node.origin, problem.message()))?;
                node.value = Value::Untyped(expanded);
                Ok(())
            }
            Value::List(nodes) => nodes.iter_mut().try_for_each(|node| self.expand(node)),
            Value::Map(entries) => entries.iter_mut().try_for_each(|entry| self.expand(&mut entry.node)),
            _ => Ok(()),
        }
    }

    fn expanded(&self, text: &str) -> Result<String, Unexpandable> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, reference)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("${");
                rest = reference;
                continue;
            }
            let (reference, after) = reference.split_once('}').ok_or(Unexpandable::Malformed(
                "\"${\" has no \"}\"; write \"$${\" for the characters themselves",
            ))?;
            expanded.push_str(before);
            expanded.push_str(self.referenced(reference)?);
            rest = after;
        }
        Ok(expanded + rest)
    }

    /// As in a shell, the default also stands in for a variable that is empty.
    fn referenced<'a>(&'a self, reference: &'a str) -> Result<&'a str, Unexpandable> {
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_variable_name(name) {
            let message = "\"${…}\" must hold the name of an environment variable";
            return Err(Unexpandable::Malformed(message));
        }
        let value = self.variables.get(name).map(String::as_str);
        match default {
            Some(default) => Ok(value.filter(|value| !value.is_empty()).unwrap_or(default)),
            None => value.ok_or_else(|| Unexpandable::Unset(name.to_owned())),
        }
    }

    /// Puts the value of every variable such as `AISIX_PROXY__ADDR` where its name says. One such as
    /// `AISIX_PROXY` means a whole section, which no variable can hold; others have nothing to do with the file.
    pub(super) fn override_scalars(&self, root: &mut Node, sections: &[&str]) -> Result<(), Fault> {
        self.variables.iter().try_for_each(|(name, value)| {
            let Some(path) = name.strip_prefix(&self.prefix) else { return Ok(()) };
            let keys: Vec<_> = path.split(SEPARATOR).map(str::to_ascii_lowercase).collect();
            let origin = Origin::Variable(name.clone());
            let put = match keys.as_slice() {
                [section] if sections.contains(&section.as_str()) => Err(format!(
                    "a variable cannot hold all of {section}; name one of its keys: {name}{SEPARATOR}KEY"
                )),
                [_] => Ok(()),
                keys => put(root, keys, &origin, value),
            };
            put.map_err(|message| Fault { origin, message })
        })
    }
}

// === impl Unexpandable ===

impl Unexpandable {
    fn message(&self) -> String {
        match self {
            Self::Unset(name) => {
                format!("environment variable {name} is not set; set it, or write ${{{name}:-default}}")
            }
            Self::Malformed(message) => (*message).to_owned(),
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// Makes the sections and lists on the way that are not there yet.
fn put(root: &mut Node, keys: &[String], origin: &Origin, value: &str) -> Result<(), String> {
    let (mut node, mut path) = (root, String::new());
    for key in keys {
        let (inner, next) = match key.parse() {
            Ok(index) => (format!("{path}[{index}]"), element(node, index, origin)),
            Err(_) => (join(&path, key), member(node, key, origin)),
        };
        node = next.ok_or_else(|| format!("there is no place for {inner}"))?;
        path = inner;
    }
    if matches!(node.value, Value::List(_) | Value::Map(_)) {
        return Err(format!("{path} holds several values; name one of them"));
    }
    *node = Node { origin: origin.clone(), value: Value::Untyped(value.to_owned()) };
    Ok(())
}

/// The element of a list, or a new one at its end.
fn element<'a>(node: &'a mut Node, index: usize, origin: &Origin) -> Option<&'a mut Node> {
    if matches!(node.value, Value::Null) {
        node.value = Value::List(Vec::new());
    }
    let Value::List(nodes) = &mut node.value else { return None };
    if index == nodes.len() {
        nodes.push(Node::absent(origin));
    }
    nodes.get_mut(index)
}

/// The value of a key, or a new one.
fn member<'a>(node: &'a mut Node, key: &str, origin: &Origin) -> Option<&'a mut Node> {
    if matches!(node.value, Value::Null) {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut node.value else { return None };
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        entries.push(Entry { key: key.to_owned(), origin: origin.clone(), node: Node::absent(origin) });
        entries.len() - 1
    });
    entries.get_mut(index).map(|entry| &mut entry.node)
}
