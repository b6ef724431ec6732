//! Reading JSON bodies: strict, bounded, and silent about what they hold.

mod merge;
mod shape;
mod tree;

pub(crate) use merge::merge_patch;
pub(crate) use shape::typed;
pub(crate) use tree::parse;

/// Appends a member's name to a JSON pointer (RFC 6901).
pub(crate) fn pointer_push(pointer: &mut String, member: &str) {
    pointer.push('/');
    pointer.push_str(&member.replace('~', "~0").replace('/', "~1"));
}
