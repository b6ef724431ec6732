//! How resources are stored: the bare resource as a JSON object, the secret in plain text.
//!
//! Reading is tolerant where an older or newer version may have written the row: fields it does not know are
//! kept, `null` is the same as absent, fields with a default may be missing. No error repeats a value.

mod caller_key;
mod fields;
mod model;
mod provider_key;

use aisix_domain::{Invalid, Resource};

/// A resource with a stored form.
pub trait Record: Resource + Sized {
    /// Reads a stored value.
    ///
    /// # Errors
    /// The rule that the value breaks, by the codes of the domain, or `unreadable_record`.
    fn decode(value: &[u8]) -> Result<Self, Invalid>;

    /// Writes the stored value.
    fn encode(&self) -> Vec<u8>;
}
