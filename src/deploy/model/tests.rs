use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{Process, Scene, World, deploy, destroy_all, graph};
use crate::deploy::{
    apply::Ending,
    graph::Graph,
    state::{Standing, State},
};

/// What a run leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goal {
    First,
    Second,
    Nothing,
}

impl Goal {
    fn graph(self) -> Graph {
        match self {
            Self::First => graph(false),
            Self::Second => graph(true),
            Self::Nothing => Graph::default(),
        }
    }

    async fn run(self, scene: &Scene, process: &Arc<Process>) -> Ending {
        let site = scene.site(process);
        let ended = match self {
            Self::Nothing => destroy_all(&site).await,
            _ => deploy(&site, &self.graph()).await,
        };
        let outcome = ended.unwrap_or_else(|error| panic!("{self:?}: {error:?}"));
        assert!(outcome.failed.is_empty(), "{self:?}: {:#?}", outcome.failed);
        outcome.ending
    }
}

/// Texts in which ids stand by the names of what they are the ids of.
fn by_name(world: &World, mut text: String) -> String {
    for (cloud, thing) in world.things() {
        text = text.replace(&format!("\"{}\"", thing.id), &format!("\"<{cloud} {}>\"", thing.properties["Name"]));
        text = text.replace(
            &format!("arn:{}\"", thing.id),
            &format!("<{cloud} arn>{}\"", thing.properties["Name"].as_str().unwrap()),
        );
    }
    text
}

/// Everything that stands, in a form that does not depend on the order in which it was made.
fn standing(world: &World) -> BTreeMap<String, Value> {
    let mut standing = BTreeMap::new();
    for (cloud, thing) in world.things() {
        let text = by_name(world, format!("{} {}", thing.kind, thing.properties));
        let name = format!("{cloud} {}", thing.properties["Name"]);
        let owner = thing.owner.as_ref().map(|owner| owner.address.to_string().replace('/', "-"));
        assert!(owner.is_none_or(|owner| thing.properties["Name"] == owner), "{name} bears the marks of another");
        assert!(standing.insert(name.clone(), Value::String(text)).is_none(), "{name} stands twice");
    }
    standing
}

/// The state, as [`standing`].
fn remembered(world: &World, state: &State) -> BTreeMap<String, String> {
    assert!(state.leftovers.is_empty(), "{:?}", state.leftovers);
    let entries = state.resources.iter().map(|(address, entry)| {
        assert_eq!(entry.standing, Standing::Ready, "{address}");
        let text = serde_json::to_string(entry).unwrap().replace(&state.hash_key, "KEY");
        let hash = entry.applied["Password"]["hash"].as_str().unwrap_or("no hash").to_owned();
        (address.to_string(), by_name(world, text).replace(&hash, "HASH"))
    });
    entries.collect()
}

async fn state_of(scene: &Scene) -> State {
    scene.site(&scene.process(None, false)).shelf.read().await.unwrap().state
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// What an undisturbed run leads to, and how many steps it has.
struct Reference {
    steps: u64,
    standing: BTreeMap<String, Value>,
    remembered: BTreeMap<String, String>,
}

async fn prepare(scene: &Scene, goal: Goal) {
    if goal != Goal::First {
        Goal::First.run(scene, &scene.process(None, false)).await;
        if goal == Goal::Nothing {
            Goal::Second.run(scene, &scene.process(None, false)).await;
        }
        scene.world.made.lock().unwrap().clear();
    }
}

fn reference(goal: Goal) -> Reference {
    runtime().block_on(async {
        let scene = Scene::new(1);
        prepare(&scene, goal).await;
        let process = scene.process(None, false);
        assert_eq!(goal.run(&scene, &process).await, Ending::Complete);
        let state = state_of(&scene).await;
        let (standing, remembered) = (standing(&scene.world), remembered(&scene.world, &state));
        Reference { steps: process.steps(), standing, remembered }
    })
}

/// Dies at one step, again at a seeded step of the next life, and goes on to the end in the one after.
fn crash(goal: Goal, dies_at: u64, late: bool, reference: &Reference) {
    let what = format!("{goal:?} killed at step {dies_at} of {}, late {late}", reference.steps);
    runtime().block_on(async {
        let scene = Scene::new(1);
        prepare(&scene, goal).await;
        let mut lives = 0;
        for dies in [Some(dies_at), Some(1 + scene.random.below(reference.steps)), None, None] {
            lives += 1;
            let process = scene.process(dies, late);
            let ended = process.run(goal.run(&scene, &process)).await;
            if ended == Some(Ending::Complete) {
                break;
            }
            assert!(ended.is_none(), "{what}: {ended:?}");
        }
        assert!(lives <= 3, "{what}: it did not come to an end");
        // What was sent by the dead arrives.
        tokio::time::sleep(std::time::Duration::from_secs(200)).await;
        let stands = standing(&scene.world);
        assert_eq!(stands, reference.standing, "{what}");
        let state = state_of(&scene).await;
        assert_eq!(remembered(&scene.world, &state), reference.remembered, "{what}");
        let made = scene.world.made.lock().unwrap().clone();
        let twice: Vec<_> = made.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{what}: made twice: {twice:?}");
        // And there is nothing left to do.
        let process = scene.process(None, false);
        let before = scene.world.made.lock().unwrap().values().sum::<u32>();
        goal.run(&scene, &process).await;
        assert_eq!(scene.world.made.lock().unwrap().values().sum::<u32>(), before, "{what}: made more afterwards");
    });
}

fn enumerate(goal: Goal, every: u64) {
    let reference = reference(goal);
    let mut points = 0;
    for dies_at in (1..=reference.steps).step_by(usize::try_from(every).unwrap()) {
        crash(goal, dies_at, dies_at % 2 == 0, &reference);
        points += 1;
    }
    println!("{goal:?}: {points} of {} crash points, each with a second crash", reference.steps);
}

#[test]
fn a_whole_life_leaves_nothing() {
    for goal in [Goal::First, Goal::Second, Goal::Nothing] {
        let reference = reference(goal);
        let count = reference.standing.len();
        println!("{goal:?}: {} steps, {count} things", reference.steps);
        assert_eq!(count, if goal == Goal::Nothing { 0 } else { 40 });
        assert_eq!(reference.remembered.len(), count);
    }
}

#[test]
fn a_first_deploy_killed_anywhere_makes_the_same() {
    enumerate(Goal::First, 7);
}

#[test]
fn a_change_killed_anywhere_makes_the_same() {
    enumerate(Goal::Second, 7);
}

#[test]
fn a_destroy_killed_anywhere_leaves_nothing() {
    enumerate(Goal::Nothing, 7);
}

#[test]
#[ignore = "minutes; part of the soak"]
fn every_crash_point_of_every_goal() {
    for goal in [Goal::First, Goal::Second, Goal::Nothing] {
        enumerate(goal, 1);
    }
}
