//! The boards' firmware: compiled by `wildcam build`, and looked at with the chip maker's tool.

use std::{fs, path::Path, process::Command};

use crate::{machine, peers, program, steps::Outcome, targets, terminal, workspace::Workspace};

/// A board, what it is compiled for, and whether esptool reads its images.
const BOARDS: [(&str, &str, bool); 3] = [
    ("esp32c3", "riscv32imc-unknown-none-elf", true),
    ("esp32c6", "riscv32imac-unknown-none-elf", true),
    ("qemu-virt", "riscv32imac-unknown-none-elf", false),
];

/// What runs the emulated board, and Debian's package of it.
const EMULATOR: (&str, &str) = ("qemu-system-riscv32", "qemu-system-misc");

/// Builds the firmware of every board that upstream Rust compiles, has the chip maker's tool look at the images, and runs
/// the launchers on an emulated core. Of the board that upstream Rust cannot link for, the launcher is compiled.
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
    build(workspace, &output, &workspace.target("firmware-build"), &BOARDS.map(|(board, ..)| board))?;
    match targets::xtensa_launcher(workspace)? {
        Outcome::Done => terminal::say("the launcher of the esp32s3 compiles; it was not linked"),
        Outcome::Skipped(why) => terminal::say(&format!("the launcher of the esp32s3 was not compiled: {why}")),
    }
    let Some(esptool) = esptool(workspace)? else {
        return Ok(Outcome::Skipped("the images are built, and there is no esptool to look at them".to_owned()));
    };
    for (board, ..) in BOARDS.iter().filter(|(.., chip)| *chip) {
        check(&esptool, &output, board)?;
    }
    // For the tests that follow.
    if machine::find(EMULATOR.0).is_none() {
        match machine::install_packages(&[EMULATOR.1]) {
            Ok(()) => {}
            Err(error) if machine::is_ci() => return Err(error),
            Err(error) => {
                return Ok(Outcome::Skipped(format!("the images are built and whole; for the rest, {error}")));
            }
        }
    }
    let python = match peers::install(workspace, &peers::CORE) {
        Ok(path) => path,
        Err(error) if machine::is_ci() => return Err(error),
        Err(error) => return Ok(Outcome::Skipped(format!("the images are built and whole; for the rest, {error}"))),
    };
    for (board, ..) in BOARDS.iter().filter(|(.., chip)| *chip) {
        let image = |part: &str| output.join(format!("wildcam-{board}-{part}.bin"));
        let mut run = Command::new(&python);
        run.arg(workspace.root().join("firmware/boot/emulated.py")).arg(board);
        let said = program::output(run.arg(image("boot")).arg(image("app")))?;
        terminal::say(said.lines().last().unwrap_or_default());
    }
    machine::free(&workspace.target("firmware-build"));
    Ok(Outcome::Done)
}

fn build(workspace: &Workspace, output: &Path, cache: &Path, boards: &[&str]) -> Result<(), String> {
    let mut build = workspace.cargo(&["run", "--locked", "--release", "--package", "wildcam", "--", "build"]);
    build.arg("--output").arg(output).arg("--cache").arg(cache);
    for board in boards {
        build.args(["--board", board]);
    }
    program::run(&mut build)
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
