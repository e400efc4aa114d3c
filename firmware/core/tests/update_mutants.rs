//! The enumeration of power cuts must find every bug that was put into the updater or the boot stage on purpose.
#![allow(clippy::print_stdout, reason = "the cuts that find a bug are results")]

mod update_model;

use update_model::{Bugs, SECTOR, lives};
use wildcam_core::{
    boot,
    flash::powercut::{Depth, Failure, enumerate},
    update,
};

const BYTES: usize = 2 * SECTOR - 700;

/// The first broken promise, and in which life.
fn find(bugs: Bugs) -> Option<(&'static str, Failure)> {
    let first = |depth| {
        lives::<4>(BYTES).into_iter().find_map(|mut life| {
            life.bugs = bugs;
            Some((life.name, enumerate(&life, depth).err()?))
        })
    };
    first(Depth::Single).or_else(|| first(Depth::Pairs))
}

#[test]
fn every_seeded_bug_is_caught() {
    for life in lives::<4>(BYTES) {
        assert_eq!(enumerate(&life, Depth::Single).err(), None, "{} without a bug", life.name);
    }
    let boots = boot::Mutant::ALL.map(|one| (format!("boot {one:?}"), Bugs { boot: Some(one), update: None }));
    let updates = update::Mutant::ALL.map(|one| (format!("update {one:?}"), Bugs { boot: None, update: Some(one) }));
    let mut missed = Vec::new();
    for (name, bugs) in boots.into_iter().chain(updates) {
        match find(bugs) {
            Some((life, failure)) => println!("{name}: {life}: {failure}"),
            None => missed.push(name),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
