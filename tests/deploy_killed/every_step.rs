//! Killed at each step, and again while it goes on.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::task::JoinSet;
use wildcam::clock::Random;

use super::{
    camp::{Camp, RESOURCES},
    picture::{self, Picture},
    steps::{Blow, Moment, Trap},
    support::Output,
};

/// Projects at a time, where a part of the steps is tried and where all are; most of them wait for a lease to expire.
const AT_A_TIME: [usize; 2] = [8, 20];
/// Of each pair of moments so many steps are tried where not all of them are.
const PART: usize = 8;
/// How long a dead deploy keeps the next one waiting: the least that a project may choose.
const LEASE: &str = "5s";
/// A deploy that goes on has at least so many steps, for sealing, folding and closing.
const LEAST: usize = 20;

/// What happened at all points together.
#[derive(Default)]
struct Tally {
    points: usize,
    twice: usize,
    beyond: usize,
    leases_lost: usize,
    failures: Vec<String>,
}

/// What happened at one point.
struct Point {
    struck: bool,
    twice: bool,
    leases_lost: usize,
}

fn settings() -> (bool, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    (number("WILDCAM_SOAK") == Some(1), number("WILDCAM_SEED").unwrap_or(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_killed_at_any_step_and_killed_again_ends_as_if_it_had_never_been() {
    let (soak, seed) = settings();
    let (wanted, steps) = undisturbed().await;
    let random = Random::seeded(seed);
    // Steps are not the same in number each time, since what is ready together is written together.
    let all: Vec<usize> = if soak {
        (1..=steps + steps / 4).collect()
    } else {
        // One of each stretch, and so all over the deploy.
        (0..PART).map(|part| 1 + (steps * part + random.below(steps as u64) as usize) / PART).collect()
    };
    let points = all.into_iter().flat_map(|step| [(step, Moment::Before), (step, Moment::After)]);
    let points: Arc<Vec<(usize, Moment)>> = Arc::new(points.collect());
    let (next, tally, wanted) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Tally::default())), Arc::new(wanted));
    let mut workers = JoinSet::new();
    for _ in 0..AT_A_TIME[usize::from(soak)] {
        let (points, next, tally, wanted) =
            (Arc::clone(&points), Arc::clone(&next), Arc::clone(&tally), Arc::clone(&wanted));
        workers.spawn(async move {
            while let Some(&(step, moment)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                let wanted = Arc::clone(&wanted);
                // In a task of its own, so that what fails there does not end the others.
                let one = tokio::spawn(async move { point(step, moment, (seed, steps), &wanted).await }).await;
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                match one {
                    Ok(point) => {
                        tally.points += usize::from(point.struck);
                        tally.twice += usize::from(point.twice);
                        tally.beyond += usize::from(!point.struck);
                        tally.leases_lost += point.leases_lost;
                    }
                    Err(error) => {
                        let why = error.try_into_panic().map_or_else(|error| error.to_string(), |panic| said(&*panic));
                        eprintln!("step {step} {moment:?}: {why}");
                        tally.failures.push(format!("step {step} {moment:?}: {why}"));
                    }
                }
                if (tally.points + tally.beyond) % 50 == 0 {
                    eprintln!(
                        "{} killed, {} of them twice; {} failed",
                        tally.points,
                        tally.twice,
                        tally.failures.len()
                    );
                }
            }
        });
    }
    workers.join_all().await;
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    println!(
        "an undisturbed deploy of {RESOURCES} resources: {steps} steps; {} deploys killed, {} of them twice; {} ended before \
         their step; {} leases lost to a slow machine; {} failed",
        tally.points,
        tally.twice,
        tally.beyond,
        tally.leases_lost,
        tally.failures.len()
    );
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n\n"));
    assert!(tally.points >= points.len() / 2 && tally.twice > 0, "the traps were hardly ever met");
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// What a deploy makes that nobody disturbs, and in how many steps.
async fn undisturbed() -> (Picture, usize) {
    let camp = Camp::pitch(1, LEASE).await;
    camp.run(&["deploy", "--yes"], None).await.expect_code(0);
    let steps = camp.steps.count();
    let wanted = picture::take(&camp).await;
    unchanged(&camp).await;
    picture::same(&picture::take(&camp).await, &wanted, "a second deploy");
    (wanted, steps)
}

/// A further deploy changes nothing, and the plan says so.
async fn unchanged(camp: &Camp) {
    camp.run(&["plan", "--exit-code"], None).await.expect_code(0);
    camp.run(&["deploy", "--yes"], None).await.expect_code(0);
}

/// One deploy, killed at a step, gone on with, killed again, and gone on with to its end.
async fn point(step: usize, moment: Moment, (seed, steps): (u64, usize), wanted: &Picture) -> Point {
    let own = seed.wrapping_mul(1_000_003).wrapping_add((step * 2 + usize::from(moment == Moment::After)) as u64);
    let random = Random::seeded(own);
    let camp = Camp::pitch(own % 1000 + 1, LEASE).await;
    let mut point = Point { struck: false, twice: false, leases_lost: 0 };
    let trap = Trap { step, moment, blow: Blow::Kill };
    let mut told = vec![deploy(&camp, Some(trap), &mut point).await];
    point.struck = camp.steps.has_struck();
    if point.struck && random.below(10) == 0 {
        // Somebody looks at what is left and saves the plan, and has exactly that done.
        camp.run(&["plan", "-o", "rest.plan"], None).await.expect_code(0);
        told.push(camp.run(&["deploy", "rest.plan"], None).await);
        let last = told.last().expect("a run");
        // A write of the dead that arrives after the plan was made moves the state, and the plan is refused for it.
        let moved = last.code == Some(4) && last.stderr.contains("the plan was made for state");
        assert!(moved || last.code == Some(0), "{}", all(&told));
        told.push(deploy(&camp, None, &mut point).await);
    } else if point.struck {
        let moment = if random.below(2) == 0 { Moment::Before } else { Moment::After };
        let left = LEAST + steps.saturating_sub(step) * 3 / 4;
        let again = Trap { step: 1 + random.below(left as u64) as usize, moment, blow: Blow::Kill };
        told.push(deploy(&camp, Some(again), &mut point).await);
        point.twice = camp.steps.has_struck();
    }
    if point.twice {
        told.push(deploy(&camp, None, &mut point).await);
    }
    let last = told.last().expect("a run");
    assert_eq!(last.code, Some(0), "{}", all(&told));
    let seen = tokio::spawn(async move {
        camp.run(&["plan", "--exit-code"], None).await.expect_code(0);
        picture::take(&camp).await
    });
    match seen.await {
        Ok(seen) => picture::same(&seen, wanted, &all(&told)),
        Err(error) => {
            panic!("{}\n{}", error.try_into_panic().map_or_else(|e| e.to_string(), |p| said(&*p)), all(&told))
        }
    }
    point
}

/// Runs a deploy; one that loses its lease because the machine is slow is run again, as it says.
async fn deploy(camp: &Camp, trap: Option<Trap>, point: &mut Point) -> Output {
    let mut output = camp.run(&["deploy", "--yes"], trap).await;
    for _ in 0..3 {
        if output.code == Some(1) && !camp.steps.has_struck() && output.stderr.contains("lease of this deploy was lost")
        {
            point.leases_lost += 1;
            output = camp.run(&["deploy", "--yes"], None).await;
        }
    }
    output
}

fn all(told: &[Output]) -> String {
    let one = |(number, output): (usize, &Output)| {
        let rest: Vec<&str> = output.stdout.lines().rev().take(4).collect();
        format!("-- run {}: {:?} --\n{}\n{}", number + 1, output.code, rest.join("\n"), output.stderr)
    };
    told.iter().enumerate().map(one).collect::<Vec<_>>().join("\n")
}
