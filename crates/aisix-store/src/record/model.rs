use aisix_domain::{Cost, DisplayName, Invalid, Model, Provider};

use super::Record;
use super::fields::{Fields, Writer};

impl Record for Model {
    fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let mut fields = Fields::parse(value)?;
        let display_name = DisplayName::parse(&fields.required_text("display_name")?)?;
        let alias = Self::alias_of(&display_name)?;
        let model_name = fields.required_text("model_name")?;
        Self::check_model_name(&model_name, &alias)?;
        Ok(Self {
            display_name,
            alias,
            model_name: model_name.into(),
            provider_key_id: fields
                .required_text("provider_key_id")?
                .parse()
                .map_err(|invalid: Invalid| invalid.at("/provider_key_id"))?,
            provider: fields.text("provider")?.as_deref().map(Provider::parse).transpose()?,
            timeout_ms: timeout(&mut fields, "timeout", "/timeout")?,
            stream_timeout_ms: timeout(&mut fields, "stream_timeout", "/stream_timeout")?,
            cost: cost(&mut fields)?,
            unknown_fields: fields.unknown(),
        })
    }

    fn encode(&self) -> Vec<u8> {
        Writer::default()
            .put("display_name", &*self.display_name)
            .put("model_name", &*self.model_name)
            .put("provider_key_id", self.provider_key_id.to_string())
            .put_set("provider", self.provider.as_deref())
            .put_set("timeout", self.timeout_ms)
            .put_set("stream_timeout", self.stream_timeout_ms)
            .put_object("cost", self.cost.as_ref().map(cost_writer))
            .put_unknown(&self.unknown_fields)
            .finish()
    }
}

fn timeout(fields: &mut Fields, name: &str, pointer: &'static str) -> Result<Option<u64>, Invalid> {
    fields.unsigned(name)?.map(|millis| Model::check_timeout(pointer, millis)).transpose()
}

fn cost(fields: &mut Fields) -> Result<Option<Cost>, Invalid> {
    let Some(mut cost) = fields.object("cost", "/cost")? else { return Ok(None) };
    let prices = Cost::new(cost.required_number("input_per_1k")?, cost.required_number("output_per_1k")?)?;
    Ok(Some(Cost { unknown_fields: cost.unknown(), ..prices }))
}

fn cost_writer(cost: &Cost) -> Writer {
    Writer::default()
        .put("input_per_1k", cost.input_per_1k)
        .put("output_per_1k", cost.output_per_1k)
        .put_unknown(&cost.unknown_fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "db8613ea-2ecd-40e4-91aa-08197119f766";

    fn decoded(rest: &str) -> Result<Model, Invalid> {
        let text =
            format!(r#"{{"display_name":"openai/*","model_name":"*","provider_key_id":"{ID}"{rest}}}"#);
        Model::decode(text.as_bytes())
    }

    #[test]
    fn a_record_is_written_back_byte_for_byte() {
        let rest = r#","provider":"corp","timeout":1000,"stream_timeout":2000,"cost":{"input_per_1k":0.5,"output_per_1k":1.25,"cached":1.50},"later":[1,1.50,12345678901234567890123,{"b": 1e3}]"#;
        for rest in ["", rest] {
            let text =
                format!(r#"{{"display_name":"openai/*","model_name":"*","provider_key_id":"{ID}"{rest}}}"#);
            assert_eq!(String::from_utf8(decoded(rest).unwrap().encode()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (rest, pointer) in [
            (r#","timeout":0"#, "/timeout"),
            (r#","timeout":-1"#, "/timeout"),
            (r#","stream_timeout":86400001"#, "/stream_timeout"),
            (r#","cost":{"input_per_1k":1}"#, "/cost/output_per_1k"),
            (r#","cost":{"input_per_1k":-1,"output_per_1k":1}"#, "/cost"),
            (r#","provider":"""#, "/provider"),
            (r#","provider_key_id":"nope""#, "/provider_key_id"),
        ] {
            assert_eq!(decoded(rest).unwrap_err().field(), pointer, "{rest}");
        }
    }
}
