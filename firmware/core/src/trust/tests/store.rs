//! Trust in flash: what was durable is never taken back, wherever the power goes.

use std::{format, vec};

use super::*;
use crate::{
    flash::{
        RecordsError,
        powercut::{Cut, Depth, Form, PowerCutFlash, Scenario, Stop, enumerate},
    },
    layout::Region,
};

type Flash = PowerCutFlash<4, 4096>;

const REGION: Region = Region { offset: 4096, bytes: 8192 };

fn load(flash: &mut Flash, anchor: &[u8]) -> Result<(Store, Trust), StoreError> {
    let mut store = Store::open(flash, REGION)?;
    let trust = store.load(flash, anchor, CLASS, &mut [0; SCRATCH_BYTES])?;
    Ok((store, trust))
}

fn keep(store: &mut Store, flash: &mut Flash, trust: &Trust, root: Option<&[u8]>) -> Result<(), StoreError> {
    store.keep(flash, trust, root, &mut [0; SCRATCH_BYTES])
}

/// One thing after the other that a camera takes on: each trust, with the content of its root where that is a new one.
fn history() -> Vec<(Trust, Option<Vec<u8>>)> {
    let fleet = Fleet::new();
    let next = fleet.with(1, 2, &[11, 12, 14]);
    let last = next.with(0, 2, &[1, 2, 4]);
    let mut trust = camera();
    let mut history = vec![(trust.clone(), None)];
    let mut take = |trust: &mut Trust, root: Option<Vec<u8>>, numbers: core::ops::Range<u64>, day: u64| {
        if let Some(root) = root {
            let content = trust.follow(&root).unwrap().to_vec();
            history.push((trust.clone(), Some(content)));
        }
        for number in numbers {
            // A release for each two timestamps.
            let release = release(7 + number / 2);
            update(trust, &timestamp(number, day, &release), &release, Some(START + day * DAY)).unwrap();
            history.push((trust.clone(), None));
        }
    };
    take(&mut trust, None, 3..8, 0);
    take(&mut trust, Some(next.root_by(&[1, 2])), 8..11, 11);
    take(&mut trust, Some(last.root_by(&[1, 2, 4])), 11..16, 21);
    history
}

#[test]
fn what_is_kept_is_loaded_and_the_same_again_is_not_written() {
    let mut flash = Flash::new(4);
    let first = Fleet::new().first();
    let (mut store, trust) = load(&mut flash, &first).unwrap();
    assert_eq!(trust, camera());
    for (trust, root) in history() {
        keep(&mut store, &mut flash, &trust, root.as_deref()).unwrap();
        assert_eq!(load(&mut flash, &first).unwrap().1, trust);
        let before = flash.state();
        keep(&mut store, &mut flash, &trust, root.as_deref()).unwrap();
        keep(&mut store, &mut flash, &trust, None).unwrap();
        assert_eq!(flash.state(), before);
    }
    assert_eq!([flash.erases()[0], flash.erases()[3]], [0, 0], "outside of the region");
}

#[test]
fn a_root_by_cable_begins_anew_and_the_old_one_does_not_return() {
    let mut flash = Flash::new(4);
    let first = Fleet::new().first();
    let (mut store, _) = load(&mut flash, &first).unwrap();
    let (last, root) = history().into_iter().rfind(|(_, root)| root.is_some()).unwrap();
    keep(&mut store, &mut flash, &last, root.as_deref()).unwrap();
    // The same root under other signatures is another anchor as well.
    for other in [Fleet::new().with(2, 1, &[22]).root_by(&[1, 2, 3]), Fleet::new().root_by(&[1, 3])] {
        let (_, trust) = load(&mut flash, &other).unwrap();
        assert_eq!(trust, Trust::begin(&other, CLASS).unwrap());
        assert_eq!(load(&mut flash, &other).unwrap().1, trust);
    }
    assert_eq!(load(&mut flash, &first).unwrap().1, camera());
}

#[test]
fn trust_is_not_kept_without_the_content_of_its_root() {
    let mut flash = Flash::new(4);
    let first = Fleet::new().first();
    let (mut store, before) = load(&mut flash, &first).unwrap();
    let history = history();
    let (followed, content) = history.iter().find(|(_, root)| root.is_some()).unwrap();
    let state = flash.state();
    let other = Fleet::new().root_content();
    for wrong in [None, Some(other.as_slice()), Some(&[][..])] {
        assert_eq!(keep(&mut store, &mut flash, followed, wrong), Err(StoreError::Root));
    }
    let mut short = [0; 300];
    let content = content.as_deref();
    assert_eq!(
        store.keep(&mut flash, followed, content, &mut short),
        Err(StoreError::Flash(RecordsError::Geometry)),
        "a scratch that is too short"
    );
    assert_eq!(
        Store::open(&mut flash, REGION).unwrap().load(&mut flash, &first, CLASS, &mut short).err(),
        Some(StoreError::Flash(RecordsError::Geometry))
    );
    let mut unloaded = Store::open(&mut flash, REGION).unwrap();
    assert_eq!(keep(&mut unloaded, &mut flash, followed, content), Err(StoreError::NotLoaded));
    assert_eq!(flash.state(), state, "nothing of this was written");
    assert_eq!(load(&mut flash, &first).unwrap().1, before);
    assert_eq!(load(&mut flash, b"no root").err(), Some(StoreError::Trust(Error::Malformed)));
}

struct Life {
    anchor: Vec<u8>,
    history: Vec<(Trust, Option<Vec<u8>>)>,
    /// How many steps the life has, and how many each recovery.
    steps: [usize; 2],
}

/// How much of the history is durable, and how much of it was asked to be.
#[derive(Debug, Clone, Default, Hash)]
struct Known {
    kept: usize,
    asked: usize,
}

impl Life {
    fn live(&self, flash: &mut Flash, known: &mut Known, steps: usize) -> Result<(), Stop> {
        let stop = |error: StoreError, powered: bool| match powered {
            true => Stop::Broken(format!("trust failed: {error}")),
            false => Stop::PowerLost,
        };
        let found = load(flash, &self.anchor);
        let (mut store, trust) = found.map_err(|error| stop(error, flash.is_powered()))?;
        let place = self.history[known.kept..=known.asked].iter().position(|(one, _)| *one == trust);
        let Some(place) = place else {
            return Err(Stop::Broken(format!("the trust is neither {} nor {}", known.kept, known.asked)));
        };
        known.kept += place;
        known.asked = known.kept;
        for next in (known.kept + 1..self.history.len()).take(steps) {
            known.asked = next;
            let (trust, root) = &self.history[next];
            let kept = keep(&mut store, flash, trust, root.as_deref());
            kept.map_err(|error| stop(error, flash.is_powered()))?;
            known.kept = next;
        }
        Ok(())
    }
}

impl Scenario<4, 4096> for Life {
    type Known = Known;

    fn start(&self) -> (Flash, Known) {
        (Flash::new(4).write_once(), Known::default())
    }

    fn run(&self, flash: &mut Flash, known: &mut Known) -> Result<(), Stop> {
        self.live(flash, known, self.steps[0])
    }

    fn recover(&self, flash: &mut Flash, known: &mut Known) -> Result<(), Stop> {
        self.live(flash, known, self.steps[1])
    }
}

fn life() -> Life {
    Life { anchor: Fleet::new().first(), history: history(), steps: [11, usize::MAX] }
}

#[test]
fn no_pair_of_cuts_takes_back_what_was_durable() {
    match enumerate::<4, 4096, _>(&life(), Depth::Pairs) {
        Ok(report) => std::println!("trust: {report}"),
        Err(failure) => panic!("{failure}"),
    }
}

/// A camera that has another anchor in its flash is cut while it begins with its own.
#[test]
fn a_cut_while_another_root_is_taken_leaves_one_of_the_two() {
    let mut before = Flash::new(4);
    let other = Fleet::new().with(2, 1, &[22]).root_by(&[1, 2, 3]);
    for _ in 0..2 {
        load(&mut before, &Fleet::new().first()).unwrap();
        load(&mut before, &other).unwrap();
        let operations = 0..2;
        for (operation, form) in operations.flat_map(|n| {
            [
                Form::Words(0),
                Form::Words(200),
                Form::Bits { words: 100, seed: 1 },
                Form::FirstHalf,
                Form::Mixture { seed: 1 },
            ]
            .map(|form| (n, form))
        }) {
            let mut flash = before.clone();
            flash.power_on();
            flash.arm(Cut { operation, form });
            let _ = load(&mut flash, &Fleet::new().first());
            flash.power_on();
            assert_eq!(load(&mut flash, &other).unwrap().1, Trust::begin(&other, CLASS).unwrap());
            assert_eq!(load(&mut flash, &Fleet::new().first()).unwrap().1, camera());
            assert_eq!(flash.violation(), None);
        }
        load(&mut before, &Fleet::new().first()).unwrap();
    }
}
