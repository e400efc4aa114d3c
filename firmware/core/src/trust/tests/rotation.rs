//! How keys are exchanged.

use super::*;

const NOW: Option<u64> = Some(START + 11 * DAY);

#[test]
fn the_root_keys_are_exchanged() {
    let first = Fleet::new();
    let next = first.with(0, 2, &[4, 5, 6]);
    let mut camera = settled();
    refused(&mut camera, Error::Threshold, |camera| camera.follow(&next.root_by(&[4, 5])).map(|_| ()));
    refused(&mut camera, Error::Threshold, |camera| camera.follow(&next.root_by(&[1, 2])).map(|_| ()));
    refused(&mut camera, Error::Threshold, |camera| camera.follow(&next.root_by(&[1, 4, 5])).map(|_| ()));
    refused(&mut camera, Error::Threshold, |camera| camera.follow(&next.root_by(&[1, 2, 4])).map(|_| ()));
    let document = next.root_by(&[1, 2, 4, 5]);
    let kept = camera.follow(&document).unwrap();
    assert_eq!(kept, next.root_content());
    assert_eq!((camera.state().root.sequence, camera.root()), (2, &next.root()));
    // Numbers of the other roles stay.
    assert_eq!((camera.state().release.sequence, camera.state().timestamp.sequence), (7, 3));
    // The old keys have no say any more.
    let third = next.with(0, 1, &[1]);
    refused(&mut camera, Error::Threshold, |camera| camera.follow(&third.root_by(&[1])).map(|_| ()));
    assert!(update(&mut camera, &timestamp(4, 11, &release(8)), &release(8), NOW).is_ok());
}

#[test]
fn keys_that_stay_sign_once_for_the_old_and_the_new_root() {
    let next = Fleet::new().with(0, 2, &[2, 3, 4]);
    for (seeds, answer) in [(&[2, 3][..], Ok(())), (&[1, 2, 4], Ok(())), (&[1, 2], Err(Error::Threshold))] {
        assert_eq!(settled().follow(&next.root_by(seeds)).map(|_| ()), answer, "{seeds:?}");
    }
}

#[test]
fn a_threshold_is_raised_and_lowered() {
    let first = Fleet::new();
    let all = first.with(0, 3, &[1, 2, 3]);
    let mut camera = settled();
    refused(&mut camera, Error::Threshold, |camera| camera.follow(&all.root_by(&[1, 2])).map(|_| ()));
    camera.follow(&all.root_by(&[1, 2, 3])).unwrap();
    let one = all.with(0, 1, &[1]);
    refused(&mut camera, Error::Threshold, |camera| camera.follow(&one.root_by(&[1])).map(|_| ()));
    // Who leaves signs a last time.
    camera.follow(&one.root_by(&[1, 2, 3])).unwrap();
    camera.follow(&one.with(0, 1, &[1]).root_by(&[1])).unwrap();
    assert_eq!(camera.state().root.sequence, 4);
}

#[test]
fn the_release_keys_are_exchanged() {
    let mut camera = settled();
    let next = Fleet::new().with(1, 2, &[14, 15]);
    camera.follow(&next.root_by(&[1, 3])).unwrap();
    let old = release(8);
    let told = camera.timestamp(&timestamp(4, 11, &old), NOW).unwrap();
    refused(&mut camera, Error::UnknownKey, |camera| camera.release(&old, &told, NOW).map(|_| ()));
    let new = signed(&release_content(8, CLASS, START), &[14, 15]);
    // Signed anew it is the same document.
    assert!(camera.release(&new, &told, NOW).is_ok());
}

#[test]
fn the_timestamp_key_is_exchanged() {
    let mut camera = settled();
    let next = Fleet::new().with(2, 1, &[22]);
    camera.follow(&next.root_by(&[1, 3])).unwrap();
    refused(&mut camera, Error::UnknownKey, |camera| camera.timestamp(&timestamp(4, 11, &release(8)), NOW).map(|_| ()));
    let new = timestamp_by(4, 11, &release(8), &[22]);
    assert!(update(&mut camera, &new, &release(8), NOW).is_ok());
}

#[test]
fn a_timestamp_may_need_two_keys() {
    let mut camera = settled();
    let next = Fleet::new().with(2, 2, &[21, 22]);
    camera.follow(&next.root_by(&[1, 3])).unwrap();
    assert_eq!(camera.state().timestamp.sequence, 3, "nobody left, so nothing starts anew");
    refused(&mut camera, Error::Threshold, |camera| camera.timestamp(&timestamp(4, 11, &release(8)), NOW).map(|_| ()));
    assert!(camera.timestamp(&timestamp_by(4, 11, &release(8), &[21, 22]), NOW).is_ok());
}

#[test]
fn numbers_start_anew_only_when_those_who_left_could_have_signed() {
    for (threshold, seeds, anew) in [
        (2, &[11, 12, 14][..], false),
        (2, &[11, 14, 15], true),
        (2, &[14, 15, 16], true),
        (2, &[11, 12, 13, 14], false),
        (1, &[11, 12, 13], false),
        (3, &[11, 12, 13], false),
    ] {
        let mut camera = settled();
        let next = Fleet::new().with(1, threshold, seeds);
        camera.follow(&next.root_by(&[1, 2])).unwrap();
        assert_eq!(camera.state().release == Seen::default(), anew, "{threshold} of {seeds:?}");
    }
    // One of several keys, each of which signs alone, may have been a thief's for years.
    let mut fleet = Fleet::new();
    fleet.roles[1] = (1, std::vec![11, 12]);
    let mut camera = Trust::begin(&fleet.first(), CLASS).unwrap();
    update(&mut camera, &timestamp(3, 0, &release(7)), &release(7), Some(START)).unwrap();
    camera.follow(&fleet.with(1, 1, &[12]).root_by(&[1, 2])).unwrap();
    assert_eq!(camera.state().release, Seen::default());
}

#[test]
fn a_chain_of_roots_is_walked_one_by_one() {
    let mut fleet = Fleet::new();
    fleet.root_days = 20;
    let mut camera = Trust::begin(&fleet.first(), CLASS).unwrap();
    let mut chain = Vec::new();
    for step in 0..20_u8 {
        let [old, new] = [fleet.roles[0].1.clone(), [100 + 2 * step, 101 + 2 * step].to_vec()];
        fleet = fleet.with(0, 2, &new);
        chain.push(fleet.root_by(&[old[0], old[1], new[0], new[1]]));
    }
    for skipped in &chain[1..] {
        refused(&mut camera, Error::Gap, |camera| camera.follow(skipped).map(|_| ()));
    }
    // Most of them have expired long since: it is the way to the newest, which has not.
    let now = Some(START + 205 * DAY);
    for (place, root) in chain.iter().enumerate() {
        if place < 19 {
            let told = timestamp(1, 204, &release(1));
            refused(&mut camera, Error::RootExpired, |camera| camera.timestamp(&told, now).map(|_| ()));
        }
        camera.follow(root).unwrap();
        assert_eq!(camera.state().root.sequence, place as u64 + 2);
        refused(&mut camera, Error::Rollback, |camera| camera.follow(root).map(|_| ()));
    }
    assert!(update(&mut camera, &timestamp(1, 204, &release(1)), &release(1), now).is_ok());
}

#[test]
fn an_expired_root_ends_updates_and_not_the_way_to_the_next() {
    let first = Fleet::new();
    let mut camera = settled();
    let (edge, shown) = (START + 365 * DAY, timestamp(4, 364, &release(8)));
    refused(&mut camera, Error::RootExpired, |camera| camera.timestamp(&shown, Some(edge)).map(|_| ()));
    // A camera without a clock learns it from the timestamp.
    refused(&mut camera, Error::RootExpired, |camera| {
        camera.timestamp(&timestamp(4, 365, &release(8)), None).map(|_| ())
    });
    let mut next = first.with(0, 2, &[1, 2, 3]);
    next.issued_s = edge + 100 * DAY;
    camera.follow(&next.root_by(&[2, 3])).unwrap();
    assert!(camera.timestamp(&timestamp(4, 466, &release(8)), None).is_ok());
}

#[test]
fn what_was_taken_on_is_kept_over_a_start() {
    let mut camera = settled();
    let next = Fleet::new().with(1, 2, &[11, 12]);
    let root = next.root_by(&[1, 2]);
    let kept = camera.follow(&root).unwrap().to_vec();
    let state = State::decode(&camera.state().encode()).unwrap();
    let again = Trust::open(state, &kept, CLASS).unwrap();
    assert_eq!(again, camera);
    // The flash holds two roots; only the one that the state names opens.
    assert_eq!(Trust::open(state, &Fleet::new().root_content(), CLASS), Err(Error::Mismatch));
    let other = State { root: Seen { sequence: 3, ..state.root }, ..state };
    assert_eq!(Trust::open(other, &kept, CLASS), Err(Error::Mismatch));
    assert_eq!(Trust::open(state, &kept, "ESP32"), Err(Error::Class));
}

#[test]
fn an_update_goes_on_after_a_wake_until_its_keys_are_given_up() {
    let mut camera = settled();
    let manifest = release(7);
    assert_eq!(camera.release_again(&manifest, None).unwrap().version, "1.0.7");
    // The timestamp is long expired, the release is not.
    assert!(camera.release_again(&manifest, Some(START + 299 * DAY)).is_ok());
    assert_eq!(camera.release_again(&manifest, Some(START + 300 * DAY)), Err(Error::Expired));
    assert_eq!(camera.release_again(&release(8), None), Err(Error::Mismatch));
    camera.follow(&Fleet::new().with(1, 2, &[12, 13, 14]).root_by(&[1, 2])).unwrap();
    assert_eq!(camera.release_again(&manifest, None), Err(Error::UnknownKey));
}

#[test]
fn a_fleet_begins_with_a_root_that_signed_itself() {
    let first = Fleet::new();
    for (seeds, answer) in [
        (&[1, 2][..], Ok(())),
        (&[1, 2, 3], Ok(())),
        (&[1], Err(Error::Threshold)),
        (&[1, 91], Err(Error::UnknownKey)),
        (&[11, 12], Err(Error::UnknownKey)),
    ] {
        assert_eq!(Trust::begin(&first.root_by(seeds), CLASS).map(|_| ()), answer, "{seeds:?}");
    }
    assert_eq!(Trust::begin(&first.first(), "").map(|_| ()), Err(Error::Class));
    let last = Fleet { sequence: u64::MAX, ..first };
    let mut camera = Trust::begin(&last.first(), CLASS).unwrap();
    refused(&mut camera, Error::Rollback, |camera| camera.follow(&last.first()).map(|_| ()));
}
