use serde::Deserialize;

/// What a call used, as the upstream counted it. `None` means that it did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: Option<u64>,
    /// Prompt tokens read from a cache.
    pub cached_tokens: Option<u64>,
    /// Answer tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
}

/// The `usage` object in both of its spellings: chat and completions say `prompt_tokens`, responses, images
/// and audio say `input_tokens`. A member of an unexpected type is as good as absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    #[serde(deserialize_with = "lenient")]
    prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    completion_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    prompt_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient")]
    input_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient")]
    completion_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient")]
    output_tokens_details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    #[serde(deserialize_with = "lenient")]
    cached_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    reasoning_tokens: Option<u64>,
}

/// `null`, negative numbers, texts: none of them is a count, and none is worth failing an answer for.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

impl Usage {
    /// Reads an OpenAI-shaped `usage` object; `None` for `null` and anything that is no object.
    pub(crate) fn from_openai(raw: &serde_json::value::RawValue) -> Option<Self> {
        let wire: Wire = crate::json::read_object(raw.get().as_bytes()).ok()?;
        let input_details = wire.prompt_tokens_details.or(wire.input_tokens_details).unwrap_or_default();
        let output_details =
            wire.completion_tokens_details.or(wire.output_tokens_details).unwrap_or_default();
        Some(Self {
            input_tokens: wire.prompt_tokens.or(wire.input_tokens),
            output_tokens: wire.completion_tokens.or(wire.output_tokens),
            cached_tokens: input_details.cached_tokens,
            reasoning_tokens: output_details.reasoning_tokens,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Usage> {
        Usage::from_openai(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn both_spellings_are_read() {
        let chat = r#"{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,
            "prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":4}}"#;
        let responses = r#"{"input_tokens":9,"output_tokens":12,"input_tokens_details":{"cached_tokens":3},
            "output_tokens_details":{"reasoning_tokens":4}}"#;
        let expected = Usage {
            input_tokens: Some(9),
            output_tokens: Some(12),
            cached_tokens: Some(3),
            reasoning_tokens: Some(4),
        };
        assert_eq!(read(chat), Some(expected));
        assert_eq!(read(responses), Some(expected));
    }

    #[test]
    fn odd_members_are_as_good_as_absent() {
        assert_eq!(read("null"), None);
        assert_eq!(read("{}"), Some(Usage::default()));
        let odd = read(r#"{"prompt_tokens":-1,"completion_tokens":"7","prompt_tokens_details":[]}"#);
        assert_eq!(odd, Some(Usage::default()));
    }
}
