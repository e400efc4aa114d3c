//! Roots and releases that several people sign.

use wildcam_core::cose::KeyId;

use super::*;
use crate::{
    project::Secret,
    release::{
        roles::{Change, changed, id_of},
        vault::Vault,
    },
};

#[tokio::test]
async fn two_machines_sign_one_root_after_the_other() {
    let fleet = Fleet::new().await;
    let keys = fleet.keys();
    let draft = roles::draft(&keys, 2, START, START + 300 * DAY).unwrap();
    let demands = [demand(&keys, Role::Root), demand(&keys, Role::Root)];
    let mut first = draft;
    first.sign(&fleet.root[1]).await.unwrap();
    assert_eq!(first.missing(&demands), [1, 1]);
    // A signature of a stranger, which would make cameras refuse all of it, goes.
    first.sign(&key(Role::Root)).await.unwrap();
    let mut second = Draft::parse(&first.bytes().unwrap(), "the part").unwrap();
    second.clean(&demands).unwrap();
    assert_eq!(second.signers().count(), 1);
    second.sign(&fleet.root[2]).await.unwrap();
    let bytes = second.complete(&demands).unwrap();
    fleet.folder.put("releases/root/2.cose", &bytes).unwrap();
    fleet.release("1.0.1", 1).await;
    fleet.date(0).await;
    assert_eq!(fleet.verify(0).unwrap().root, 2);
}

#[tokio::test]
async fn no_more_keys_are_asked_for_than_are_needed() {
    let dir = tempfile::tempdir().unwrap();
    let mut vault = Vault::open(&dir.path().join("keys")).unwrap().with_work(4);
    let passphrase = Secret::new("a long passphrase".to_owned());
    let made: Vec<_> = (0..3).map(|_| vault.create(Role::Root, &passphrase).unwrap()).collect();
    let bytes = |keys: &[usize]| keys.iter().map(|n| made[*n].public.to_bytes()).collect::<Vec<_>>();
    let root = |threshold, keys: &[usize]| roles::role(Role::Root, threshold, &bytes(keys)).unwrap();
    let (old, new) = (root(2, &[0, 1]), root(2, &[1, 2]));
    let fleet = Fleet::new().await;
    let draft = roles::draft(&fleet.keys(), 2, START, START + DAY).unwrap();
    let names = |wanted: Vec<&crate::release::vault::Key>| wanted.iter().map(|key| key.id).collect::<Vec<KeyId>>();
    let demands = [(Role::Root, &old), (Role::Root, &new)];
    // The one that counts for both comes first.
    assert_eq!(names(draft.wanted(&vault, &demands)), [made[1].id, made[0].id, made[2].id]);
    let one = root(1, &[0, 1]);
    assert_eq!(draft.wanted(&vault, &[(Role::Root, &one)]).len(), 1);
    assert!(draft.wanted(&vault, &[(Role::Release, &one)]).is_empty(), "a key signs for its own role only");
}

#[tokio::test]
async fn a_change_says_whether_numbers_start_anew() {
    let fleet = Fleet::new().await;
    let root = fleet.keys();
    let id = |place: usize| id_of(&public(&fleet.release[place]));
    let change = |remove: Vec<KeyId>, add: usize| {
        let add = (0..add).map(|_| public(&key(Role::Release))).collect();
        changed(&root, &Change { role: Role::Release, remove, add, threshold: None })
    };
    assert!(!change(vec![id(0)], 1).unwrap().1);
    let (next, anew) = change(vec![id(0), id(2)], 2).unwrap();
    assert!(anew && next.release.keys().len() == 3 && next.root == root.root);
    assert!(
        matches!(change(vec![id(0), id(1)], 0), Err(ChainError::Unwritable { .. })),
        "one key for a threshold of two"
    );
    assert!(matches!(change(vec![KeyId([9; 8])], 0), Err(ChainError::Asked(_))));
    assert!(matches!(change(Vec::new(), 6), Err(ChainError::Unwritable { .. })), "nine keys");
}
