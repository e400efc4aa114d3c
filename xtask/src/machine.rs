//! What the machine has and allows.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{program, terminal};

/// Whether this is a CI run, which may install system packages and must not skip.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// In a CI run, removes a folder of build output that no later step reads: its disk may be small. Elsewhere it is kept
/// for the next time.
pub(crate) fn free(folder: &Path) {
    if !is_ci() || !folder.exists() {
        return;
    }
    if let Err(error) = fs::remove_dir_all(folder) {
        terminal::say(&format!("{} could not be removed: {error}", folder.display()));
    }
}

/// The path of a program on the search path.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = [name.to_owned(), format!("{name}{}", std::env::consts::EXE_SUFFIX)];
    std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output();
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Installs Debian packages in a CI run as root; elsewhere only says which are wanted.
///
/// # Errors
///
/// What to install, when this may not install it, and why it failed when it did.
pub(crate) fn install_packages(packages: &[&str]) -> Result<(), String> {
    let wanted = format!("apt-get install {}", packages.join(" "));
    if find("apt-get").is_none() {
        return Err(format!("there is no apt-get here; on Debian: {wanted}"));
    }
    if !is_ci() || !is_root() {
        return Err(format!("install it as root: {wanted}"));
    }
    terminal::say(&wanted);
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    program::run(apt().arg("update"))?;
    program::run(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
}
