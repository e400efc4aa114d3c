//! The boards' firmware: compiled by `wildcam build`, and looked at with the chip maker's tool.

use std::{fs, path::Path, process::Command};

use crate::{machine, peers, program, steps::Outcome, targets, terminal, workspace::Workspace};

/// A board, what it is compiled for, and whether esptool reads its images.
const BOARDS: [(&str, &str, bool); 3] = [
    ("esp32c3", "riscv32imc-unknown-none-elf", true),
    ("esp32c6", "riscv32imac-unknown-none-elf", true),
    ("qemu-virt", "riscv32imac-unknown-none-elf", false),
];

/// Builds the firmware of every board that upstream Rust compiles, and checks the images.
///
/// # Errors
///
/// What the compiler or esptool says, or in CI that one of them is not to be had.
pub(crate) fn firmware(workspace: &Workspace) -> Result<Outcome, String> {
    for (_, target, _) in BOARDS {
        match targets::prepare(target) {
            Ok(()) => {}
            Err(error) if machine::is_ci() => return Err(error),
            Err(error) => return Ok(Outcome::Skipped(error)),
        }
    }
    let output = workspace.target("firmware");
    let mut build = workspace.cargo(&["run", "--locked", "--release", "--package", "wildcam", "--", "build"]);
    build.arg("--output").arg(&output).arg("--cache").arg(workspace.target("firmware-build"));
    for (board, ..) in BOARDS {
        build.args(["--board", board]);
    }
    program::run(&mut build)?;
    let Some(esptool) = esptool(workspace)? else {
        return Ok(Outcome::Skipped("the images are built, and there is no esptool to look at them".to_owned()));
    };
    for (board, ..) in BOARDS.iter().filter(|(.., chip)| *chip) {
        check(&esptool, &output, board)?;
    }
    Ok(Outcome::Done)
}

fn esptool(workspace: &Workspace) -> Result<Option<std::path::PathBuf>, String> {
    match peers::install(workspace, &peers::ESPTOOL) {
        Ok(path) => Ok(Some(path)),
        Err(error) if machine::is_ci() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Has esptool read the images of a board; each must be whole, and the application must say its version and build.
fn check(esptool: &Path, output: &Path, board: &str) -> Result<(), String> {
    let sizes = output.join(format!("wildcam-{board}-size.json"));
    let text = fs::read_to_string(&sizes).map_err(|error| format!("{}: {error}", sizes.display()))?;
    let sizes: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("{error} in {text}"))?;
    let said = |key: &str| sizes[key].as_str().unwrap_or("?").to_owned();
    for image in ["app", "boot"] {
        let path = output.join(format!("wildcam-{board}-{image}.bin"));
        let info = program::output(Command::new(esptool).env("COLUMNS", "200").arg("image-info").arg(&path))?;
        let mut wanted = vec!["Checksum:".to_owned(), "Validation hash:".to_owned()];
        if image == "app" {
            wanted.push(format!("App version: {}", said("version")));
            wanted.push(format!("ELF file SHA256: {}", said("build_id")));
        }
        let missing = wanted.iter().find(|words| {
            let line = info.lines().find(|line| line.starts_with(words.as_str()));
            line.is_none_or(|line| words.ends_with(':') && !line.contains("(valid)"))
        });
        if let Some(words) = missing {
            return Err(format!("esptool does not say `{words}` of {} as it should:\n{info}", path.display()));
        }
        terminal::say(&format!("esptool: {} is whole", path.display()));
    }
    Ok(())
}
