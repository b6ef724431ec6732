use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The text files of the checkout, by their path in it.
pub(super) struct Files(BTreeMap<PathBuf, String>);

impl Files {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        collect(root, root, &mut files).context("the checkout cannot be read")?;
        Ok(Self(files))
    }

    #[cfg(test)]
    pub(super) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self(files.map(|(path, text)| (PathBuf::from(path), text.to_owned())).into_iter().collect())
    }

    /// The files with this extension, in the order of their paths.
    pub(super) fn with_extension(&self, extension: &str) -> impl Iterator<Item = (&Path, &str)> {
        let wanted = move |path: &Path| path.extension() == Some(OsStr::new(extension));
        self.0
            .iter()
            .map(|(path, text)| (path.as_path(), text.as_str()))
            .filter(move |(path, _)| wanted(path))
    }

    /// Whether a file or a directory stands at this path.
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.0.keys().any(|known| known.starts_with(path))
    }

    pub(super) fn text(&self, path: &Path) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<PathBuf, String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if entry.file_type()?.is_dir() {
            if !is_foreign(&name) {
                collect(root, &path, files)?;
            }
        } else if let (Ok(text), Ok(inside)) = (std::fs::read_to_string(&path), path.strip_prefix(root)) {
            files.insert(inside.to_owned(), text);
        }
    }
    Ok(())
}

/// What cargo, git and Python keep in a checkout.
fn is_foreign(name: &str) -> bool {
    name == ".git" || name == "target" || name.starts_with("target-") || name == "__pycache__"
}
