use std::sync::Arc;

use crate::{DisplayName, Invalid, Pattern, Provider, ResourceId, UnknownFields};

/// The longest upstream model name: a Bedrock ARN has up to 2048 characters.
pub const UPSTREAM_MODEL_BYTES_MAX: usize = 2048;
/// The longest timeout a model may set: one day.
pub const TIMEOUT_MS_MAX: u64 = 86_400_000;

/// A caller-facing alias: it points at one provider key and names the upstream's model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The alias callers send as `model`, unique among models. It may hold one `*`.
    pub display_name: DisplayName,
    /// The alias as a pattern.
    pub alias: Pattern,
    /// The upstream's model or deployment. A `*` in it is replaced by what the alias's `*` matched.
    pub model_name: Arc<str>,
    /// The provider key that carries the calls.
    pub provider_key_id: ResourceId,
    /// Label for metrics; the provider key's provider when unset.
    pub provider: Option<Provider>,
    /// Longest wait for a whole answer, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Longest silence inside a streamed answer, in milliseconds.
    pub stream_timeout_ms: Option<u64>,
    /// Prices for reporting.
    pub cost: Option<Cost>,
    /// Fields of the row that this version does not know.
    pub unknown_fields: UnknownFields,
}

/// Prices per 1000 tokens, in the operator's currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Per 1000 prompt tokens.
    pub input_per_1k: f64,
    /// Per 1000 completion tokens.
    pub output_per_1k: f64,
    /// Fields of the row's prices that this version does not know.
    pub unknown_fields: UnknownFields,
}

impl Model {
    /// The alias of a display name.
    ///
    /// # Errors
    /// `invalid_display_name` when it holds two `*`.
    pub fn alias_of(display_name: &DisplayName) -> Result<Pattern, Invalid> {
        Pattern::parse(display_name)
            .map_err(|e| Invalid::new("invalid_display_name", "/display_name", e.message().to_owned()))
    }

    /// Checks an upstream model name.
    ///
    /// # Errors
    /// `invalid_model_name` when empty, too long, with control characters, or with a `*` although the alias
    /// has none to fill it.
    pub fn check_model_name(model_name: &str, alias: &Pattern) -> Result<(), Invalid> {
        let refuse = |why: &'static str| Err(Invalid::new("invalid_model_name", "/model_name", why));
        if model_name.is_empty() || model_name.len() > UPSTREAM_MODEL_BYTES_MAX {
            return refuse("model_name has 1 to 2048 bytes");
        }
        if model_name.chars().any(char::is_control) {
            return refuse("model_name must not contain control characters");
        }
        match (model_name.matches('*').count(), alias.is_exact()) {
            (0, _) | (1, false) => Ok(()),
            (1, true) => refuse("model_name may hold '*' only when display_name does"),
            _ => refuse("model_name may hold a single '*'"),
        }
    }

    /// Checks a timeout in milliseconds, found in `field`.
    ///
    /// # Errors
    /// `invalid_timeout` unless 1 to [`TIMEOUT_MS_MAX`].
    pub fn check_timeout(field: &'static str, millis: u64) -> Result<u64, Invalid> {
        if (1..=TIMEOUT_MS_MAX).contains(&millis) {
            return Ok(millis);
        }
        Err(Invalid::new(
            "invalid_timeout",
            field,
            format!("a timeout is 1 to {TIMEOUT_MS_MAX} milliseconds"),
        ))
    }

    /// The upstream's name for the alias `requested`, or `None` when this model does not answer to it.
    pub fn upstream_name(&self, requested: &str) -> Option<Arc<str>> {
        let captured = self.alias.captured(requested)?;
        if self.alias.is_exact() || !self.model_name.contains('*') {
            return Some(Arc::clone(&self.model_name));
        }
        Some(self.model_name.replacen('*', captured, 1).into())
    }
}

impl Cost {
    /// # Errors
    /// `invalid_cost` for negative or non-finite prices.
    pub fn new(input_per_1k: f64, output_per_1k: f64) -> Result<Self, Invalid> {
        let valid = |price: f64| price.is_finite() && price >= 0.0;
        if valid(input_per_1k) && valid(output_per_1k) {
            return Ok(Self { input_per_1k, output_per_1k, unknown_fields: UnknownFields::default() });
        }
        Err(Invalid::new("invalid_cost", "/cost", "prices are numbers of zero or more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(alias: &str, model_name: &str) -> Model {
        let display_name = DisplayName::parse(alias).unwrap();
        let alias = Model::alias_of(&display_name).unwrap();
        Model::check_model_name(model_name, &alias).unwrap();
        Model {
            alias,
            display_name,
            model_name: model_name.into(),
            provider_key_id: ResourceId::from_u128(1),
            provider: None,
            timeout_ms: None,
            stream_timeout_ms: None,
            cost: None,
            unknown_fields: UnknownFields::default(),
        }
    }

    #[test]
    fn a_star_carries_over_to_the_upstream_name() {
        assert_eq!(model("openai/*", "*").upstream_name("openai/gpt-4o").as_deref(), Some("gpt-4o"));
        assert_eq!(
            model("fast/*", "vendor/*-fast").upstream_name("fast/x").as_deref(),
            Some("vendor/x-fast")
        );
        assert_eq!(model("any/*", "gpt-4o").upstream_name("any/thing").as_deref(), Some("gpt-4o"));
        assert_eq!(model("a", "b").upstream_name("c"), None);
    }

    #[test]
    fn timeouts_are_bounded() {
        assert_eq!(Model::check_timeout("/timeout", TIMEOUT_MS_MAX), Ok(TIMEOUT_MS_MAX));
        for bad in [0, TIMEOUT_MS_MAX + 1] {
            let invalid = Model::check_timeout("/timeout", bad).unwrap_err();
            assert_eq!((invalid.code(), invalid.field()), ("invalid_timeout", "/timeout"));
        }
    }

    #[test]
    fn a_star_needs_a_star_to_fill_it() {
        let exact = Pattern::parse("a").unwrap();
        assert_eq!(Model::check_model_name("x-*", &exact).unwrap_err().code(), "invalid_model_name");
        assert!(Model::check_model_name("**", &Pattern::parse("*").unwrap()).is_err());
        assert!(Model::check_model_name("", &exact).is_err());
    }
}
