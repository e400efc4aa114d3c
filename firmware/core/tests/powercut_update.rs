//! Power is cut at every flash operation of updates, from the order to the check-in or the roll back, in every form, and then
//! at every operation of each recovery; the boot stage's operations are among them. After each, a whole image is started, the
//! old one or the new one, and in the end the one that was meant.
//!
//! The complete version, with pairs of cuts in all lives and on images of up to 64 KiB, runs when `WILDCAM_SOAK=1`; with
//! `WILDCAM_LIFE` those lives alone whose names hold its words.
#![allow(clippy::print_stdout, reason = "the number of states and the wear are results")]

mod update_model;

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use update_model::{SECTOR, lives};
use wildcam_core::flash::powercut::{Depth, enumerate};

fn soak() -> bool {
    std::env::var("WILDCAM_SOAK").is_ok_and(|value| value == "1")
}

/// Lives that have every kind of operation; without a soak they stand for all where images are large.
const SOME: [&str; 2] = ["a patch that gives something else", "what was given up, ordered anew"];
/// Lives that are cut twice without a soak.
const TWICE: [&str; 2] = ["a whole image", "a patch to an image that never checks in"];

/// Cuts lives with images of so many bytes: in a soak all of them twice. The lives are independent, and run side by side.
fn prove(bytes: usize, once: impl Fn(&str) -> bool + Sync, twice: &[&str]) -> usize {
    let mut lives = lives::<4>(bytes);
    if let Ok(words) = std::env::var("WILDCAM_LIFE") {
        lives.retain(|life| life.name.contains(&words));
    }
    let (next, states) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(life) = lives.get(next.fetch_add(1, Ordering::Relaxed)) {
            let depth = if soak() || twice.contains(&life.name) { Depth::Pairs } else { Depth::Single };
            if depth == Depth::Single && !once(life.name) {
                continue;
            }
            match enumerate(life, depth) {
                Ok(report) => {
                    println!("{}, images of {bytes} bytes: {report}", life.name);
                    assert!(report.operations > 2 * bytes.div_ceil(SECTOR), "it does something");
                    states.fetch_add(report.states, Ordering::Relaxed);
                }
                Err(failure) => panic!("{}, images of {bytes} bytes: {failure}", life.name),
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| (0..workers).for_each(|_| _ = scope.spawn(work)));
    let states = states.into_inner();
    println!("images of {bytes} bytes: {states} distinct states");
    states
}

/// Whole sectors but for the last one.
const SMALL: usize = 2 * SECTOR - 700;

#[test]
fn small_images_hold_under_every_pair_of_cuts() {
    let states = prove(SMALL, |_| false, &TWICE);
    assert!(!soak() || states > 12_109, "{states} states");
}

#[test]
fn images_of_whole_sectors_hold_under_every_cut() {
    prove(4 * SECTOR, |_| true, &[]);
}

#[test]
fn images_of_64_kib_hold_under_every_cut() {
    let states = prove(16 * SECTOR, |name| SOME.contains(&name), &[]);
    assert!(!soak() || states > 12_109, "{states} states");
}
