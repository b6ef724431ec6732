//! Reading a configuration file into any type that serde can build.
//!
//! The file is YAML. `${NAME}` and `${NAME:-default}` inside a string stand for environment variables; they
//! are replaced after parsing, so that no variable can change the structure of the file. A variable such as
//! `AISIX_PROXY__ADDR` overrides `proxy.addr`. Every error is one line that names file, line and column (or
//! the variable) and what would be right, and none shows a value, which may be a secret.

mod document;
mod environment;
mod problem;
mod read;
mod typed;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use self::document::Origin;
use self::environment::Environment;

/// The largest file that is read.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    place: String,
    message: String,
}

/// What was read, and where each value stands.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The configuration.
    pub value: T,
    file: String,
    origins: HashMap<String, Origin>,
}

/// What is wrong with a document, and where.
#[derive(Debug)]
struct Fault {
    origin: Origin,
    message: String,
}

/// Reads the file. `prefix` is what the variables that override a value begin with, such as `AISIX_`;
/// `variables` are those of the environment. In the sections `unneeded`, whose values the caller will not look
/// at, a key whose variable is missing is as good as absent.
///
/// # Errors
/// [`ConfigError`]: the file cannot be read, is no YAML, has unknown or doubled keys or values of the wrong
/// type, or a variable is missing.
pub fn load<T: DeserializeOwned>(
    path: &Path,
    prefix: &str,
    unneeded: &[&str],
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded<T>, ConfigError> {
    let file = path.display().to_string();
    let text = text_of(path).map_err(|error| unreadable(&file, &error))?;
    let environment = Environment::new(prefix, variables);
    parse(&text, &environment, unneeded)
        .map(|(value, origins)| Loaded { value, origins, file: file.clone() })
        .map_err(|fault| fault.in_file(&file))
}

fn parse<T: DeserializeOwned>(
    text: &str,
    environment: &Environment,
    unneeded: &[&str],
) -> Result<(T, HashMap<String, Origin>), Fault> {
    let mut root = read::document(text)?;
    environment.leave_out_unset(&mut root, unneeded);
    environment.expand(&mut root)?;
    environment.override_scalars(&mut root, typed::top_level_keys::<T>())?;
    Ok((typed::build(&root)?, root.origins()))
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

fn unreadable(file: &str, error: &io::Error) -> ConfigError {
    let message = match error.kind() {
        io::ErrorKind::NotFound => {
            "no such file; name one with --config, or start from config.example.yaml".into()
        }
        io::ErrorKind::InvalidData => "is not UTF-8 text".into(),
        _ => format!("cannot be read: {error}"),
    };
    ConfigError { place: file.into(), message }
}

// === impl Loaded ===

impl<T> Loaded<T> {
    /// A problem with a value that was read: `path` is its keys joined by dots, `tls.files[0]`. A value that
    /// is not in the file is reported where the section stands that would hold it.
    pub fn problem(&self, path: &str, message: &str) -> ConfigError {
        let origin = ancestors(path).find_map(|path| self.origins.get(path)).unwrap_or(&Origin::START);
        Fault { origin: origin.clone(), message: format!("{path}: {message}") }.in_file(&self.file)
    }
}

/// `a.b[0]`, `a.b`, `a`, and nothing.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        (!path.is_empty()).then(|| path.rfind(['.', '[']).map_or("", |end| &path[..end]))
    })
}

// === impl Fault ===

impl Fault {
    fn new(origin: &Origin, message: impl Into<String>) -> Self {
        Self { origin: origin.clone(), message: message.into() }
    }

    fn in_file(self, file: &str) -> ConfigError {
        let place = match self.origin {
            Origin::File { line, column } => format!("{file}:{line}:{column}"),
            Origin::Variable(name) => format!("environment variable {name}"),
        };
        ConfigError { place, message: self.message }
    }
}

#[cfg(test)]
mod tests;
