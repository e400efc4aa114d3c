//! Power is cut at every flash operation of a queue's life, in every form, and then at every operation of each
//! recovery. After each, the queue must hold exactly what it promised.
//!
//! The complete version, with a longer life and larger geometries, runs when `WILDCAM_SOAK=1`.
#![allow(clippy::print_stdout, reason = "the number of states and the cuts that find a bug are results")]

mod queue_model;

use queue_model::{Flash, Known, LOG, Life, Step, Store, StoreError};
use wildcam_core::flash::powercut::{Depth, Scenario, enumerate};
use wildcam_core::queue::Priority::{High, Low, Normal, Urgent};
use wildcam_core::queue::Queue;

fn mount<const W: usize, const S: usize>(flash: &mut Flash<W, S>) -> Result<Store<'_, W, S>, StoreError> {
    Queue::mount(flash)
}

fn soak() -> bool {
    std::env::var("WILDCAM_SOAK").is_ok_and(|value| value == "1")
}

/// Fills the queue with items of several sectors, removes, evicts for room and for a place in the index, refuses,
/// abandons, and goes around both the log and the sectors. `unit` scales the bodies to the sector.
fn life(unit: usize, rounds: usize) -> Vec<Vec<Step>> {
    let first = vec![
        Step::Put(Normal, 20, unit),
        Step::Put(Urgent, 9, unit * 2),
        Step::Put(Low, 0, unit / 3),
        Step::Upload,
        Step::Put(High, 33, unit * 2 + 7),
    ];
    let second = vec![
        Step::Put(Low, 5, unit * 2),
        Step::Put(Normal, 40, unit * 4),
        Step::Abandon(Normal, 7, unit * 2),
        Step::Put(Low, 3, unit * 6),
        Step::Remove(0),
        Step::Put(Urgent, 1, unit * 3),
    ];
    let third = vec![Step::Put(Low, 2, 10), Step::Upload, Step::Put(Low, 0, 0), Step::Put(High, 2, unit * 5)];
    [first, second, third].into_iter().cycle().take(rounds).collect()
}

/// What a queue does after a loss of power: it takes up the upload, and takes pictures that do not fit.
fn recovery(unit: usize) -> Vec<Step> {
    vec![Step::Upload, Step::Put(Normal, 11, unit * 2), Step::Put(High, 3, unit * 5)]
}

/// The log has gone around once before, and is full again soon.
fn mounts_before<const W: usize, const S: usize>() -> u32 {
    let slots = S / 36_usize.next_multiple_of(W);
    (slots * LOG - 3) as u32
}

fn prove<const W: usize, const S: usize>(name: &str, unit: usize, rounds: usize, depth: Depth) {
    let life = Life::new(mount::<W, S>, mounts_before::<W, S>(), life(unit, rounds), recovery(unit));
    assert_covers(&life);
    match enumerate(&life, depth) {
        Ok(report) => println!("{name}: {report}"),
        Err(failure) => panic!("{name}: {failure}"),
    }
}

/// An enumeration proves nothing about what its scenario never does.
fn assert_covers<const W: usize, const S: usize>(life: &impl Scenario<W, S, Known = Known>) {
    let (mut flash, mut known) = life.start();
    let before = flash.erases().to_vec();
    life.run(&mut flash, &mut known).expect("a life without a loss of power");
    assert!(known.evicted > 2 && known.refused > 0 && known.live.len() > 1, "{known:?}");
    let erases: Vec<_> = flash.erases().iter().zip(before).map(|(now, before)| now - before).collect();
    let (log, items) = erases.split_at(LOG);
    assert!(log.iter().any(|erases| *erases > 0), "the log never goes around: {log:?}");
    assert!(items.iter().all(|erases| *erases > 1), "the sectors are never used again: {items:?}");
}

fn pairs_in_a_soak() -> Depth {
    if soak() { Depth::Pairs } else { Depth::Single }
}

#[test]
fn small_sectors_hold_under_every_pair_of_cuts() {
    let rounds = if soak() { 12 } else { 5 };
    prove::<4, 256>("words of 4, sectors of 256 bytes", 130, rounds, Depth::Pairs);
}

#[test]
fn the_sectors_of_a_chip_hold_under_every_cut() {
    prove::<4, 4096>("words of 4, sectors of 4096 bytes", 2900, 5, pairs_in_a_soak());
}

#[test]
fn the_blocks_of_a_card_hold_under_every_cut() {
    prove::<512, 4096>("words of 512, sectors of 4096 bytes", 2500, 5, pairs_in_a_soak());
}

#[test]
fn encrypted_flash_holds_under_every_cut() {
    prove::<32, 512>("words of 32, sectors of 512 bytes", 230, 6, pairs_in_a_soak());
}
