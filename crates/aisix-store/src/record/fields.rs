use std::collections::HashMap;
use std::fmt;

use aisix_domain::{Invalid, UnknownFields};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The fields of a stored object that were not read yet, each value as its exact text.
pub(super) struct Fields {
    members: Members,
    /// JSON pointer to the object.
    at: &'static str,
}

/// The members of a JSON object in their order. Of a name that occurs twice the last value counts.
struct Members(Vec<(String, Box<RawValue>)>);

/// The text of an object to store.
#[derive(Default)]
pub(super) struct Writer {
    names: Vec<String>,
    /// The members without the braces around them.
    text: String,
}

// === impl Fields ===

impl Fields {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Invalid> {
        // The parser's own message may quote the input; its place does not.
        let unreadable = |e: serde_json::Error| {
            let message = match e.is_data() {
                true => "must be a JSON object".to_owned(),
                false => format!("the value is not JSON (line {}, column {})", e.line(), e.column()),
            };
            Invalid::new("unreadable_record", "", message)
        };
        Ok(Self { members: serde_json::from_slice(value).map_err(unreadable)?, at: "" })
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        self.typed(name, "a string")
    }

    /// A string, or the text of an object.
    pub(super) fn text_or_document(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        let Some(raw) = self.members.take(name) else { return Ok(None) };
        if raw.get().starts_with('{') {
            return Ok(Some(raw.get().to_owned()));
        }
        self.read(name, &raw, "a string or a JSON object")
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, Invalid> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn bool(&mut self, name: &str) -> Result<Option<bool>, Invalid> {
        self.typed(name, "true or false")
    }

    pub(super) fn unsigned(&mut self, name: &str) -> Result<Option<u64>, Invalid> {
        self.typed(name, "a whole number of zero or more")
    }

    pub(super) fn required_number(&mut self, name: &str) -> Result<f64, Invalid> {
        self.typed(name, "a number")?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Invalid> {
        self.typed(name, "an array of strings")
    }

    pub(super) fn object(&mut self, name: &str, at: &'static str) -> Result<Option<Self>, Invalid> {
        let members = self.typed(name, "a JSON object")?;
        Ok(members.map(|members| Self { members, at }))
    }

    /// What is left.
    pub(super) fn unknown(self) -> UnknownFields {
        UnknownFields::new(self.members.0)
    }

    pub(super) fn missing(&self, name: &str) -> Invalid {
        Invalid::new("unreadable_record", self.pointer(name), format!("{name} is missing"))
    }

    /// Takes a field; `null` is the same as none.
    fn typed<T: DeserializeOwned>(&mut self, name: &str, wanted: &str) -> Result<Option<T>, Invalid> {
        match self.members.take(name) {
            Some(raw) => self.read(name, &raw, wanted),
            None => Ok(None),
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        name: &str,
        raw: &RawValue,
        wanted: &str,
    ) -> Result<Option<T>, Invalid> {
        let mistyped =
            |_| Invalid::new("unreadable_record", self.pointer(name), format!("{name} must be {wanted}"));
        serde_json::from_str(raw.get()).map_err(mistyped)
    }

    fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.at)
    }
}

// === impl Members ===

impl Members {
    fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let index = self.0.iter().position(|(member, _)| member == name)?;
        Some(self.0.remove(index).1)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
        let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
        let mut places = HashMap::new();
        while let Some((name, value)) = access.next_entry::<String, Box<RawValue>>()? {
            let place = *places.entry(name.clone()).or_insert(members.len());
            match members.get_mut(place) {
                Some((_, earlier)) => *earlier = value,
                None => members.push((name, value)),
            }
        }
        Ok(Members(members))
    }
}

// === impl Writer ===

impl Writer {
    pub(super) fn put(self, name: &str, value: impl Into<Value>) -> Self {
        self.put_text(name, &value.into().to_string())
    }

    pub(super) fn put_set(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }

    pub(super) fn put_object(self, name: &str, object: Option<Self>) -> Self {
        match object {
            Some(object) => self.put_text(name, &object.into_text()),
            None => self,
        }
    }

    /// A field that a newer version wrote never replaces one that this version knows.
    pub(super) fn put_unknown(self, unknown: &UnknownFields) -> Self {
        let known = self.names.clone();
        let others = unknown.iter().filter(|(name, _)| known.iter().all(|put| put != name));
        others.fold(self, |writer, (name, text)| writer.put_text(name, text))
    }

    /// The stored bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.into_text().into_bytes()
    }

    fn put_text(mut self, name: &str, value: &str) -> Self {
        if !self.names.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(&Value::from(name).to_string());
        self.text.push(':');
        self.text.push_str(value);
        self.names.push(name.to_owned());
        self
    }

    fn into_text(self) -> String {
        format!("{{{}}}", self.text)
    }
}
