use aisix_domain::{
    API_BASE_BYTES_MAX, DisplayName, Invalid, Provider, ProviderKey, Secret, StripHeaders, TelemetryTags,
    UnknownAdapter,
};

use super::Record;
use super::fields::{Fields, Writer};

impl Record for ProviderKey {
    fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let mut fields = Fields::parse(value)?;
        Ok(Self {
            display_name: DisplayName::parse(&fields.required_text("display_name")?)?,
            secret: secret(&mut fields)?,
            api_base: api_base(&mut fields)?,
            provider: Provider::parse(&fields.required_text("provider")?)?,
            adapter: fields.required_text("adapter")?.parse().map_err(unknown_adapter)?,
            telemetry_tags: telemetry_tags(&mut fields)?,
            strip_headers: strip_headers(&mut fields)?,
            stream_usage: fields.bool("stream_usage")?,
            unknown_fields: fields.unknown(),
        })
    }

    fn encode(&self) -> Vec<u8> {
        Writer::default()
            .put("display_name", &*self.display_name)
            .put("secret", self.secret.reveal())
            .put_set("api_base", self.api_base.as_deref())
            .put("provider", &*self.provider)
            .put("adapter", self.adapter.as_str())
            .put_object("telemetry_tags", Some(tags_writer(&self.telemetry_tags)))
            .put("strip_headers", self.strip_headers.names())
            .put_set("stream_usage", self.stream_usage)
            .put_unknown(&self.unknown_fields)
            .finish()
    }
}

/// A string, or a JSON document whose text is the secret.
fn secret(fields: &mut Fields) -> Result<Secret, Invalid> {
    let text = fields.text_or_document("secret")?;
    Secret::new(text.ok_or_else(|| fields.missing("secret"))?)
}

fn api_base(fields: &mut Fields) -> Result<Option<std::sync::Arc<str>>, Invalid> {
    let api_base = fields.text("api_base")?;
    if api_base.as_ref().is_some_and(|text| text.len() > API_BASE_BYTES_MAX) {
        return Err(Invalid::new("invalid_api_base", "/api_base", "api_base has at most 2048 bytes"));
    }
    Ok(api_base.map(Into::into))
}

fn telemetry_tags(fields: &mut Fields) -> Result<TelemetryTags, Invalid> {
    let Some(mut tags) = fields.object("telemetry_tags", "/telemetry_tags")? else {
        return Ok(TelemetryTags::default());
    };
    Ok(TelemetryTags {
        featured: tags.bool("featured")?.unwrap_or_default(),
        kind: tags.text("kind")?,
        branded_provider: tags.text("branded_provider")?,
        byo_label: tags.text("byo_label")?,
        pk_label: tags.text("pk_label")?,
        unknown_fields: tags.unknown(),
    })
}

fn tags_writer(tags: &TelemetryTags) -> Writer {
    let featured = Writer::default().put("featured", tags.featured);
    let labelled = tags
        .labels()
        .into_iter()
        .fold(featured, |writer, (name, label)| writer.put_set(name, label.map(String::as_str)));
    labelled.put_unknown(&tags.unknown_fields)
}

fn strip_headers(fields: &mut Fields) -> Result<StripHeaders, Invalid> {
    fields.texts("strip_headers")?.map_or_else(|| Ok(StripHeaders::default()), StripHeaders::new)
}

fn unknown_adapter(error: UnknownAdapter) -> Invalid {
    Invalid::new("invalid_adapter", "/adapter", format!("adapter {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<ProviderKey, Invalid> {
        ProviderKey::decode(text.as_bytes())
    }

    #[test]
    fn a_record_is_written_back_byte_for_byte() {
        for text in [
            r#"{"display_name":"a","secret":"sk-1","api_base":"https://x/v1","provider":"openai","adapter":"openai","telemetry_tags":{"featured":false},"strip_headers":["cookie"]}"#,
            r#"{"display_name":"a","secret":"sk-1","provider":"aws","adapter":"bedrock","telemetry_tags":{"featured":true,"kind":"k","pk_label":"p","later":{"n": 1.50}},"strip_headers":[],"stream_usage":false,"later":{"b":1,"a":[12345678901234567890123]},"zzz":"\u0041"}"#,
        ] {
            assert_eq!(String::from_utf8(decoded(text).unwrap().encode()).unwrap(), text);
        }
    }

    #[test]
    fn missing_fields_have_their_defaults() {
        let key =
            decoded(r#"{"display_name":"a","secret":"s","provider":"p","adapter":"openai","api_base":null}"#);
        let key = key.unwrap();
        assert_eq!(key.telemetry_tags, TelemetryTags::default());
        assert_eq!(key.strip_headers, StripHeaders::default());
        assert_eq!((key.api_base, key.stream_usage), (None, None));
    }

    #[test]
    fn a_repeated_field_counts_as_it_is_written_last() {
        let key = decoded(
            r#"{"display_name":"a","display_name":"b","secret":"s","provider":"p","adapter":"openai","later":1,"later":2}"#,
        );
        let key = key.unwrap();
        assert_eq!(&*key.display_name, "b");
        assert_eq!(key.unknown_fields.iter().collect::<Vec<_>>(), [("later", "2")]);
    }

    #[test]
    fn a_secret_may_be_a_document() {
        let text = r#"{"display_name":"a","secret":{"type":"service_account","n":1},"provider":"p","adapter":"vertex"}"#;
        let key = decoded(text).unwrap();
        assert!(key.secret.same_as(&Secret::new(r#"{"type":"service_account","n":1}"#).unwrap()));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        for (rest, pointer) in [
            (r#""display_name":"canary\n""#, "/display_name"),
            (r#""secret":["canary"]"#, "/secret"),
            (r#""secret":null"#, "/secret"),
            (r#""provider":"canary canary""#, "/provider"),
            (r#""adapter":"canary""#, "/adapter"),
            (r#""telemetry_tags":{"featured":"canary"}"#, "/telemetry_tags/featured"),
            (r#""telemetry_tags":["canary"]"#, "/telemetry_tags"),
            (r#""strip_headers":["canary canary"]"#, "/strip_headers"),
            (r#""api_base":["canary"]"#, "/api_base"),
        ] {
            let good = r#""display_name":"a","secret":"s","provider":"p","adapter":"openai""#;
            let invalid = decoded(&format!("{{{good},{rest}}}")).unwrap_err();
            assert_eq!(invalid.field(), pointer, "{rest}");
            assert!(!invalid.to_string().contains("canary"), "{invalid}");
        }
    }

    #[test]
    fn what_is_no_json_object_is_not_quoted() {
        for text in ["", "canary", "[\"canary\"]", "{\"canary\"", "\u{0}"] {
            let invalid = decoded(text).unwrap_err();
            assert_eq!(invalid.code(), "unreadable_record");
            assert!(!invalid.to_string().contains("canary"), "{invalid}");
        }
    }
}
