use object_store::ObjectStoreExt;

use super::*;
use crate::{
    journal::faulty::{Faults, Faulty, stores},
    project::Period,
    release::{FileSigner, Role, generate_key},
};

const NOW: u64 = 1_790_000_000;

/// Three stores, a key, and the camera `ridge-01`.
struct Camp {
    stores: NamedStores,
    handles: Vec<Arc<Faulty>>,
    signer: FileSigner,
    random: Random,
    camera: CameraId,
}

impl Camp {
    async fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let slow = Faults { slowest: Duration::from_millis(5), ..Faults::default() };
        let (stores, handles) = stores(3, &random, slow, false);
        let signer = FileSigner::from_pem(&generate_key().unwrap(), Role::Online).unwrap();
        let camera = CameraId::new("ridge-01").unwrap();
        for handle in &handles {
            handle.inner.put(&Path::from("cameras/ridge-01/key.json"), "{}".into()).await.unwrap();
        }
        Self { stores, handles, signer, random, camera }
    }

    async fn basis(&self) -> Result<Standing, Error> {
        basis(&self.stores, &self.signer.public_key(), &self.camera, self.random.fork()).await
    }

    async fn push(&self, basis: &Standing, minutes: u64, release: Option<u64>) -> Result<Published, Error> {
        let settings = minutes_apart(minutes);
        publish(&self.stores, &self.signer, basis, &settings, release, NOW, self.random.fork()).await
    }

    async fn standing(&self) -> Standing {
        standing(&self.stores, &self.signer.public_key(), &self.camera).await.unwrap()
    }

    async fn history(&self) -> Vec<u64> {
        let key = self.signer.public_key();
        let versions = history(&self.stores, &key, &self.camera, u64::MAX, 10).await.unwrap();
        versions.iter().map(|version| version.number).collect()
    }
}

fn minutes_apart(minutes: u64) -> CameraSettings {
    CameraSettings { picture_every: Some(Period::from_secs(minutes * 60)), ..CameraSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn versions_rise_and_each_is_based_on_the_one_before() {
    let camp = Camp::new(1).await;
    let nothing = camp.basis().await.unwrap();
    assert_eq!((nothing.number(), nothing.settings()), (0, CameraSettings::default()));
    assert_eq!(camp.push(&nothing, 10, None).await.unwrap(), Published { number: 1, copies: 3, failed: Vec::new() });
    let first = camp.basis().await.unwrap();
    assert_eq!((first.number(), first.given, first.copies, first.settings()), (1, 1, 3, minutes_apart(10)));
    assert_eq!(camp.push(&first, 20, Some(7)).await.unwrap().number, 2);
    let second = camp.standing().await;
    let newest = second.newest.clone().unwrap();
    assert_eq!((newest.release, newest.issued_s, newest.expires_s), (Some(7), NOW, NOW + VALID_S));
    assert_eq!(newest.signer.len(), 16);
    assert_eq!(
        changes(&first.settings(), &second.settings()),
        [Change { key: "picture_every", before: Some("\"10m\"".to_owned()), after: Some("\"20m\"".to_owned()) }]
    );
    assert_eq!(camp.history().await, [2, 1]);
    let key = camp.signer.public_key();
    let old = version(&camp.stores, &key, &camp.camera, 1).await.unwrap().unwrap();
    assert_eq!(old.settings, minutes_apart(10));
    assert_eq!(version(&camp.stores, &key, &camp.camera, 3).await.unwrap(), None);
    // Nothing of it is what another camera is set to, and a key that is not the fleet's says nothing.
    let other = CameraId::new("ridge-02").unwrap();
    assert_eq!(standing(&camp.stores, &key, &other).await.unwrap().number(), 0);
    let stranger = FileSigner::from_pem(&generate_key().unwrap(), Role::Online).unwrap().public_key();
    assert_eq!(standing(&camp.stores, &stranger, &camp.camera).await.unwrap().number(), 0);
    let unknown = basis(&camp.stores, &key, &other, camp.random.fork()).await.unwrap_err();
    assert!(matches!(unknown, Error::UnknownCamera(camera) if camera == other));
}

#[tokio::test(start_paused = true)]
async fn of_two_operators_who_saw_the_same_version_one_is_refused_and_nothing_of_it_is_written() {
    let camp = Camp::new(2).await;
    let seen = camp.basis().await.unwrap();
    camp.push(&seen, 10, None).await.unwrap();
    let refused = camp.push(&seen, 20, None).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { seen: 0, now: 1 }), "{refused}");
    assert_eq!(camp.standing().await.settings(), minutes_apart(10));
    assert_eq!(camp.history().await, [1]);

    let seen = camp.basis().await.unwrap();
    let (one, other) = tokio::join!(camp.push(&seen, 30, None), camp.push(&seen, 40, None));
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    let stands = if one.is_ok() { minutes_apart(30) } else { minutes_apart(40) };
    assert_eq!(camp.standing().await.settings(), stands);
}

#[tokio::test(start_paused = true)]
async fn a_majority_of_the_stores_is_enough_and_needed_and_one_that_was_away_is_mended() {
    let camp = Camp::new(3).await;
    camp.push(&camp.basis().await.unwrap(), 10, None).await.unwrap();
    camp.handles[0].set_down(true);
    let published = camp.push(&camp.basis().await.unwrap(), 20, None).await.unwrap();
    assert_eq!((published.copies, published.failed[0].0.as_str()), (2, "store-0"));
    camp.handles[0].set_down(false);
    // The one that was away shows an old version, which nobody takes for the newest.
    let stands = camp.standing().await;
    assert_eq!((stands.number(), stands.copies), (2, 2));
    let mended = mend(&camp.stores, &camp.signer.public_key(), &stands).await.unwrap();
    assert_eq!((mended.copies, camp.standing().await.copies), (3, 3));

    let basis = camp.basis().await.unwrap();
    camp.handles[0].set_down(true);
    camp.handles[1].set_down(true);
    assert!(matches!(camp.push(&basis, 30, None).await.unwrap_err(), Error::Number(journal::Error::NoMajority { .. })));
    assert!(matches!(camp.basis().await.unwrap_err(), Error::Number(_)));
    assert_eq!(camp.standing().await.number(), 2, "what one store says is still shown");
    camp.handles[2].set_down(true);
    let none = standing(&camp.stores, &camp.signer.public_key(), &camp.camera).await.unwrap_err();
    assert!(matches!(none, Error::Unreadable { answered: 0, of: 3, .. }), "{none}");
}

#[tokio::test(start_paused = true)]
async fn a_number_whose_push_was_cut_short_is_passed_over() {
    let camp = Camp::new(4).await;
    camp.push(&camp.basis().await.unwrap(), 10, None).await.unwrap();
    let basis = camp.basis().await.unwrap();
    draw(&numbers(&camp.stores, &camp.camera, camp.random.fork()).unwrap(), &basis).await.unwrap();
    let refused = camp.push(&basis, 20, None).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { seen: 1, now: 2 }), "{refused}");
    let after = camp.basis().await.unwrap();
    assert_eq!((after.number(), after.given), (1, 2));
    assert_eq!(camp.push(&after, 20, None).await.unwrap().number, 3);
    assert_eq!(camp.history().await, [3, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_comes_late_does_not_replace_a_later_one() {
    let camp = Camp::new(5).await;
    let key = camp.signer.public_key();
    let late = camp.basis().await.unwrap();
    let number = draw(&numbers(&camp.stores, &camp.camera, camp.random.fork()).unwrap(), &late).await.unwrap();
    let body =
        ConfigBody { camera: camp.camera.clone(), settings: settings::to_document(&minutes_apart(10)), release: None };
    let document = documents::seal_config(&camp.signer, number, NOW, NOW + 60, &body).await.unwrap();
    camp.push(&camp.basis().await.unwrap(), 20, None).await.unwrap();
    let overtaken = place(&camp.stores, &key, &camp.camera, number, document.into()).await.unwrap_err();
    assert!(matches!(overtaken, Error::Overtaken { number: 1, by: 2 }), "{overtaken}");
    assert_eq!(camp.standing().await.settings(), minutes_apart(20));
}

#[tokio::test(start_paused = true)]
async fn a_register_that_was_lost_begins_above_every_number_that_was_seen() {
    let camp = Camp::new(6).await;
    for minutes in [10, 20, 30] {
        camp.push(&camp.basis().await.unwrap(), minutes, None).await.unwrap();
    }
    for handle in &camp.handles {
        handle.inner.delete(&Path::from("fleet/registers/config.ridge-01.json")).await.unwrap();
    }
    let basis = camp.basis().await.unwrap();
    assert_eq!((basis.number(), basis.given), (3, 0));
    assert_eq!(camp.push(&basis, 40, None).await.unwrap().number, 4);
}

#[tokio::test(start_paused = true)]
async fn what_lies_in_the_way_is_replaced_and_an_older_version_never_is() {
    let camp = Camp::new(7).await;
    let path = Path::from("fleet/cameras/ridge-01/config.cose");
    camp.handles[0].inner.put(&path, vec![7; MAX_DOCUMENT + 1].into()).await.unwrap();
    camp.handles[1].inner.put(&path, "nonsense".into()).await.unwrap();
    assert_eq!(camp.push(&camp.basis().await.unwrap(), 10, None).await.unwrap().copies, 3);
    // Another's document under a number of ours is not replaced, and is said.
    camp.handles[2].inner.put(&Path::from("fleet/cameras/ridge-01/config/2.cose"), "nonsense".into()).await.unwrap();
    let published = camp.push(&camp.basis().await.unwrap(), 20, None).await.unwrap();
    assert_eq!((published.number, published.copies), (2, 2));
    assert!(published.failed[0].1.contains("something else lies at"), "{published:?}");
    assert_eq!(camp.standing().await.copies, 3);
    assert_eq!(camp.history().await, [2, 1]);
}

#[test]
fn every_camera_has_a_register_of_its_own() {
    let long = "a".repeat(63);
    let names = ["ridge-01", &long, &long[..56], &long[..57]].map(|name| register_name(&CameraId::new(name).unwrap()));
    assert_eq!(names[0], "config.ridge-01");
    assert!(names[1].starts_with("config-of.") && names[2].starts_with("config.a"), "{names:?}");
    assert!(names.iter().all(|name| name.len() <= REGISTER_NAME_MAX), "{names:?}");
    let mut distinct = names.to_vec();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 4);
}
