use std::borrow::Cow;

/// A value breaks a rule. One type for all rules: a stable code for programs, the field, a message for people.
///
/// The message never repeats the offending value, because the value may be a secret in the wrong field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    code: &'static str,
    field: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl Invalid {
    /// `code` is stable snake case, `field` a JSON pointer (empty: the whole value), `message` says what to do.
    pub fn new(
        code: &'static str,
        field: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code, field: field.into(), message: message.into() }
    }

    /// The stable code, for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// JSON pointer to the field, empty for the whole value.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong and what to write instead.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same problem, found in `field`.
    #[must_use]
    pub fn at(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = field.into();
        self
    }
}
