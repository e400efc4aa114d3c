//! Power is cut at every flash operation of a queue's life, in every form, and then at every operation of each
//! recovery. After each, the queue must hold exactly what it promised.
//!
//! The complete version, with a longer life and larger geometries, runs when `WILDCAM_SOAK=1`.

mod queue_model;

use queue_model::{Flash, Life, Step, Store, StoreError};
use wildcam_core::flash::powercut::{Depth, enumerate};
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

fn prove<const W: usize, const S: usize>(name: &str, unit: usize, rounds: usize, depth: Depth) {
    let life = Life::new(mount::<W, S>, life(unit, rounds), recovery(unit));
    match enumerate(&life, depth) {
        Ok(report) => {
            println!("{name}: {report}");
            assert!(report.operations > 50 && report.contents > 100, "the scenario does too little");
        }
        Err(failure) => panic!("{name}: {failure}"),
    }
}

#[test]
fn small_sectors_hold_under_every_pair_of_cuts() {
    let rounds = if soak() { 9 } else { 3 };
    prove::<4, 256>("words of 4, sectors of 256 bytes", 130, rounds, Depth::Pairs);
}

#[test]
fn the_sectors_of_a_chip_hold_under_every_cut() {
    let depth = if soak() { Depth::Pairs } else { Depth::Single };
    prove::<4, 4096>("words of 4, sectors of 4096 bytes", 2900, 3, depth);
}

#[test]
fn the_blocks_of_a_card_hold_under_every_cut() {
    let depth = if soak() { Depth::Pairs } else { Depth::Single };
    prove::<512, 4096>("words of 512, sectors of 4096 bytes", 2500, 3, depth);
}

#[test]
fn encrypted_flash_holds_under_every_cut() {
    let depth = if soak() { Depth::Pairs } else { Depth::Single };
    prove::<32, 512>("words of 32, sectors of 512 bytes", 230, 6, depth);
}
