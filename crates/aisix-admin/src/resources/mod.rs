//! The three kinds of resources: fields, rules and views.

mod caller_key;
mod model;
mod provider_key;
mod secret;

pub(crate) use caller_key::{create_caller_key, rotate_caller_key};
pub(crate) use provider_key::{adapter_schema, parse_adapter};
pub(crate) use secret::SecretBody;
