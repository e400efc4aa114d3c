//! The attacks of TUF's list (its section 1.5.2) against the tool: `release verify` asks [`verify`], and `release publish` asks
//! it first. Their twins on the device have the same names in firmware/core/src/trust/tests/attacks.rs.

use wildcam_core::trust::Error;

use super::*;
use crate::{
    clock::Random,
    cloud::NamedStores,
    journal::faulty::{Faults, stores},
    release::publish::{PublishError, publish},
};

fn three() -> NamedStores {
    stores(3, &Random::seeded(1), Faults::default(), false).0
}

async fn publish_on(stores: &NamedStores, fleet: &Fleet, day: u64) -> Result<usize, PublishError> {
    publish(stores, &fleet.folder, START + day * DAY, &mut |_| {}).await.map(|published| published.copies)
}

/// Neither verified nor published.
async fn assert_refused(fleet: &Fleet, day: u64, expected: Error) {
    assert_eq!(fleet.refused(day), expected);
    let stores = three();
    let refused = publish_on(&stores, fleet, day).await.unwrap_err();
    assert!(matches!(&refused, PublishError::Folder(inner) if inner.judgement() == Some(expected)), "{refused}");
    for (_, store) in &stores {
        use futures_util::StreamExt as _;
        assert_eq!(store.list(None).count().await, 0, "something was written");
    }
}

/// A folder with release 1, which all three stores show.
async fn settled() -> (Fleet, NamedStores) {
    let (fleet, stores) = (Fleet::new().await, three());
    fleet.release("1.0.1", 1).await;
    fleet.date(0).await;
    assert_eq!(publish_on(&stores, &fleet, 0).await.unwrap(), 3);
    (fleet, stores)
}

#[tokio::test]
async fn arbitrary_software_is_refused() {
    let fleet = Fleet::new().await;
    let prepared = recipe::prepare(&fleet.folder, &fleet.recipe("6.6.6", 6, Vec::new())).unwrap();
    let manifest = fleet.write(&prepared, &[key(Role::Release), key(Role::Release)]).await;
    // Also where the right key was made to name it.
    fleet.show(&fleet.name(1, 0, CLASS, &manifest).await);
    assert_refused(&fleet, 0, Error::UnknownKey).await;
    fleet.show(&fleet.name_by(1, 0, CLASS, &manifest, &key(Role::Timestamp)).await);
    assert_refused(&fleet, 0, Error::UnknownKey).await;
    let none = recipe::timestamp(&fleet.folder, &fleet.keys(), START, START + DAY).unwrap_err();
    assert!(matches!(none, ChainError::Asked(_)), "the tool itself does not name it: {none}");
}

#[tokio::test]
async fn a_rollback_is_refused() {
    let (fleet, stores) = settled().await;
    let first = fleet.folder.get("releases/esp32c3/1.cose", 4096).unwrap();
    let old = fleet.folder.timestamp().unwrap().unwrap();
    fleet.release("1.0.2", 2).await;
    fleet.date(1).await;
    publish_on(&stores, &fleet, 1).await.unwrap();
    // The older timestamp, and a newer one that names the older release.
    for timestamp in [old, fleet.name(START + 9 * DAY, 1, CLASS, &first).await] {
        let refused = crate::release::verify::would_take(&fleet.folder, &timestamp, START + DAY).unwrap_err();
        assert_eq!(refused.judgement(), Some(Error::Rollback));
        fleet.show(&timestamp);
        let refused = publish_on(&stores, &fleet, 1).await.unwrap_err();
        let PublishError::Older { source, .. } = &refused else { panic!("{refused}") };
        assert_eq!(source.judgement(), Some(Error::Rollback));
        fleet.date(1).await;
    }
}

#[tokio::test]
async fn a_fast_forward_is_undone_by_a_root_that_gives_the_stolen_key_up() {
    let (mut fleet, stores) = settled().await;
    let first = fleet.folder.get("releases/esp32c3/1.cose", 4096).unwrap();
    let thief = fleet.name(u64::MAX, 500, CLASS, &first).await;
    for (_, store) in &stores {
        use object_store::ObjectStoreExt as _;
        store.put(&"releases/timestamp.cose".into(), thief.clone().into()).await.unwrap();
    }
    fleet.date(2).await;
    let refused = publish_on(&stores, &fleet, 2).await.unwrap_err();
    assert!(matches!(refused, PublishError::Older { .. }), "{refused}");
    fleet.follow(|fleet| fleet.timestamp = key(Role::Timestamp), 2).await;
    fleet.date(2).await;
    assert_eq!(publish_on(&stores, &fleet, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn an_indefinite_freeze_ends_with_the_timestamp() {
    let (fleet, _) = settled().await;
    assert!(fleet.verify(29).is_ok());
    assert_refused(&fleet, 30, Error::Expired).await;
    fleet.date(299).await;
    assert_refused(&fleet, 300, Error::Expired).await;
    assert_refused(&fleet, 700, Error::RootExpired).await;
}

#[tokio::test]
async fn endless_data_is_not_read_to_its_end() {
    let (fleet, stores) = settled().await;
    let endless = vec![0x82; 3 << 20];
    for (_, store) in &stores {
        use object_store::ObjectStoreExt as _;
        // What no camera reads is no timestamp, and is replaced.
        store.put(&"releases/timestamp.cose".into(), endless.clone().into()).await.unwrap();
    }
    assert_eq!(publish_on(&stores, &fleet, 0).await.unwrap(), 3);
    for name in ["1.bin", "1.sums", "1.cose", "../timestamp.cose"] {
        let path = fleet.folder.path().join(CLASS).join(name);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&before[..], &endless].concat()).unwrap();
        let refused = fleet.verify(0).unwrap_err();
        assert!(matches!(refused, ChainError::TooLarge { .. }), "{name}: {refused}");
        std::fs::write(&path, before).unwrap();
    }
    assert!(fleet.verify(0).is_ok());
}

#[tokio::test]
async fn mixed_and_matched_documents_are_refused() {
    let fleet = Fleet::new().await;
    let first = fleet.release("1.0.1", 1).await;
    fleet.release("1.0.2", 2).await;
    fleet.date(0).await;
    // All of it is rightly signed, and was never meant to go together.
    fleet.folder.replace("releases/esp32c3/2.cose", &first).unwrap();
    assert_refused(&fleet, 0, Error::Mismatch).await;
}

#[tokio::test]
async fn wrong_software_is_refused() {
    let fleet = Fleet::new().await;
    let c6 = Recipe {
        chip: 13,
        image: image(13, "1.0", 1, 9000),
        class: "esp32c6".to_owned(),
        ..fleet.recipe("1.0", 1, Vec::new())
    };
    let wrong = Recipe { class: CLASS.to_owned(), chip: CHIP, ..c6.clone() };
    let refused = recipe::prepare(&fleet.folder, &wrong).unwrap_err();
    assert!(refused.to_string().contains("it is for chip 13, and esp32c3 has chip 5"), "{refused}");
    // Signed for its own boards, and put in the place of another's.
    let prepared = recipe::prepare(&fleet.folder, &c6).unwrap();
    let manifest = fleet.write(&prepared, &fleet.release[..2]).await;
    fleet.folder.put("releases/esp32c3/1.cose", &manifest).unwrap();
    fleet.show(&fleet.name(1, 0, CLASS, &manifest).await);
    assert_refused(&fleet, 0, Error::Class).await;
}

#[tokio::test]
async fn a_malicious_mirror_is_noticed() {
    let (fleet, stores) = settled().await;
    fleet.release("1.0.2", 2).await;
    fleet.date(1).await;
    use object_store::ObjectStoreExt as _;
    for name in ["releases/esp32c3/2.bin", "releases/esp32c3/2.cose"] {
        stores[1].1.put(&name.into(), "something else".into()).await.unwrap();
        let refused = publish_on(&stores, &fleet, 1).await.unwrap_err();
        assert!(
            matches!(&refused, PublishError::Conflict { store, key } if store == "store-1" && key == name),
            "{refused}"
        );
        stores[1].1.delete(&name.into()).await.unwrap();
    }
    // A copy of the folder in which one byte is another.
    for name in ["2.bin", "2.sums", "2-1.patch"] {
        let path = fleet.folder.path().join(CLASS).join(name);
        let right = std::fs::read(&path).unwrap();
        for place in [0, right.len() / 2, right.len() - 1] {
            let mut wrong = right.clone();
            wrong[place] ^= 1;
            std::fs::write(&path, &wrong).unwrap();
            assert!(matches!(fleet.verify(1), Err(ChainError::Payload { .. })), "{name} at {place}");
            std::fs::write(&path, &right[..place]).unwrap();
            assert!(matches!(fleet.verify(1), Err(ChainError::Payload { .. })), "{name} cut at {place}");
        }
        std::fs::write(&path, right).unwrap();
    }
    assert_eq!(publish_on(&stores, &fleet, 1).await.unwrap(), 3);
}

#[tokio::test]
async fn keys_below_the_threshold_sign_nothing() {
    let fleet = Fleet::new().await;
    let prepared = recipe::prepare(&fleet.folder, &fleet.recipe("1.0.1", 1, Vec::new())).unwrap();
    let manifest = fleet.write(&prepared, &fleet.release[..1]).await;
    fleet.show(&fleet.name(1, 0, CLASS, &manifest).await);
    assert_refused(&fleet, 0, Error::Threshold).await;

    // One root key with keys of its own for everything else.
    let mut mine = fleet.keys();
    mine.release = roles::role(Role::Release, 1, &[public(&key(Role::Release))]).unwrap();
    let mut draft = roles::draft(&mine, 2, START, START + 300 * DAY).unwrap();
    draft.sign(&fleet.root[0]).await.unwrap();
    let old = fleet.keys();
    let demands = [demand(&old, Role::Root), demand(&mine, Role::Root)];
    assert!(matches!(draft.complete(&demands), Err(ChainError::Signatures { missing: 1, .. })));
    fleet.folder.put("releases/root/2.cose", &draft.bytes().unwrap()).unwrap();
    assert_refused(&fleet, 0, Error::Threshold).await;
}
