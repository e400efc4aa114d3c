use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, atomic::AtomicBool, atomic::Ordering},
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::*;
use crate::{
    journal::{
        faulty::{Faults, Faulty, Stores, stores},
        register::Timeouts,
    },
    traffic::routes::Fence,
};

/// How a cloud's gateways behave.
#[derive(Clone, Copy)]
enum Behaviour {
    Refuses,
    Silent,
    Slow,
}

/// The sink of the tests: keeps what was published, and fails when told to.
#[derive(Default)]
struct Names {
    published: Mutex<(Fence, Vec<Routes>)>,
    broken: AtomicBool,
}

impl RouteSink for Names {
    fn publish<'a>(&'a self, routes: &'a Routes) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            if self.broken.load(Ordering::SeqCst) {
                return Err(Error::Publish("the server is away".to_owned()));
            }
            let mut published = self.published.lock().unwrap();
            published.0.admit(routes)?;
            published.1.push(routes.clone());
            Ok(())
        })
    }
}

/// Three clouds and what a controller sees of them.
struct World {
    random: Random,
    stores: Stores,
    handles: Vec<Arc<Faulty>>,
    behaviours: Arc<Mutex<BTreeMap<String, Behaviour>>>,
    names: Arc<Names>,
    began: Instant,
}

/// A controller that runs, and the events it has told.
struct Running {
    events: Arc<Mutex<Vec<Event>>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), Error>>,
}

const TTL: Duration = Duration::from_secs(3);

impl World {
    fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let (stores, handles) = stores(3, &random, Faults::default(), true);
        let (behaviours, names) = (Arc::default(), Arc::default());
        Self { random, stores, handles, behaviours, names, began: Instant::now() }
    }

    /// What a gateway does from now on, by its name; `None` for answering well.
    fn set(&self, host: &str, behaviour: Option<Behaviour>) {
        let mut behaviours = self.behaviours.lock().unwrap();
        match behaviour {
            Some(behaviour) => behaviours.insert(host.to_owned(), behaviour),
            None => behaviours.remove(host),
        };
    }

    fn settings(&self, strategy: Strategy) -> Settings {
        let target = |host: &str| Target::gateway(&host[..1], host, 443).unwrap();
        let member = |(name, weight): (&str, u32)| Member { name: name.to_owned(), weight };
        Settings {
            holder: "controller".to_owned(),
            lease_ttl: TTL,
            schedule: Schedule { interval: Duration::from_secs(1), timeout: Duration::from_millis(500) },
            rule: Rule::default(),
            strategy,
            clouds: [("a", 50), ("b", 30), ("c", 20)].map(member).to_vec(),
            targets: ["a1", "a2", "b1", "c1"].map(target).to_vec(),
        }
    }

    fn parts(&self) -> Parts {
        let timeouts = Timeouts { store: Duration::from_millis(300), ..Timeouts::default() };
        let (stores, began, behaviours) = (&self.stores, self.began, Arc::clone(&self.behaviours));
        Parts {
            lease: Register::new("lease", stores.clone(), "p", self.random.fork(), timeouts).unwrap(),
            routes: Register::new("routes", stores.clone(), "p", self.random.fork(), timeouts).unwrap(),
            probe: Arc::new(move |target| {
                let behaviour = behaviours.lock().unwrap().get(target.url.host_str().unwrap()).copied();
                Box::pin(async move {
                    match behaviour {
                        None => Ok(()),
                        Some(Behaviour::Refuses) => Err("refused".to_owned()),
                        Some(Behaviour::Silent) => std::future::pending().await,
                        Some(Behaviour::Slow) => {
                            tokio::time::sleep(Duration::from_secs(6)).await;
                            Ok(())
                        }
                    }
                })
            }),
            sink: Arc::clone(&self.names) as _,
            clock: Clock::simulated(0, move || began.elapsed()),
            random: self.random.fork(),
        }
    }

    fn start(&self, settings: Settings) -> Running {
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let (stop, heard) = (CancellationToken::new(), Arc::clone(&events));
        let controller = Controller::new(settings, self.parts()).unwrap();
        let task = tokio::spawn(controller.run(stop.clone(), move |event| heard.lock().unwrap().push(event)));
        Running { events, stop, task }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    fn last_published(&self) -> Routes {
        self.names.published.lock().unwrap().1.last().cloned().unwrap()
    }
}

impl Running {
    fn find<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.events.lock().unwrap().iter().filter_map(pick).collect()
    }

    fn declared(&self, name: &str) -> Option<(Reason, u64, u64)> {
        let pick = |event: &Event| match event {
            Event::Declared { cloud, reason, first_failure_ms, t_ms } if cloud == name => {
                Some((*reason, *first_failure_ms, *t_ms))
            }
            _ => None,
        };
        self.find(pick).first().copied()
    }

    fn committed(&self) -> Vec<(Routes, u64)> {
        self.find(|event| match event {
            Event::RoutesCommitted { routes, t_ms } => Some((routes.clone(), *t_ms)),
            _ => None,
        })
    }

    fn count(&self, is_one: impl Fn(&Event) -> bool) -> usize {
        self.find(|event| is_one(event).then_some(())).len()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn weights(routes: &Routes) -> Vec<u32> {
    routes.clouds.iter().map(|cloud| cloud.weight).collect()
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_cloud_is_declared_after_three_probes_and_loses_its_traffic() {
    for (behaviour, probe_ms) in [(Behaviour::Refuses, 0), (Behaviour::Silent, 500)] {
        let world = World::new(1);
        let running = world.start(world.settings(Strategy::ActiveActive));
        pass(10).await;
        assert_eq!(weights(&world.last_published()), [50, 30, 20]);
        let killed_ms = world.now_ms();
        world.set("b1", Some(behaviour));
        // Its store, one of the three that decide, dies with it.
        world.handles[1].set_down(true);
        pass(5).await;
        let (reason, first_ms, declared_ms) = running.declared("b").unwrap();
        assert_eq!(reason, Reason::Failures);
        assert!(first_ms >= killed_ms && first_ms <= killed_ms + 1000 + probe_ms, "{first_ms}");
        assert_eq!(declared_ms, first_ms + 2000, "two intervals later");
        let commits = running.committed();
        let (routes, committed_ms) = commits.last().unwrap();
        assert_eq!((weights(routes), routes.clouds[1].healthy), (vec![50, 0, 20], false));
        let waited_ms = committed_ms - declared_ms;
        assert!(waited_ms < 300, "the commit waited {waited_ms} ms for the dead store");
        assert_eq!(&world.last_published(), routes);
        assert!(routes.serving().eq(["a", "c"]));
        // It comes back, and with it its share.
        world.set("b1", None);
        pass(5).await;
        assert_eq!(running.count(|event| matches!(event, Event::Recovered { cloud, .. } if cloud == "b")), 1);
        assert_eq!(weights(&world.last_published()), [50, 30, 20]);
        let seqs: Vec<u64> = running.committed().iter().map(|(routes, _)| routes.seq).collect();
        assert_eq!(seqs, [1, 2, 3], "nothing is committed without need");
        running.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_cloud_is_declared_at_once_when_the_timeout_lets_it_answer() {
    let world = World::new(2);
    let mut settings = world.settings(Strategy::ActivePassive);
    settings.schedule.timeout = Duration::from_secs(10);
    let running = world.start(settings);
    pass(5).await;
    assert_eq!(weights(&world.last_published()), [100, 0, 0]);
    world.set("a1", Some(Behaviour::Slow));
    world.set("a2", Some(Behaviour::Slow));
    pass(8).await;
    assert_eq!(running.declared("a").unwrap().0, Reason::Slow);
    assert_eq!(weights(&world.last_published()), [0, 100, 0]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cloud_is_up_as_long_as_one_of_its_gateways_is() {
    let world = World::new(3);
    let running = world.start(world.settings(Strategy::ActiveActive));
    pass(5).await;
    world.set("a1", Some(Behaviour::Refuses));
    pass(10).await;
    assert_eq!(running.count(|event| matches!(event, Event::GatewayDown { .. })), 1);
    assert_eq!((running.declared("a"), running.committed().len()), (None, 1));
    world.set("a2", Some(Behaviour::Refuses));
    pass(5).await;
    let (_, first_ms, declared_ms) = running.declared("a").unwrap();
    assert!(declared_ms > first_ms + 8000, "the first failure of the cloud is that of its first gateway");
    assert_eq!(weights(&world.last_published()), [0, 30, 20]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_every_cloud_down_the_last_routes_stay_and_it_says_so() {
    let world = World::new(4);
    let running = world.start(world.settings(Strategy::ActiveActive));
    pass(5).await;
    world.set("c1", Some(Behaviour::Refuses));
    pass(5).await;
    for host in ["a1", "a2", "b1"] {
        world.set(host, Some(Behaviour::Silent));
    }
    pass(10).await;
    assert!(running.count(|event| matches!(event, Event::NobodyHealthy { .. })) >= 1);
    for (routes, _) in running.committed() {
        assert!(routes.serving().next().is_some(), "traffic was sent to nobody: {routes:?}");
    }
    assert!(world.last_published().serving().next().is_some());
    world.set("c1", None);
    pass(5).await;
    assert!(world.last_published().serving().eq(["c"]));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_fails_is_tried_until_it_takes_the_newest_routes() {
    let world = World::new(5);
    world.names.broken.store(true, Ordering::SeqCst);
    let running = world.start(world.settings(Strategy::ActiveActive));
    pass(10).await;
    world.set("c1", Some(Behaviour::Refuses));
    pass(10).await;
    assert!(running.count(|event| matches!(event, Event::PublishFailed { .. })) > 5);
    assert_eq!(running.committed().len(), 2, "the register does not wait for the sink");
    world.names.broken.store(false, Ordering::SeqCst);
    pass(3).await;
    let published = world.names.published.lock().unwrap().1.clone();
    assert_eq!(published.len(), 1, "routes that were superseded are not published any more");
    assert_eq!(weights(&published[0]), [50, 30, 0]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_lost_the_lease_publishes_nothing_any_more() {
    let world = World::new(10);
    world.names.broken.store(true, Ordering::SeqCst);
    let running = world.start(world.settings(Strategy::ActiveActive));
    pass(5).await;
    assert_eq!(running.committed().len(), 1);
    world.handles[0].set_down(true);
    world.handles[1].set_down(true);
    pass(10).await;
    world.names.broken.store(false, Ordering::SeqCst);
    pass(30).await;
    assert!(world.names.published.lock().unwrap().1.is_empty());
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_majority_nothing_is_published_and_it_is_made_up_for_later() {
    let world = World::new(6);
    let running = world.start(world.settings(Strategy::ActiveActive));
    pass(5).await;
    world.handles[0].set_down(true);
    world.handles[1].set_down(true);
    world.set("b1", Some(Behaviour::Refuses));
    pass(20).await;
    assert!(running.declared("b").is_some());
    assert_eq!(weights(&world.last_published()), [50, 30, 20], "what is not committed is not published");
    assert_eq!(running.count(|event| matches!(event, Event::LeaseLost { .. })), 1);
    world.handles[0].set_down(false);
    pass(20).await;
    let routes = world.last_published();
    assert_eq!(weights(&routes), [50, 0, 20]);
    assert!(routes.epoch >= 2, "the lease was taken anew");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn another_controller_takes_over_with_a_higher_epoch_and_knows_who_is_down() {
    let world = World::new(7);
    let first = world.start(world.settings(Strategy::ActiveActive));
    pass(5).await;
    let second = world.start(world.settings(Strategy::ActiveActive));
    world.set("b1", Some(Behaviour::Refuses));
    pass(10).await;
    assert!(second.committed().is_empty(), "only the holder of the lease commits");
    assert!(second.declared("b").is_some(), "but both judge");
    let before = world.last_published();
    // The first dies without a word.
    first.task.abort();
    pass(10).await;
    let after = world.last_published();
    assert!(after.order() > before.order() && after.epoch == before.epoch + 1);
    // The third knows nothing but the register when it takes over.
    let third = world.start(world.settings(Strategy::ActiveActive));
    pass(1).await;
    second.end().await;
    pass(1).await;
    let last = world.last_published();
    assert_eq!((last.epoch, weights(&last)), (before.epoch + 2, vec![50, 0, 20]));
    assert_eq!(third.declared("b"), None, "it has not judged for itself yet");
    for (routes, _) in third.committed() {
        assert_eq!(weights(&routes)[1], 0, "a new controller sent traffic to a cloud that was known to be down");
    }
    let published = world.names.published.lock().unwrap().1.clone();
    assert!(published.is_sorted_by(|a, b| a.order() < b.order()));
    third.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_hands_the_lease_over_at_once() {
    let world = World::new(8);
    let first = world.start(world.settings(Strategy::ActiveActive));
    pass(5).await;
    let second = world.start(world.settings(Strategy::ActiveActive));
    pass(5).await;
    first.end().await;
    pass(1).await;
    assert_eq!(second.count(|event| matches!(event, Event::LeaseTaken { .. })), 1);
    second.end().await;
}

#[tokio::test(start_paused = true)]
async fn settings_that_contradict_themselves_are_refused() {
    let world = World::new(9);
    let changes: [fn(&mut Settings); 6] = [
        |settings| settings.clouds.clear(),
        |settings| settings.clouds[1].name = "a".to_owned(),
        |settings| settings.targets.truncate(3),
        |settings| settings.targets[0].cloud = "d".to_owned(),
        |settings| settings.schedule.interval = Duration::ZERO,
        |settings| settings.lease_ttl = Duration::ZERO,
    ];
    let mut messages = BTreeSet::new();
    for change in changes {
        let mut settings = world.settings(Strategy::Hybrid);
        change(&mut settings);
        messages.insert(Controller::new(settings, world.parts()).err().unwrap().to_string());
    }
    assert_eq!(messages.len(), 6, "{messages:?}");
}

#[test]
fn events_have_a_name_in_json() {
    let event = Event::Recovered { cloud: "a".to_owned(), t_ms: 5 };
    assert_eq!(serde_json::to_string(&event).unwrap(), r#"{"event":"recovered","cloud":"a","t_ms":5}"#);
}
