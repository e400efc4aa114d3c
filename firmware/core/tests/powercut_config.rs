//! Power is cut at every flash operation of a camera's config, in every form, and then at every operation of each recovery:
//! what is found is what was before or what was to be, a trial never counts less than its starts, what was confirmed is there,
//! and a number that was decided on does not come back.
#![allow(clippy::print_stdout, reason = "the number of states is a result")]

use wildcam_core::{
    config::{Abilities, ConfigBody, Keeper, Offer, OfferError, Settings, TRIAL_STARTS},
    cose::{Document, kind},
    flash::{
        RecordsError,
        powercut::{Cut, Depth, Form, PowerCutFlash, Scenario, Stop, enumerate},
    },
    layout::Region,
    trust::{Hours, Link, Links},
    wire::CameraId,
};

type Flash<const W: usize, const S: usize> = PowerCutFlash<W, S>;

/// What happens to a camera.
#[derive(Debug, Clone, Copy)]
enum Step {
    Start,
    /// A document with these settings, which a number stands for, and this release.
    Offer {
        settings: u8,
        release: u64,
    },
    Confirm,
    Revert,
}

/// Settings that the board cannot do.
const UNABLE: u8 = 99;

const STEPS: [Step; 30] = {
    use Step::{Confirm, Offer, Revert, Start};
    [
        Offer { settings: 1, release: 5 },
        Start,
        Confirm,
        Offer { settings: 2, release: 5 },
        Start,
        Start,
        Start,
        // Goes back by itself.
        Start,
        Offer { settings: 2, release: 5 },
        Start,
        // Another release in the middle of a trial.
        Offer { settings: 2, release: 6 },
        Confirm,
        Offer { settings: 2, release: 0 },
        Offer { settings: 3, release: 0 },
        Start,
        Revert,
        Offer { settings: UNABLE, release: 7 },
        Start,
        Offer { settings: 4, release: 7 },
        Start,
        Offer { settings: UNABLE, release: 8 },
        // Others while there is a trial.
        Offer { settings: 5, release: 8 },
        Start,
        Start,
        Start,
        Start,
        Offer { settings: 5, release: 9 },
        Confirm,
        // Taken back by hand.
        Offer { settings: 6, release: 9 },
        Offer { settings: 5, release: 9 },
    ]
};

/// What a camera must know, told apart from how it keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Model {
    active: (u64, u8),
    /// What was confirmed last, and the starts of the trial.
    trial: Option<((u64, u8), u8)>,
    decided: u64,
    refused: u64,
    release: u64,
}

impl Model {
    fn go_back(mut self) -> Self {
        if let Some((back, _)) = self.trial.take() {
            self.refused = self.refused.max(self.active.0);
            self.active = back;
        }
        self
    }

    /// What this step makes of it. Documents have the step's place as their number.
    fn after(mut self, place: usize, step: Step) -> Self {
        match step {
            Step::Start => match &mut self.trial {
                Some((_, starts)) if *starts == TRIAL_STARTS => return self.go_back(),
                Some((_, starts)) => *starts += 1,
                None => {}
            },
            Step::Confirm => self.trial = None,
            Step::Revert => return self.go_back(),
            Step::Offer { settings, release } => {
                let number = place as u64 + 1;
                if number <= self.decided {
                    return self;
                }
                (self.decided, self.release) = (number, release);
                if settings == UNABLE {
                    self.refused = number;
                    return self;
                }
                let back = self.trial.map_or(self.active, |(back, _)| back);
                if settings == back.1 {
                    self.trial = None;
                } else if settings != self.active.1 {
                    self.trial = Some((back, 0));
                }
                self.active = (number, settings);
            }
        }
        self
    }
}

/// The settings that a number stands for; 0 for the board's own.
fn settings(number: u8) -> Settings {
    let every = |picture_every_s| Settings { picture_every_s: Some(picture_every_s), ..Settings::default() };
    match number {
        0 => Settings::default(),
        UNABLE => Settings { least_battery_mv: Some(3500), ..every(60) },
        // Long ones and short ones, so that sectors end in many ways.
        n if n % 2 == 0 => Settings {
            report_every_s: Some(604_800),
            deep_sleep: Some(true),
            link: Some(Link::Satellite),
            survey: Some(Hours { from: 22, to: n }),
            ..every(600_000)
        },
        n => every(60 + u32::from(n)),
    }
}

/// What may lie in the flash by all that was promised, and the step that the camera was at.
#[derive(Debug, Clone, Hash)]
struct Known {
    may_be: Vec<Model>,
    place: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self { may_be: vec![Model::default()], place: 0 }
    }
}

impl Known {
    /// A step begins, which the power may cut.
    fn begin(&mut self, step: Step) -> Vec<Model> {
        let after: Vec<Model> = self.may_be.iter().map(|model| model.after(self.place, step)).collect();
        for model in &after {
            if !self.may_be.contains(model) {
                self.may_be.push(*model);
            }
        }
        after
    }

    /// It ended: only what it leads to may be, and of that only what looks as the camera does.
    fn end(&mut self, mut after: Vec<Model>, keeper: &Keeper) -> Result<(), Stop> {
        let looks = |model: &Model| {
            let refused = keeper.refused().map_or(0, |(number, _)| number);
            let release = keeper.release().unwrap_or(0);
            keeper.number() == model.active.0
                && *keeper.settings() == settings(model.active.1)
                && keeper.is_on_trial() == model.trial.is_some()
                && (refused, release) == (model.refused, model.release)
        };
        after.retain(looks);
        after.dedup();
        if after.is_empty() {
            return Err(Stop::Broken(format!("{keeper:?} is none of {:?}", self.may_be)));
        }
        self.may_be = after;
        Ok(())
    }
}

fn stop(error: RecordsError, powered: bool) -> Stop {
    if powered { Stop::Broken(format!("the config failed: {error}")) } else { Stop::PowerLost }
}

fn offer<const W: usize, const S: usize>(
    keeper: &mut Keeper,
    flash: &mut Flash<W, S>,
    place: usize,
    number: u8,
    release: u64,
) -> Result<Offer, OfferError> {
    let camera = CameraId::new("ridge-07").expect("an id");
    let board = Abilities { deep_sleep: true, battery: false, links: Links::of(&Link::ALL) };
    let release = Some(release).filter(|release| *release > 0);
    let body = ConfigBody { camera: camera.clone(), settings: settings(number), release };
    let mut out = [0; 128];
    let length = body.encode(&mut out).expect("it fits");
    let seq = place as u64 + 1;
    let document = Document { kind: kind::CONFIG, seq, issued_s: 0, expires_s: 1, body: &out[..length] };
    keeper.offer(flash, &document, &camera, &board)
}

fn live<const W: usize, const S: usize>(flash: &mut Flash<W, S>, known: &mut Known, steps: usize) -> Result<(), Stop> {
    let region = Region { offset: S as u32, bytes: 2 * S as u32 };
    let start = |flash: &mut Flash<W, S>, known: &mut Known| {
        let after = known.begin(Step::Start);
        let keeper = Keeper::open(flash, region).map_err(|error| stop(error, flash.is_powered()))?;
        known.end(after, &keeper)?;
        Ok::<_, Stop>(keeper)
    };
    let mut keeper = start(flash, known)?;
    for place in (known.place..STEPS.len()).take(steps) {
        known.place = place;
        let step = STEPS[place];
        if let Step::Start = step {
            keeper = start(flash, known)?;
            continue;
        }
        let after = known.begin(step);
        let done = match step {
            Step::Offer { settings, release } => match offer(&mut keeper, flash, place, settings, release) {
                Ok(_) => Ok(()),
                Err(OfferError::Flash(error)) => Err(error),
                Err(error) => return Err(Stop::Broken(format!("a good document is refused: {error}"))),
            },
            Step::Confirm => keeper.confirm(flash),
            _ => keeper.revert(flash),
        };
        done.map_err(|error| stop(error, flash.is_powered()))?;
        known.end(after, &keeper)?;
    }
    Ok(())
}

struct Life;

impl<const W: usize, const S: usize> Scenario<W, S> for Life {
    type Known = Known;

    fn start(&self) -> (Flash<W, S>, Known) {
        (Flash::new(4).write_once(), Known::default())
    }

    fn run(&self, flash: &mut Flash<W, S>, known: &mut Known) -> Result<(), Stop> {
        live(flash, known, STEPS.len())
    }

    fn recover(&self, flash: &mut Flash<W, S>, known: &mut Known) -> Result<(), Stop> {
        // Far enough that both sectors are begun anew.
        live(flash, known, 12)
    }
}

fn prove<const W: usize, const S: usize>(name: &str) {
    match enumerate::<W, S, _>(&Life, Depth::Pairs) {
        Ok(report) => println!("config, {name}: {report}"),
        Err(failure) => panic!("{name}: {failure}"),
    }
}

#[test]
fn small_sectors_hold_under_every_pair_of_cuts() {
    prove::<4, 256>("words of 4, sectors of 256 bytes");
}

#[test]
fn wider_words_hold_under_every_pair_of_cuts() {
    prove::<16, 512>("words of 16, sectors of 512 bytes");
}

/// Losses of power without end, each at another operation.
#[test]
fn many_cuts_in_a_row_take_nothing_back() {
    let mut seed = 7_u64;
    let mut ends = 0;
    let (mut flash, mut known) = (Flash::<4, 256>::new(4).write_once(), Known::default());
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let words = (seed >> 40) as u32 % 30;
        let form = match seed >> 61 {
            0 | 1 => Form::Words(words),
            2 | 3 => Form::Bits { words, seed: (seed >> 32) as u8 },
            4 => Form::Mixture { seed: (seed >> 32) as u8 },
            5 => Form::FirstHalf,
            _ => Form::Erased,
        };
        flash.power_on();
        flash.arm(Cut { operation: (seed >> 48) as usize % 12, form });
        match live(&mut flash, &mut known, STEPS.len()) {
            // The life is over, and the next camera begins.
            Ok(()) => {
                ends += 1;
                assert_eq!(flash.violation(), None);
                (flash, known) = (Flash::new(4).write_once(), Known::default());
            }
            Err(Stop::PowerLost) => {}
            Err(Stop::Broken(what)) => panic!("{what}"),
        }
    }
    assert!(ends > 100, "{ends}");
}
