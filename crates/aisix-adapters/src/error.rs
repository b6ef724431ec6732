use std::borrow::Cow;

/// What an upstream's refusal means, whatever its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The caller asked for something wrong.
    Caller,
    /// The conversation does not fit the model.
    ContextLength,
    /// The upstream's policy refuses the content.
    ContentPolicy,
    /// The upstream refuses the gateway's credential.
    Credential,
    /// The upstream account has no budget left.
    Quota,
    /// Too many requests for the upstream account.
    RateLimit,
    /// The upstream has no capacity at the moment.
    Overload,
    /// The upstream does not know the model.
    ModelMissing,
    /// The upstream failed.
    Server,
    /// The upstream, or something before it, gave up waiting.
    Timeout,
}

/// A refusal, reduced to what may be passed on. Texts are free of credentials and of the upstream's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// What it means.
    pub class: ErrorClass,
    /// The upstream's status.
    pub status: u16,
    /// What the upstream says, when it says something for people.
    pub message: Option<String>,
    /// The upstream's own code.
    pub code: Option<Cow<'static, str>>,
    /// The parameter it complains about.
    pub param: Option<String>,
}
