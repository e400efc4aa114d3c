//! Where the sources and the build output lie, and what the packages offer.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::program;

/// The workspace that these tasks belong to.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    metadata: Value,
}

impl Workspace {
    /// Asks Cargo.
    ///
    /// # Errors
    ///
    /// When Cargo does not answer, or Cargo.lock is out of date.
    pub(crate) fn open() -> Result<Self, String> {
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let root = Path::new(&package).parent().ok_or("xtask lies in no workspace")?.to_owned();
        let mut cargo = cargo();
        cargo.current_dir(&root).args(["metadata", "--locked", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&program::output(&mut cargo)?)
            .map_err(|error| format!("`cargo metadata` printed what is not JSON: {error}"))?;
        let target = metadata["target_directory"].as_str().ok_or("`cargo metadata` names no target folder")?;
        Ok(Self { target: PathBuf::from(target), root, metadata })
    }

    /// The folder of the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the folder of build output.
    pub(crate) fn target(&self, below: &str) -> PathBuf {
        self.target.join(below)
    }

    /// `cargo` in the root of the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = cargo();
        cargo.current_dir(&self.root).args(arguments);
        cargo
    }

    /// Whether the workspace has a package of this name.
    pub(crate) fn has_package(&self, name: &str) -> bool {
        self.package(name).is_some()
    }

    /// Those of `features` that the package has.
    pub(crate) fn features<'a>(&self, package: &str, features: &[&'a str]) -> Vec<&'a str> {
        let Some(package) = self.package(package) else { return Vec::new() };
        features.iter().copied().filter(|feature| package["features"].get(feature).is_some()).collect()
    }

    fn package(&self, name: &str) -> Option<&Value> {
        self.metadata["packages"].as_array()?.iter().find(|package| package["name"] == name)
    }
}

/// Cargo, as from a shell.
pub(crate) fn cargo() -> Command {
    // Cargo names itself to what it runs: the same version then runs again, whatever else is on the search path.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // It also tells what it runs about the package that this is. Build scripts that look at these variables (ring's)
    // would run anew, and with them everything that stands on them.
    let told =
        |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(told)) {
        cargo.env_remove(name);
    }
    cargo
}
