//! Reading JSON bodies: strict, bounded, and silent about what they hold.

mod merge;
mod shape;
mod tree;

use serde::{Deserialize, Deserializer};

pub(crate) use merge::merge_patch;
pub(crate) use shape::typed;
pub(crate) use tree::parse;

/// Reads an optional member that has a default: `null` is the same as absent.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Appends a member's name to a JSON pointer (RFC 6901).
pub(crate) fn pointer_push(pointer: &mut String, member: &str) {
    pointer.push('/');
    pointer.push_str(&member.replace('~', "~0").replace('/', "~1"));
}
