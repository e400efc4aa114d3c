//! One deploy at a time: a second one waits for the lease of a dead one, and a suspended one finds that it is over.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use super::{
    camp::{Camp, finish, text},
    picture,
    steps::{self, Blow, Moment, Trap},
};

/// The lease of these projects, as wildcam.toml has it and as a duration.
const LEASE: &str = "6s";
const LENGTH: Duration = Duration::from_secs(6);

/// The lease as a write of its register has it: epoch, renewals, and whether somebody has it.
fn held(body: &[u8]) -> Option<(u64, u64, bool)> {
    let state: Value = serde_json::from_slice(body).ok()?;
    let data = state.pointer("/value/data")?;
    Some((data["epoch"].as_u64()?, data["renewals"].as_u64()?, !data["holder"].is_null()))
}

/// When each sign of life of a holder first reached a store.
fn signs(camp: &Camp) -> BTreeMap<(u64, u64), Instant> {
    let mut signs = BTreeMap::new();
    for written in camp.steps.written().iter().filter(|written| steps::is_lease(&written.key)) {
        if let Some((epoch, renewals, true)) = held(&written.body) {
            signs.entry((epoch, renewals)).or_insert(written.at);
        }
    }
    signs
}

/// The calls that change a cloud, each with how often it was made. The place of the state is the state's own affair.
fn changes(camp: &Camp) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for action in ["CreateResource", "UpdateResource", "DeleteResource"] {
        all.insert(action.to_owned(), camp.aws.calls(action));
    }
    let azure = camp.azure.calls().into_iter().filter(|call| {
        (call.starts_with("PUT ") || call.starts_with("DELETE ")) && !call.contains("/resourceGroups/reserve-state")
    });
    let reads = [".get", ".list", ".access", ".getIamPolicy"];
    let google = camp.google.calls().into_iter().filter(|call| {
        !call.starts_with("storage.objects.")
            && call != "storage.buckets.insert"
            && !reads.iter().any(|end| call.ends_with(end))
    });
    for call in azure.chain(google).chain(camp.buckets.changes()) {
        *all.entry(call).or_insert(0) += 1;
    }
    all
}

/// Waits until what a dead process had sent has arrived.
async fn settled(camp: &Camp) -> BTreeMap<String, usize> {
    let (mut before, mut same) = (changes(camp), 0);
    while same < 20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = changes(camp);
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    before
}

/// How many acts a deploy says that it has begun, and how many of them have ended.
fn acts(stderr: &str) -> (usize, usize) {
    let count = |words: &[&str]| stderr.lines().filter(|line| words.iter().any(|word| line.contains(word))).count();
    (count(&[": creating the", ": following what"]), count(&[": created after", ": followed to its end"]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_deploys_lease_is_taken_over_when_it_has_expired_and_not_before() {
    let camp = Camp::pitch(11, LEASE).await;
    let trap = Trap { step: 60, moment: Moment::After, blow: Blow::Kill };
    let first = camp.start(&["deploy", "--yes"], Some(trap));
    let dead = first.id();
    assert_eq!(finish(first).await.code, None);
    assert!(camp.steps.has_struck());
    let done = settled(&camp).await;
    assert!(!done.is_empty(), "it was killed in the middle");

    let second = camp.start(&["deploy", "--yes", "--json"], None);
    let mut looks = 0;
    loop {
        let now = changes(&camp);
        let taken_over = signs(&camp).keys().any(|(epoch, _)| *epoch == 2);
        if taken_over || second.stdout().contains("lease-taken") {
            break;
        }
        // The count was taken before it was seen that nobody had taken over yet.
        assert_eq!(now, done, "a cloud was changed before the lease was taken over");
        looks += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(looks > 10, "nothing was waited for");
    let second = finish(second).await.expect_code(0);

    // It says for whom it waits, and for how long at most.
    let events = second.json_lines();
    let place = |name: &str| events.iter().position(|line| line["event"] == name);
    let waiting = &events[place("lease-waiting").expect("it waited")];
    assert_eq!(text(&waiting["message"]), format!("ranger on hut, process {dead}"));
    let longest = waiting["ms"].as_u64().expect("for how long");
    assert!(longest > 0 && longest <= LENGTH.as_millis() as u64, "{longest}");
    assert!(place("lease-waiting") < place("lease-taken") && place("lease-taken") < place("begun"), "{events:?}");
    assert_eq!(text(&events[place("lease-taken").expect("it was taken")]["message"]), "2");

    let signs = signs(&camp);
    let last = signs.iter().rfind(|((epoch, _), _)| *epoch == 1).expect("the first had it").1;
    let taken = signs.iter().find(|((epoch, _), _)| *epoch == 2).expect("the second has had it").1;
    assert!(*taken >= *last + LENGTH, "taken over {:?} after the last sign of life", *taken - *last);
    picture::take(&camp).await;
    camp.run(&["plan", "--exit-code"], None).await.expect_code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_that_wakes_up_after_its_lease_was_taken_over_does_nothing_any_more() {
    for (step, moment) in [(70, Moment::Before), (110, Moment::After), (31, Moment::Before)] {
        let camp = Camp::pitch(12, LEASE).await;
        let first = camp.start(&["deploy", "--yes"], Some(Trap { step, moment, blow: Blow::Stop }));
        let asleep = first.id();
        while !camp.steps.has_struck() {
            assert!(first.stdout().len() < 1 << 20, "it goes on for ever");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        settled(&camp).await;
        let (begun, ended) = acts(&first.stderr());
        let second = camp.run(&["deploy", "--yes"], None).await.expect_code(0);
        let said =
            format!("waiting for ranger on hut, process {asleep}, who deploys here; at most 6 s more if it died");
        assert!(second.stderr.contains(&said), "{}", second.stderr);
        let seen = picture::take(&camp).await;
        let (done, written) = (settled(&camp).await, camp.steps.written().len());

        // What it had sent to one store arrives now, and it goes on where it was.
        camp.steps.let_go();
        steps::wake(asleep);
        let output = finish(first).await;
        assert_eq!(output.code, Some(1), "{}", output.stderr);
        let over = ["the lease of this deploy was lost", "another run has taken over the journal"];
        assert!(over.iter().any(|words| output.stderr.contains(words)), "{}", output.stderr);
        // It begins no call. A request that was in its hands when it was suspended may still leave it: nobody can take that
        // back, and it is one whose intent its successor has looked into.
        let late: usize = settled(&camp).await.values().sum::<usize>() - done.values().sum::<usize>();
        assert!(late <= begun - ended, "it has called a cloud {late} times: {}", output.stderr);
        // A record is durable when two of the three stores have it. Of one that no store had when its successor looked, the
        // successor knows nothing: it must have barred it. One that a store had, the successor has taken in, and the other
        // stores may get it late.
        let writes = camp.steps.written();
        let (before, after) = writes.split_at(written);
        let mut late: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for one in after.iter().filter(|one| one.key.contains("/journal/")) {
            if !before.iter().any(|other| (&other.key, &other.body) == (&one.key, &one.body)) {
                late.entry(&one.key).or_default().push(one.cloud);
            }
        }
        assert!(late.values().all(|clouds| clouds.len() < 2), "it has written to the journal: {late:?}");
        picture::same(&picture::take(&camp).await, &seen, "after it woke up");
        camp.run(&["plan", "--exit-code"], None).await.expect_code(0);
        camp.run(&["deploy", "--yes"], None).await.expect_code(0);
        picture::same(&picture::take(&camp).await, &seen, "a deploy after that");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_deploys_at_a_time_the_second_waits_and_finds_nothing_to_do() {
    let camp = Camp::pitch(13, "30s").await;
    let first = camp.start(&["deploy", "--yes"], None);
    while camp.steps.count() < 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = camp.start(&["deploy", "--yes"], None);
    let (first, second) = (finish(first).await.expect_code(0), finish(second).await.expect_code(0));
    assert!(first.stdout.contains("Done: 40 created."), "{}", first.stdout);
    assert!(second.stderr.contains("waiting for ranger on hut"), "{}", second.stderr);
    assert!(second.stdout.contains("Nothing to do: 40 unchanged."), "{}", second.stdout);
    picture::take(&camp).await;
}
