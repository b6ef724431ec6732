//! The scheme: `http` or `https`, followed by exactly two slashes.

use aisix_domain::Invalid;

use super::authority::Authority;
use super::host::HostClass;
use super::{Parts, Warning, refused};

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// How a text begins.
enum Start<'a> {
    /// A scheme with its two slashes, and what follows.
    Scheme(Scheme, &'a str),
    /// One of ours, with fewer or more slashes, or without the colon.
    Malformed,
    /// Some other scheme.
    Unsupported,
    /// Something else: a host.
    Host,
}

impl Scheme {
    pub(super) const fn of(https: bool) -> Self {
        if https { Self::Https } else { Self::Http }
    }

    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }

    pub(super) const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn named(name: &str) -> Option<Self> {
        [("http", Self::Http), ("https", Self::Https)]
            .into_iter()
            .find_map(|(known, scheme)| name.eq_ignore_ascii_case(known).then_some(scheme))
    }
}

/// The scheme and what follows its slashes.
pub(super) fn split<'a>(text: &'a str, warnings: &mut Vec<Warning>) -> Result<(Scheme, &'a str), Invalid> {
    if text.starts_with("///") {
        return Err(malformed());
    }
    if let Some(rest) = text.strip_prefix("//") {
        warnings.push(https_assumed());
        return Ok((Scheme::Https, without_repetition(Scheme::Https, rest, warnings)?));
    }
    match Start::of(text) {
        Start::Scheme(scheme, rest) => Ok((scheme, without_repetition(scheme, rest, warnings)?)),
        Start::Malformed => Err(malformed()),
        Start::Unsupported => Err(unsupported()),
        Start::Host if names_other_scheme(text) => Err(unsupported()),
        Start::Host => assume_https(text, warnings),
    }
}

impl<'a> Start<'a> {
    fn of(text: &'a str) -> Self {
        let is_in_name = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let (name, rest) = text.split_at(text.find(|c| !is_in_name(c)).unwrap_or(text.len()));
        let after = rest.strip_prefix("://");
        match (Scheme::named(name), after) {
            (Some(scheme), Some(after)) if !after.starts_with('/') => Self::Scheme(scheme, after),
            (Some(_), _) if rest.is_empty() || rest.starts_with([':', '/']) => Self::Malformed,
            (None, Some(_)) if name.is_empty() => Self::Malformed,
            (None, Some(_)) => Self::Unsupported,
            _ => Self::Host,
        }
    }
}

/// `https://https://host` comes from pasting behind a prefix that was already there.
fn without_repetition<'a>(
    scheme: Scheme,
    mut rest: &'a str,
    warnings: &mut Vec<Warning>,
) -> Result<&'a str, Invalid> {
    let once = rest;
    loop {
        match Start::of(rest) {
            Start::Scheme(again, inner) if again == scheme => rest = inner,
            Start::Host => break,
            Start::Scheme(..) | Start::Malformed | Start::Unsupported => return Err(malformed()),
        }
    }
    if rest.len() != once.len() {
        warnings.push(Warning::new(
            "repeated_scheme_removed",
            "the scheme was there more than once: it is used once",
        ));
    }
    Ok(rest)
}

/// `mailto:…` and the like: a word, a colon, and no port after it.
fn names_other_scheme(text: &str) -> bool {
    let authority = Parts::split(text).authority;
    let Some((name, port)) = authority.split_once(':') else { return false };
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphabetic())
        && !authority.contains('@')
        && !port.bytes().all(|b| b.is_ascii_digit())
}

/// A public DNS name without a scheme can only be meant as https. For anything else http is as likely, and
/// the wrong guess sends a key in clear text or fails in a TLS handshake that nobody understands.
fn assume_https<'a>(text: &'a str, warnings: &mut Vec<Warning>) -> Result<(Scheme, &'a str), Invalid> {
    let authority = Authority::parse(Parts::split(text).authority, Scheme::Https)?;
    let is_public = authority.host.class() == HostClass::Public;
    if !(is_public && authority.host.name().is_some_and(ends_in_top_level_domain)) {
        return Err(refused(
            "missing_scheme_ambiguous",
            "the scheme is missing; write http:// or https:// in front of a private host or address",
        ));
    }
    warnings.push(https_assumed());
    Ok((Scheme::Https, text))
}

fn ends_in_top_level_domain(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.starts_with("xn--") || last.bytes().all(|b| b.is_ascii_alphabetic())
}

fn https_assumed() -> Warning {
    Warning::new("https_assumed", "the scheme is missing: https is used")
}

fn malformed() -> Invalid {
    refused(
        "malformed_scheme",
        "the scheme is followed by exactly \"://\" and given once; write https://host/path",
    )
}

fn unsupported() -> Invalid {
    refused("unsupported_scheme", "only http and https are supported; write https://host/path")
}
