//! Power is cut at every flash operation of the boot journal's life, in every form, and then at every operation of each
//! recovery. An image on trial must never be started more often than it may, and what was confirmed must stay.
#![allow(clippy::print_stdout, reason = "the number of states is a result")]

use wildcam_core::{
    boot::{self, Entry, Error, MAX_ATTEMPTS, Slot, State},
    flash::powercut::{Depth, PowerCutFlash, Scenario, Stop, enumerate},
    layout::Region,
};

type Flash<const W: usize, const S: usize> = PowerCutFlash<W, S>;

const GOOD: u8 = 1;

/// What the world knows.
#[derive(Debug, Clone, Default, Hash)]
struct Known {
    /// Images in the slots, by their number; even ones never check in. The updater writes them before `activate`.
    images: [u8; 2],
    /// How often each image was started before it was confirmed.
    starts: Vec<(u8, u8)>,
    /// Images whose `confirm` has returned.
    confirmed: Vec<u8>,
    /// The image whose `activate` has returned and that was not started yet.
    promised: Option<u8>,
}

#[derive(Clone, Copy)]
enum Step {
    Start,
    /// Write this image to the slot that does not run, and put it on trial.
    Update(u8),
}

struct Life<const W: usize, const S: usize> {
    steps: Vec<Step>,
}

fn mark(image: u8) -> [u8; 8] {
    [image; 8]
}

fn stop(error: Error, powered: bool) -> Stop {
    if powered { Stop::Broken(format!("the journal failed: {error}")) } else { Stop::PowerLost }
}

impl<const W: usize, const S: usize> Life<W, S> {
    const REGION: Region = Region { offset: S as u32, bytes: 2 * S as u32 };

    /// A start of the machine, to the check-in if the image is one that makes it.
    fn start(flash: &mut Flash<W, S>, known: &mut Known) -> Result<Entry, Stop> {
        let images = known.images;
        let verify =
            |_: &mut Flash<W, S>, slot: Slot| Ok(Some(images[slot.index()]).filter(|image| *image != 0).map(mark));
        let entry = boot::decide(flash, Self::REGION, verify).map_err(|error| stop(error, flash.is_powered()))?;
        let image = known.images[entry.slot.index()];
        if entry.mark != mark(image) {
            return Err(Stop::Broken("another image is started than lies in the slot".into()));
        }
        if let Some(promised) = known.promised.take()
            && image != promised
        {
            return Err(Stop::Broken(format!("image {promised} was put on trial, and {image} is started")));
        }
        if entry.state == State::Trying {
            if known.confirmed.contains(&image) {
                return Err(Stop::Broken(format!("image {image} was confirmed, and is on trial")));
            }
            match known.starts.iter_mut().find(|(one, _)| *one == image) {
                Some((_, count)) => *count += 1,
                None => known.starts.push((image, 1)),
            }
        }
        if entry.state == State::RolledBack && !known.confirmed.contains(&image) {
            return Err(Stop::Broken(format!("image {image} is trusted, and never checked in")));
        }
        if let Some((image, count)) = known.starts.iter().find(|(_, count)| *count > MAX_ATTEMPTS) {
            return Err(Stop::Broken(format!("image {image} is started {count} times on trial")));
        }
        if image % 2 == GOOD {
            boot::confirm(flash, Self::REGION).map_err(|error| stop(error, flash.is_powered()))?;
            if !known.confirmed.contains(&image) {
                known.confirmed.push(image);
            }
            // What is confirmed may be started for ever.
            known.starts.retain(|(one, _)| *one != image);
        }
        Ok(entry)
    }

    fn step(flash: &mut Flash<W, S>, known: &mut Known, step: Step) -> Result<(), Stop> {
        match step {
            Step::Start => Self::start(flash, known).map(|_| ()),
            Step::Update(image) => {
                let entry = boot::current(flash, Self::REGION).map_err(|error| stop(error, flash.is_powered()))?;
                let running = entry.map_or(Slot::A, |entry| entry.slot);
                known.images[running.other().index()] = image;
                match boot::activate(flash, Self::REGION, running.other(), mark(image)) {
                    Ok(()) => known.promised = Some(image),
                    Err(Error::GivenUp) => {}
                    Err(error) => return Err(stop(error, flash.is_powered())),
                }
                Ok(())
            }
        }
    }
}

impl<const W: usize, const S: usize> Scenario<W, S> for Life<W, S> {
    type Known = Known;

    fn start(&self) -> (Flash<W, S>, Known) {
        (Flash::new(3).write_once(), Known { images: [1, 0], ..Known::default() })
    }

    fn run(&self, flash: &mut Flash<W, S>, known: &mut Known) -> Result<(), Stop> {
        self.steps.iter().try_for_each(|step| Self::step(flash, known, *step))
    }

    fn recover(&self, flash: &mut Flash<W, S>, known: &mut Known) -> Result<(), Stop> {
        for _ in 0..2 * MAX_ATTEMPTS {
            Self::start(flash, known)?;
        }
        // Whatever the power did, in the end something runs that checks in.
        let entry = Self::start(flash, known)?;
        let image = known.images[entry.slot.index()];
        if image % 2 != GOOD {
            return Err(Stop::Broken(format!("image {image} never checks in, and is started for ever")));
        }
        Ok(())
    }
}

fn prove<const W: usize, const S: usize>(name: &str, updates: usize) {
    let mut steps = vec![Step::Start];
    for n in 0..updates as u8 {
        // One that never checks in, and one that does.
        steps.push(Step::Update(2 + 2 * n));
        steps.extend([Step::Start; 5]);
        steps.push(Step::Update(3 + 2 * n));
        steps.extend([Step::Start; 2]);
    }
    match enumerate(&Life::<W, S> { steps }, Depth::Pairs) {
        Ok(report) => {
            println!("boot journal, {name}: {report}");
            assert!(report.operations > 2 * S / 32, "the journal goes around");
        }
        Err(failure) => panic!("{name}: {failure}"),
    }
}

#[test]
fn small_sectors_hold_under_every_pair_of_cuts() {
    prove::<4, 128>("words of 4, sectors of 128 bytes", 4);
}

#[test]
fn encrypted_flash_holds_under_every_pair_of_cuts() {
    prove::<32, 128>("words of 32, sectors of 128 bytes", 4);
}
