use std::sync::Arc;

use crate::{Adapter, DisplayName, Invalid, Provider, Secret, UnknownFields};

/// The longest `api_base`, in bytes.
pub const API_BASE_BYTES_MAX: usize = 2048;
/// The most header names in `strip_headers`.
pub const STRIP_HEADERS_MAX: usize = 64;
/// `strip_headers` when the operator says nothing.
pub const STRIP_HEADERS_DEFAULT: [&str; 4] = ["authorization", "cookie", "set-cookie", "x-api-key"];

/// A stored upstream credential with its wire format and base URL. Many models may share one.
#[derive(Clone, Debug)]
pub struct ProviderKey {
    /// Unique among provider keys.
    pub display_name: DisplayName,
    /// The upstream credential.
    pub secret: Secret,
    /// The base URL as the operator wrote it; normalised where it is used. Unset only where a family allows it.
    pub api_base: Option<Arc<str>>,
    /// Who the upstream is.
    pub provider: Provider,
    /// Which wire format to speak.
    pub adapter: Adapter,
    /// Labels for the operator's own reporting.
    pub telemetry_tags: TelemetryTags,
    /// Headers of a caller that never reach the upstream on passthrough routes.
    pub strip_headers: StripHeaders,
    /// Whether streams ask the upstream for their token usage (`stream_options`). Unset means yes; some
    /// compatible servers refuse the parameter.
    pub stream_usage: Option<bool>,
    /// Fields of the row that this version does not know.
    pub unknown_fields: UnknownFields,
}

/// Labels of a provider key. `featured` is always present, the others only when set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TelemetryTags {
    /// Shown first in the operator's listings.
    pub featured: bool,
    /// Free label.
    pub kind: Option<String>,
    /// The vendor as shown to people.
    pub branded_provider: Option<String>,
    /// Label of a bring-your-own endpoint.
    pub byo_label: Option<String>,
    /// Label of the key itself.
    pub pk_label: Option<String>,
    /// Labels of the row that this version does not know.
    pub unknown_fields: UnknownFields,
}

/// Header names in lower case, without repetitions, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripHeaders(Vec<String>);

impl StripHeaders {
    /// # Errors
    /// `invalid_strip_headers` when a name is no header name or there are more than 64.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, Invalid> {
        let mut unique: Vec<String> = Vec::new();
        for name in names {
            let name = name.as_ref().to_ascii_lowercase();
            if !is_header_name(&name) {
                return Err(refused("strip_headers holds header names such as \"x-internal-token\""));
            }
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        if unique.len() > STRIP_HEADERS_MAX {
            return Err(refused("strip_headers has at most 64 names"));
        }
        Ok(Self(unique))
    }

    /// The names in their order.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

fn refused(why: &'static str) -> Invalid {
    Invalid::new("invalid_strip_headers", "/strip_headers", why)
}

/// RFC 9110 §5.1: a field name is a token.
fn is_header_name(name: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= 256 && name.bytes().all(is_token)
}

impl Default for StripHeaders {
    fn default() -> Self {
        Self(STRIP_HEADERS_DEFAULT.map(str::to_owned).to_vec())
    }
}

impl TelemetryTags {
    /// The optional labels by name, in the order of answers.
    pub fn labels(&self) -> [(&'static str, Option<&String>); 4] {
        [
            ("kind", self.kind.as_ref()),
            ("branded_provider", self.branded_provider.as_ref()),
            ("byo_label", self.byo_label.as_ref()),
            ("pk_label", self.pk_label.as_ref()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_lowered_and_kept_in_order_once() {
        let headers = StripHeaders::new(["X-B", "a", "x-b", "A"]).unwrap();
        assert_eq!(headers.names(), ["x-b", "a"]);
        assert!(StripHeaders::new(Vec::<String>::new()).unwrap().names().is_empty());
        for bad in ["", "a b", "a:b", "ä"] {
            assert_eq!(StripHeaders::new([bad]).unwrap_err().code(), "invalid_strip_headers", "{bad}");
        }
    }

    fn later() -> UnknownFields {
        let value = serde_json::value::to_raw_value("canary-later").unwrap();
        UnknownFields::new(vec![("later".to_owned(), value)])
    }

    #[test]
    fn debug_of_a_whole_key_shows_no_secret() {
        let key = ProviderKey {
            display_name: DisplayName::parse("a").unwrap(),
            secret: Secret::new("canary-secret").unwrap(),
            api_base: None,
            provider: Provider::parse("openai").unwrap(),
            adapter: Adapter::Openai,
            telemetry_tags: TelemetryTags { unknown_fields: later(), ..TelemetryTags::default() },
            strip_headers: StripHeaders::default(),
            stream_usage: None,
            unknown_fields: later(),
        };
        assert!(!format!("{key:?} {key:#?}").contains("canary"));
    }
}
