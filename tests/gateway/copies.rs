//! Copies: what is acknowledged while stores are down, and that all of them hold the same in the end.

use std::{sync::Arc, time::Duration};

use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use wildcam::data::{Index, compare, index::Mode, reindex};
use wildcam_core::wire::keys::{self, Part};

use crate::support::{Camera, Fickle, Served, Wanted, content, jpeg, kind};

async fn differences(stores: &[Arc<Fickle>]) -> compare::Differences {
    let named: Vec<(String, Arc<dyn ObjectStore>)> = stores
        .iter()
        .enumerate()
        .map(|(n, store)| (n.to_string(), Arc::clone(store) as Arc<dyn ObjectStore>))
        .collect();
    compare::stores(&named).await.unwrap()
}

#[tokio::test]
async fn one_dead_store_is_skipped_and_healed_when_it_returns() {
    for silent in [false, true] {
        let served = Served::start(Wanted::default()).await;
        let camera = Camera::enrolled("one", &served).await;
        served.healed().await;
        if silent {
            served.stores[2].fall_silent();
        } else {
            served.stores[2].refuse();
        }
        for number in 0..8 {
            let (_, _, response) = camera.detect(number, &served).await;
            assert_eq!(response.status(), 201);
            let ack: serde_json::Value = response.json().await.unwrap();
            assert_eq!((&ack["copies"], &ack["degraded"]), (&2.into(), &false.into()));
        }
        assert_eq!(served.gateway.heal_pending(), 8);
        assert!(served.stores[2].detections().await.is_empty());
        served.until(async || served.gateway.copies().states().iter().any(|(_, up)| !up)).await;
        let health: serde_json::Value =
            served.http.get(served.url("/api/health")).send().await.unwrap().json().await.unwrap();
        assert_eq!(health["status"], "degraded");
        served.stores[2].up();
        served.healed().await;
        assert!(differences(&served.stores).await.is_empty());
        assert_eq!(served.stores[2].detections().await.len(), 16);
    }
}

#[tokio::test]
async fn with_two_of_three_stores_dead_nothing_is_acknowledged() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("one", &served).await;
    served.stores[1].refuse();
    served.stores[2].fall_silent();
    for number in 0..6 {
        let (_, _, response) = camera.detect(number, &served).await;
        assert!(response.headers().contains_key("retry-after"));
        assert_eq!(kind(response).await, (503, "copies".to_owned()));
    }
    let stranger = Camera::new("two").register(&served).await;
    assert_eq!(kind(stranger).await, (503, "copies".to_owned()));
    let health = served.http.get(served.url("/api/health")).send().await.unwrap();
    assert_eq!(health.status(), 503);
    served.stores[1].up();
    served.stores[2].up();
    served.healed().await;
    assert!(differences(&served.stores).await.is_empty(), "what was begun is complete, acknowledged or not");
    assert_eq!(camera.detect(9, &served).await.2.status(), 201);
}

#[tokio::test]
async fn one_copy_is_acknowledged_as_degraded_where_it_is_allowed() {
    let served = Served::start(Wanted { one_copy: true, ..Wanted::default() }).await;
    let camera = Camera::enrolled("one", &served).await;
    served.stores[0].refuse();
    served.stores[2].refuse();
    let (_, _, response) = camera.detect(1, &served).await;
    assert_eq!(response.status(), 201);
    let ack: serde_json::Value = response.json().await.unwrap();
    assert_eq!((&ack["copies"], &ack["degraded"]), (&1.into(), &true.into()));
    served.stores[0].up();
    served.stores[2].up();
    served.healed().await;
    assert!(differences(&served.stores).await.is_empty());
}

#[tokio::test]
async fn other_content_under_the_same_ulid_is_refused() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("one", &served).await;
    let (event, image, response) = camera.detect(1, &served).await;
    assert_eq!(response.status(), 201);
    served.healed().await;
    let other = jpeg(2);
    let mut altered = camera.event(2, &other);
    altered.ulid = event.ulid;
    let refused = camera.upload(&altered, Some(&other)).send(&served).await;
    assert_eq!(kind(refused).await, (409, "altered".to_owned()));

    // Another gateway on the same stores, whose index knows nothing yet.
    let second = Served::start(Wanted {
        stores: served.stores.clone(),
        signer: Arc::clone(&served.signer),
        ..Wanted::default()
    })
    .await;
    let refused = camera.upload(&altered, Some(&other)).send(&second).await;
    assert_eq!(kind(refused).await, (409, "altered".to_owned()));
    second.healed().await;
    let key = keys::detection(&camera.id, event.ulid, Part::Image);
    for store in &served.stores {
        assert_eq!(content(store, &key).await, image);
    }
}

#[tokio::test]
async fn two_gateways_on_the_same_stores_agree() {
    let first = Served::start(Wanted::default()).await;
    let second = Served::start(Wanted {
        stores: first.stores.clone(),
        signer: Arc::clone(&first.signer),
        change: Box::new(|settings| settings.index_every = Duration::from_millis(50)),
        ..Wanted::default()
    })
    .await;
    let camera = Camera::enrolled("one", &first).await;
    let (event, image, response) = camera.detect(1, &first).await;
    assert_eq!(response.status(), 201);
    assert_eq!(camera.upload(&event, Some(&image)).send(&second).await.status(), 200, "a retry elsewhere");
    let (later, _, response) = camera.detect(2, &first).await;
    assert_eq!(response.status(), 201);
    second.until(async || second.gateway.index().detection(&later.ulid.to_string()).await.unwrap().is_some()).await;
    first.healed().await;
    second.healed().await;
    assert_eq!(first.stores[0].detections().await.len(), 4, "nothing is there twice");
    assert!(differences(&first.stores).await.is_empty());
}

#[tokio::test]
async fn intents_are_healed_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let (stores, signer, camera) = {
        let index = Index::open(&path, Mode::Threaded).unwrap();
        let served = Served::start(Wanted { index: Some(index), ..Wanted::default() }).await;
        let camera = Camera::enrolled("one", &served).await;
        served.healed().await;
        served.stores[1].refuse();
        for number in 0..5 {
            assert_eq!(camera.detect(number, &served).await.2.status(), 201);
        }
        served.gateway.index().flush().await.unwrap();
        let kept = (served.stores.clone(), Arc::clone(&served.signer), camera);
        served.end().await;
        kept
    };
    stores[1].up();
    let index = Index::open(&path, Mode::Threaded).unwrap();
    let served = Served::start(Wanted { index: Some(index), stores, signer, ..Wanted::default() }).await;
    served.healed().await;
    assert!(differences(&served.stores).await.is_empty());
    assert_eq!(served.stores[1].detections().await.len(), 10);
    assert_eq!(camera.detect(6, &served).await.2.status(), 201, "the camera is known after the restart");
}

#[tokio::test]
async fn an_intent_of_which_nothing_is_anywhere_is_dropped_and_one_with_a_picture_is_completed() {
    use wildcam::data::index::{Intent, Picture};
    let wanted =
        Wanted { change: Box::new(|settings| settings.policy.drop_after = Duration::ZERO), ..Wanted::default() };
    let served = Served::start(wanted).await;
    let camera = Camera::enrolled("one", &served).await;
    served.healed().await;
    let image = jpeg(1);
    let intent = |number| {
        let event = camera.event(number, &image);
        let key = |part| keys::detection(&camera.id, event.ulid, part).as_str().to_owned();
        Intent {
            document_key: key(Part::Event),
            document: serde_json::to_vec(&event).unwrap(),
            picture: Some(Picture {
                key: key(Part::Image),
                sha256: event.image.sha256.to_string(),
                bytes: u64::from(event.image.bytes),
                media_type: "image/jpeg".to_owned(),
            }),
            missing: ["a", "b", "c"].map(str::to_owned).to_vec(),
            since_ms: 0,
        }
    };
    let (nowhere, somewhere, broken) = (intent(1), intent(2), intent(3));
    let put = async |intent: &Intent, bytes: Vec<u8>| {
        let key = Path::from(intent.picture.as_ref().unwrap().key.as_str());
        served.stores[2].inner.put(&key, bytes.into()).await.unwrap();
    };
    put(&somewhere, image.clone()).await;
    put(&broken, b"not what was sent".to_vec()).await;
    for intent in [nowhere, somewhere.clone(), broken] {
        served.gateway.index().begin(intent).await.unwrap();
    }
    served.until(async || served.gateway.heal_pending() == 1).await;
    for store in &served.stores {
        assert_eq!(content(store, &somewhere.document_key).await, somewhere.document);
    }
    assert_eq!(served.stores[0].detections().await.len(), 2, "a broken picture is not copied");
}

#[tokio::test]
async fn reindexing_gives_the_live_index() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("one", &served).await;
    let other = Camera::enrolled("two", &served).await;
    for number in 0..5 {
        assert_eq!(camera.detect(number, &served).await.2.status(), 201);
        assert_eq!(other.detect(number, &served).await.2.status(), 201);
    }
    served.healed().await;
    served.stores[1].inner.put(&"detections/one/junk.json".into(), "{}".into()).await.unwrap();
    let fresh = Index::in_memory("reindexed", Mode::Threaded).unwrap();
    let store: Arc<dyn ObjectStore> = Arc::clone(&served.stores[1]) as Arc<dyn ObjectStore>;
    let found = reindex::all(&store, &fresh, 1, |_| {}).await.unwrap();
    assert_eq!((found.events, found.added, found.invalid), (10, 10, 0));
    let again = reindex::all(&store, &fresh, 1, |_| {}).await.unwrap();
    assert_eq!((again.events, again.added), (10, 0));
    let rows = async |index: &Index| {
        let mut rows = index.query(wildcam::data::index::Filter::default()).await.unwrap().detections;
        rows.iter_mut().for_each(|row| row.stored_at_ms = 0);
        rows
    };
    assert_eq!(rows(&fresh).await, rows(served.gateway.index()).await);
}
