//! The whole system in one process on virtual time: real stores, gateways and cameras over a simulated network, under
//! seeded schedules of faults. `WILDCAM_SEED=n` runs one schedule, `WILDCAM_SOAK=1` a thousand instead of a hundred.
//!
//! A seed fixes the schedule, the network and the cameras' choices; only what TLS draws from the
//! operating system varies, so the figures differ a little between runs.

#![allow(clippy::unwrap_used, reason = "a simulation that cannot go on has failed")]

mod flash;
mod fleet;
mod hosts;
mod judgement;
mod network;
mod schedule;

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _, ops::Range, time::Duration};

use fleet::{Fleet, Options, Snapshot};
use judgement::{Verdict, judge, read_all};
use schedule::{FAULTS_MS, Fault, Schedule, Scope, Step, Which};
use wildcam::drill::observation::Observation;

/// What a run of several schedules came to.
#[derive(Default)]
struct Figures {
    schedules: usize,
    acked: usize,
    /// Those acked before the moment in the middle of the faults at which the stores were looked at.
    acked_then: usize,
    in_parts: usize,
    retries: usize,
    evicted: u32,
    flipped: u64,
    moments: u64,
    cuts: u64,
    virtual_ms: u64,
    faults: BTreeMap<&'static str, usize>,
}

/// Names the schedule when the simulation panics, wherever it does.
struct Announced<'a>(u64, &'a Schedule);

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("WILDCAM_SEED={} failed under this schedule:\n{}", self.0, self.1));
        }
    }
}

/// Past the capture of the test harness, which would hide it in a test that passes.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(format!("\n{text}\n").as_bytes());
}

fn run(seed: u64, figures: &mut Figures) {
    let options = Options::new(seed);
    let mut fleet = Fleet::start(&options);
    let schedule = Schedule::seeded(fleet.random(), options.cameras);
    let _announced = Announced(seed, &schedule);
    let moment = FAULTS_MS.start + fleet.random().below(FAULTS_MS.end - FAULTS_MS.start);
    let (snapshot, verdict) =
        live_through(&mut fleet, &schedule, moment).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    // While the faults last, the acknowledgements given so far must survive the loss of any one cloud.
    let then = judge(&snapshot.lines, &snapshot.read(seed).unwrap());
    assert_eq!(then.broken_promises(), Vec::<String>::new(), "seed {seed} at {moment} ms");
    let (evicted, damaged) = fleet.dropped();
    let mut complaints = verdict.complaints(evicted);
    complaints.extend(fleet.violations());
    if damaged > 0 {
        complaints.push(format!("{damaged} pictures were damaged in flash"));
    }
    assert!(complaints.is_empty(), "seed {seed}: {complaints:#?}");
    assert!(verdict.acked > 0, "seed {seed}: nothing was acked, so nothing was shown");
    let (moments, cuts) = fleet.power_losses();
    figures.schedules += 1;
    figures.acked += verdict.acked;
    figures.acked_then += then.acked;
    figures.in_parts += verdict.in_parts;
    figures.retries += verdict.retries;
    figures.evicted += evicted;
    figures.flipped += fleet.flipped();
    figures.moments += moments;
    figures.cuts += cuts;
    figures.virtual_ms += fleet.now_ms();
    for (kind, count) in schedule.kinds() {
        *figures.faults.entry(kind).or_default() += count;
    }
}

fn live_through(fleet: &mut Fleet, schedule: &Schedule, moment: u64) -> Result<(Snapshot, Verdict), String> {
    let (before, after) = schedule.steps.split_at(schedule.steps.partition_point(|(at, _)| *at <= moment));
    fleet.follow(before)?;
    fleet.run_until(moment)?;
    let snapshot = fleet.snapshot().map_err(|error| error.to_string())?;
    fleet.follow(after)?;
    fleet.run_until(FAULTS_MS.end + 1_000)?;
    Ok((snapshot, verdict_at_rest(fleet)?))
}

fn verdict_at_rest(fleet: &mut Fleet) -> Result<Verdict, String> {
    fleet.come_to_rest()?;
    let holdings = fleet.ask(read_all())??;
    Ok(judge(&fleet.lines(), &holdings))
}

/// Tests that share the schedules, for as many cores.
const SIDE_BY_SIDE: u64 = 2;

/// The schedules of one test: every second one of its range, if they are wanted.
fn wanted(range: Range<u64>) -> Vec<u64> {
    let one: Option<u64> = std::env::var("WILDCAM_SEED").ok().and_then(|text| text.parse().ok());
    let soak = std::env::var_os("WILDCAM_SOAK").is_some_and(|value| value == "1");
    // The soak adds schedules of the same parity.
    let step = usize::try_from(SIDE_BY_SIDE).unwrap();
    let range = if soak { range.start..range.start + 10 * (range.end - range.start) } else { range };
    range.step_by(step).filter(|seed| one.is_none_or(|one| one == *seed)).collect()
}

fn run_all(range: Range<u64>) {
    let seeds = wanted(range);
    let mut figures = Figures::default();
    for seed in &seeds {
        run(*seed, &mut figures);
    }
    let mut text = format!(
        "{} fault schedules: {} detections acked ({} in parts), none lost, altered or twice, all stores equal; \
         {} of them looked at amid the faults, each in two stores; {} retries, {} evicted; power lost {} times at a moment and {} times in a flash operation; {} bytes flipped; \
         {} s of virtual time; faults:",
        figures.schedules,
        figures.acked,
        figures.in_parts,
        figures.acked_then,
        figures.retries,
        figures.evicted,
        figures.moments,
        figures.cuts,
        figures.flipped,
        figures.virtual_ms / 1000
    );
    for (kind, count) in &figures.faults {
        let _ = write!(text, " {kind} {count}");
    }
    say(&text);
}

#[test]
fn no_acked_detection_is_lost_under_even_schedules() {
    run_all(0..100);
}

#[test]
fn no_acked_detection_is_lost_under_odd_schedules() {
    run_all(1..101);
}

#[test]
fn with_two_of_three_clouds_dead_nothing_is_acked() {
    let deaths = [
        Fault::Killed(Which::Both),
        Fault::Off(Which::Both),
        Fault::Silent(Scope::Everybody),
        Fault::Cut(Scope::Clouds),
        Fault::Killed(Which::Store),
    ];
    for (seed, death) in (1000..).zip(deaths) {
        let mut fleet = Fleet::start(&Options::new(seed));
        fleet.run_until(6_000).unwrap();
        let dead_from = fleet.now_ms();
        fleet.take(Step::Begin(1, death));
        fleet.take(Step::Begin(2, death));
        fleet.run_until(16_000).unwrap();
        let lines = fleet.lines();
        let acked = |from: u64| {
            let since =
                |what: &Observation| matches!(what, Observation::Acked { started_ms, .. } if *started_ms >= from);
            lines.iter().filter(|line| since(&line.what)).count()
        };
        let tried = lines
            .iter()
            .filter(|line| line.t_ms >= dead_from && matches!(line.what, Observation::Attempted { .. }))
            .count();
        assert!(acked(0) > 0, "{death:?}: nothing was acked before");
        assert!(tried > 0, "{death:?}: nothing was tried");
        assert_eq!(acked(dead_from), 0, "{death:?}: acked with one cloud left");
        fleet.take(Step::End(1, death));
        fleet.take(Step::End(2, death));
        fleet.run_until(20_000).unwrap();
        let verdict = verdict_at_rest(&mut fleet).unwrap();
        assert_eq!(verdict.complaints(0), Vec::<String>::new(), "{death:?}");
        assert!(verdict.acked > acked(0), "{death:?}: nothing was acked after");
    }
}

/// A cloud dies for good while the links between clouds are slow.
fn lose_a_cloud(copies: usize) -> Verdict {
    let mut fleet = Fleet::start(&Options { copies, ..Options::new(2000) });
    fleet.run_until(2_000).unwrap();
    fleet.between_clouds_ms = Some(800);
    fleet.set_links();
    fleet.run_until(9_000).unwrap();
    for cloud in 0..3 {
        // Whichever cloud it is, what only it has is gone.
        let fault = Fault::Off(Which::Both);
        fleet.take(Step::Begin(cloud, fault));
        if cloud == 0 {
            fleet.wipe(cloud);
        }
        if cloud > 0 {
            fleet.take(Step::End(cloud, fault));
        }
    }
    fleet.take(Step::End(0, Fault::Off(Which::Both)));
    fleet.between_clouds_ms = None;
    fleet.set_links();
    fleet.run_until(12_000).unwrap();
    verdict_at_rest(&mut fleet).unwrap()
}

#[test]
fn the_judgement_sees_what_one_copy_loses() {
    let one = lose_a_cloud(1);
    assert!(!one.lost.is_empty(), "one copy lost nothing of {} with its cloud", one.acked);
    let two = lose_a_cloud(2);
    assert_eq!(two.lost, Vec::<String>::new());
    assert_eq!(two.altered, Vec::<String>::new());
    say(&format!(
        "a cloud lost for good: {} of {} lost with one copy, 0 of {} with two",
        one.lost.len(),
        one.acked,
        two.acked
    ));
}

#[test]
fn the_judgement_sees_a_flipped_bit_and_a_missing_object() {
    let mut fleet = Fleet::start(&Options { upload_every: Duration::from_secs(1), ..Options::new(3000) });
    fleet.run_until(4_000).unwrap();
    fleet.come_to_rest().unwrap();
    let holdings = fleet.ask(read_all()).unwrap().unwrap();
    let lines = fleet.lines();
    assert_eq!(judge(&lines, &holdings).complaints(0), Vec::<String>::new());
    let damaged = damage_a_picture(&fleet.store_folder(1));
    let holdings = fleet.ask(read_all()).unwrap();
    match holdings {
        Ok(holdings) => {
            let verdict = judge(&lines, &holdings);
            assert_eq!(verdict.altered.len(), 1, "{damaged}");
        }
        // A store that notices by itself refuses to serve it.
        Err(error) => assert!(error.contains("store b"), "{error}"),
    }
}

/// Flips one bit of one stored JPEG.
fn damage_a_picture(folder: &std::path::Path) -> String {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = std::fs::read(&path).unwrap();
            if bytes.starts_with(&[0xFF, 0xD8]) {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&path, bytes).unwrap();
                return path.display().to_string();
            }
        }
    }
    panic!("the store has no picture");
}
