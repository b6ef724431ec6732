use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The id of a stored resource: a UUID, version 4 when assigned here. Ordered as its text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(Uuid);

impl ResourceId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id with these bytes, for tests and generated data.
    pub const fn from_u128(value: u128) -> Self {
        Self(Uuid::from_u128(value))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// Accepts the canonical spelling only (hyphenated, lower case), so that an id has one storage key.
impl FromStr for ResourceId {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Uuid::try_parse(text).map(Self).ok();
        id.filter(|id| id.to_string() == text).ok_or_else(|| {
            crate::Invalid::new("invalid_id", "", "an id is a UUID in lower case with hyphens")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let text = "db8613ea-2ecd-40e4-91aa-08197119f766";
        assert_eq!(text.parse::<ResourceId>().unwrap().to_string(), text);
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), String::new()] {
            assert!(other.parse::<ResourceId>().is_err(), "{other}");
        }
    }
}
