//! Conditional writes on a folder, alone, under contention, and under kill -9.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::*;
use crate::{
    clock::Random,
    journal::register::{Register, Timeouts},
    net::retry::Retry,
};

fn folder() -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    (place, folder)
}

fn tag(tag: &str) -> PutMode {
    PutMode::Update(UpdateVersion { e_tag: Some(tag.to_owned()), version: None })
}

#[tokio::test]
async fn an_update_happens_once_and_only_to_what_was_read() {
    let (_place, folder) = folder();
    let key = Path::from("registers/one.json");
    let gone = folder.put_opts(&key, "1".into(), tag("\"x\"").into()).await;
    assert!(matches!(gone, Err(Error::Precondition { .. })), "{gone:?}");
    let first = folder.put_opts(&key, "1".into(), PutMode::Create.into()).await.unwrap().e_tag.unwrap();
    assert_eq!(folder.get(&key).await.unwrap().meta.e_tag.as_deref(), Some(first.as_str()));
    assert_eq!(folder.head(&key).await.unwrap().e_tag.as_deref(), Some(first.as_str()));
    let second = folder.put_opts(&key, "2".into(), tag(&first).into()).await.unwrap().e_tag.unwrap();
    let again = folder.put_opts(&key, "3".into(), tag(&first).into()).await;
    assert!(matches!(again, Err(Error::Precondition { .. })), "{again:?}");
    let taken = folder.put_opts(&key, "3".into(), PutMode::Create.into()).await;
    assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "{taken:?}");
    assert_eq!(folder.get(&key).await.unwrap().bytes().await.unwrap(), "2");
    let conditional = GetOptions { if_none_match: Some(second.clone()), ..GetOptions::default() };
    assert!(matches!(folder.get_opts(&key, conditional).await, Err(Error::NotModified { .. })));
    let conditional = GetOptions { if_match: Some(first), ..GetOptions::default() };
    assert!(matches!(folder.get_opts(&key, conditional).await, Err(Error::Precondition { .. })));
    folder.delete(&key).await.unwrap();
    let gone = folder.put_opts(&key, "4".into(), tag(&second).into()).await;
    assert!(matches!(gone, Err(Error::Precondition { .. })), "{gone:?}");
}

#[tokio::test]
async fn large_objects_ranges_parts_and_lists_are_as_before() {
    let (_place, folder) = folder();
    let large = Bytes::from(vec![7_u8; usize::try_from(DIGEST_LIMIT_BYTES).unwrap() + 1]);
    let key = Path::from("detections/a.jpg");
    let put = folder.put_opts(&key, large.clone().into(), PutMode::Create.into()).await.unwrap();
    assert_eq!(folder.get(&key).await.unwrap().bytes().await.unwrap(), large);
    assert_eq!(folder.head(&key).await.unwrap().e_tag, put.e_tag);
    let put = folder.put_opts(&key, large.clone().into(), tag(&put.e_tag.unwrap()).into()).await.unwrap();
    assert_eq!(folder.head(&key).await.unwrap().e_tag, put.e_tag);

    let small = Path::from("detections/a.json");
    folder.put(&small, "0123456789".into()).await.unwrap();
    assert_eq!(folder.get_range(&small, 2..5).await.unwrap(), "234");
    assert_eq!(folder.get_ranges(&small, &[0..1, 8..10]).await.unwrap(), ["0", "89"]);

    let joined = Path::from("detections/joined");
    let mut upload = folder.put_multipart(&joined).await.unwrap();
    upload.put_part("one ".into()).await.unwrap();
    upload.put_part("two".into()).await.unwrap();
    let done = upload.complete().await.unwrap();
    let found = folder.get(&joined).await.unwrap();
    assert_eq!(found.meta.e_tag, done.e_tag);
    assert_eq!(found.bytes().await.unwrap(), "one two");

    folder.rename(&joined, &Path::from("detections/renamed")).await.unwrap();
    folder.copy(&small, &Path::from("detections/copied")).await.unwrap();
    let mut names: Vec<String> =
        folder.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
    names.sort();
    let expected = ["detections/a.jpg", "detections/a.json", "detections/copied", "detections/renamed"];
    assert_eq!(names, expected, "the locks are no objects");
}

/// The register that everybody increments: one folder, so that its conditional write alone decides.
fn register(place: &std::path::Path, seed: u64) -> Register<Vec<u64>> {
    let store: Arc<dyn ObjectStore> = Arc::new(Folder::open(place).unwrap());
    let retry = Retry { tries: 10_000, within: Duration::from_secs(600), ..Timeouts::default().retry };
    let timeouts = Timeouts { store: Duration::from_secs(60), retry };
    Register::new("count", vec![("folder".to_owned(), store)], "test", Random::seeded(seed), timeouts).unwrap()
}

/// Adds a number; the value is the list of all numbers so far, so that a lost or doubled one shows. A register gives an
/// attempt up as unclear when 32 changes of others have passed it: `None`, it may be there or not.
async fn add(register: &Register<Vec<u64>>, number: u64) -> Option<()> {
    let added = register.change(|old: Option<Vec<u64>>| {
        let mut all = old.unwrap_or_default();
        all.push(number);
        Ok::<_, ()>(all)
    });
    added.await.ok().map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_threads_lose_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..4_u64 {
        let register = register(place.path(), worker);
        workers.spawn(async move {
            for round in 0..10 {
                add(&register, worker * 100 + round).await.expect("four take their turns");
                tokio::time::sleep(Duration::from_millis(worker + round)).await;
            }
        });
    }
    workers.join_all().await;
    let mut all = register(place.path(), 9).read().await.unwrap().unwrap();
    all.sort_unstable();
    let expected: Vec<u64> = (0..4).flat_map(|worker| (0..10).map(move |round| worker * 100 + round)).collect();
    assert_eq!(all, expected);
}

const PLACE: &str = "WILDCAM_TEST_FOLDER_PLACE";
const WORKER: &str = "WILDCAM_TEST_FOLDER_WORKER";

/// Runs only as a process of the test below: adds numbers until it is killed, and says each that was acknowledged.
#[tokio::test]
async fn worker_process() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let worker: u64 = std::env::var(WORKER).unwrap().parse().unwrap();
    let register = register(place.as_ref(), worker);
    for round in 0..10_000 {
        let number = worker * 100_000 + round;
        let word = add(&register, number).await.map_or("unclear", |()| "acknowledged");
        // Past the harness, which keeps what a test prints.
        std::io::Write::write_all(&mut std::io::stderr(), format!("{word} {number}\n").as_bytes()).unwrap();
        // Whoever holds the folder all the time lets nobody else in.
        tokio::time::sleep(Duration::from_millis(5 + (number % 7) * 5)).await;
    }
}

struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_leave_no_half_object_and_no_lock() {
    let place = tempfile::tempdir().unwrap();
    let executable = std::env::current_exe().unwrap();
    let start = |worker: u64| {
        let child = Command::new(&executable)
            .args(["--exact", "cloud::folder::tests::worker_process", "--nocapture"])
            .env(PLACE, place.path())
            .env(WORKER, worker.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Worker(child)
    };
    let (mut acknowledged, mut unclear) = (Vec::new(), 0);
    let mut count = |line: &str| match line.split_once(' ') {
        Some(("acknowledged", number)) => acknowledged.push(number.parse::<u64>().unwrap()),
        Some(("unclear", _)) => unclear += 1,
        _ => panic!("{line}"),
    };
    // Each worker is killed in the middle of its work after a different number of changes.
    let mut workers: Vec<(Worker, usize)> = (1..=5).map(|worker| (start(worker), 5)).collect();
    for (worker, after) in &mut workers {
        let mut lines = BufReader::new(worker.0.stderr.take().unwrap()).lines();
        for _ in 0..*after {
            count(&lines.next().expect("it works until it is killed").unwrap());
        }
        worker.0.kill().unwrap();
        worker.0.wait().unwrap();
        // What it said before the kill counts as well; a line may be cut.
        for line in lines.map_while(std::result::Result::ok).filter(|line| line.len() > 12) {
            count(&line);
        }
    }
    let judge = register(place.path(), 99);
    add(&judge, 7).await.expect("nobody else is left, and no lock");
    let all = judge.read().await.unwrap().unwrap();
    let distinct: std::collections::BTreeSet<u64> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "a number was added twice");
    assert!(acknowledged.iter().all(|number| distinct.contains(number)), "an acknowledged number is lost");
    // At most one change of each worker was under way when it was killed.
    assert!(all.len() - 1 <= acknowledged.len() + unclear + workers.len(), "{} of {}", acknowledged.len(), all.len());
    assert!(acknowledged.len() >= 15, "{} changes are no contention", acknowledged.len());
}
