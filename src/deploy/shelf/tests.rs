use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use tokio_util::sync::CancellationToken;

use super::{Error, Session, Shelf, cipher::CipherError};
use crate::{
    deploy::{model::Scene, site::Site, state::Record},
    project::SecretRef,
};

fn site(scene: &Scene) -> Site {
    scene.site(&scene.process(None, false))
}

async fn begin(shelf: &Shelf) -> Session<'_> {
    shelf.begin("test", "a test", &|_| {}, &CancellationToken::new()).await.unwrap()
}

fn word(at_ms: u64) -> Vec<Record> {
    vec![Record::Began { who: "a word to look for".to_owned(), at_ms, plan: String::new() }]
}

async fn serial(shelf: &Shelf) -> u64 {
    shelf.read().await.unwrap().state.serial
}

async fn keys(store: &InMemory, below: &str) -> Vec<String> {
    let listed = store.list(Some(&Path::from(below))).map_ok(|found| found.location.to_string());
    listed.try_collect().await.unwrap()
}

/// Takes the lease away behind the holder's back, as an expiry would.
async fn free_the_lease(scene: &Scene) {
    use crate::journal::{
        lease::Held,
        register::{Register, Timeouts},
    };
    let stores = ["a", "b", "c"].map(|cloud| {
        let store: Arc<dyn ObjectStore> = scene.world.store(cloud).unwrap();
        (cloud.to_owned(), store)
    });
    let register: Register<Held> =
        Register::new("deploy.default.lease", stores.into(), "t", scene.random.fork(), Timeouts::default()).unwrap();
    register.change(|held| Ok::<_, ()>(Held { holder: None, ..held.unwrap() })).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_appended_is_there_whatever_became_of_the_writer() {
    let scene = Scene::new(1);
    let first = site(&scene);
    let session = begin(&first.shelf).await;
    for number in 0..5 {
        session.append(word(number)).await.unwrap();
    }
    assert_eq!(serial(&site(&scene).shelf).await, 5, "a reader sees a moment of the work");
    drop(session);
    assert_eq!(serial(&site(&scene).shelf).await, 5);
    let second = site(&scene);
    let session = begin(&second.shelf).await;
    session.append(word(9)).await.unwrap();
    assert_eq!(session.close().await.unwrap().serial, 6);
    assert_eq!(serial(&site(&scene).shelf).await, 6);
    // What is folded is tidied away.
    let store = scene.world.store("a").unwrap();
    assert_eq!(keys(&store, "deploy/default/journal").await, Vec::<String>::new());
    assert!(keys(&store, "deploy/default/state").await.len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn records_that_wait_share_a_segment() {
    let scene = Scene::new(2);
    let first = site(&scene);
    let session = begin(&first.shelf).await;
    let appends = (0..200).map(|number| session.append(word(number)));
    for result in futures_util::future::join_all(appends).await {
        result.unwrap();
    }
    assert_eq!(session.state().serial, 200);
    let segments = keys(&scene.world.store("a").unwrap(), "deploy/default/journal").await.len();
    assert!(segments <= 4, "{segments} segments for 200 records that were there at once");
}

#[tokio::test(start_paused = true)]
async fn a_late_segment_of_a_dead_holder_means_nothing() {
    let scene = Scene::new(3);
    let dead = site(&scene);
    let session = begin(&dead.shelf).await;
    session.append(word(1)).await.unwrap();
    // What it wrote last went to one store alone, and that one is away when the next run begins.
    let (a, b, c) = (scene.world.store("a").unwrap(), scene.world.store("b").unwrap(), scene.world.store("c").unwrap());
    session.append(word(2)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let late = Path::from("deploy/default/journal/000000000001-00000002.jsonl");
    let bytes = c.get(&late).await.unwrap().bytes().await.unwrap();
    for store in [&a, &b] {
        store.delete(&late).await.unwrap();
    }
    drop(session);
    scene.world.set_down("c", true);
    let next = site(&scene);
    let session = begin(&next.shelf).await;
    assert_eq!(session.state().serial, 1);
    session.append(word(3)).await.unwrap();
    // Now it turns up, and even spreads.
    scene.world.set_down("c", false);
    for store in [&a, &b] {
        let _ = store.put_opts(&late, Bytes::clone(&bytes).into(), object_store::PutMode::Create.into()).await;
    }
    let state = site(&scene).shelf.read().await.unwrap().state;
    assert_eq!(state.serial, 2);
    assert_eq!(session.close().await.unwrap().serial, 2);
    let again = site(&scene);
    let session = begin(&again.shelf).await;
    assert_eq!(session.close().await.unwrap().serial, 2);
    assert_eq!(keys(&c, "deploy/default/journal").await, Vec::<String>::new(), "it was not tidied away");
}

#[tokio::test(start_paused = true)]
async fn a_segment_in_a_minority_that_is_seen_counts() {
    let scene = Scene::new(4);
    let dead = site(&scene);
    let session = begin(&dead.shelf).await;
    session.append(word(1)).await.unwrap();
    session.append(word(2)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let late = Path::from("deploy/default/journal/000000000001-00000002.jsonl");
    for cloud in ["a", "b"] {
        scene.world.store(cloud).unwrap().delete(&late).await.unwrap();
    }
    drop(session);
    let next = site(&scene);
    assert_eq!(begin(&next.shelf).await.state().serial, 2);
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_epoch_was_sealed_cannot_write() {
    let scene = Scene::new(5);
    let old = site(&scene);
    let session = begin(&old.shelf).await;
    session.append(word(1)).await.unwrap();
    free_the_lease(&scene).await;
    let new = site(&scene);
    let other = begin(&new.shelf).await;
    // It still believes that it holds the lease: the seal stops it.
    assert!(session.may_act());
    assert!(session.append(word(2)).await.is_err());
    assert!(!session.may_act());
    assert!(matches!(session.close().await, Err(Error::Fenced)));
    other.append(word(3)).await.unwrap();
    assert_eq!(other.close().await.unwrap().serial, 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_without_its_lease_writes_nothing() {
    let scene = Scene::new(6);
    let old = site(&scene);
    let session = begin(&old.shelf).await;
    session.append(word(1)).await.unwrap();
    for cloud in ["a", "b"] {
        scene.world.set_down(cloud, true);
    }
    session.lost().cancelled().await;
    for cloud in ["a", "b"] {
        scene.world.set_down(cloud, false);
    }
    assert!(session.append(word(2)).await.is_err());
    assert!(matches!(session.close().await, Err(Error::LeaseLost)));
    assert_eq!(serial(&site(&scene).shelf).await, 1);
}

#[tokio::test(start_paused = true)]
async fn damage_in_one_store_is_passed_over_and_in_all_is_named() {
    let scene = Scene::new(7);
    let first = site(&scene);
    let session = begin(&first.shelf).await;
    session.append(word(1)).await.unwrap();
    drop(session);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for (below, what) in [("journal", "segment"), ("state", "fold")] {
        let mut before = Vec::new();
        for (index, cloud) in ["a", "b", "c"].into_iter().enumerate() {
            let store = scene.world.store(cloud).unwrap();
            let key = Path::from(keys(&store, &format!("deploy/default/{below}")).await.pop().unwrap());
            let bytes = store.get(&key).await.unwrap().bytes().await.unwrap();
            let mut torn = bytes.to_vec();
            torn.truncate(bytes.len() - 3);
            store.put(&key, torn.into()).await.unwrap();
            before.push((store, key.clone(), bytes));
            let read = site(&scene).shelf.read().await;
            if index < 2 {
                assert_eq!(read.unwrap().state.serial, 1, "{what} torn in {cloud}");
            } else {
                let error = read.unwrap_err();
                assert!(matches!(&error, Error::Damaged { key: named, .. } if *named == key.to_string()), "{error}");
                assert!(error.is_damage() && error.next_step().unwrap().contains("wildcam state rebuild"));
            }
        }
        for (store, key, bytes) in before {
            store.put(&key, bytes.into()).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_segment_is_no_end() {
    let scene = Scene::new(8);
    let first = site(&scene);
    let session = begin(&first.shelf).await;
    for number in 0..3 {
        session.append(word(number)).await.unwrap();
    }
    drop(session);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for cloud in ["a", "b", "c"] {
        let second = Path::from("deploy/default/journal/000000000001-00000002.jsonl");
        scene.world.store(cloud).unwrap().delete(&second).await.unwrap();
    }
    assert!(matches!(site(&scene).shelf.read().await, Err(Error::Gap { epoch: 1, number: 2 })));
}

#[tokio::test(start_paused = true)]
async fn with_a_key_nothing_can_be_read_without_it() {
    let mut scene = Scene::new(9);
    let place = tempfile::tempdir().unwrap();
    let mut key = |digit: &str| {
        let path = place.path().join(digit);
        std::fs::write(&path, digit.repeat(64)).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        scene.project.settings.deploy.state_key = Some(SecretRef::File(path));
        site(&scene)
    };
    let first = key("1");
    let session = begin(&first.shelf).await;
    session.append(word(1)).await.unwrap();
    drop(session);
    let wrong = key("2");
    assert!(matches!(wrong.shelf.read().await, Err(Error::Cipher(CipherError::OtherKey { .. }))));
    scene.project.settings.deploy.state_key = None;
    let none = site(&scene);
    let error = none.shelf.read().await.unwrap_err();
    assert!(matches!(error, Error::Cipher(CipherError::NoKey { .. })) && !error.is_damage());
    assert_eq!(serial(&first.shelf).await, 1);
    let store = scene.world.store("b").unwrap();
    let all: Vec<_> = store.list(None).collect().await;
    for found in all {
        let location = found.unwrap().location;
        let bytes = store.get(&location).await.unwrap().bytes().await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("a word to look for") && !text.contains("hash_key"), "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn clouds_are_added_one_at_a_time() {
    let mut scene = Scene::new(10);
    let all = scene.project.settings.clouds.clone();
    let mut with = |clouds: &[&str]| {
        scene.project.settings.clouds = all.clone();
        scene.project.settings.clouds.retain(|name, _| clouds.contains(&name.as_str()));
        site(&scene)
    };
    let one = with(&["a"]);
    let session = begin(&one.shelf).await;
    session.append(word(1)).await.unwrap();
    session.close().await.unwrap();
    let three = with(&["a", "b", "c"]);
    for _ in 0..2 {
        let refused = three.shelf.begin("t", "t", &|_| {}, &CancellationToken::new()).await.err().unwrap();
        assert!(matches!(&refused, Error::OtherStores { before, .. } if before == &["a"]), "{refused}");
        assert!(refused.next_step().unwrap().contains("one cloud at a time"));
    }
    for clouds in [&["a", "b"][..], &["a", "b", "c"], &["b", "c"], &["c"]] {
        let next = with(clouds);
        let session = begin(&next.shelf).await;
        assert_eq!(session.state().serial, 1, "{clouds:?}");
        session.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn many_processes_after_each_other_never_lose_a_record() {
    for seed in 0..12 {
        let scene = Scene::new(1000 + seed);
        let mut told = Vec::new();
        for _ in 0..10 {
            // Each dies somewhere, with late requests under way, and any store may be away.
            let down = ["a", "b", "c"][usize::try_from(scene.random.below(3)).unwrap()];
            let may_be_down = scene.world.store("c").is_some() && !told.is_empty();
            scene.world.set_down(down, may_be_down && scene.random.below(2) == 0);
            let process = scene.process(Some(10 + scene.random.below(120)), scene.random.below(2) == 0);
            let site = scene.site(&process);
            let life = async {
                let session = begin(&site.shelf).await;
                for _ in 0..40 {
                    let name = format!("{}", scene.random.u64());
                    session
                        .append(vec![Record::Leftover {
                            address: format!("a/s/n{name}").parse().unwrap(),
                            entries: vec![entry()],
                        }])
                        .await
                        .unwrap();
                    told.push(format!("a/s/n{name}"));
                }
                session.close().await.unwrap();
            };
            process.run(life).await;
            scene.world.set_down(down, false);
        }
        let state = site(&scene).shelf.read().await.unwrap().state;
        for address in &told {
            let known = state.leftovers.contains_key(&address.parse().unwrap());
            assert!(known, "seed {seed}: {address} was durable and is lost");
        }
        assert!(told.len() > 20);
    }
}

fn entry() -> crate::deploy::state::Entry {
    crate::deploy::state::Entry {
        kind: "m.name".to_owned(),
        region: "r".to_owned(),
        id: "i".to_owned(),
        standing: crate::deploy::state::Standing::Ready,
        applied: serde_json::json!({}),
        live: serde_json::json!({}),
        needs: std::collections::BTreeSet::new(),
        holds: String::new(),
    }
}
