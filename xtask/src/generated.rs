//! Files made from the command tree: completion scripts and manual pages.

use std::{fs, path::Path};

use clap::ValueEnum;
use clap_complete::{Generator, Shell};

use crate::{steps::Outcome, terminal, workspace::Workspace};

const NAME: &str = "wildcam";

/// Each script, by its file name.
fn completions() -> Vec<(String, Vec<u8>)> {
    let generate = |shell: &Shell| {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut wildcam::cli::command_tree(), NAME, &mut script);
        (shell.file_name(NAME), script)
    };
    Shell::value_variants().iter().map(generate).collect()
}

/// Writes the scripts into completions/.
///
/// # Errors
///
/// When a file cannot be written.
pub(crate) fn write_completions(workspace: &Workspace) -> Result<(), String> {
    let folder = workspace.root().join("completions");
    make(&folder)?;
    for (name, script) in completions() {
        write(&folder.join(name), &script)?;
    }
    terminal::say(&format!("wrote {}", folder.display()));
    Ok(())
}

/// Compares the scripts under completions/ with the command tree.
///
/// # Errors
///
/// Which are stale, and the command that makes them anew.
pub(crate) fn check_completions(workspace: &Workspace) -> Result<Outcome, String> {
    let folder = workspace.root().join("completions");
    let is_stale = |(name, script): &(String, Vec<u8>)| fs::read(folder.join(name)).ok().as_ref() != Some(script);
    let stale: Vec<String> = completions().into_iter().filter(is_stale).map(|(name, _)| name).collect();
    if stale.is_empty() {
        return Ok(Outcome::Done);
    }
    Err(format!("stale in completions/: {}; run `cargo xtask completions` and commit what it writes", stale.join(", ")))
}

/// Writes a manual page for wildcam and one for each command that help shows into target/man.
///
/// # Errors
///
/// When a page cannot be written.
pub(crate) fn write_manual(workspace: &Workspace) -> Result<(), String> {
    let folder = workspace.target("man");
    make(&folder)?;
    let command = wildcam::cli::command_tree().disable_help_subcommand(true);
    clap_mangen::generate_to(command, &folder).map_err(|error| format!("cannot write the pages: {error}"))?;
    terminal::say(&format!("wrote {}", folder.display()));
    Ok(())
}

fn make(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))
}

fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    fs::write(path, content).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
