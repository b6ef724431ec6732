use std::fmt;

use serde_json::value::RawValue;

/// Fields of a stored object that this version does not know, each value as its exact text. They are kept when
/// the object is written again and otherwise ignored. `Debug` shows their names only: a newer version may keep
/// secrets in them.
#[derive(Clone, Default)]
pub struct UnknownFields(Vec<(String, Box<RawValue>)>);

impl UnknownFields {
    /// The given fields, in their order.
    pub fn new(fields: Vec<(String, Box<RawValue>)>) -> Self {
        Self(fields)
    }

    /// The fields with the text of their values, for the store's encoder.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }
}

/// The same names with the same texts in the same order.
impl PartialEq for UnknownFields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for UnknownFields {}

impl fmt::Debug for UnknownFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
