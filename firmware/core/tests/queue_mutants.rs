//! The enumeration of power cuts must find every bug that was put into the queue on purpose.
#![allow(clippy::print_stdout, reason = "the number of states and the cuts that find a bug are results")]

mod queue_model;

use queue_model::{Life, Step};
use wildcam_core::flash::powercut::{Depth, Failure, Report, enumerate};
use wildcam_core::queue::Priority::{High, Low, Normal, Urgent};
use wildcam_core::queue::{Mutant, Queue};

fn prove(mutant: Option<Mutant>) -> Result<Report, Failure> {
    let unit = 130;
    // One mount, so that no bug shows without a loss of power.
    let boots = vec![vec![
        Step::Put(Normal, 20, unit * 2),
        Step::Put(Urgent, 9, unit * 2),
        Step::Upload,
        Step::Put(Low, 5, unit * 4),
        Step::Put(High, 5, unit * 3),
        Step::Put(Low, 1, unit * 6),
        Step::Put(High, 40, unit * 3),
        Step::Put(Low, 1, unit * 6),
        Step::Upload,
        Step::Put(Low, 1, unit),
        Step::Upload,
        Step::Put(Low, 1, unit * 12),
    ]];
    let recovery = vec![Step::Upload, Step::Put(Normal, 11, unit * 2), Step::Put(High, 3, unit * 5)];
    let life = Life::<4, 256, _>::new(
        |flash| match mutant {
            Some(mutant) => Queue::mount_mutant(flash, mutant),
            None => Queue::mount(flash),
        },
        5,
        boots,
        recovery,
    );
    enumerate(&life, Depth::Pairs)
}

#[test]
fn every_seeded_bug_is_caught() {
    prove(None).unwrap_or_else(|failure| panic!("the queue without a bug: {failure}"));
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        match prove(Some(mutant)) {
            Err(failure) => {
                println!("{mutant:?}: {failure}");
                assert!(!failure.cuts.is_empty(), "{mutant:?} shows without a loss of power");
            }
            Ok(report) => missed.push((mutant, report)),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
