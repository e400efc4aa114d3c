//! The house keeps its plan: who may import whom, what a file may be called, how long it may get.
//!
//! ARCHITECTURE.md draws the arrows. Here the sources are read and a forbidden one fails with its file and line. The rules
//! are tried on snippets first, so that a reader of sources that sees nothing cannot pass for a clean house.

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use std::{
    fs,
    path::{Path, PathBuf},
};

use rules::{Breach, check, commands};
use source::Source;

fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// Every .rs file below `folder`, by its path from the root.
fn rust_files(root: &Path, folder: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries {
        let entry = entry.expect("the entries of a source folder can be read");
        let name = entry.file_name().into_string().expect("a source file has a name in UTF-8");
        let below = format!("{folder}/{name}");
        let kind = entry.file_type().expect("the kind of a source file can be read");
        if kind.is_dir() && name != "target" {
            rust_files(root, &below, found);
        } else if kind.is_file() && name.ends_with(".rs") {
            found.push(below);
        }
    }
}

/// Reads the files below `folders` and carries each `cfg` on a `mod` line to the files of that module.
fn read(folders: &[&str]) -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    for folder in folders {
        rust_files(&root, folder, &mut files);
    }
    files.sort();
    let mut sources: Vec<Source> = files
        .iter()
        .map(|file| Source::read(file, &fs::read_to_string(root.join(file)).expect("a source file is UTF-8")))
        .collect();
    carry_gates(&mut sources);
    sources
}

fn carry_gates(sources: &mut [Source]) {
    let crate_of = |file: &str| file.split_once("src/").map_or_else(String::new, |(before, _)| before.to_owned());
    let gates: Vec<_> = sources
        .iter()
        .flat_map(|source| source.gated.iter().map(|(module, gate)| (crate_of(&source.file), module.clone(), *gate)))
        .collect();
    for source in sources {
        for (within, module, gate) in &gates {
            if crate_of(&source.file) == *within && source.module.starts_with(module) {
                source.put_under(*gate);
            }
        }
    }
}

fn assert_clean(sources: &[Source]) {
    let commands = commands(sources);
    let found = sources.iter().flat_map(|source| check(source, &commands));
    let breaches: Vec<String> = found.map(|breach| breach.to_string()).collect();
    assert!(
        breaches.is_empty(),
        "{} breaches of the rules in ARCHITECTURE.md:\n{}",
        breaches.len(),
        breaches.join("\n")
    );
}

#[test]
fn the_sources_keep_the_rules() {
    let sources = read(&["src"]);
    assert!(sources.len() > 20, "only {} files were found below src/", sources.len());
    let arrows = sources.iter().flat_map(|source| &source.references).filter(|reference| reference.path[0] == "crate");
    assert!(arrows.count() > 20, "the sources were read, but hardly a path was seen in them");
    assert!(commands(&sources).contains(&"drill".to_owned()), "the commands below src/cli were not seen");
    assert_clean(&sources);
}

#[test]
fn the_device_crates_keep_the_rules() {
    let sources = read(&["firmware/core/src", "firmware/infer/src"]);
    assert!(!sources.is_empty(), "no file was found below firmware/core/src");
    assert_clean(&sources);
}

#[test]
fn tests_and_tasks_keep_the_rules_of_names_and_length() {
    assert_clean(&read(&["tests", "xtask/src", "firmware/core/tests"]));
}

fn breaches(file: &str, text: &str) -> Vec<String> {
    check(&Source::read(file, text), &["drill".to_owned(), "lab".to_owned()]).iter().map(Breach::to_string).collect()
}

/// The snippet breaks exactly one rule, at `place`, and the message holds `words`.
#[track_caller]
fn assert_caught(file: &str, text: &str, place: &str, words: &str) {
    let found = breaches(file, text);
    assert_eq!(found.len(), 1, "of {text:?} in {file}: {found:#?}");
    assert!(found[0].starts_with(&format!("{file}:{place}: ")) && found[0].contains(words), "{}", found[0]);
}

#[track_caller]
fn assert_allowed(file: &str, text: &str) {
    assert_eq!(breaches(file, text), Vec::<String>::new(), "of {text:?} in {file}");
}

#[test]
fn a_forbidden_arrow_is_caught_in_every_form() {
    let file = "src/gateway/upload.rs";
    for text in [
        "use crate::lab::Lab;",
        "use crate::lab;",
        "use crate::{lab};",
        "pub(crate) use crate::lab::*;",
        "use super::super::lab::Lab;",
        "fn f() -> crate::lab::Lab { todo() }",
        "fn f() { let x = <crate::lab::Lab as T>::x(); }",
        "mod inner { use super::super::super::lab::Lab; }",
        "use ::wildcam::lab::Lab;",
        "fn f(c: char) -> bool { c == '\"' || c == '\\'' || crate::lab::is(c) }",
    ] {
        assert_caught(file, text, "1", "no arrow goes from `gateway` to `lab`");
    }
    let nested = "use crate::{\n    data::Index,\n    net::{retry, tls},\n    lab::{self, Lab},\n};";
    assert_eq!(breaches(file, nested).len(), 2);
    assert!(breaches(file, nested)[0].starts_with("src/gateway/upload.rs:4: "));
}

#[test]
fn an_allowed_arrow_is_not_caught() {
    assert_allowed(
        "src/gateway/upload.rs",
        "use crate::{data::Index, net::tls, clock::Clock, cloud, release::Signer};",
    );
    assert_allowed("src/gateway/upload.rs", "use super::{Error, copies::Copies}; use crate::gateway::limits;");
    assert_allowed("src/lab/mod.rs", "use crate::{gateway, drill, traffic, data, journal};");
    assert_allowed(
        "src/cli/lab/up.rs",
        "use super::{CommandResult, Context}; use crate::{lab, drill, project, cloud};",
    );
    assert_allowed("src/main.rs", "fn main() { wildcam::cli::main(std::env::args_os()) }");
}

#[test]
fn words_in_comments_and_literals_are_no_paths() {
    let text = r####"
        // use crate::lab::Lab;
        /* use crate::lab; /* println!("x") */ crate::lab::x() */
        /// See [`crate::lab::Lab`].
        const A: &str = "use crate::lab::Lab; \" crate::lab::x()";
        const B: &str = r#"crate::lab::x() " println!("x")"#;
        const C: &[u8] = b"crate::lab::x()";
        fn f<'a>(c: &'a char) -> bool { *c == '"' || *c == '\'' || *c == '\u{1f}' }
    "####;
    assert_allowed("src/gateway/mod.rs", text);
}

#[test]
fn the_ground_floor_uses_nothing_above_it() {
    assert_caught("src/net/retry.rs", "use crate::journal::Log;", "1", "`net` is the ground floor");
    assert_caught("src/clock/mod.rs", "\nuse crate::ui::Ui;", "2", "`clock` is the ground floor");
    assert_caught("src/project/mod.rs", "use crate::cloud::Objects;", "1", "`project` is the ground floor");
    assert_allowed("src/journal/lease.rs", "use crate::{clock::Clock, net::retry};");
}

#[test]
fn engines_know_no_terminal_no_command_line_and_no_environment() {
    let file = "src/data/index.rs";
    assert_caught(file, "use crate::ui::Ui;", "1", "may not use `ui`");
    assert_caught(file, "use crate::cli::Context;", "1", "may not use `cli`");
    assert_caught(file, "fn f() { println!(\"x\"); }", "1", "`println!` belongs to `ui`");
    assert_caught(file, "fn f() { std::eprint!(\"x\"); }", "1", "`eprint!` belongs to `ui`");
    assert_caught(file, "#[derive(clap::Args)] struct A;", "1", "clap");
    assert_caught(file, "fn f() { std::env::var(\"X\"); }", "1", "std::env");
    assert_caught(file, "use std::{fs, env};", "1", "std::env");
    assert_caught(file, "fn f() { std::process::exit(1) }", "1", "ends the process");
    assert_allowed(file, "use std::process::Command; fn f() { write!(out, \"x\"); }");
    assert_allowed(file, "#[cfg(test)] mod tests { fn f() { println!(\"x\"); std::env::var(\"X\"); } }");
    assert_caught(
        file,
        "#[cfg(test)] mod tests { fn f() {} } fn g() { println!(\"x\") }",
        "1",
        "`println!` belongs to `ui`",
    );
}

#[test]
fn commands_do_not_import_each_other() {
    let body = "struct Arguments; fn run() {}";
    let file = "src/cli/drill.rs";
    assert_caught(file, &format!("use super::lab::Arguments as A; {body}"), "1", "imports `lab`");
    assert_caught(file, &format!("use super::*; {body}"), "1", "imports `*`");
    assert_caught(file, &format!("fn f() {{ crate::cli::lab::run() }} {body}"), "1", "imports `lab`");
    assert_allowed(file, &format!("use super::{{CommandError, Context, open_project}}; use crate::lab::Lab; {body}"));
    assert_allowed(file, &format!("mod tests {{ use super::*; }} {body}"));
    assert_caught(file, "struct Arguments;", "1", "`run`");
    assert_caught(file, "fn run() {}", "1", "`Arguments`");
    assert_caught(file, "fn run() {} #[cfg(test)] mod tests { struct Arguments; }", "1", "`Arguments`");
}

#[test]
fn a_provider_stays_inside_its_folder() {
    assert_caught("src/gateway/mod.rs", "use crate::cloud::aws::Arn;", "1", "`cloud::aws`");
    assert_caught("src/cloud/azure/mod.rs", "use super::aws::Arn;", "1", "`cloud::aws`");
    assert_allowed("src/cloud/mod.rs", "use self::aws::Bucket; use crate::cloud::gcp::Bucket as B;");
}

#[test]
fn the_device_imports_nothing_of_ours_and_no_std() {
    let file = "firmware/core/src/queue.rs";
    assert_caught(file, "use std::vec::Vec;", "1", "no std");
    assert_caught(file, "fn f() -> ::std::string::String { x() }", "1", "no std");
    assert_caught(file, "#[cfg(not(feature = \"std\"))] use std::vec::Vec;", "1", "no std");
    assert_caught(file, "use wildcam::net;", "1", "nothing of ours");
    assert_caught(file, "#[cfg(test)] use a::{b, c};\nuse std::fmt;", "2", "no std");
    assert_caught(file, "struct S { #[cfg(feature = \"x\")] a: u8,\n b: std::vec::Vec<u8> }", "2", "no std");
    assert_allowed(file, "use core::fmt; #[cfg(feature = \"std\")] impl std::error::Error for E {}");
    assert_allowed(file, "#![cfg(feature = \"powercut\")]\nuse std::vec::Vec;");
    assert_allowed(file, "#[cfg(any(test, feature = \"powercut\"))] mod flash { use std::vec::Vec; }");
    assert_allowed(file, "#[cfg(test)] #[allow(x)] fn f<A, B>() { std::x() }");
}

#[test]
fn a_gate_on_a_mod_line_reaches_the_files_of_the_module() {
    let parent = "#[cfg(feature = \"powercut\")]\npub mod powercut;";
    let mut sources = [
        Source::read("firmware/core/src/lib.rs", parent),
        Source::read("firmware/core/src/powercut/flash.rs", "use std::vec::Vec;"),
        Source::read("firmware/core/src/queue.rs", "use std::vec::Vec;"),
    ];
    carry_gates(&mut sources);
    assert_eq!(check(&sources[1], &[]), []);
    assert_eq!(check(&sources[2], &[]).len(), 1);
}

#[test]
fn vague_names_and_long_files_are_caught() {
    assert_caught("src/net/util.rs", "", "1", "`util`");
    assert_caught("src/helpers/tls.rs", "", "1", "`helpers`");
    assert_caught("src/net/mod.rs", "\nmod common;", "2", "`common`");
    assert_caught("src/net/mod.rs", &"\n".repeat(601), "601", "601 lines");
    assert_allowed("src/net/mod.rs", &"\n".repeat(600));
    assert_allowed("firmware/core/tests/queue.rs", "use std::vec::Vec; use wildcam_core::queue;");
}

#[test]
fn a_module_without_a_place_is_caught() {
    assert_caught("src/clever/mod.rs", "use crate::net::tls;", "1", "`clever` has no place");
    assert_caught("src/net/mod.rs", "use crate::clever::X;", "1", "no module of the house");
}
