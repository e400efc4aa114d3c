//! Building for machines that are not this one: the camera's bare metal, and Windows.
//!
//! A prebuilt core or std is used where rustup has it. Where it has not, any compiler with the sources of its standard
//! library builds it: rustup's with `rust-src`, or Debian's.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{machine, program, steps::Outcome, terminal, workspace::Workspace};

/// The instruction set of the smallest board: no atomics, no multiply in hardware to lean on.
const BARE: &str = "riscv32imc-unknown-none-elf";

const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// The folder below the target folder for what another version of the compiler builds.
const OTHER_COMPILER: &str = "other-compiler";

/// A cargo that can build for another target.
struct Toolchain {
    cargo: PathBuf,
    rustc: Option<PathBuf>,
    /// The crates of the standard library to build, where none is there ready-made.
    build_std: Option<&'static str>,
}

impl Toolchain {
    /// Finds one for `target`, and in a CI run installs one.
    ///
    /// # Errors
    ///
    /// What to install.
    fn find(target: &str, std_crates: &'static str) -> Result<Self, String> {
        let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let prebuilt = || {
            sysroot(Path::new("rustc")).is_some_and(|root| root.join("lib/rustlib").join(target).join("lib").is_dir())
        };
        if !prebuilt() && machine::is_ci() && machine::find("rustup").is_some() {
            let mut rustup = Command::new("rustup");
            if let Err(error) = program::run_within(Duration::from_secs(180), rustup.args(["target", "add", target])) {
                terminal::say(&format!("{error}; going on with the sources of the standard library"));
            }
        }
        if prebuilt() {
            return Ok(Self { cargo, rustc: None, build_std: None });
        }
        let has_sources =
            |rustc: &Path| sysroot(rustc).is_some_and(|root| root.join("lib/rustlib/src/rust/library/core").is_dir());
        if has_sources(Path::new("rustc")) {
            return Ok(Self { cargo, rustc: None, build_std: Some(std_crates) });
        }
        let (debian_rustc, debian_cargo) = (Path::new("/usr/bin/rustc"), Path::new("/usr/bin/cargo"));
        if !has_sources(debian_rustc) || !debian_cargo.is_file() {
            machine::install_packages(&["rustc-web", "cargo-web", "rust-web-src", "lld-19"]).map_err(|error| {
                format!("no compiler here builds for {target}: `rustup target add {target}`, or {error}")
            })?;
        }
        if !has_sources(debian_rustc) {
            return Err(format!("the packages were installed, but {} lacks its sources", debian_rustc.display()));
        }
        let rustc = Some(debian_rustc.to_owned());
        Ok(Self { cargo: debian_cargo.to_owned(), rustc, build_std: Some(std_crates) })
    }

    fn command(&self, workspace: &Workspace, task: &str, target: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(workspace.root()).args([task, "--locked", "--target", target]);
        // The flags and the compiler that cargo handed to this task are those of another toolchain.
        for name in ["RUSTC", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            command.env_remove(name);
        }
        if let Some(rustc) = &self.rustc {
            // Another version of the compiler would throw away everything that the usual one built.
            command.env("RUSTC", rustc).env("CARGO_TARGET_DIR", workspace.target(OTHER_COMPILER));
            command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        }
        if let Some(crates) = self.build_std {
            // Building the standard library is an unstable feature of cargo; this variable is how a stable one allows it.
            command.env("RUSTC_BOOTSTRAP", "1").arg(format!("-Zbuild-std={crates}"));
        }
        command
    }
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let output =
        Command::new(rustc).args(["--print", "sysroot"]).output().ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Sees to it that there is a compiler for a bare-metal target; in a CI run one is installed.
///
/// # Errors
///
/// What to install.
pub(crate) fn prepare(target: &str) -> Result<(), String> {
    Toolchain::find(target, "core,alloc").map(|_| ())
}

/// Builds the crates of the device for bare metal. With the library's sources only `core` is built, so a dependency that
/// wants an allocator fails too.
///
/// # Errors
///
/// What the compiler says, or in CI that there is none.
pub(crate) fn bare_metal(workspace: &Workspace) -> Result<Outcome, String> {
    let toolchain = match Toolchain::find(BARE, "core") {
        Ok(toolchain) => toolchain,
        Err(error) if machine::is_ci() => return Err(error),
        Err(error) => return Ok(Outcome::Skipped(error)),
    };
    for package in ["wildcam-core", "wildcam-infer"].into_iter().filter(|name| workspace.has_package(name)) {
        program::run(toolchain.command(workspace, "build", BARE).args([
            "--no-default-features",
            "--package",
            package,
        ]))?;
    }
    Ok(Outcome::Done)
}

/// Checks that the library and the binary compile for Windows. Nothing is linked and nothing runs.
///
/// # Errors
///
/// What the compiler says.
pub(crate) fn windows(workspace: &Workspace) -> Result<Outcome, String> {
    const C_COMPILER: &str = "x86_64-w64-mingw32-gcc";
    if machine::find(C_COMPILER).is_none()
        && let Err(error) = machine::install_packages(&["gcc-mingw-w64-x86-64"])
    {
        return Ok(Outcome::Skipped(format!("no C compiler for Windows ({C_COMPILER}): {error}")));
    }
    match Toolchain::find(WINDOWS, "std,panic_abort") {
        Ok(toolchain) => program::run(toolchain.command(workspace, "check", WINDOWS).args(["--package", "wildcam"]))?,
        Err(error) => return Ok(Outcome::Skipped(error)),
    }
    for folder in [workspace.target(WINDOWS), workspace.target(OTHER_COMPILER).join(WINDOWS)] {
        machine::free(&folder);
    }
    Ok(Outcome::Done)
}
