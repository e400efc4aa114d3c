//! `wildcam release`.

mod making;
mod publishing;
mod showing;

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{CommandError, CommandResult, Context, Kind};
use crate::{
    journal::atomic,
    release::delta::{self, Architecture, DeltaError},
    ui::JsonLine,
};

const DIFF_EXAMPLES: &str = "Examples:
  wildcam release diff old.bin new.bin -o update.patch
  wildcam release diff old.bin new.bin -o update.patch --json

Any two files will do; images of cameras, and code of RISC-V and Xtensa, are understood. The patch
is bound to both files by their SHA-256. It needs no key, and no camera applies it until a signed
release names it.";

const PATCH_EXAMPLES: &str = "Examples:
  wildcam release patch old.bin update.patch -o new.bin

It is applied by the code that runs on the cameras, and the result is compared with what was meant.";

/// A file is read up to this length: a patch can be as long as the longest image, and a little longer.
const LONGEST: u64 = 8 << 20;

/// The arguments of `wildcam release`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make and sign the next release for a board
    #[command(after_help = making::SIGN_EXAMPLES)]
    Sign(making::Sign),
    /// Sign anew which releases are the newest, before that ends
    #[command(after_help = making::REFRESH_EXAMPLES)]
    Refresh(making::Refresh),
    /// Check a folder of releases as a camera would
    #[command(after_help = showing::VERIFY_EXAMPLES)]
    Verify(showing::Verify),
    /// Show the newest releases
    #[command(after_help = "Examples:\n  wildcam release show\n  wildcam release show --json")]
    Show(showing::Show),
    /// Put the releases into the stores, where cameras find them
    #[command(after_help = publishing::EXAMPLES)]
    Publish(publishing::Arguments),
    /// Write what a new file differs from an old one by
    #[command(after_help = DIFF_EXAMPLES)]
    Diff {
        /// The file that the cameras have
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The file that they are to have
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// The patch to write
        #[arg(short, long, value_name = "PATCH")]
        output: PathBuf,
    },
    /// Make the new file of the old one and a patch
    #[command(after_help = PATCH_EXAMPLES)]
    Patch {
        /// The old file
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The patch
        #[arg(value_name = "PATCH")]
        patch: PathBuf,
        /// The file to write
        #[arg(short, long, value_name = "NEW")]
        output: PathBuf,
    },
}

#[derive(Serialize)]
struct Diffed<'a> {
    file: &'a Path,
    bytes: usize,
    old_bytes: usize,
    new_bytes: usize,
    instructions: &'static str,
    operations: usize,
}

impl JsonLine for Diffed<'_> {
    const REASON: &'static str = "delta";
}

#[derive(Serialize)]
struct Patched<'a> {
    file: &'a Path,
    bytes: usize,
    sha256: String,
}

impl JsonLine for Patched<'_> {
    const REASON: &'static str = "patched";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    match &arguments.command {
        Command::Sign(arguments) => making::sign(arguments, context).await,
        Command::Refresh(arguments) => making::refresh(arguments, context).await,
        Command::Verify(arguments) => showing::verify(arguments, context),
        Command::Show(arguments) => showing::show(arguments, context),
        Command::Publish(arguments) => publishing::run(arguments, context).await,
        Command::Diff { old, new, output } => diff(old, new, output, context),
        Command::Patch { old, patch: from, output } => patch(old, from, output, context),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::new(Kind::Usage, format!("cannot read {}", path.display())).because(error)
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        let message = format!("{} is longer than {} MiB, and so no image of a camera", path.display(), LONGEST >> 20);
        return Err(CommandError::new(Kind::Usage, message));
    }
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> CommandResult {
    atomic::write(path, bytes).map_err(|error| CommandError::of(Kind::Failed, &error))
}

fn instructions(architecture: Architecture) -> (&'static str, &'static str) {
    match architecture {
        Architecture::Plain => ("none", "read as bytes"),
        Architecture::RiscV => ("risc-v", "read as code of RISC-V"),
        Architecture::Xtensa => ("xtensa", "read as code of Xtensa"),
    }
}

fn diff(old: &Path, new: &Path, output: &Path, context: &Context) -> CommandResult {
    let (base, target) = (read(old)?, read(new)?);
    let made = delta::diff(&base, &target).map_err(|error| CommandError::of(Kind::Usage, &error))?;
    write(output, &made.bytes)?;
    let (word, told) = instructions(made.architecture);
    #[expect(clippy::cast_precision_loss, reason = "a few million at most")]
    let share = made.bytes.len() as f64 * 100.0 / target.len().max(1) as f64;
    context.ui.result(format_args!(
        "{}: {} bytes, {share:.1}% of the new file's {} ({told})",
        output.display(),
        made.bytes.len(),
        target.len()
    ));
    context.ui.json(&Diffed {
        file: output,
        bytes: made.bytes.len(),
        old_bytes: base.len(),
        new_bytes: target.len(),
        instructions: word,
        operations: made.operations,
    });
    Ok(())
}

fn patch(old: &Path, patch: &Path, output: &Path, context: &Context) -> CommandResult {
    let (base, bytes) = (read(old)?, read(patch)?);
    let mut target = Vec::new();
    let head = delta::patch(&base, &bytes, &mut target).map_err(|error| refused(&error, old, patch))?;
    write(output, &target)?;
    let sha256: String = head.target_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    context.ui.result(format_args!(
        "{}: {} bytes, as they were meant (SHA-256 {sha256})",
        output.display(),
        target.len()
    ));
    context.ui.json(&Patched { file: output, bytes: target.len(), sha256 });
    Ok(())
}

fn refused(error: &DeltaError, old: &Path, patch: &Path) -> CommandError {
    match error {
        DeltaError::OtherBase { .. } => CommandError::of(Kind::Guard, error)
            .next_step(format!("give the file that the patch was made from instead of {}", old.display())),
        DeltaError::Patch(_) | DeltaError::OtherTarget => CommandError::of(Kind::Failed, error).next_step(format!(
            "fetch {} again, or make it again: wildcam release diff OLD NEW -o PATCH",
            patch.display()
        )),
        _ => CommandError::of(Kind::Failed, error),
    }
}
