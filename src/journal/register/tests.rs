use std::sync::{Mutex, atomic::AtomicUsize};

use object_store::{ObjectStoreExt, memory::InMemory};

use super::*;
use crate::journal::faulty::{Faults, Stores, stores};

fn register<T: Value>(stores: &Stores, proposer: &str, random: &Random) -> Register<T> {
    let timeouts = Timeouts { store: Duration::from_millis(300), ..Timeouts::default() };
    Register::new("count", stores.clone(), proposer, random.fork(), timeouts).unwrap()
}

fn one_more(old: Option<u64>) -> Result<u64, std::convert::Infallible> {
    Ok(old.unwrap_or(0) + 1)
}

/// Marks the number that a change wrote which might have been refused.
const ACCEPTED: u64 = 1 << 63;

/// An increment that is refused when it is asked for the `call`th time; what it has seen then must stand, and an
/// increment that was under way must not come back.
async fn refused_at(call: u32, register: &Register<u64>) -> Result<u64, Error> {
    let mut calls = 0;
    let changed = register.change(|old| {
        calls += 1;
        if calls >= call { Err(old.unwrap_or(0)) } else { Ok(old.unwrap_or(0) + 1) }
    });
    match changed.await {
        Ok(value) => Ok(value | ACCEPTED),
        Err(ChangeError::Aborted(seen)) => Ok(seen),
        Err(ChangeError::Register(error)) => Err(error),
    }
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    started: usize,
    ended: usize,
    /// What a read (or a refused change) saw, or an increment wrote.
    value: u64,
    is_change: bool,
}

/// What a run of several proposers came to.
#[derive(Default)]
struct History {
    operations: Vec<Operation>,
    unclear: u64,
    failed: u64,
}

impl History {
    /// For a counter, being linearizable is this: no number is given twice, and what comes after in real time is
    /// above (an increment) or not below (a read).
    fn check(&self, seed: u64, last: u64) {
        let mut given: Vec<u64> = self.operations.iter().filter(|o| o.is_change).map(|o| o.value).collect();
        given.sort_unstable();
        let successes = given.len() as u64;
        given.dedup();
        assert_eq!(given.len() as u64, successes, "seed {seed}: a number was given twice");
        for earlier in &self.operations {
            for later in self.operations.iter().filter(|later| earlier.ended < later.started) {
                let least = earlier.value + u64::from(later.is_change);
                assert!(later.value >= least, "seed {seed}: {later:?} goes back behind {earlier:?}");
            }
        }
        assert!(given.last().is_none_or(|highest| *highest <= last), "seed {seed}: a change was lost");
        // Each number up to the last was given once or belongs to a change whose end nobody saw.
        assert!(
            successes <= last && last <= successes + self.unclear,
            "seed {seed}: {last} after {successes} changes and {} unclear ones",
            self.unclear
        );
    }
}

async fn history(seed: u64) -> History {
    let random = Random::seeded(seed);
    let faults = Faults {
        refused: random.below(60),
        reply_lost: random.below(60),
        late: random.below(40),
        slowest: Duration::from_millis(5 + random.below(60)),
    };
    let (stores, handles) = stores(3, &random, faults, seed.is_multiple_of(2));
    let proposers = 3 + random.below(3);
    let history = Arc::new(Mutex::new(History::default()));
    let tick = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..proposers {
        // Every other history has proposers that share a name and a handle, as tasks of one process do.
        let (name, random) =
            (if seed.is_multiple_of(3) { "same".to_owned() } else { format!("p{number}") }, random.fork());
        let register: Register<u64> = register(&stores, &name, &random);
        let (history, tick) = (Arc::clone(&history), Arc::clone(&tick));
        tasks.spawn(async move {
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_millis(random.below(150))).await;
                let started = tick.fetch_add(1, Ordering::SeqCst);
                let kind = random.below(6);
                let result = match kind {
                    0 => register.read().await.map(Option::unwrap_or_default),
                    1 => refused_at(1, &register).await,
                    2 => refused_at(2, &register).await,
                    _ => register.change(one_more).await.map_err(|error| match error {
                        ChangeError::Register(error) => error,
                        ChangeError::Aborted(never) => match never {},
                    }),
                };
                let (is_change, result) = match result {
                    // The one call in which it was not refused made the change.
                    Ok(value) if value & ACCEPTED != 0 => (true, Ok(value & !ACCEPTED)),
                    result => (kind > 2, result),
                };
                let ended = tick.fetch_add(1, Ordering::SeqCst);
                let mut history = history.lock().unwrap();
                match result {
                    Ok(value) => history.operations.push(Operation { started, ended, value, is_change }),
                    Err(Error::Unclear { .. }) => history.unclear += 1,
                    Err(Error::NoMajority { .. } | Error::Contended { .. }) => history.failed += 1,
                    Err(other) => panic!("seed {seed}: {other}"),
                }
            }
        });
    }
    let flapper = {
        let (random, victim) = (random.fork(), Arc::clone(&handles[usize::try_from(seed % 3).unwrap()]));
        tokio::spawn(async move {
            match seed % 4 {
                0 => victim.set_down(true),
                1 => loop {
                    victim.set_down(random.below(2) == 0);
                    tokio::time::sleep(Duration::from_millis(random.below(400))).await;
                },
                _ => {}
            }
        })
    };
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    flapper.abort();
    handles.iter().for_each(|store| store.heal());
    // What was late has arrived by then.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let last = register::<u64>(&stores, "judge", &random).read().await.unwrap().unwrap_or(0);
    let history = std::mem::take(&mut *history.lock().unwrap());
    history.check(seed, last);
    history
}

#[tokio::test(start_paused = true)]
async fn two_hundred_histories_with_faults_are_linearizable() {
    let (mut operations, mut unclear, mut failed) = (0, 0, 0);
    for seed in 0..200 {
        let history = history(seed).await;
        operations += history.operations.len();
        unclear += history.unclear;
        failed += history.failed;
    }
    assert!(operations > 4000, "only {operations} operations ended well ({unclear} unclear, {failed} failed)");
    assert!(unclear < 200, "{unclear} operations had no clear end ({failed} failed)");
}

#[tokio::test(start_paused = true)]
#[ignore = "a minute; part of the soak"]
async fn ten_thousand_histories_with_faults_are_linearizable() {
    for seed in 200..10_200 {
        history(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_silent_store_of_three_delays_nothing() {
    let random = Random::seeded(1);
    let (stores, handles) = stores(3, &random, Faults::default(), true);
    let register: Register<u64> = register(&stores, "one", &random);
    handles[1].set_down(true);
    let before = tokio::time::Instant::now();
    assert_eq!(register.read().await.unwrap(), None);
    assert_eq!(register.change(one_more).await.unwrap(), 1);
    assert_eq!(register.read().await.unwrap(), Some(1));
    assert!(before.elapsed() < Duration::from_millis(300), "it waited for the silent store: {:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn two_dead_of_three_are_no_majority_and_change_nothing() {
    for silent in [false, true] {
        let random = Random::seeded(2);
        let (stores, handles) = stores(3, &random, Faults::default(), silent);
        let register: Register<u64> = register(&stores, "one", &random);
        assert_eq!(register.change(one_more).await.unwrap(), 1);
        handles[0].set_down(true);
        handles[2].set_down(true);
        let refused = register.change(one_more).await.unwrap_err();
        let ChangeError::Register(Error::NoMajority { reached, needed, causes, .. }) = refused else {
            panic!("{refused}")
        };
        assert_eq!((reached, needed, causes.len()), (1, 2, 2));
        assert!(matches!(register.read().await, Err(Error::NoMajority { .. })));
        handles[0].set_down(false);
        assert_eq!(register.read().await.unwrap(), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn one_and_two_stores_need_all_they_have() {
    for count in [1, 2] {
        let random = Random::seeded(3);
        let (stores, handles) = stores(count, &random, Faults::default(), false);
        let register: Register<u64> = register(&stores, "one", &random);
        assert_eq!(register.change(one_more).await.unwrap(), 1);
        handles[0].set_down(true);
        assert!(matches!(register.read().await, Err(Error::NoMajority { .. })), "{count} stores");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_has_seen_the_value_that_stands() {
    let random = Random::seeded(4);
    let (stores, _) = stores(3, &random, Faults::default(), false);
    let register: Register<u64> = register(&stores, "one", &random);
    register.change(one_more).await.unwrap();
    let refused = register.change(Err::<u64, _>).await.unwrap_err();
    assert!(matches!(refused, ChangeError::Aborted(Some(1))), "{refused:?}");
    assert_eq!(register.read().await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn garbage_in_a_store_is_a_failed_store() {
    let far = r#"{"promised":{"counter":18446744073709551615,"proposer":"x","nonce":1},
        "accepted":{"counter":1,"proposer":"x","nonce":1},"value":null}"#;
    let upside_down = r#"{"promised":{"counter":1,"proposer":"x","nonce":1},
        "accepted":{"counter":2,"proposer":"x","nonce":1},"value":null}"#;
    let deep = "[".repeat(100_000);
    let large = "9".repeat(1 << 20);
    for garbage in ["", "null", "{}", "\u{0}\u{1}", "{\"promised\":", far, upside_down, &deep, &large] {
        let random = Random::seeded(5);
        let (stores, handles) = stores(3, &random, Faults::default(), false);
        let path = Path::from("fleet/registers/count.json");
        handles[0].inner.put(&path, garbage.to_owned().into()).await.unwrap();
        let register: Register<u64> = register(&stores, "one", &random);
        assert_eq!(register.change(one_more).await.unwrap(), 1);
        assert_eq!(register.read().await.unwrap(), Some(1));
        handles[1].inner.put(&path, garbage.to_owned().into()).await.unwrap();
        let refused = register.read().await.unwrap_err();
        assert!(matches!(refused, Error::NoMajority { reached: 0 | 1, needed: 2, .. }), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn values_of_another_type_and_of_too_many_bytes_are_refused() {
    let random = Random::seeded(6);
    let (stores, _) = stores(3, &random, Faults::default(), false);
    let text: Register<String> = register(&stores, "one", &random);
    let limit = usize::try_from(VALUE_LIMIT_BYTES).unwrap();
    let write = async |bytes: usize| text.change(|_| Ok::<_, ()>("x".repeat(bytes))).await;
    assert!(matches!(write(limit - 1).await, Err(ChangeError::Register(Error::TooLarge { .. }))));
    assert_eq!(write(limit - 2).await.unwrap().len(), limit - 2);
    let number: Register<u64> = register(&stores, "two", &random);
    assert!(matches!(number.read().await, Err(Error::Unreadable { .. })));
}

#[test]
fn names_and_stores_are_checked() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let make = |name: &str, stores| {
        Register::<u64>::new(name, stores, "one", Random::seeded(7), Timeouts::default()).map(|_| ())
    };
    let one = || vec![("a".to_owned(), Arc::clone(&store))];
    for name in ["", "../secret", "a/b", "Routes", ".hidden", &"x".repeat(64)] {
        assert!(matches!(make(name, one()), Err(Error::BadName { .. })), "{name}");
    }
    assert!(matches!(make("routes", Vec::new()), Err(Error::NoStores { .. })));
    make("lease.traffic-1", one()).unwrap();
}
