use serde::{Deserialize, Deserializer};

/// A section that is there, even with nothing under it: leaving its keys out must not turn it off silently.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
