//! The static wildcam that `wildcam gateway image` puts into an image.
//!
//! The GNU C library that comes with the C compiler is linked in. It needs nothing that a machine which builds wildcam
//! does not have: the target for musl would want a C compiler of its own for SQLite. Names are still looked up by the
//! library's own resolver in /etc/hosts and the DNS, which version 2.34 and later hold in themselves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{program, terminal, workspace::Workspace};

/// Builds it into `static/` of the build output, and returns its path.
///
/// # Errors
///
/// When this is not Linux, when it does not build, or when what was built needs a loader all the same.
pub(crate) fn build(workspace: &Workspace, debug: bool) -> Result<PathBuf, String> {
    if !cfg!(target_os = "linux") {
        return Err("the gateway's image holds a program for Linux: run this on Linux".to_owned());
    }
    let (profile, folder) = if debug { ("dev", "debug") } else { ("release", "release") };
    // The flag is for the last crate alone, so everything below it is what the usual build has made already; the C
    // library is chosen when that one is linked.
    let mut cargo = workspace.cargo(&["rustc", "--locked", "--package", "wildcam", "--bin", "wildcam", "--profile"]);
    cargo.args([profile, "--", "-C", "target-feature=+crt-static"]);
    program::run(&mut cargo)?;
    let built = workspace.target(folder).join("wildcam");
    let place = workspace.target("static").join(folder).join("wildcam");
    keep(&built, &place).map_err(|error| format!("{} cannot be written: {error}", place.display()))?;
    refuse_dynamic(&place)?;
    terminal::say(&format!("{}: static", place.display()));
    Ok(place)
}

/// Copied, because the next usual build puts a program that is not static in the first place; named when it is whole.
fn keep(built: &Path, place: &Path) -> std::io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = place.with_extension("new");
    fs::copy(built, &unfinished)?;
    fs::rename(&unfinished, place)
}

/// Lets wildcam itself judge the file, by building an image from it.
fn refuse_dynamic(program: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let project = "[project]\nname = \"x\"\n[clouds.a]\nprovider = \"custom\"\nstore = { path = \"/a\" }\n";
    fs::write(folder.path().join("wildcam.toml"), project).map_err(|error| format!("no temporary file: {error}"))?;
    let mut command = Command::new(program);
    command.current_dir(folder.path()).args(["--quiet", "gateway", "image", "--output", "image.tar"]);
    program::output(&mut command).map(|_| ())
}
