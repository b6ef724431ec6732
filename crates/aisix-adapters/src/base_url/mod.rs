//! Base URLs: from what an operator pasted to what requests are built on.
//!
//! One pipeline for every family. It repairs what is certain, keeps paths it does not know, and refuses with a
//! reason what would leak a credential, reach another host than the one that is read, or fail for certain. The
//! text is taken apart here and not by a general URL parser, because those repair silently what must be
//! refused: they delete a tab inside a host name and read a backslash as a slash. A family contributes which
//! paths belong to another wire format and takes its own endpoints off the end.
//!
//! No message repeats what the operator wrote, because it may hold a credential.

mod authority;
pub mod host;
mod path;
mod query;
mod scheme;
mod text;
pub(crate) mod vendors;

use std::fmt::Write as _;

use aisix_domain::Invalid;

use authority::Authority;
use host::{Host, HostClass};
pub(crate) use path::Path;
use scheme::Scheme;

/// What the operator of the gateway allows beyond the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UrlPolicy {
    /// Whether a credential may travel to a public host in clear text.
    pub allow_insecure_http: bool,
}

/// Something that was repaired, or that looks wrong although it may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Stable snake case.
    pub code: &'static str,
    /// What was done or found, and what to write instead.
    pub message: String,
}

/// A base URL in normal form: `scheme://host[:port][/path]`, nothing after it, no slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    https: bool,
    host: Host,
    host_text: String,
    port: u16,
    path_start: usize,
    warnings: Vec<Warning>,
}

/// A base URL taken apart, while the family still works on it.
#[derive(Debug)]
pub(crate) struct Parsed {
    scheme: Scheme,
    pub(crate) host: Host,
    port: Option<u16>,
    pub(crate) path: Path,
    pub(crate) warnings: Vec<Warning>,
}

/// Refuses a path that belongs to another family. It runs before the rest of the URL is judged: to name the
/// right adapter helps more than to complain about a parameter that this adapter would take.
pub(crate) type RefuseForeign = fn(&Host, &Path) -> Result<(), Invalid>;

// === impl BaseUrl ===

impl BaseUrl {
    /// The whole, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether TLS is spoken.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The DNS name in its ASCII form, or the address; an IPv6 address has no brackets here.
    pub fn host(&self) -> &str {
        &self.host_text
    }

    /// What kind of destination the host is, as far as the text tells.
    pub fn host_class(&self) -> HostClass {
        self.host.class()
    }

    /// The TCP port, the default one included.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as the `host` header wants them: brackets around IPv6, no default port.
    pub fn authority(&self) -> &str {
        let start = Scheme::of(self.https).prefix().len();
        &self.text[start..self.path_start]
    }

    /// The path: empty, or with a slash in front and none at the end.
    pub fn path(&self) -> &str {
        &self.text[self.path_start..]
    }

    /// What was repaired or looks wrong.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

// === impl Parsed ===

impl Parsed {
    pub(crate) fn warn(&mut self, code: &'static str, message: impl Into<String>) {
        self.warnings.push(Warning::new(code, message));
    }

    /// The normal form.
    ///
    /// # Errors
    /// Decoding may have brought to light what the raw text did not show: a placeholder, or one byte too many.
    pub(crate) fn finish(self) -> Result<BaseUrl, Invalid> {
        let mut text = format!("{}{}", self.scheme.prefix(), self.host);
        if let Some(port) = self.port {
            // Writing to a string cannot fail.
            let _ = write!(text, ":{port}");
        }
        let path_start = text.len();
        self.path.append_to(&mut text);
        text::refuse_too_long(&text)?;
        text::refuse_placeholders(&text)?;
        Ok(BaseUrl {
            text,
            https: self.scheme == Scheme::Https,
            host_text: self.host.to_text(),
            port: self.port.unwrap_or(self.scheme.default_port()),
            host: self.host,
            path_start,
            warnings: self.warnings,
        })
    }
}

impl Warning {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Takes an `api_base` apart; `None` when it is unset or blank.
///
/// # Errors
/// The first rule it breaks, see docs/base-urls.md.
pub(crate) fn parse(
    api_base: Option<&str>,
    policy: &UrlPolicy,
    refuse_foreign: RefuseForeign,
) -> Result<Option<Parsed>, Invalid> {
    let Some(text) = text::unwrapped(api_base.unwrap_or_default()) else { return Ok(None) };
    text::check(text)?;
    let mut warnings = Vec::new();
    let (scheme, rest) = scheme::split(text, &mut warnings)?;
    let parts = Parts::split(rest);

    // First of all checks on the parts: whoever pasted a credential has to know that before anything else.
    query::refuse_secrets(parts.query)?;
    let authority = Authority::parse(parts.authority, scheme)?;
    refuse_host(&authority.host)?;
    let (scheme, port) = transport(scheme, &authority, policy, &mut warnings)?;

    let path = Path::parse(parts.path);
    if let Ok(path) = &path {
        refuse_foreign(&authority.host, path)?;
    }
    query::refuse_parameters(parts.query, &mut warnings)?;
    refuse_fragment(parts.fragment)?;
    Ok(Some(Parsed { scheme, host: authority.host, port, path: path?, warnings }))
}

/// The error of an unset base in a family that needs one. `example` is a base to copy.
pub(crate) fn required(example: &str) -> Invalid {
    refused(
        "api_base_required",
        format!("api_base is required and never guessed; write for example {example}"),
    )
}

pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Invalid {
    Invalid::new(code, "/api_base", message.into())
}

/// A URL without its scheme, in the parts that its delimiters make.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn split(rest: &'a str) -> Self {
        let (rest, fragment) = split_off(rest, '#');
        let (rest, query) = split_off(rest, '?');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self { authority, path, query, fragment }
    }
}

fn split_off(text: &str, delimiter: char) -> (&str, Option<&str>) {
    text.split_once(delimiter).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn refuse_host(host: &Host) -> Result<(), Invalid> {
    if host.class() == HostClass::Forbidden {
        return Err(refused(
            "forbidden_host",
            "the host is a listen address, a link-local or multicast address or a cloud metadata service; \
             write the address the upstream is reached at, such as http://127.0.0.1:8000/v1",
        ));
    }
    let Some(page) = host.name().and_then(vendors::web_page) else { return Ok(()) };
    let hint =
        page.api.map_or_else(|| "the base URL from the vendor's API reference".to_owned(), str::to_owned);
    Err(refused(
        "console_or_docs_url",
        format!("the host {} serves web pages for people, not an API; write {hint}", page.host),
    ))
}

/// Scheme and port that will be used. The credential travels in a header, so clear text needs a reason.
fn transport(
    scheme: Scheme,
    authority: &Authority,
    policy: &UrlPolicy,
    warnings: &mut Vec<Warning>,
) -> Result<(Scheme, Option<u16>), Invalid> {
    let port = authority.port;
    if scheme == Scheme::Https || authority.host.class() != HostClass::Public {
        return Ok((scheme, port));
    }
    if port.is_none() && authority.host.name().is_some_and(vendors::serves_https) {
        warnings.push(Warning::new(
            "https_upgraded",
            "this vendor serves https only: https is used instead of http",
        ));
        return Ok((Scheme::Https, None));
    }
    if policy.allow_insecure_http {
        return Ok((scheme, port));
    }
    Err(refused(
        "insecure_http",
        "http to a public host would send the credential in clear text; write https, or set \
         upstream.allow_insecure_http",
    ))
}

fn refuse_fragment(fragment: Option<&str>) -> Result<(), Invalid> {
    match fragment {
        None => Ok(()),
        Some(_) => Err(refused(
            "fragment_not_allowed",
            "the part from \"#\" on is never sent to a server; leave it out, the gateway appends the endpoint \
             path by itself",
        )),
    }
}
