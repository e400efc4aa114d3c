//! The completion scripts under completions/ are what this version of wildcam generates.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use clap_complete::{Generator, Shell};

const UPDATE: &str = "run `cargo xtask completions` and commit what it writes";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

#[test]
fn each_script_is_fresh() {
    for shell in Shell::value_variants() {
        let name = shell.file_name("wildcam");
        let mut generated = Vec::new();
        clap_complete::generate(*shell, &mut wildcam::cli::command_tree(), "wildcam", &mut generated);
        let committed = fs::read(folder().join(&name))
            .unwrap_or_else(|error| panic!("completions/{name} cannot be read ({error}): {UPDATE}"));
        // Not assert_eq, which would print both scripts.
        assert!(committed == generated, "completions/{name} is stale: {UPDATE}");
    }
}

#[test]
fn there_is_no_script_of_a_shell_that_is_not_served() {
    let served: BTreeSet<String> = Shell::value_variants().iter().map(|shell| shell.file_name("wildcam")).collect();
    let entries =
        fs::read_dir(folder()).unwrap_or_else(|error| panic!("completions/ cannot be read ({error}): {UPDATE}"));
    let found: BTreeSet<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(found, served);
}
