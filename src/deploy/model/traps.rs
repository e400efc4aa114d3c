use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Scene, deploy, destroy_all, graph, plan_of};
use crate::{
    cloud::control::{Address, FailureKind, Owner},
    deploy::{
        adopt,
        apply::{self, Ending},
        drift,
        event::{Doing, Event},
        graph::Graph,
        plan::Plan,
        rebuild, refresh, shelf,
        site::Site,
        state::Standing,
    },
};

fn at(text: &str) -> Address {
    text.parse().unwrap()
}

async fn planned(site: &Site, graph: &Graph) -> Plan {
    let state = site.shelf.read().await.unwrap().state;
    let seen = refresh::look(site, graph, &state, &|_| true, &CancellationToken::new()).await;
    plan_of(site, graph, &state, &seen)
}

fn site(scene: &Scene) -> Site {
    scene.site(&scene.process(None, false))
}

fn none_twice(scene: &Scene) {
    let made = scene.world.made.lock().unwrap().clone();
    assert!(made.values().all(|times| *times == 1), "made twice: {made:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_in_the_middle_loses_nothing() {
    let scene = Scene::new(2);
    scene.world.faults.lock().unwrap().credentials_after = Some(12);
    let outcome = deploy(&site(&scene), &graph(false)).await.unwrap();
    assert_eq!(outcome.ending, Ending::Credentials);
    assert!(outcome.failed.iter().any(|failed| failed.next_step.contains("log in to")), "{:?}", outcome.failed);
    assert!(outcome.next_step().unwrap().contains("log in again"));
    assert!(!outcome.done.is_empty() && !outcome.skipped.is_empty());
    scene.world.faults.lock().unwrap().credentials_after = None;
    let outcome = deploy(&site(&scene), &graph(false)).await.unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{:#?}", outcome.failed);
    assert_eq!(scene.world.things().len(), 40);
    none_twice(&scene);
}

#[tokio::test(start_paused = true)]
async fn a_refused_quota_stops_what_depends_on_it_and_nothing_else() {
    let scene = Scene::new(3);
    scene.world.faults.lock().unwrap().refuse.insert("a-stack-role".to_owned(), FailureKind::Quota);
    let outcome = deploy(&site(&scene), &graph(false)).await.unwrap();
    assert_eq!(outcome.ending, Ending::Incomplete);
    assert_eq!(outcome.failed.len(), 1);
    assert_eq!(outcome.failed[0].address, at("a/stack/role"));
    assert!(outcome.failed[0].next_step.contains("quota"), "{}", outcome.failed[0].next_step);
    let skipped: BTreeSet<String> = outcome.skipped.iter().map(|skipped| skipped.address.to_string()).collect();
    assert_eq!(skipped, BTreeSet::from(["a/stack/policy", "a/stack/gateway", "a/stack/alarm-old"].map(str::to_owned)));
    assert!(outcome.skipped.iter().all(|skipped| skipped.because.contains("a/stack/role")));
    assert_eq!(scene.world.things().len(), 36);
    scene.world.faults.lock().unwrap().refuse.clear();
    assert_eq!(deploy(&site(&scene), &graph(false)).await.unwrap().ending, Ending::Complete);
    none_twice(&scene);
}

#[tokio::test(start_paused = true)]
async fn a_plan_for_a_state_that_has_moved_is_refused() {
    let scene = Scene::new(4);
    let mine = site(&scene);
    let plan = planned(&mine, &graph(false)).await;
    assert_eq!(deploy(&site(&scene), &graph(false)).await.unwrap().ending, Ending::Complete);
    let before = scene.world.things().len();
    let (nothing, interrupt) = (BTreeSet::new(), CancellationToken::new());
    let refused = apply::run(&mine, plan.clone(), &nothing, &interrupt).await.unwrap_err();
    assert!(matches!(refused, apply::Error::Moved { planned: 0, now } if now > 0) && refused.is_guard());
    assert!(refused.next_step().unwrap().contains("wildcam plan"));
    assert_eq!(scene.world.things().len(), before);
    let other = Plan { project: "other".to_owned(), ..plan.clone() };
    assert!(matches!(apply::run(&mine, other, &nothing, &interrupt).await, Err(apply::Error::OtherProject { .. })));
    let without = Plan { without: BTreeSet::from(["c".to_owned()]), ..plan };
    assert!(matches!(apply::run(&mine, without, &nothing, &interrupt).await, Err(apply::Error::OtherClouds { .. })));
    // None of that kept the lease.
    let started = Instant::now();
    deploy(&site(&scene), &graph(true)).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_made_and_does_not_show_is_read_again_and_never_made_again() {
    let scene = Scene::new(5);
    scene.world.faults.lock().unwrap().hides = Some("b-stack-key".to_owned());
    let outcome = deploy(&site(&scene), &graph(false)).await.unwrap();
    assert_eq!(outcome.failed[0].address, at("b/stack/key"));
    assert!(outcome.failed[0].failure.message.contains("it was made, and cannot be read"));
    let state = site(&scene).shelf.read().await.unwrap().state;
    assert_eq!(state.resources[&at("b/stack/key")].standing, Standing::Unreadable);
    // It still does not show.
    assert_eq!(deploy(&site(&scene), &graph(false)).await.unwrap().ending, Ending::Incomplete);
    scene.world.faults.lock().unwrap().hides = None;
    assert_eq!(deploy(&site(&scene), &graph(false)).await.unwrap().ending, Ending::Complete);
    none_twice(&scene);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_made_in_the_meantime_is_offered_and_not_taken() {
    let scene = Scene::new(6);
    let mine = site(&scene);
    let plan = planned(&mine, &graph(false)).await;
    let owner = Owner { project: "other".to_owned(), environment: "default".to_owned(), address: at("a/stack/net") };
    scene.world.plant("a", "m.name", "a-stack-net", Some(owner));
    let outcome = apply::run(&mine, plan, &BTreeSet::new(), &CancellationToken::new()).await.unwrap();
    let failed = outcome.failed.iter().find(|failed| failed.address == at("a/stack/net")).unwrap();
    assert_eq!(failed.failure.kind, FailureKind::Exists);
    assert!(failed.failure.message.contains("it belongs to other"), "{}", failed.failure.message);
    assert!(failed.next_step.contains("wildcam adopt a/stack/net"));
    let refused = adopt::run(&mine, &graph(false), &at("a/stack/net"), None, &CancellationToken::new()).await;
    assert!(matches!(refused, Err(adopt::Error::Strange { project, .. }) if project == "other"));
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_throttling_only_take_time() {
    for seed in 0..6 {
        let scene = Scene::new(100 + seed);
        *scene.world.faults.lock().unwrap() =
            super::cloud::Faults { throttled: 100, unanswered: 120, ..Default::default() };
        for goal in [graph(false), graph(true)] {
            let mut rounds = 0;
            while deploy(&site(&scene), &goal).await.unwrap().ending != Ending::Complete {
                rounds += 1;
                assert!(rounds < 5, "seed {seed}");
            }
            none_twice(&scene);
            assert_eq!(scene.world.things().len(), 40, "seed {seed}");
            scene.world.made.lock().unwrap().clear();
        }
        let crowd = scene.world.crowd.lock().unwrap().clone();
        for cloud in ["a", "b", "c"] {
            assert_eq!(crowd[cloud].1, 1, "two at a time in one serial group");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_begins_nothing_new_and_the_next_run_goes_on() {
    for after in [1, 5, 20, 33] {
        let scene = Scene::new(7);
        let interrupt = CancellationToken::new();
        let (begun, stop) = (Mutex::new(0), interrupt.clone());
        let listener = Arc::new(move |event: Event| {
            if let Event::Done { .. } = event {
                let mut begun = begun.lock().unwrap();
                *begun += 1;
                if *begun == after {
                    stop.cancel();
                }
            }
        });
        let mine = scene.site_with(&scene.process(None, false), listener);
        let plan = planned(&mine, &graph(false)).await;
        let outcome = apply::run(&mine, plan, &BTreeSet::new(), &interrupt).await.unwrap();
        assert_eq!(outcome.ending, Ending::Interrupted);
        assert!(outcome.done.len() >= after && outcome.done.len() < 40 && !outcome.skipped.is_empty());
        assert_eq!(deploy(&site(&scene), &graph(false)).await.unwrap().ending, Ending::Complete);
        assert_eq!(scene.world.things().len(), 40);
        none_twice(&scene);
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_cancelled_job_is_taken_over_after_it_expires_and_never_before() {
    let scene = Scene::new(8);
    let ttl = scene.project.settings.deploy.lease.get();
    let process = scene.process(Some(200), false);
    let mine = scene.site(&process);
    assert!(process.run(deploy(&mine, &graph(false))).await.is_none(), "it should have died");
    let died = Instant::now();
    let (told, waited) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None::<(String, Duration)>)));
    let (taken, waiting) = (Arc::clone(&told), Arc::clone(&waited));
    let listener = Arc::new(move |event: Event| match event {
        Event::LeaseTaken { .. } => _ = taken.lock().unwrap().get_or_insert(Instant::now()),
        Event::LeaseWaiting { holder, free_in } => _ = waiting.lock().unwrap().get_or_insert((holder, free_in)),
        _ => {}
    });
    let other = scene.site_with(&scene.process(None, false), listener);
    assert_eq!(deploy(&other, &graph(false)).await.unwrap().ending, Ending::Complete);
    let after = told.lock().unwrap().unwrap() - died;
    assert!(after >= ttl && after < ttl * 2, "taken over after {after:?}");
    let (holder, free_in) = waited.lock().unwrap().clone().unwrap();
    assert_eq!(holder, "the test");
    assert!(free_in <= ttl);
    none_twice(&scene);
    // While somebody lives it is never taken.
    let session = other.shelf.begin("somebody", "a deploy", &|_| {}, &CancellationToken::new()).await.unwrap();
    let third = site(&scene);
    let waits = tokio::time::timeout(ttl * 20, deploy(&third, &graph(true))).await;
    assert!(waits.is_err());
    session.close().await.unwrap();
    assert_eq!(deploy(&third, &graph(true)).await.unwrap().ending, Ending::Complete);
}

#[tokio::test(start_paused = true)]
async fn one_cloud_may_be_down_and_two_may_not() {
    let mut scene = Scene::new(9);
    assert_eq!(deploy(&site(&scene), &graph(false)).await.unwrap().ending, Ending::Complete);
    scene.world.set_down("c", true);
    scene.without = BTreeSet::from(["c".to_owned()]);
    let outcome = deploy(&site(&scene), &graph(true)).await.unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{:#?}", outcome.failed);
    let sizes: BTreeMap<String, u64> = scene
        .world
        .things()
        .into_iter()
        .filter(|(_, thing)| thing.properties["Name"].as_str().unwrap().ends_with("-net"))
        .map(|(cloud, thing)| (cloud, thing.properties["Size"].as_u64().unwrap()))
        .collect();
    assert_eq!(sizes, BTreeMap::from([("a", 2), ("b", 2), ("c", 1)].map(|(cloud, size)| (cloud.to_owned(), size))));
    // The other two do not answer any more.
    scene.world.set_down("b", true);
    let refused = deploy(&site(&scene), &graph(true)).await.unwrap_err();
    let apply::Error::Shelf(error) = &refused else { panic!("{refused}") };
    assert!(matches!(error, shelf::Error::NoMajority { reached: 1, needed: 2, all: 3, .. }), "{error}");
    // Back again, the store that was away is brought up to date.
    scene.world.set_down("b", false);
    scene.world.set_down("c", false);
    scene.without.clear();
    assert_eq!(deploy(&site(&scene), &graph(true)).await.unwrap().ending, Ending::Complete);
    scene.world.set_down("a", true);
    let state = site(&scene).shelf.read().await.unwrap().state;
    assert_eq!(state.resources.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_needs_every_cloud() {
    let mut scene = Scene::new(10);
    scene.without = BTreeSet::from(["c".to_owned()]);
    let refused = deploy(&site(&scene), &graph(false)).await.unwrap_err();
    assert!(matches!(refused, apply::Error::Shelf(shelf::Error::FirstNeedsAll { .. })), "{refused}");
    assert!(scene.world.things().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_changed_behind_our_back_is_drift() {
    let scene = Scene::new(11);
    let mine = site(&scene);
    deploy(&mine, &graph(false)).await.unwrap();
    let interrupt = CancellationToken::new();
    let clean = drift::look(&mine, &|_| true, &interrupt).await.unwrap();
    assert_eq!((clean.drifted.len(), clean.unchanged), (0, 40), "{:?}", clean.drifted);
    scene.world.meddle("a", "a-stack-net", |thing| thing.properties["Size"] = json!(9));
    scene.world.vanish("b", "b-stack-zone1");
    let found = drift::look(&mine, &|_| true, &interrupt).await.unwrap().drifted;
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].address.to_string().as_str(), found[0].gone), ("a/stack/net", false));
    assert_eq!(found[0].changes[0].pointer, "/Size");
    assert_eq!((found[1].address.to_string().as_str(), found[1].gone), ("b/stack/zone1", true));
    assert_eq!(drift::look(&mine, &|address| address.cloud == "c", &interrupt).await.unwrap().drifted, []);
    // A plan that was made before somebody changed it does not overwrite that.
    let plan = planned(&mine, &graph(true)).await;
    scene.world.meddle("a", "a-stack-net", |thing| thing.properties["Size"] = json!(77));
    let outcome = apply::run(&mine, plan, &BTreeSet::new(), &interrupt).await.unwrap();
    let failed = outcome.failed.iter().find(|failed| failed.address == at("a/stack/net")).unwrap();
    assert!(failed.failure.message.contains("no longer fits"), "{}", failed.failure.message);
}

#[tokio::test(start_paused = true)]
async fn a_lost_state_is_found_again_by_marks_and_names() {
    let scene = Scene::new(12);
    deploy(&site(&scene), &graph(true)).await.unwrap();
    let interrupt = CancellationToken::new();
    let process = scene.process(None, false);
    for cloud in ["a", "b", "c"] {
        let plane = super::cloud::Plane {
            name: cloud.to_owned(),
            world: Arc::clone(&scene.world),
            process: Arc::clone(&process),
        };
        crate::cloud::control::ControlPlane::remove_state_store(&plane, "lab").await.unwrap();
    }
    scene.world.made.lock().unwrap().clear();
    // The templates have changed since: what only the old ones had is an orphan.
    let mine = site(&scene);
    let looked = rebuild::run(&mine, &graph(false), false, &interrupt).await.unwrap();
    assert!(!looked.written && mine.shelf.read().await.unwrap().state.is_empty(), "it wrote without being asked");
    assert_eq!((looked.found.len(), looked.orphans.len(), looked.missing.len()), (37, 3, 3), "{looked:#?}");
    assert_eq!(looked.unmarked.len(), 3);
    assert!(looked.unclear.is_empty() && looked.strangers.is_empty() && looked.doubles.is_empty());
    assert!(rebuild::run(&mine, &graph(false), true, &interrupt).await.unwrap().written);
    let outcome = deploy(&mine, &graph(true)).await.unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{:#?}", outcome.failed);
    assert_eq!(scene.world.made.lock().unwrap().clone(), BTreeMap::new(), "it made something again");
    assert_eq!(scene.world.things().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn the_state_forgets_and_adopts_without_touching_anything() {
    let scene = Scene::new(13);
    let (mine, interrupt) = (site(&scene), CancellationToken::new());
    deploy(&mine, &graph(false)).await.unwrap();
    scene.world.made.lock().unwrap().clear();
    let ids = adopt::forget(&mine, &at("a/stack/gateway"), &interrupt).await.unwrap();
    assert_eq!(ids.len(), 1);
    assert!(matches!(
        adopt::forget(&mine, &at("a/stack/gateway"), &interrupt).await,
        Err(adopt::Error::NotInState { .. })
    ));
    let adopted = adopt::run(&mine, &graph(false), &at("a/stack/gateway"), None, &interrupt).await.unwrap();
    assert_eq!((adopted.id.as_str(), adopted.changes.len()), (ids[0].as_str(), 0), "{:?}", adopted.changes);
    let known = adopt::run(&mine, &graph(false), &at("a/stack/gateway"), None, &interrupt).await;
    assert!(matches!(known, Err(adopt::Error::Known { .. })));
    let absent = adopt::run(&mine, &graph(true), &at("a/stack/alarm-new"), Some("m.name:nothing"), &interrupt).await;
    assert!(matches!(absent, Err(adopt::Error::Nothing { .. })));
    assert_eq!(deploy(&mine, &graph(false)).await.unwrap().ending, Ending::Complete);
    assert!(scene.world.made.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn data_goes_only_where_it_was_named_and_a_destroy_removes_the_stores_last() {
    let scene = Scene::new(14);
    let (mine, interrupt) = (site(&scene), CancellationToken::new());
    deploy(&mine, &graph(false)).await.unwrap();
    let plan = planned(&mine, &Graph::default()).await;
    let named = BTreeSet::from([at("a/stack/bucket")]);
    let outcome = apply::destroy(&mine, plan, &named, &interrupt).await.unwrap();
    let failed: BTreeSet<String> = outcome.failed.iter().map(|failed| failed.address.to_string()).collect();
    assert_eq!(failed, BTreeSet::from(["b/stack/bucket", "c/stack/bucket"].map(str::to_owned)));
    assert!(outcome.removed.is_empty());
    let left: Vec<String> =
        scene.world.things().into_iter().map(|(cloud, thing)| format!("{cloud} {}", thing.kind)).collect();
    assert_eq!(left, ["b m.data", "b m.token", "c m.data", "c m.token"], "a key goes after the bucket that it closes");
    // Another environment has its state there too.
    let mut other = Scene { world: Arc::clone(&scene.world), ..Scene::new(15) };
    other.project.env = Some("staging".to_owned());
    let session = site(&other);
    session.shelf.begin("x", "x", &|_| {}, &interrupt).await.unwrap().close().await.unwrap();
    let outcome = destroy_all(&mine).await.unwrap();
    assert_eq!((outcome.ending, outcome.removed.len()), (Ending::Complete, 0), "{:#?}", outcome.failed);
    assert!(outcome.done.iter().all(|done| done.doing == Doing::Deleting));
    assert!(scene.world.store("a").is_some(), "the state of the other environment went with it");
    assert!(session.shelf.read().await.is_ok());
    let outcome = destroy_all(&session).await.unwrap();
    assert_eq!(outcome.removed, ["state of a", "state of b", "state of c"]);
    assert!(scene.world.store("a").is_none());
    // And a new beginning is possible.
    assert_eq!(deploy(&mine, &graph(false)).await.unwrap().ending, Ending::Complete);
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_the_state_and_a_changed_one_is_set_again() {
    use object_store::{ObjectStore, ObjectStoreExt};
    let mut scene = Scene::new(16);
    deploy(&site(&scene), &graph(false)).await.unwrap();
    let store = scene.world.store("a").unwrap();
    let mut keys: Vec<_> = futures_util::StreamExt::collect::<Vec<_>>(store.list(None)).await;
    assert!(keys.len() > 2);
    for key in keys.drain(..) {
        let bytes = store.get(&key.unwrap().location).await.unwrap().bytes().await.unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("sesame"));
    }
    let plan = planned(&site(&scene), &graph(false)).await;
    assert!(plan.changes.is_empty());
    scene.password = "open".to_owned();
    let plan = planned(&site(&scene), &graph(false)).await;
    assert_eq!(plan.changes.len(), 3, "{:?}", plan.changes);
    // It changes once more between the plan and the apply.
    scene.password = "closed".to_owned();
    let outcome = apply::run(&site(&scene), plan, &BTreeSet::new(), &CancellationToken::new()).await.unwrap();
    assert!(outcome.failed.len() == 3 && outcome.failed[0].failure.message.contains("secret that has changed"));
    deploy(&site(&scene), &graph(false)).await.unwrap();
    let passwords = scene.world.things().into_iter().filter_map(|(_, thing)| thing.properties.get("Password").cloned());
    assert!(passwords.collect::<Vec<_>>().iter().all(|password| password == "closed"));
}
