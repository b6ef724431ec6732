use std::fmt;
use std::str::FromStr;

/// Which upstream wire format to speak. Closed: a value exists for each implemented protocol family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Adapter {
    /// The OpenAI API and everything compatible with it.
    Openai,
    /// The Anthropic Messages API.
    Anthropic,
    /// AWS Bedrock runtime.
    Bedrock,
    /// Google Vertex AI.
    Vertex,
    /// Azure OpenAI.
    AzureOpenai,
}

impl Adapter {
    /// Every adapter, in the order in which errors and documents list them.
    pub const ALL: [Self; 5] =
        [Self::Openai, Self::Anthropic, Self::Bedrock, Self::Vertex, Self::AzureOpenai];

    /// The name in resources, errors and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Bedrock => "bedrock",
            Self::Vertex => "vertex",
            Self::AzureOpenai => "azure-openai",
        }
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the name of an adapter; the message lists those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAdapter;

impl fmt::Display for UnknownAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Adapter::ALL.map(Adapter::as_str).join(", ");
        write!(f, "must be one of {names}")
    }
}

impl std::error::Error for UnknownAdapter {}

impl FromStr for Adapter {
    type Err = UnknownAdapter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|adapter| adapter.as_str() == text).ok_or(UnknownAdapter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_itself() {
        for adapter in Adapter::ALL {
            assert_eq!(adapter.as_str().parse(), Ok(adapter));
        }
    }

    #[test]
    fn the_error_lists_all_five() {
        let message = "OpenAI".parse::<Adapter>().unwrap_err().to_string();
        assert_eq!(message, "must be one of openai, anthropic, bedrock, vertex, azure-openai");
    }
}
