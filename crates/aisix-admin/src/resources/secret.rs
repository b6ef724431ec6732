use std::borrow::Cow;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use aisix_domain::{Invalid, REDACTED, Secret};

/// A secret in a request: a string, or a JSON document that is kept as its text.
pub(crate) struct SecretBody(SecretString);

/// What an answer shows in a secret's place.
pub(crate) struct Redacted;

impl SecretBody {
    /// Whether it is the placeholder of answers.
    pub(crate) fn is_redacted(&self) -> bool {
        self.0.expose_secret() == REDACTED
    }

    /// The secret as the domain has it.
    pub(crate) fn to_secret(&self) -> Result<Secret, Invalid> {
        Secret::new(self.0.expose_secret())
    }
}

// === impl Deserialize, ToSchema for SecretBody ===

impl<'de> Deserialize<'de> for SecretBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = SecretBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a JSON object")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretBody, E> {
        Ok(SecretBody(text.into()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<SecretBody, E> {
        Ok(SecretBody(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<SecretBody, A::Error> {
        let document = Value::deserialize(MapAccessDeserializer::new(members))?;
        Ok(SecretBody(document.to_string().into()))
    }
}

impl PartialSchema for SecretBody {
    fn schema() -> RefOr<Schema> {
        let key = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).build();
        let document = Object::with_type(SchemaType::Type(Type::Object));
        OneOfBuilder::new()
            .item(key)
            .item(document)
            .description(Some("The key as a string, or a JSON document as an object or as its text."))
            .into()
    }
}

impl ToSchema for SecretBody {
    fn name() -> Cow<'static, str> {
        "Secret".into()
    }
}

// === impl Serialize for Redacted ===

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}
