//! `wildcam deploy` beside Terraform (or OpenTofu) with as many resources of its built-in type, both on this disk.

mod model;
pub(crate) mod own;
mod process;
mod program;
mod terraform;

use std::path::Path;

use wildcam::project::Project;

use self::{
    own::Part,
    process::Ran,
    program::{QUICK, SLOW, Scene},
    terraform::Terraform,
};
use super::{Failure, median};
use crate::terminal::say;

/// How many creations of a second are measured.
const SLOW_ONES: u16 = 48;

/// The bounds: of the peer's time and memory, of what the parallelism allows, and in seconds.
const PLAN: f64 = 0.11;
const APPLY: f64 = 0.1;
const MEMORY: f64 = 0.34;
const OVER_LEAST: f64 = 1.3;
const FIRST_LINE: f64 = 0.1;

fn from_toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, toml::de::Error> {
    toml::from_str(text)
}

/// What was measured in all runs of one program.
#[derive(Default)]
struct Runs {
    seconds: Vec<f64>,
    kib: Vec<f64>,
}

impl Runs {
    fn add(&mut self, ran: Ran) {
        self.seconds.push(ran.seconds);
        self.kib.push(ran.peak_kib);
    }
}

/// The figures that missed their bounds.
#[derive(Default)]
struct Verdict {
    missed: Vec<String>,
}

impl Verdict {
    fn judge(&mut self, what: &str, figure: f64, bound: f64) {
        let held = figure <= bound;
        say(&format!("  {what}: {figure:.3} (at most {bound} wanted{})", if held { "" } else { ": MISSED" }));
        if !held {
            self.missed.push(what.to_owned());
        }
    }
}

pub(super) fn run(binary: &Path, resources: usize, runs: usize) -> Result<(), Failure> {
    // Below the working folder and not in the system's temporary one, which may be memory.
    let target = std::path::absolute(super::target_folder())?;
    let folder = tempfile::Builder::new().prefix("bench-deploy-").tempdir_in(target)?;
    let place = folder.path();
    let mut verdict = Verdict::default();
    let theirs = beside(place, resources, runs, &mut verdict)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.handle().clone();
    latency(place, binary, runs, &served, &mut verdict)?;
    whole_program(place, binary, (resources, runs), &served, theirs, &mut verdict)?;
    if verdict.missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", verdict.missed.join("; ")).into()) }
}

/// Returns the peer's seconds for an apply and for a plan.
fn beside(place: &Path, resources: usize, runs: usize, verdict: &mut Verdict) -> Result<[f64; 2], Failure> {
    let peer = Terraform::find()?;
    say(&format!(
        "{resources} resources, {runs} runs, each program with its start, 48 calls at a time.\n\
         The peer: {}, terraform_data, its state in a local file.\n\
         wildcam: a process of this bench that links the same library and does what plan and deploy do,\n\
         over a cloud within the process, as terraform_data is within the peer.\n\
         Unlike: wildcam without its command line and without a client for HTTP. Both sync what they write:\n\
         the peer its whole state after each resource, wildcam what has gathered in its journal.\n\
         Neither calls a provider: what a real cloud takes comes on top of both.",
        peer.name
    ));
    let [mut our_apply, mut our_plan, mut their_apply, mut their_plan] = [(); 4].map(|()| Runs::default());
    for round in 1..=runs {
        let (ours, theirs) = (place.join(format!("ours-{round}")), place.join(format!("theirs-{round}")));
        own::prepare(&ours, resources)?;
        peer.prepare(&theirs, resources)?;
        our_apply.add(own::measure(Part::Deploy, &ours)?);
        their_apply.add(peer.apply(&theirs)?);
        our_plan.add(own::measure(Part::Plan, &ours)?);
        their_plan.add(peer.plan(&theirs)?);
        let last = |runs: &Runs| runs.seconds.last().copied().unwrap_or(f64::NAN);
        say(&format!(
            "round {round}: apply {:.3} s beside {:.3} s, plan without changes {:.3} s beside {:.3} s",
            last(&our_apply),
            last(&their_apply),
            last(&our_plan),
            last(&their_plan)
        ));
    }
    for (what, ours, theirs, bound) in [
        ("plan without changes", &mut our_plan, &mut their_plan, PLAN),
        ("durable apply", &mut our_apply, &mut their_apply, APPLY),
    ] {
        let (seconds, their_seconds) = (median(&mut ours.seconds), median(&mut theirs.seconds));
        let (mib, their_mib) = (median(&mut ours.kib) / 1024.0, median(&mut theirs.kib) / 1024.0);
        say(&format!(
            "{what}, medians: {seconds:.3} s beside {their_seconds:.3} s; \
             peak memory {mib:.1} MiB beside {their_mib:.1} MiB"
        ));
        verdict.judge(&format!("{what}, time"), seconds / their_seconds, bound);
        verdict.judge(&format!("{what}, peak memory"), mib / their_mib, MEMORY);
    }
    Ok([median(&mut their_apply.seconds), median(&mut their_plan.seconds)])
}

/// The released program over HTTP, where the making of each bucket takes a second.
fn latency(
    place: &Path,
    binary: &Path,
    runs: usize,
    served: &tokio::runtime::Handle,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let (mut seconds, mut parallel) = (Vec::new(), 1);
    for round in 1..=runs {
        let folder = place.join(format!("slow-{round}"));
        let scene = served.block_on(Scene::begin(&folder, binary, usize::from(SLOW_ONES), SLOW))?;
        parallel = Project::load(&folder, None)?.settings.deploy.parallel;
        seconds.push(scene.deploy()?.seconds);
        scene.check()?;
    }
    let least = f64::from(SLOW_ONES.div_ceil(parallel));
    let median = median(&mut seconds);
    say(&format!(
        "wildcam deploy --yes over HTTP, {SLOW_ONES} buckets of 1 s in the lab's store, \
         parallel = {parallel}: {median:.3} s with its start (median), least possible {least} s"
    ));
    verdict.judge("48 creations of 1 s, over the least possible", median / least, OVER_LEAST);
    Ok(())
}

/// The released program over HTTP, on a project of as many buckets: its first line, which is bound, and what the whole
/// takes, which is not: a bucket is looked at with seven requests, and most of the time is the store's.
fn whole_program(
    place: &Path,
    binary: &Path,
    (resources, runs): (usize, usize),
    served: &tokio::runtime::Handle,
    [their_apply, their_plan]: [f64; 2],
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let (mut first, mut apply, mut plan) = (Vec::new(), Runs::default(), Runs::default());
    for round in 1..=runs {
        let folder = place.join(format!("whole-{round}"));
        let scene = served.block_on(Scene::begin(&folder, binary, resources, QUICK))?;
        first.push(scene.first_line()?);
        apply.add(scene.deploy()?);
        plan.add(scene.check()?);
    }
    let first = median(&mut first);
    say(&format!("wildcam plan, {resources} buckets: first line of output after {:.1} ms (median)", first * 1000.0));
    verdict.judge("first line of output, seconds", first, FIRST_LINE);
    let (apply_seconds, plan_seconds) = (median(&mut apply.seconds), median(&mut plan.seconds));
    say(&format!(
        "Without a bound: the same program over HTTP with {resources} buckets in the lab's store,\n\
         which runs in this process on the same cores (medians):\n\
         deploy {apply_seconds:.3} s ({:.3} of the peer's) and {:.1} MiB,\n\
         plan without changes {plan_seconds:.3} s ({:.3} of the peer's) and {:.1} MiB",
        apply_seconds / their_apply,
        median(&mut apply.kib) / 1024.0,
        plan_seconds / their_plan,
        median(&mut plan.kib) / 1024.0,
    ));
    Ok(())
}
