//! Publishing where stores fail.

use std::sync::Arc;

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
