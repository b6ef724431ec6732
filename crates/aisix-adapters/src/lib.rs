//! Wire formats of the upstream families, without I/O.
//!
//! A [`Family`] turns a provider key into an [`Upstream`]; an upstream turns a [`Call`] into an HTTP request
//! and hands out the [`AnswerReader`] that understands what comes back. Bytes go in, bytes and facts come out:
//! this crate opens no connection, reads no clock and spawns nothing, so any runtime can drive it.

mod answer;
pub mod base_url;
mod call;
mod error;
mod family;
mod json;
mod multipart;
pub mod openai;
mod parameters;
mod passthrough;
pub mod preview;
mod redact;
pub mod sse;
mod usage;

pub use answer::{AnswerError, AnswerReader, Mode};
pub use call::{Body, Call, Encoded};
pub use error::{ErrorClass, UpstreamError};
pub use family::{Family, Origin, Upstream, family};
pub use redact::Redactor;
pub use usage::Usage;
