//! What goes wrong, and when, chosen by a seed.

use std::{collections::BTreeMap, fmt};

use wildcam::clock::Random;

/// What happens to a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its processes are killed; the machines refuse connections.
    Killed(Which),
    /// Its machines are gone; connections are neither refused nor answered.
    Off(Which),
    /// Nothing gets through, and everything that was held back arrives in the end.
    Silent(Scope),
    /// Nothing gets through, and what was sent is gone, so that connections hang for ever.
    Cut(Scope),
    /// Each message takes so many milliseconds.
    Slow(u64),
    /// So many of a thousand reads and writes flip a byte.
    Corrupting(u64),
}

/// Which processes of a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Both,
    Gateway,
    Store,
}

/// Whose links are silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those to everybody.
    Everybody,
    /// Those to the other clouds: its gateway is there, and has only its own store.
    Clouds,
}

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Killed(_) => "killed",
            Self::Off(_) => "off",
            Self::Silent(_) => "silent",
            Self::Cut(_) => "cut",
            Self::Slow(_) => "slow",
            Self::Corrupting(_) => "corrupting",
        }
    }
}

/// How a camera loses power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerLoss {
    /// At any moment; with the radio gone first, so that nobody learns of it, or not.
    Moment { unnoticed: bool, off_ms: u64 },
    /// During the flash operation that comes after so many others.
    Operation(u64),
}

/// A step of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Begin(usize, Fault),
    End(usize, Fault),
    Power(usize, PowerLoss),
    PowerBack(usize),
}

/// The steps in the order of their times, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    pub(crate) steps: Vec<(u64, Step)>,
}

/// Faults begin and end within this time.
pub(crate) const FAULTS_MS: std::ops::Range<u64> = 3_000..26_000;

impl Schedule {
    /// Three to six faults of clouds, one at a time in each cloud and any number across them, and two to six losses of
    /// power.
    pub(crate) fn seeded(random: &Random, cameras: usize) -> Self {
        let mut steps = Vec::new();
        let mut free_from = [FAULTS_MS.start; 3];
        for _ in 0..3 + random.below(4) {
            let cloud = usize::try_from(random.below(3)).unwrap();
            let begin = free_from[cloud] + random.below(8_000);
            let end = begin + 1_500 + random.below(9_000);
            if end > FAULTS_MS.end {
                continue;
            }
            free_from[cloud] = end + 200;
            let fault = fault(random);
            steps.push((begin, Step::Begin(cloud, fault)));
            steps.push((end, Step::End(cloud, fault)));
        }
        let mut lit_from = vec![1_000; cameras];
        for _ in 0..2 + random.below(5) {
            let camera = usize::try_from(random.below(cameras as u64)).unwrap();
            let begin = lit_from[camera] + random.below(12_000);
            let loss = if random.below(2) == 0 {
                let off_ms = 200 + random.below(4_000);
                steps.push((begin + off_ms, Step::PowerBack(camera)));
                lit_from[camera] = begin + off_ms + 100;
                PowerLoss::Moment { unnoticed: random.below(2) == 0, off_ms }
            } else {
                lit_from[camera] = begin + 100;
                PowerLoss::Operation(random.below(40))
            };
            steps.push((begin, Step::Power(camera, loss)));
        }
        steps.sort_by_key(|(at, _)| *at);
        Self { steps }
    }

    /// How many faults of each kind there are.
    pub(crate) fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds = BTreeMap::new();
        for (_, step) in &self.steps {
            if let Step::Begin(_, fault) = step {
                *kinds.entry(fault.name()).or_default() += 1;
            }
        }
        kinds
    }
}

fn fault(random: &Random) -> Fault {
    let scope = if random.below(3) == 0 { Scope::Clouds } else { Scope::Everybody };
    let which = match random.below(4) {
        0 => Which::Gateway,
        1 => Which::Store,
        _ => Which::Both,
    };
    match random.below(6) {
        0 => Fault::Killed(which),
        1 => Fault::Off(which),
        2 => Fault::Silent(scope),
        3 => Fault::Cut(scope),
        4 => Fault::Slow(300 + random.below(2_700)),
        _ => Fault::Corrupting(20 + random.below(280)),
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in &self.steps {
            writeln!(f, "  {at:>6} ms {step:?}")?;
        }
        Ok(())
    }
}
