//! Building for machines that are not this one: the camera's bare metal, Xtensa among it, and Windows.
//!
//! A prebuilt core or std is used where rustup has it. Where it has not, any compiler with the sources of its standard
//! library builds it: rustup's with `rust-src`, or Debian's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{machine, program, steps::Outcome, terminal, workspace::Workspace};

/// The instruction set of the smallest board: no atomics, no multiply in hardware to lean on.
const BARE: &str = "riscv32imc-unknown-none-elf";

/// The board whose compiler Espressif makes.
const XTENSA: &str = "xtensa-esp32s3-none-elf";

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
        Self::with_sources(target, std_crates)
    }

    /// Finds one that builds the standard library itself, and in a CI run installs Debian's.
    ///
    /// # Errors
    ///
    /// What to install.
    fn with_sources(target: &str, std_crates: &'static str) -> Result<Self, String> {
        let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
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

/// Has the launcher of the ESP32-S3 compiled to machine code, which upstream's compiler can as long as no assembly is in
/// it. It is not linked: that takes Espressif's GCC. The linker is a program that does nothing.
///
/// # Errors
///
/// What the compiler says.
pub(crate) fn xtensa_launcher(workspace: &Workspace) -> Result<Outcome, String> {
    let toolchain = match Toolchain::with_sources(XTENSA, "core,alloc") {
        Ok(toolchain) => toolchain,
        Err(error) if machine::is_ci() => return Err(error),
        Err(error) => return Ok(Outcome::Skipped(error)),
    };
    let output = workspace.target("firmware-xtensa");
    let description = output.join(format!("{XTENSA}.json"));
    let text = xtensa_description(toolchain.rustc.as_deref().unwrap_or(Path::new("rustc")))?;
    fs::create_dir_all(&output)
        .and_then(|()| fs::write(&description, text))
        .map_err(|error| format!("{}: {error}", description.display()))?;
    let mut build = toolchain.command(workspace, "build", &description.to_string_lossy());
    build.current_dir(workspace.root().join("firmware")).env_remove("CARGO_TARGET_DIR");
    build.args(["--release", "--package", "wildcam-boot", "--features", "esp32s3", "-Zjson-target-spec"]);
    build.arg("--config").arg(format!("target.{XTENSA}.linker=\"true\""));
    program::run(build.arg("--target-dir").arg(&output))?;
    machine::free(&output);
    Ok(Outcome::Done)
}

/// What the compiler knows of the ESP32-S3, as a description of a target of our own. Espressif's LLVM lays data out in
/// another way than upstream's and knows the chip's processor; both are exchanged for what upstream's has. Without the
/// unit for floating point, which upstream's cannot use for all that `core` asks.
///
/// # Errors
///
/// What the compiler says.
fn xtensa_description(rustc: &Path) -> Result<String, String> {
    /// That of upstream's LLVM 22. A compiler with another says both when it refuses.
    const LAYOUT: &str = "e-m:e-p:32:32-i8:8:32-i16:16:32-i64:64-n32";
    const FEATURES: &str = "+windowed,+density,+mul16,+mul32,+mul32high,+div32,+nsa,+sext,+minmax,+clamps,+bool,\
                            +s32c1i,+threadptr";
    let mut ask = Command::new(rustc);
    ask.args(["-Zunstable-options", "--print", "target-spec-json", "--target", XTENSA]).env("RUSTC_BOOTSTRAP", "1");
    let said = program::output(&mut ask)?;
    let mut description: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&said).map_err(|error| format!("{error} in {said}"))?;
    description.remove("cpu");
    description.insert("data-layout".to_owned(), LAYOUT.into());
    description.insert("features".to_owned(), FEATURES.into());
    serde_json::to_string_pretty(&description).map_err(|error| error.to_string())
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
