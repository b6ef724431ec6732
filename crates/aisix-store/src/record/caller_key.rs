use aisix_domain::{CallerKey, DisplayName, Invalid, KeyHash, Pattern, Timestamp};

use super::Record;
use super::fields::{Fields, Writer};

impl Record for CallerKey {
    fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let mut fields = Fields::parse(value)?;
        Ok(Self {
            display_name: fields.text("display_name")?.as_deref().map(DisplayName::parse).transpose()?,
            key_hash: KeyHash::from_hex(&fields.required_text("key_hash")?)?,
            // A row without the field denies all, as an empty list does.
            allowed_models: Self::parse_allowed_models(&fields.texts("allowed_models")?.unwrap_or_default())?,
            expires_at: expires_at(&mut fields)?,
            disabled: fields.bool("disabled")?.unwrap_or_default(),
            unknown_fields: fields.unknown(),
        })
    }

    fn encode(&self) -> Vec<u8> {
        let allowed_models: Vec<_> = self.allowed_models.iter().map(Pattern::as_str).collect();
        Writer::default()
            .put_set("display_name", self.display_name.as_deref())
            .put("key_hash", self.key_hash.to_string())
            .put("allowed_models", allowed_models)
            .put_set("expires_at", self.expires_at.as_ref().map(Timestamp::as_str))
            .put_set("disabled", self.disabled.then_some(true))
            .put_unknown(&self.unknown_fields)
            .finish()
    }
}

fn expires_at(fields: &mut Fields) -> Result<Option<Timestamp>, Invalid> {
    let text = fields.text("expires_at")?;
    text.map(|text| Timestamp::parse(&text)).transpose().map_err(|invalid| invalid.at("/expires_at"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_record_is_written_back_byte_for_byte() {
        for text in [
            format!(r#"{{"key_hash":"{HASH}","allowed_models":[]}}"#),
            format!(
                r#"{{"display_name":"app","key_hash":"{HASH}","allowed_models":["a","b/*"],"expires_at":"2027-01-31T00:00:00Z","disabled":true,"later":null}}"#
            ),
        ] {
            let key = CallerKey::decode(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(key.encode()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (rest, pointer) in [
            (r#","allowed_models":["a","**"]"#, "/allowed_models/1"),
            (r#","allowed_models":"*""#, "/allowed_models"),
            (r#","expires_at":"tomorrow""#, "/expires_at"),
            (r#","disabled":"no""#, "/disabled"),
            (r#","key_hash":"00""#, "/key_hash"),
        ] {
            let text = format!(r#"{{"key_hash":"{HASH}"{rest}}}"#);
            assert_eq!(CallerKey::decode(text.as_bytes()).unwrap_err().field(), pointer, "{rest}");
        }
    }
}
