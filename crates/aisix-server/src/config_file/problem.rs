//! What can be wrong with a value, in words.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::Fault;
use super::document::{Origin, join};

/// How unlike a known key may be to be suggested.
const SUGGESTION_LIKENESS_MIN: f64 = 0.6;

/// What is wrong, and where once that is known: the innermost place that saw it.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    at: Option<(Origin, String)>,
}

/// Kinds of values only, never a value.
#[derive(Debug)]
enum Kind {
    UnknownKey { key: String, known: &'static [&'static str] },
    MissingKey(&'static str),
    UnknownVariant { known: &'static [&'static str] },
    WrongType { expected: String, found: &'static str },
    OutOfRange { expected: String },
    Other(String),
}

// === impl Problem ===

impl Problem {
    /// Notes where it is, unless that is known more closely already.
    pub(super) fn at(mut self, origin: &Origin, path: &str) -> Self {
        self.at.get_or_insert_with(|| (origin.clone(), path.to_owned()));
        self
    }

    /// What would have been known, if it is an unknown key.
    pub(super) fn known_keys(&self) -> Option<&'static [&'static str]> {
        match self.kind {
            Kind::UnknownKey { known, .. } => Some(known),
            _ => None,
        }
    }

    pub(super) fn into_fault(self) -> Fault {
        let (origin, path) = self.at.unwrap_or((Origin::START, String::new()));
        Fault { message: self.kind.message(&path), origin }
    }
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self { kind, at: None }
    }
}

impl std::error::Error for Problem {}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind.message(self.at.as_ref().map_or("", |(_, path)| path)))
    }
}

impl de::Error for Problem {
    fn custom<T: Display>(message: T) -> Self {
        Kind::Other(message.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Kind::WrongType { expected: expected.to_string(), found: kind_of(&found) }.into()
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Kind::OutOfRange { expected: expected.to_string() }.into()
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Kind::UnknownKey { key: key.to_owned(), known }.into()
    }

    fn unknown_variant(_found: &str, known: &'static [&'static str]) -> Self {
        Kind::UnknownVariant { known }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        Kind::MissingKey(key).into()
    }
}

// === impl Kind ===

impl Kind {
    fn message(&self, path: &str) -> String {
        match self {
            Self::UnknownKey { key, known } => unknown_key(key, known, path),
            Self::MissingKey(key) => format!("{} is missing", join(path, key)),
            Self::UnknownVariant { known } => format!("{path} must be one of {}", known.join(", ")),
            Self::WrongType { expected, found } => {
                let expected = in_words(expected);
                format!("{}must be {expected}, not {found}{}", subject(path), quoting_hint(expected, found))
            }
            Self::OutOfRange { expected } => format!("{}must be {}", subject(path), in_words(expected)),
            Self::Other(message) if message == "invalid socket address syntax" => {
                format!("{path} must be an IP address and a port, such as 127.0.0.1:8080")
            }
            Self::Other(message) => format!("{path}: {message}"),
        }
    }
}

/// An unquoted password may look like a number.
fn quoting_hint(expected: &str, found: &str) -> &'static str {
    let quotable = ["a number", "true or false"].contains(&found);
    if quotable && ["a string", "a path"].contains(&expected) { "; put it in quotes" } else { "" }
}

/// The whole file has no path.
fn subject(path: &str) -> String {
    if path.is_empty() { "the file ".into() } else { format!("{path} ") }
}

fn unknown_key(key: &str, known: &[&str], path: &str) -> String {
    let section = if path.is_empty() { "the file" } else { path };
    let likeness = |candidate: &str| strsim::jaro_winkler(key, candidate);
    let nearest = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let advice = match nearest {
        Some(nearest) if likeness(nearest) >= SUGGESTION_LIKENESS_MIN => format!("did you mean {nearest:?}?"),
        _ => format!("known are {}", known.join(", ")),
    };
    format!("unknown key {key:?} in {section}; {advice}")
}

fn kind_of(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a section",
        _ => "a string",
    }
}

/// What serde's visitors say, for a reader who does not write Rust.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "path string" => "a path",
        other => other,
    }
}
