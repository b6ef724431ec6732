//! A store in an SQLite file that several processes share.

use std::path::PathBuf;

/// Where the file is.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The SQLite file; created when it is not there.
    pub path: PathBuf,
    /// What all keys begin with.
    pub prefix: String,
}
