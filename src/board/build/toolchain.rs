//! Which compiler builds for a board, and what to install where there is none.
//!
//! A standard library that is ready for the target is taken before one that must be compiled, and Debian's packages last,
//! because they ask for a linker of their own.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::board::{Board, Target};

/// The oldest compiler that takes the firmware's sources: `rust-version` of firmware/Cargo.toml.
const OLDEST: (u32, u32) = (1, 95);

/// The packages of Debian that compile for RISC-V.
const DEBIAN_PACKAGES: &str = "rustc-web cargo-web rust-web-src lld-19";

/// The linker that the compiler's description of the ESP32-S3 names: Espressif's GCC, set for that chip.
const XTENSA_LINKER: &str = "xtensa-esp32s3-elf-gcc";

/// Where compilers are looked for.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// The folders of the search path.
    pub search: Vec<PathBuf>,
    /// Where Debian's compiler lies, beside one of rustup's; absent: nowhere.
    pub debian: Option<PathBuf>,
    /// cargo's home, where it keeps what it has fetched.
    pub cargo_home: Option<PathBuf>,
    /// Whether this process may install packages of the system.
    pub is_root: bool,
}

impl Machine {
    fn find(&self, name: &str) -> Option<PathBuf> {
        let names = [name.to_owned(), format!("{name}.exe")];
        let places = self.search.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        places.into_iter().find(|path| path.is_file())
    }

    /// A linker for bare metal outside the compiler: `ld.lld`, or the newest of Debian's numbered ones.
    fn lld(&self) -> Option<PathBuf> {
        self.find("ld.lld").or_else(|| (14..40).rev().find_map(|number| self.find(&format!("ld.lld-{number}"))))
    }
}

/// How a board's code is compiled here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A compiler that has the target's standard library.
    Target,
    /// A compiler of rustup that has the sources of the standard library.
    Sources,
    /// Debian's compiler with the sources of the standard library, and lld.
    Debian,
    /// Espressif's toolchain, for Xtensa.
    Espressif,
}

/// A compiler that builds for a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// Which way it is.
    pub way: Way,
    /// The compiler's version.
    pub version: String,
    pub(super) cargo: PathBuf,
    pub(super) rustc: PathBuf,
    /// The name that rustup's cargo takes with a plus sign.
    pub(super) named: Option<String>,
    pub(super) linker: Option<PathBuf>,
    pub(super) sysroot: PathBuf,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = &self.version;
        match (&self.way, &self.named) {
            (Way::Target, Some(named)) => write!(f, "rustup's {named} ({version}), which has the target"),
            (Way::Target, None) => write!(f, "{version}, which has the target"),
            (Way::Sources, Some(named)) => write!(f, "rustup's {named} ({version}), compiling the standard library"),
            (Way::Sources, None) => write!(f, "{version}, compiling the standard library"),
            (Way::Debian, _) => write!(f, "Debian's {version}, compiling the standard library, with lld"),
            (Way::Espressif, _) => write!(f, "Espressif's toolchain ({version})"),
        }
    }
}

/// No compiler here builds for the board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no compiler here builds for {board} ({}): {found}", board.target().triple())]
pub struct NoToolchain {
    /// The board.
    pub board: Board,
    /// What was found instead.
    pub found: String,
    /// The one command that installs a compiler.
    pub install: String,
}

/// Finds a compiler for a board. Asks compilers where they keep their libraries and which version they are, and nothing else.
///
/// # Errors
/// When there is none, with the command that installs one.
pub fn find(board: Board, machine: &Machine) -> Result<Toolchain, NoToolchain> {
    let mut found = Vec::new();
    let candidates = match board.target() {
        Target::RiscV(triple) => riscv(machine, triple, &mut found),
        Target::Xtensa(_) => xtensa(machine, &mut found),
    };
    candidates.ok_or_else(|| {
        let found = if found.is_empty() { "there is none".to_owned() } else { found.join("; ") };
        NoToolchain { board, found, install: install(board, machine) }
    })
}

fn riscv(machine: &Machine, triple: &str, found: &mut Vec<String>) -> Option<Toolchain> {
    let mut compilers = Vec::new();
    if let (Some(rustc), Some(cargo)) = (machine.find("rustc"), machine.find("cargo")) {
        compilers.extend(Compiler::ask(rustc, cargo, None));
    }
    for name in rustup_toolchains(machine) {
        if let (Some(rustc), Some(cargo)) = (machine.find("rustc"), machine.find("cargo")) {
            compilers.extend(Compiler::ask(rustc, cargo, Some(name)));
        }
    }
    if let Some(folder) = &machine.debian {
        compilers.extend(Compiler::ask(folder.join("rustc"), folder.join("cargo"), None));
    }
    for compiler in &compilers {
        if !compiler.is_new_enough() {
            found.push(format!("{} is older than {}.{}", compiler.version, OLDEST.0, OLDEST.1));
        }
    }
    compilers.retain(Compiler::is_new_enough);
    if let Some(ready) = compilers.iter().find(|compiler| compiler.has_target(triple)) {
        return Some(ready.clone().toolchain(Way::Target, None));
    }
    for compiler in compilers {
        if !compiler.has_sources() {
            found.push(format!("{} has neither the target nor the sources of the standard library", compiler.shown()));
        } else if compiler.has_own_linker() {
            return Some(compiler.toolchain(Way::Sources, None));
        } else if let Some(linker) = machine.lld() {
            return Some(compiler.toolchain(Way::Debian, Some(linker)));
        } else {
            found.push(format!("{} has no linker for it", compiler.shown()));
        }
    }
    None
}

fn xtensa(machine: &Machine, found: &mut Vec<String>) -> Option<Toolchain> {
    let name = rustup_toolchains(machine).into_iter().find(|name| name == "esp");
    let Some(name) = name else {
        found.push("only Espressif's toolchain compiles for Xtensa".to_owned());
        return None;
    };
    let compiler = Compiler::ask(machine.find("rustc")?, machine.find("cargo")?, Some(name))?;
    if !compiler.is_new_enough() {
        found.push(format!("{} is older than {}.{}", compiler.shown(), OLDEST.0, OLDEST.1));
        return None;
    }
    if !compiler.has_sources() {
        found.push(format!("{} has no sources of the standard library", compiler.shown()));
        return None;
    }
    let Some(linker) = machine.find(XTENSA_LINKER).or_else(|| linker_of_espup(&compiler.sysroot)) else {
        found.push(format!("{} has no linker for it ({XTENSA_LINKER})", compiler.shown()));
        return None;
    };
    Some(compiler.toolchain(Way::Espressif, Some(linker)))
}

/// The linker that espup laid beside the compiler, so that nobody needs to source the file that names it to a shell:
/// `xtensa-esp-elf/VERSION/xtensa-esp-elf/bin` in the toolchain's folder. The newest by name, if there are several.
fn linker_of_espup(sysroot: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(sysroot.join("xtensa-esp-elf")).into_iter().flatten().flatten();
    let places = versions.flat_map(|version| {
        let folder = version.path().join("xtensa-esp-elf/bin");
        [folder.join(XTENSA_LINKER), folder.join(format!("{XTENSA_LINKER}.exe"))]
    });
    places.filter(|path| path.is_file()).max()
}

/// The command that installs a compiler for a board on this machine.
fn install(board: Board, machine: &Machine) -> String {
    let triple = match board.target() {
        Target::RiscV(triple) => triple,
        Target::Xtensa(_) if rustup_toolchains(machine).iter().any(|name| name == "esp") => {
            return "espup update".to_owned();
        }
        Target::Xtensa(_) if machine.find("espup").is_some() => return "espup install".to_owned(),
        Target::Xtensa(_) => return "cargo install espup --locked && espup install".to_owned(),
    };
    if machine.find("rustup").is_some() {
        // Adding a target to a compiler that is too old, or to none, helps nobody; this updates one that is there.
        let active = machine.find("rustc").zip(machine.find("cargo"));
        let is_fit = |(rustc, cargo)| Compiler::ask(rustc, cargo, None).is_some_and(|active| active.is_new_enough());
        if active.is_none_or(is_fit) {
            format!("rustup target add {triple}")
        } else {
            format!("rustup toolchain install stable --target {triple}")
        }
    } else if machine.find("apt-get").is_some() {
        let sudo = if machine.is_root { "" } else { "sudo " };
        format!("{sudo}apt-get install {DEBIAN_PACKAGES}")
    } else {
        format!("rustup target add {triple}, with rustup from https://rustup.rs")
    }
}

/// The toolchains that rustup has, without those that are made for another machine.
fn rustup_toolchains(machine: &Machine) -> Vec<String> {
    let Some(rustup) = machine.find("rustup") else { return Vec::new() };
    let output = Command::new(rustup).args(["toolchain", "list"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[derive(Debug, Clone)]
struct Compiler {
    rustc: PathBuf,
    cargo: PathBuf,
    named: Option<String>,
    sysroot: PathBuf,
    version: String,
}

impl Compiler {
    fn ask(rustc: PathBuf, cargo: PathBuf, named: Option<String>) -> Option<Self> {
        if !rustc.is_file() || !cargo.is_file() {
            return None;
        }
        let plus = named.iter().map(|name| OsString::from(format!("+{name}"))).collect::<Vec<_>>();
        let ask = |arguments: &[&str]| {
            let output = Command::new(&rustc).args(&plus).args(arguments).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?);
        let version = ask(&["--version"])?;
        // "rustc 1.96.0 (ac68faa20 2026-05-25)": the number is what people know.
        let version = version.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        Some(Self { rustc, cargo, named, sysroot, version })
    }

    fn is_new_enough(&self) -> bool {
        let number = self.version.split_whitespace().nth(1).unwrap_or_default();
        let mut parts = number.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= OLDEST
    }

    fn has_target(&self, triple: &str) -> bool {
        self.sysroot.join("lib/rustlib").join(triple).join("lib").is_dir()
    }

    fn has_sources(&self) -> bool {
        self.sysroot.join("lib/rustlib/src/rust/library/core").is_dir()
    }

    /// rustup's compilers bring one; those of distributions leave it out.
    fn has_own_linker(&self) -> bool {
        let hosts = std::fs::read_dir(self.sysroot.join("lib/rustlib")).into_iter().flatten().flatten();
        let places = |host: PathBuf| [host.join("bin/rust-lld"), host.join("bin/rust-lld.exe")];
        hosts.into_iter().flat_map(|host| places(host.path())).any(|path: PathBuf| path.is_file())
    }

    fn shown(&self) -> String {
        match &self.named {
            Some(named) => format!("{} ({named})", self.version),
            None => format!("{} ({})", self.version, self.rustc.display()),
        }
    }

    fn toolchain(self, way: Way, linker: Option<PathBuf>) -> Toolchain {
        let Self { rustc, cargo, named, sysroot, version } = self;
        Toolchain { way, version, cargo, rustc, named, linker, sysroot }
    }
}

impl Toolchain {
    /// cargo by this toolchain, without what another one left in the environment.
    pub(super) fn cargo(&self, folder: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.cargo);
        command.current_dir(folder);
        for name in [
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
            "CARGO",
            "RUSTC_BOOTSTRAP",
        ] {
            command.env_remove(name);
        }
        match &self.named {
            Some(named) => {
                command.arg(format!("+{named}"));
            }
            // A toolchain that rustup has put into the environment of this process stays: the compiler that was asked is its.
            None if self.way != Way::Debian => {}
            None => {
                command.env("RUSTC", &self.rustc).env_remove("RUSTUP_TOOLCHAIN");
            }
        }
        if self.way != Way::Target {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn programs(folder: &Path, programs: &[(&str, &str)]) {
        for (name, script) in programs {
            let path = folder.join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
        }
    }

    #[test]
    fn a_compiler_that_is_too_old_is_updated_and_a_new_one_gets_the_target() {
        for (version, install) in [
            ("1.80.1", "rustup toolchain install stable --target riscv32imc-unknown-none-elf"),
            ("1.99.0", "rustup target add riscv32imc-unknown-none-elf"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let rustc =
                format!("case \"$*\" in *sysroot*) echo /nowhere ;; *) echo 'rustc {version} (stand-in)' ;; esac");
            programs(folder.path(), &[("rustc", rustc.as_str()), ("cargo", ""), ("rustup", "")]);
            let machine = Machine { search: vec![folder.path().to_owned()], ..Machine::default() };
            assert_eq!(find(Board::Esp32C3, &machine).expect_err("no compiler builds").install, install);
        }
    }

    #[test]
    fn the_toolchain_of_espup_is_found_with_its_linker_as_it_lies() {
        let folder = tempfile::tempdir().expect("a folder");
        let (bin, sysroot) = (folder.path().join("bin"), folder.path().join("esp"));
        fs::create_dir(&bin).expect("a folder");
        let rustc = |version: &str| {
            let place = sysroot.display();
            format!(
                "[ \"$1\" = +esp ] || exit 1\ncase \"$*\" in *sysroot*) echo {place} ;; *) echo 'rustc {version}' ;; esac"
            )
        };
        let rustup = "echo 'stable-x86_64-unknown-linux-gnu (default)'; echo esp";
        programs(&bin, &[("cargo", ""), ("rustup", rustup), ("rustc", &rustc("1.88.0-nightly (0 2025-01-01)"))]);
        let machine = Machine { search: vec![bin.clone()], ..Machine::default() };
        let lacks = |what: &str| {
            let error = find(Board::Esp32S3, &machine).expect_err("something is missing");
            assert!(error.found.contains(what), "{error}");
            assert_eq!(error.install, "espup update");
        };
        lacks("is older than 1.95");
        programs(&bin, &[("rustc", &rustc("1.97.0-nightly (0 2026-07-01)"))]);
        lacks("has no sources");
        fs::create_dir_all(sysroot.join("lib/rustlib/src/rust/library/core")).expect("a folder");
        lacks("has no linker for it (xtensa-esp32s3-elf-gcc)");
        let place = |version: &str| sysroot.join("xtensa-esp-elf").join(version).join("xtensa-esp-elf/bin");
        for version in ["esp-14.2.0_20240906", "esp-15.2.0_20250920"] {
            fs::create_dir_all(place(version)).expect("a folder");
            programs(&place(version), &[(XTENSA_LINKER, "")]);
        }
        let toolchain = find(Board::Esp32S3, &machine).expect("all is there");
        assert_eq!(toolchain.way, Way::Espressif);
        assert_eq!(toolchain.to_string(), "Espressif's toolchain (rustc 1.97.0-nightly)");
        assert_eq!(toolchain.linker, Some(place("esp-15.2.0_20250920").join(XTENSA_LINKER)));
        programs(&bin, &[(XTENSA_LINKER, "")]);
        let toolchain = find(Board::Esp32S3, &machine).expect("all is there");
        assert_eq!(toolchain.linker, Some(bin.join(XTENSA_LINKER)), "what the search path names comes first");
    }
}
