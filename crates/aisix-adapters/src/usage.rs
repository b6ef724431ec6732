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
        let names = ["prompt_tokens", "input_tokens", "completion_tokens", "output_tokens"];
        let tokens = counts(usage, names)?;
        let names = [
            "prompt_tokens_details",
            "input_tokens_details",
            "completion_tokens_details",
            "output_tokens_details",
        ];
        let details = json::fields(usage, names).ok()?.map(|place| place.map(|place| &usage[place]));
        let detail = |either: Option<&[u8]>, name| counts(either?, [name]).and_then(|[count]| count);
        Some(Self {
            input_tokens: tokens[0].or(tokens[1]),
            output_tokens: tokens[2].or(tokens[3]),
            cached_tokens: detail(details[0].or(details[1]), "cached_tokens"),
            reasoning_tokens: detail(details[2].or(details[3]), "reasoning_tokens"),
        })
    }
}

/// The members of an object that are counts.
fn counts<const N: usize>(object: &[u8], names: [&str; N]) -> Option<[Option<u64>; N]> {
    let places = json::fields(object, names).ok()?;
    Some(places.map(|place| std::str::from_utf8(&object[place?]).ok()?.parse().ok()))
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
