//! Publishing where stores fail.

use std::sync::Arc;

use futures_util::FutureExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};

use super::*;
use crate::{
    clock::Random,
    journal::faulty::{Faults, stores},
    release::publish::{PublishError, Step, publish},
};

async fn holds(store: &Arc<dyn ObjectStore>, name: &str) -> bool {
    store.head(&Path::from(name)).await.is_ok()
}

#[tokio::test]
async fn payloads_come_before_what_names_them_and_a_second_run_writes_nothing() {
    let fleet = Fleet::new().await;
    fleet.release("1.0.1", 1).await;
    fleet.release("1.0.2", 2).await;
    fleet.date(0).await;
    let (stores, _) = stores(3, &Random::seeded(1), Faults::default(), false);
    let mut done = Vec::new();
    let mut progress = |step: Step<'_>| {
        if let Step::Done(key) = step {
            done.push(key.to_owned());
        }
    };
    let published = publish(&stores, &fleet.folder, START, &mut progress).await.unwrap();
    assert_eq!((published.copies, published.written, published.failed.len()), (3, 6, 0));
    let order = ["2.bin", "2.sums", "2-1.patch", "2.cose"].map(|name| format!("releases/esp32c3/{name}"));
    assert_eq!(done[..4], order);
    assert_eq!(done[4..], ["releases/root/1.cose", "releases/timestamp.cose"]);
    let again = publish(&stores, &fleet.folder, START, &mut |_| {}).await.unwrap();
    assert_eq!((again.copies, again.written), (3, 0));
    fleet.date(1).await;
    let newer = publish(&stores, &fleet.folder, START + DAY, &mut |_| {}).await.unwrap();
    assert_eq!((newer.copies, newer.written), (3, 1));
}

#[tokio::test]
async fn a_majority_is_enough_and_needed_and_the_rest_is_served_later() {
    let fleet = Fleet::new().await;
    fleet.release("1.0.1", 1).await;
    fleet.date(0).await;
    let (stores, handles) = stores(3, &Random::seeded(1), Faults::default(), false);
    handles[0].set_down(true);
    handles[1].set_down(true);
    let refused = publish(&stores, &fleet.folder, START, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, PublishError::Stores { done: 1, of: 3, .. }), "{refused}");
    assert!(!holds(&stores[2].1, "releases/timestamp.cose").await, "nothing names what is not there");
    handles[1].heal();
    let published = publish(&stores, &fleet.folder, START, &mut |_| {}).await.unwrap();
    assert_eq!((published.copies, published.failed[0].0.as_str()), (2, "store-0"));
    handles[0].heal();
    let published = publish(&stores, &fleet.folder, START, &mut |_| {}).await.unwrap();
    assert_eq!((published.copies, published.written), (3, 5));
    assert!(holds(&stores[0].1, "releases/esp32c3/1.bin").await);
}

#[tokio::test]
async fn a_folder_that_lacks_the_newest_root_is_not_published() {
    let mut fleet = Fleet::new().await;
    fleet.release("1.0.1", 1).await;
    fleet.date(0).await;
    let (stores, _) = stores(3, &Random::seeded(1), Faults::default(), false);
    fleet.follow(|_| {}, 1).await;
    publish(&stores, &fleet.folder, START + DAY, &mut |_| {}).await.unwrap();
    std::fs::remove_file(fleet.folder.file("releases/root/2.cose")).unwrap();
    let refused = publish(&stores, &fleet.folder, START + DAY, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, PublishError::Behind { root: 2, here: 1, .. }), "{refused}");
}

#[tokio::test]
async fn boards_that_have_a_release_are_not_left_without_one() {
    let fleet = Fleet::new().await;
    fleet.release("1.0.1", 1).await;
    let recipe = Recipe {
        class: "esp32c6".to_owned(),
        chip: 13,
        image: image(13, "2.0.0", 2, 30_000),
        expires_s: START + 10 * DAY,
        ..fleet.recipe("2.0.0", 2, Vec::new())
    };
    let prepared = recipe::prepare(&fleet.folder, &recipe).unwrap();
    fleet.write(&prepared, &fleet.release[..2]).await;
    fleet.date(0).await;
    let (stores, _) = stores(3, &Random::seeded(1), Faults::default(), false);
    publish(&stores, &fleet.folder, START, &mut |_| {}).await.unwrap();

    // Another folder that knows nothing of these boards, as that of a job which refreshes the timestamp.
    let (there, away) = (fleet.folder.file("releases/esp32c6"), fleet.folder.file("releases/.away"));
    std::fs::rename(&there, &away).unwrap();
    fleet.date(1).await;
    let refused = publish(&stores, &fleet.folder, START + DAY, &mut |_| {}).await.unwrap_err();
    assert!(matches!(&refused, PublishError::Fewer { class, number: 1, .. } if class == "esp32c6"), "{refused}");
    std::fs::rename(&away, &there).unwrap();
    fleet.date(2).await;
    publish(&stores, &fleet.folder, START + 2 * DAY, &mut |_| {}).await.unwrap();

    // A release that has ended keeps nothing from the other boards.
    fleet.date(10).await;
    let verified = publish(&stores, &fleet.folder, START + 10 * DAY, &mut |_| {}).await.unwrap().verified;
    assert_eq!(verified.releases.iter().map(|release| release.class.as_str()).collect::<Vec<_>>(), [CLASS]);
    let dated = recipe::timestamp(&fleet.folder, &fleet.keys(), START + 10 * DAY, START + 40 * DAY).unwrap();
    assert_eq!((dated.names, dated.expired), (vec![(CLASS.to_owned(), 1)], vec![("esp32c6".to_owned(), 1)]));
}

#[tokio::test]
async fn of_two_who_publish_at_once_none_takes_back_what_the_other_said() {
    let fleet = Fleet::new().await;
    fleet.release("1.0.1", 1).await;
    fleet.date(0).await;
    let (stores, handles) = stores(3, &Random::seeded(1), Faults::default(), false);
    let key = Path::from(keys::release_timestamp().as_str());
    // Signed by a thief, or damaged: it is replaced.
    stores[0].1.put(&key, "nothing".into()).await.unwrap();
    publish(&stores, &fleet.folder, START, &mut |_| {}).await.unwrap();

    // The other one's folder has a newer release, and its timestamp is the older one.
    let old = fleet.folder.timestamp().unwrap().unwrap();
    let other = fleet.name(7, 1, CLASS, &fleet.release("1.0.2", 2).await).await;
    std::fs::remove_file(fleet.folder.file("releases/esp32c3/2.cose")).unwrap();
    fleet.date(2).await;
    let mut progress = |step: Step<'_>| {
        if matches!(step, Step::Objects(_)) {
            for handle in &handles[1..] {
                handle.inner.put(&key, other.clone().into()).now_or_never().unwrap().unwrap();
            }
        }
    };
    let refused = publish(&stores, &fleet.folder, START + 2 * DAY, &mut progress).await.unwrap_err();
    assert!(matches!(&refused, PublishError::Stores { done: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("somebody else published meanwhile"), "{refused}");
    for handle in &handles[1..] {
        let there = handle.inner.get(&key).await.unwrap().bytes().await.unwrap();
        assert!(there == other && there != old);
    }
}
