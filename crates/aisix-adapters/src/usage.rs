use crate::json;

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

impl Usage {
    /// Reads an OpenAI-shaped `usage` object; `None` for `null` and anything that is no object.
    ///
    /// Chat and completions say `prompt_tokens`, responses, images and audio `input_tokens`. A member of an
    /// unexpected type is as good as absent: none is worth failing an answer for.
    pub(crate) fn from_openai(usage: &[u8]) -> Option<Self> {
        let names = [
            "prompt_tokens",
            "input_tokens",
            "completion_tokens",
            "output_tokens",
            "prompt_tokens_details",
            "input_tokens_details",
            "completion_tokens_details",
            "output_tokens_details",
        ];
        let places = json::fields(usage, names).ok()?;
        let [
            prompt,
            input,
            completion,
            output,
            prompt_details,
            input_details,
            completion_details,
            output_details,
        ] = places.map(|place| place.map(|place| &usage[place]));
        Some(Self {
            input_tokens: prompt.and_then(count).or_else(|| input.and_then(count)),
            output_tokens: completion.and_then(count).or_else(|| output.and_then(count)),
            cached_tokens: detail(prompt_details.or(input_details), "cached_tokens"),
            reasoning_tokens: detail(completion_details.or(output_details), "reasoning_tokens"),
        })
    }
}

fn count(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn detail(details: Option<&[u8]>, name: &str) -> Option<u64> {
    let details = details?;
    let [place] = json::fields(details, [name]).ok()?;
    count(&details[place?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Usage> {
        Usage::from_openai(json.as_bytes())
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
