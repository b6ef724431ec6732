//! The nouns of the AISIX gateway and their rules.
//!
//! A [`ProviderKey`] is a stored upstream credential, a [`Model`] is the alias that callers use for it, a
//! [`CallerKey`] is what a caller presents. A [`Snapshot`] holds all of them at one revision of the store.
//!
//! This crate performs no I/O, knows no HTTP and no clock, and depends on no runtime. Values are checked once,
//! when they are made: whoever holds a [`ProviderKey`] holds a valid one. Nothing here can be serialised, so
//! no secret leaves by accident; the store and the admin API convert by hand.

mod adapter;
mod caller_key;
mod id;
mod invalid;
mod model;
mod name;
mod operation;
mod pattern;
mod provider_key;
mod resource;
mod secret;
mod snapshot;
mod timestamp;
mod unknown_fields;

pub use adapter::{Adapter, UnknownAdapter};
pub use caller_key::{ALLOWED_MODELS_MAX, CallerKey, KeyHash};
pub use id::ResourceId;
pub use invalid::Invalid;
pub use model::{Cost, Model, TIMEOUT_MS_MAX, UPSTREAM_MODEL_BYTES_MAX};
pub use name::{DISPLAY_NAME_CHARS_MAX, DisplayName, PROVIDER_CHARS_MAX, Provider};
pub use operation::{Dialect, Operation};
pub use pattern::Pattern;
pub use provider_key::{
    API_BASE_BYTES_MAX, ProviderKey, STRIP_HEADERS_DEFAULT, STRIP_HEADERS_MAX, StripHeaders, TelemetryTags,
};
pub use resource::{Entry, Resource, ResourceKind, ResourceRef};
pub use secret::{REDACTED, SECRET_BYTES_MAX, Secret};
pub use snapshot::{Collection, Rejection, Snapshot, SnapshotObserver, StoreHealth, Touched, Update};
pub use timestamp::Timestamp;
pub use unknown_fields::UnknownFields;
