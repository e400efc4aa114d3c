//! Every cut of a scenario, and every cut of each recovery.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::{Cut, Form, Operation, PowerCutError, PowerCutFlash};

/// Why a run of a [`Scenario`] stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The power went.
    PowerLost,
    /// The code under test broke a promise; the text says which.
    Broken(String),
}

impl From<PowerCutError> for Stop {
    fn from(error: PowerCutError) -> Self {
        match error {
            PowerCutError::PowerLost => Self::PowerLost,
            other => Self::Broken(format!("{other}")),
        }
    }
}

impl From<crate::flash::CardError<PowerCutError>> for Stop {
    fn from(error: crate::flash::CardError<PowerCutError>) -> Self {
        match error {
            crate::flash::CardError::Device(error) => error.into(),
            other => Self::Broken(format!("{other}")),
        }
    }
}

/// Something that uses a flash, and can be asked whether it recovered.
///
/// Runs must repeat exactly: the same flash and knowledge lead to the same operations.
pub trait Scenario<const WORD: usize, const SECTOR: usize> {
    /// What the world outside the flash knows when the power goes: what was promised to it, and what it was
    /// asking for. It includes memory that keeps its content without power.
    type Known: Clone + Hash;

    /// The flash and the knowledge before the first run.
    fn start(&self) -> (PowerCutFlash<WORD, SECTOR>, Self::Known);

    /// Uses the flash. `known` must be up to date at each operation of the flash, since any can be the last.
    ///
    /// # Errors
    /// [`Stop::PowerLost`] as soon as the flash says so, [`Stop::Broken`] for a broken promise.
    fn run(&self, flash: &mut PowerCutFlash<WORD, SECTOR>, known: &mut Self::Known) -> Result<(), Stop>;

    /// Starts after a loss of power: checks every promise in `known`, then uses the flash a little further.
    ///
    /// # Errors
    /// As [`Scenario::run`].
    fn recover(&self, flash: &mut PowerCutFlash<WORD, SECTOR>, known: &mut Self::Known) -> Result<(), Stop>;
}

/// How many losses of power follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// One, at every operation of the run.
    Single,
    /// One at every operation of the run, and then one at every operation of each recovery.
    Pairs,
}

/// What an enumeration went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Operations of the run without a cut.
    pub operations: usize,
    /// Runs that were cut.
    pub first_cuts: u64,
    /// Recoveries that were cut.
    pub second_cuts: u64,
    /// Recoveries that were checked to their end. A state that was checked with the same knowledge is not
    /// checked again.
    pub recoveries: u64,
    /// Distinct states of flash and knowledge after a cut, by SHA-256 of the flash.
    pub states: usize,
    /// Distinct contents of the flash after a cut, by SHA-256.
    pub contents: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations, {} first and {} second cuts, {} distinct states of flash and knowledge \
             ({} of the flash alone), {} recoveries checked",
            self.operations, self.first_cuts, self.second_cuts, self.states, self.contents, self.recoveries
        )
    }
}

/// A broken promise, and the cuts that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The cuts in their order; empty if the scenario fails without any.
    pub cuts: Vec<Cut>,
    /// The promise.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after the cuts {:?}", self.what, self.cuts)
    }
}

impl std::error::Error for Failure {}

#[derive(Clone)]
struct Run<const WORD: usize, const SECTOR: usize, K> {
    flash: PowerCutFlash<WORD, SECTOR>,
    known: K,
}

impl<const WORD: usize, const SECTOR: usize, K: Clone + Hash> Run<WORD, SECTOR, K> {
    /// The same cut in another form: what ran before it saw the same.
    fn torn_as(&self, form: Form) -> Option<Self> {
        Some(Self { flash: self.flash.torn_as(form)?, known: self.known.clone() })
    }

    fn is(&self, other: &Self) -> bool {
        self.flash.bytes() == other.flash.bytes() && digest(&self.known) == digest(&other.known)
    }
}

fn digest(known: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    known.hash(&mut hasher);
    hasher.finish()
}

#[derive(Default)]
struct Seen {
    states: HashSet<([u8; 32], u64)>,
    contents: HashSet<[u8; 32]>,
}

impl Seen {
    /// Whether this state is a new one.
    fn add<const WORD: usize, const SECTOR: usize, K: Hash>(&mut self, run: &mut Run<WORD, SECTOR, K>) -> bool {
        let content = run.flash.state();
        self.contents.insert(content);
        self.states.insert((content, digest(&run.known)))
    }
}

/// Runs `scenario` with a cut at every operation in every form, recovers from each, and with [`Depth::Pairs`]
/// cuts each recovery at every operation in every form and recovers from that.
///
/// # Errors
/// The first broken promise: one that the scenario reports, a breach of the rules of NOR flash, or an operation
/// that goes on as if a cut had not been.
pub fn enumerate<const WORD: usize, const SECTOR: usize, S: Scenario<WORD, SECTOR>>(
    scenario: &S,
    depth: Depth,
) -> Result<Report, Failure> {
    let (flash, known) = scenario.start();
    let start = Run { flash, known };
    let mut seen = Seen::default();
    // What a second cut led to was recovered from, and not cut again: as what a first cut leads to, it is to be.
    let mut begun = Seen::default();
    let mut report = Report { operations: 0, first_cuts: 0, second_cuts: 0, recoveries: 0, states: 0, contents: 0 };

    let whole = attempt(&start, None, |flash, known| scenario.run(flash, known)).map_err(|what| failed(&[], what))?;
    report.operations = whole.flash.trace().len();
    let mut one_form = start.clone();
    for (n, first) in cuts(&whole.flash) {
        report.first_cuts += 1;
        let mut cut = attempt(&start, Some(first), |flash, known| scenario.run(flash, known))
            .map_err(|what| failed(&[first], what))?;
        if n == 0 {
            one_form.clone_from(&cut);
        }
        // What second cuts rely on is looked at here: how far the operation came makes no difference to what ran before.
        if !one_form.torn_as(first.form).is_some_and(|derived| derived.is(&cut)) {
            return Err(failed(&[first], "what ran knows how far an operation came that it saw fail".into()));
        }
        if !begun.add(&mut cut) {
            continue;
        }
        seen.add(&mut cut);
        report.recoveries += 1;
        let recovered = attempt(&cut, None, |flash, known| scenario.recover(flash, known))
            .map_err(|what| failed(&[first], what))?;
        if depth == Depth::Single {
            continue;
        }
        let mut one_form = cut.clone();
        for (n, second) in cuts(&recovered.flash) {
            report.second_cuts += 1;
            let broken = |what| failed(&[first, second], what);
            if n == 0 {
                one_form =
                    attempt(&cut, Some(second), |flash, known| scenario.recover(flash, known)).map_err(broken)?;
                // Once for all forms: each changes one sector.
                _ = one_form.flash.state();
            }
            let Some(mut again) = one_form.torn_as(second.form) else {
                return Err(broken("the power went, and no operation was cut".into()));
            };
            if seen.add(&mut again) {
                report.recoveries += 1;
                attempt(&again, None, |flash, known| scenario.recover(flash, known)).map_err(broken)?;
            }
        }
    }
    report.states = seen.states.len();
    report.contents = seen.contents.len();
    Ok(report)
}

fn failed(cuts: &[Cut], what: String) -> Failure {
    Failure { cuts: cuts.to_vec(), what }
}

/// Every cut of the operations that `flash` has seen since power was last put on, each with the number of its form.
fn cuts<const WORD: usize, const SECTOR: usize>(flash: &PowerCutFlash<WORD, SECTOR>) -> Vec<(usize, Cut)> {
    let operations = flash.trace().iter().enumerate();
    let each = |(operation, what): (usize, &Operation)| {
        what.forms().into_iter().enumerate().map(move |(n, form)| (n, Cut { operation, form }))
    };
    operations.flat_map(each).collect()
}

/// Goes on from `from` with power, to the end or to `cut`.
fn attempt<const WORD: usize, const SECTOR: usize, K: Clone>(
    from: &Run<WORD, SECTOR, K>,
    cut: Option<Cut>,
    act: impl FnOnce(&mut PowerCutFlash<WORD, SECTOR>, &mut K) -> Result<(), Stop>,
) -> Result<Run<WORD, SECTOR, K>, String> {
    let mut flash = from.flash.clone();
    let mut known = from.known.clone();
    flash.power_on();
    if let Some(cut) = cut {
        flash.arm(cut);
    }
    let result = act(&mut flash, &mut known);
    if let Some(violation) = flash.violation() {
        return Err(format!("breach of the rules of NOR flash: {violation}"));
    }
    match (result, cut) {
        (Err(Stop::Broken(what)), _) => Err(what),
        (Ok(()), None) | (Err(Stop::PowerLost), Some(_)) => Ok(Run { flash, known }),
        (Ok(()), Some(_)) => Err("the run went on after the power was lost, or did not repeat".into()),
        (Err(Stop::PowerLost), None) => Err("the run says that the power was lost, and it was not".into()),
    }
}
