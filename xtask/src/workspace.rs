//! Where things are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The executables of the product, with the packages that build them.
pub(crate) const SERVICES: [(&str, &str); 2] =
    [("aisix-admin", "aisix-admin-bin"), ("aisix-proxy", "aisix-proxy-bin")];

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The directory that cargo builds into, which holds this program as `debug/xtask`.
pub(crate) fn target() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program's own path is unknown")?;
    let target = program.ancestors().nth(2).context("this program does not lie in a target directory")?;
    Ok(target.to_owned())
}

/// An executable of the product as `cargo build` leaves it.
pub(crate) fn service(name: &str) -> Result<PathBuf> {
    Ok(target()?.join("debug").join(name))
}
