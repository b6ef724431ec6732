use std::fmt;

use serde_json::{Map, Value};

/// Fields of a stored row that this version does not know. They are kept when the row is written again and
/// otherwise ignored. `Debug` shows their names only: a newer version may keep secrets in them.
#[derive(Clone, Default, PartialEq)]
pub struct UnknownFields(Map<String, Value>);

impl UnknownFields {
    /// The given fields, in their order.
    pub fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// The fields, for the store's encoder.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl fmt::Debug for UnknownFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
