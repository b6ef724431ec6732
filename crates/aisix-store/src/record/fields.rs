use aisix_domain::{Invalid, UnknownFields};
use serde_json::{Map, Value};

/// The fields of a stored object that were not read yet.
pub(super) struct Fields {
    map: Map<String, Value>,
    /// JSON pointer to the object.
    at: &'static str,
}

/// The fields of an object to store.
#[derive(Default)]
pub(super) struct Writer(Map<String, Value>);

impl Fields {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Invalid> {
        // The parser's own message may quote the input; its place does not.
        let unreadable = |e: serde_json::Error| {
            let message = format!("the value is not JSON (line {}, column {})", e.line(), e.column());
            Invalid::new("unreadable_record", "", message)
        };
        Self::of(serde_json::from_slice(value).map_err(unreadable)?, "")
    }

    fn of(value: Value, at: &'static str) -> Result<Self, Invalid> {
        match value {
            Value::Object(map) => Ok(Self { map, at }),
            _ => Err(Invalid::new("unreadable_record", at, "must be a JSON object")),
        }
    }

    /// Takes a field as it is.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        self.typed(name, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, Invalid> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn bool(&mut self, name: &str) -> Result<Option<bool>, Invalid> {
        self.typed(name, "true or false", |value| value.as_bool())
    }

    pub(super) fn unsigned(&mut self, name: &str) -> Result<Option<u64>, Invalid> {
        self.typed(name, "a whole number of zero or more", |value| value.as_u64())
    }

    pub(super) fn required_number(&mut self, name: &str) -> Result<f64, Invalid> {
        let number = self.typed(name, "a number", |value| value.as_f64())?;
        number.ok_or_else(|| self.missing(name))
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Invalid> {
        self.typed(name, "an array of strings", |value| match value {
            Value::Array(items) => items.into_iter().map(text_of).collect(),
            _ => None,
        })
    }

    pub(super) fn object(&mut self, name: &'static str, at: &'static str) -> Result<Option<Self>, Invalid> {
        self.value(name).map(|value| Self::of(value, at)).transpose()
    }

    /// What is left.
    pub(super) fn unknown(self) -> UnknownFields {
        UnknownFields::new(self.map)
    }

    pub(super) fn missing(&self, name: &str) -> Invalid {
        Invalid::new("unreadable_record", self.pointer(name), format!("{name} is missing"))
    }

    fn typed<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, Invalid> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let mistyped =
            || Invalid::new("unreadable_record", self.pointer(name), format!("{name} must be {wanted}"));
        read(value).map(Some).ok_or_else(mistyped)
    }

    fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.at)
    }
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

// === impl Writer ===

impl Writer {
    pub(super) fn put(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn put_set(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }

    /// The stored bytes. A field that a newer version wrote never replaces one that this version knows.
    pub(super) fn finish(mut self, unknown: &UnknownFields) -> Vec<u8> {
        for (name, value) in unknown.fields() {
            self.0.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        Value::Object(self.0).to_string().into_bytes()
    }
}
