//! The attacks of TUF's list (its section 1.5.2), each by name.

use std::{format, vec};

use ed25519_dalek::VerifyingKey;

use super::*;

const NOW: Option<u64> = Some(START + DAY);

#[test]
fn an_update_is_taken_on() {
    let mut camera = camera();
    assert_eq!(update(&mut camera, &timestamp(1, 0, &release(1)), &release(1), NOW).as_deref(), Ok("1.0.1"));
    assert_eq!(update(&mut camera, &timestamp(2, 1, &release(2)), &release(2), NOW).as_deref(), Ok("1.0.2"));
    assert_eq!((camera.state().release.sequence, camera.state().timestamp.sequence), (2, 2));
    // The same documents again are no news and no fault.
    assert_eq!(update(&mut camera, &timestamp(2, 1, &release(2)), &release(2), NOW).as_deref(), Ok("1.0.2"));
}

#[test]
fn arbitrary_software() {
    let mut camera = settled();
    let content = release_content(8, CLASS, START);
    for stranger in [&[91][..], &[91, 92], &[11, 91], &[21, 22]] {
        let manifest = signed(&content, stranger);
        let shown = timestamp(4, 1, &manifest);
        refused(&mut camera, Error::UnknownKey, |camera| {
            update(camera, &timestamp_by(4, 1, &manifest, &[91]), &manifest, NOW)
        });
        // Even where the online key was made to name it.
        let mut other = camera.clone();
        let timestamp = other.timestamp(&shown, NOW).unwrap();
        refused(&mut other, Error::UnknownKey, |camera| camera.release(&manifest, &timestamp, NOW).map(|_| ()));
    }
    // A signature of the right key over other words, under its right name.
    let (_, wrong) = signature(b"other words", 12);
    let forged = [signature(&content, 11), (KeyId::of(&key(12).verifying_key()), wrong)];
    let mut manifest = vec![0; MAX_SIGNED];
    let length = assemble(&content, &forged, &mut manifest).unwrap();
    let manifest = &manifest[..length];
    let timestamp = camera.timestamp(&timestamp(4, 1, manifest), NOW).unwrap();
    refused(&mut camera, Error::Signature, |camera| camera.release(manifest, &timestamp, NOW).map(|_| ()));
}

#[test]
fn rollback() {
    let mut camera = settled();
    refused(&mut camera, Error::Rollback, |camera| update(camera, &timestamp(2, 0, &release(7)), &release(7), NOW));
    // A new timestamp that names an old release, as a thief of the online key would sign it.
    refused(&mut camera, Error::Rollback, |camera| update(camera, &timestamp(4, 1, &release(6)), &release(6), NOW));
    // Another release of the same number.
    let other = signed(&release_content(7, CLASS, START + 1), &[11, 12]);
    refused(&mut camera, Error::Conflict, |camera| update(camera, &timestamp(4, 1, &other), &other, NOW));
    // Another timestamp of the same number.
    refused(&mut camera, Error::Conflict, |camera| update(camera, &timestamp(3, 1, &release(8)), &release(8), NOW));
    // The same contents under other signatures are the same documents.
    let by_others = signed(&release_content(7, CLASS, START), &[12, 13]);
    assert!(update(&mut camera, &timestamp(3, 0, &by_others), &by_others, NOW).is_ok());
    // A root that was left behind.
    let first = Fleet::new();
    refused(&mut camera, Error::Rollback, |camera| camera.follow(&first.first()).map(|_| ()));
}

#[test]
fn fast_forward_and_the_way_back() {
    let first = Fleet::new();
    let mut camera = settled();
    // Thieves of the online key and of two release keys raise all that they can to its end, the time as well.
    let last = release(u64::MAX);
    let thieves = timestamp_content(u64::MAX, START + 200_000 * DAY, &[newest_of(CLASS, &last)]);
    let thieves = signed(&thieves, &[21]);
    // A camera with a clock does not believe the time.
    refused(&mut camera, Error::NotYetValid, |camera| update(camera, &thieves, &last, NOW));
    // One without does, but not beyond the root's own end.
    refused(&mut camera, Error::RootExpired, |camera| update(camera, &thieves, &last, None));
    let thieves = signed(&timestamp_content(u64::MAX, START + 364 * DAY, &[newest_of(CLASS, &last)]), &[21]);
    let manifest = signed(&release_content(u64::MAX, CLASS, START + 100 * DAY), &[11, 12]);
    let named = timestamp_content(u64::MAX, START + 364 * DAY, &[newest_of(CLASS, &manifest)]);
    let named = signed(&named, &[21]);
    assert!(update(&mut camera, &named, &manifest, None).is_ok());
    refused(&mut camera, Error::Conflict, |camera| update(camera, &thieves, &last, None));
    refused(&mut camera, Error::Rollback, |camera| update(camera, &timestamp(4, 1, &release(8)), &release(8), None));
    assert_eq!(camera.state().time_s, START + 364 * DAY);

    // Another root for the online key only: numbers of the timestamp and the time start anew, that of the release does not.
    let second = first.with(2, 1, &[22]);
    camera.follow(&second.root_by(&[1, 2])).unwrap();
    assert_eq!((camera.state().timestamp, camera.state().time_s), (Seen::default(), second.issued_s));
    let ours = timestamp_by(1, 11, &release(8), &[22]);
    refused(&mut camera, Error::Rollback, |camera| update(camera, &ours, &release(8), None));
    // And for the release keys that were stolen.
    let third = second.with(1, 2, &[13, 14, 15]);
    camera.follow(&third.root_by(&[1, 2])).unwrap();
    assert_eq!(camera.state().release, Seen::default());
    let manifest = signed(&release_content(8, CLASS, START), &[13, 14]);
    let ours = timestamp_by(1, 21, &manifest, &[22]);
    assert_eq!(update(&mut camera, &ours, &manifest, None).as_deref(), Ok("1.0.8"));
    // What the thieves signed does not count any more.
    refused(&mut camera, Error::UnknownKey, |camera| update(camera, &named, &last, None));
}

#[test]
fn a_lie_about_the_newest_release_does_not_raise_its_number() {
    let mut camera = settled();
    let lie = Newest { class: CLASS, sequence: u64::MAX, digest: [1; 32], bytes: 900 };
    let thief = signed(&timestamp_content(4, START + DAY, &[lie]), &[21]);
    let told = camera.timestamp(&thief, NOW).unwrap();
    refused(&mut camera, Error::Mismatch, |camera| camera.release(&release(8), &told, NOW).map(|_| ()));
    assert_eq!(update(&mut camera, &timestamp(5, 1, &release(8)), &release(8), NOW).as_deref(), Ok("1.0.8"));
}

#[test]
fn indefinite_freeze() {
    let mut camera = settled();
    let shown = timestamp(3, 0, &release(7));
    let valid_until = START + 7 * DAY;
    assert!(update(&mut camera, &shown, &release(7), Some(valid_until - 1)).is_ok());
    refused(&mut camera, Error::Expired, |camera| update(camera, &shown, &release(7), Some(valid_until)));
    // The same with what was taken before it expired.
    let taken = camera.timestamp(&shown, Some(valid_until - 1)).unwrap();
    refused(&mut camera, Error::Expired, |camera| camera.release(&release(7), &taken, Some(valid_until)).map(|_| ()));
    // A release that nobody signs again ends as well.
    let late = Some(START + 300 * DAY);
    let told = camera.timestamp(&timestamp(4, 299, &release(7)), late).unwrap();
    refused(&mut camera, Error::Expired, |camera| camera.release(&release(7), &told, late).map(|_| ()));
}

#[test]
fn endless_data() {
    let mut camera = settled();
    let endless = vec![0x82; MAX_SIGNED + 1];
    refused(&mut camera, Error::TooLarge, |camera| camera.follow(&endless).map(|_| ()));
    refused(&mut camera, Error::TooLarge, |camera| camera.timestamp(&endless, NOW).map(|_| ()));
    let told = camera.timestamp(&timestamp(4, 1, &release(8)), NOW).unwrap();
    refused(&mut camera, Error::TooLarge, |camera| camera.release(&endless, &told, NOW).map(|_| ()));
    let manifest = release(8);
    let manifest = camera.release(&manifest, &told, NOW).unwrap();

    // A payload that goes on: the first byte too many ends it.
    let mut intake = Intake::of(&manifest.image);
    assert_eq!(intake.take(IMAGE), Ok(()));
    assert_eq!((intake.take(b"x"), intake.left()), (Err(Error::TooLarge), 0));
    let mut intake = Intake::of(&manifest.image);
    assert_eq!(intake.take(&[0; 4096]), Err(Error::TooLarge));
    assert_eq!(intake.left() as usize, IMAGE.len());
}

#[test]
fn mix_and_match() {
    let mut camera = settled();
    // All of these are rightly signed, and were never meant to go together.
    let told = camera.timestamp(&timestamp(4, 1, &release(9)), NOW).unwrap();
    for other in [7, 8, 10] {
        refused(&mut camera, Error::Mismatch, |camera| camera.release(&release(other), &told, NOW).map(|_| ()));
    }
    // The same number and length, rightly signed as well, and not the one that is named.
    let twin = signed(&release_content(9, CLASS, START + 1), &[11, 12]);
    assert_eq!(twin.len(), release(9).len());
    refused(&mut camera, Error::Mismatch, |camera| camera.release(&twin, &told, NOW).map(|_| ()));
    // A timestamp that was taken on, and then a newer one.
    let newer = camera.timestamp(&timestamp(5, 1, &release(10)), NOW).unwrap();
    refused(&mut camera, Error::Mismatch, |camera| camera.release(&release(9), &told, NOW).map(|_| ()));
    assert!(camera.release(&release(10), &newer, NOW).is_ok());
    // Its length alone.
    let manifest = release(11);
    let mut named = newest_of(CLASS, &manifest);
    named.bytes += 1;
    let told = signed(&timestamp_content(6, START + DAY, &[named]), &[21]);
    let told = camera.timestamp(&told, NOW).unwrap();
    refused(&mut camera, Error::Mismatch, |camera| camera.release(&manifest, &told, NOW).map(|_| ()));
}

#[test]
fn wrong_software() {
    let mut camera = settled();
    // A manifest of another class, named as this one's by whoever made a mistake.
    let other = signed(&release_content(8, "esp32c6", START), &[11, 12]);
    let told = camera.timestamp(&timestamp(4, 1, &other), NOW).unwrap();
    refused(&mut camera, Error::Class, |camera| camera.release(&other, &told, NOW).map(|_| ()));
    // A timestamp that names other classes only.
    let list = [newest_of("esp32c6", &other), newest_of("qemu-virt", &other)];
    let told = signed(&timestamp_content(5, START + DAY, &list), &[21]);
    let told = camera.timestamp(&told, NOW).unwrap();
    assert_eq!(told.newest, None);
    refused(&mut camera, Error::Mismatch, |camera| camera.release(&other, &told, NOW).map(|_| ()));
}

#[test]
fn one_kind_is_not_taken_for_another() {
    // All three roles have the same key here, so that nothing but the kind tells them apart.
    let mut fleet = Fleet::new();
    fleet.roles = [(1, vec![1]), (1, vec![1]), (1, vec![1])];
    let root = fleet.root_by(&[1]);
    let mut camera = Trust::begin(&root, CLASS).unwrap();
    let manifest = signed(&release_content(8, CLASS, START), &[1]);
    let shown = timestamp_by(4, 1, &manifest, &[1]);
    for other in [&manifest, &shown] {
        refused(&mut camera, Error::Kind, |camera| camera.follow(other).map(|_| ()));
        assert_eq!(Trust::begin(other, CLASS).map(|_| ()), Err(Error::Kind));
    }
    for other in [&manifest, &root] {
        refused(&mut camera, Error::Kind, |camera| camera.timestamp(other, NOW).map(|_| ()));
    }
    for other in [&shown, &root] {
        let told = signed(&timestamp_content(5, START + DAY, &[newest_of(CLASS, other)]), &[1]);
        let mut camera = camera.clone();
        let told = camera.timestamp(&told, NOW).unwrap();
        refused(&mut camera, Error::Kind, |camera| camera.release(other, &told, NOW).map(|_| ()));
    }
    let kinds = [&root, &shown, &manifest].map(|document| Trust::kind_of(document));
    assert_eq!(kinds, [Ok(kind::ROOT), Ok(kind::TIMESTAMP), Ok(kind::RELEASE)]);
    let order = content(&Document { kind: kind::COMMAND, seq: 1, issued_s: 1, expires_s: 2, body: &[0xf6] });
    assert_eq!(Trust::kind_of(&signed(&order, &[1])), Err(Error::Kind));
}

#[test]
fn a_single_signature_of_the_fleets_other_documents_is_none_here() {
    // A document of one signature with the same content, by a key that has a say here.
    let bytes = release_content(8, CLASS, START);
    let several = signed(&bytes, &[11]);
    let document = *Signed::parse(&several).unwrap().document();
    let mut out = [0; 2200];
    let id = KeyId::of(&key(11).verifying_key());
    let length = crate::cose::encode(&document, id, |text| key(11).sign(text).to_bytes(), &mut out).unwrap();
    assert_eq!(Signed::parse(&out[..length]), Err(Error::Malformed));
    // Nor the other way round. Both forms sign the same text, which names the kind, so it would gain nobody anything.
    assert_eq!(crate::cose::verify(&several, &key(11).verifying_key()), Err(crate::cose::Error::Malformed));
}

#[test]
fn malicious_mirror() {
    let mut camera = settled();
    let manifest = release(8);
    let told = camera.timestamp(&timestamp(4, 1, &manifest), NOW).unwrap();
    for end in 0..manifest.len() {
        let before = camera.clone();
        assert!(camera.release(&manifest[..end], &told, NOW).is_err(), "{end}");
        assert_eq!(camera, before);
    }
    let manifest = camera.release(&manifest, &told, NOW).unwrap();
    let taken = |pieces: &[&[u8]]| {
        let mut intake = Intake::of(&manifest.image);
        pieces.iter().try_for_each(|piece| intake.take(piece))?;
        intake.finish()
    };
    assert_eq!(taken(&[IMAGE]), Ok(()));
    assert_eq!(taken(&[&IMAGE[..10], &[], &IMAGE[10..]]), Ok(()));
    assert_eq!(taken(&[&IMAGE[..IMAGE.len() - 1]]), Err(Error::Payload), "cut");
    assert_eq!(taken(&[&IMAGE[10..], &IMAGE[..10]]), Err(Error::Payload), "out of order");
    assert_eq!(taken(&[]), Err(Error::Payload), "nothing");
    // A manifest that states more bytes than the file with its digest has.
    let mut longer = Intake::of(&Payload { size: manifest.image.size + 1, ..manifest.image });
    assert_eq!(longer.take(IMAGE).and_then(|()| longer.finish()), Err(Error::Payload));
    for place in 0..IMAGE.len() {
        let mut wrong = IMAGE.to_vec();
        wrong[place] ^= 1;
        assert_eq!(taken(&[&wrong]), Err(Error::Payload), "{place}");
    }
}

#[test]
fn key_compromise_below_the_threshold() {
    let mut camera = settled();
    let content = release_content(8, CLASS, START);
    for thief in [11, 12, 13] {
        let manifest = signed(&content, &[thief]);
        let told = camera.timestamp(&timestamp(4, 1, &manifest), NOW).unwrap();
        refused(&mut camera, Error::Threshold, |camera| camera.release(&manifest, &told, NOW).map(|_| ()));
    }
    // One root key with keys of its own for everything else.
    let mine = Fleet::new().with(0, 1, &[1]).with(1, 1, &[91]);
    let mine = Fleet { sequence: 2, ..mine };
    refused(&mut camera, Error::Threshold, |camera| camera.follow(&mine.root_by(&[1])).map(|_| ()));
    refused(&mut camera, Error::UnknownKey, |camera| camera.follow(&mine.root_by(&[1, 91])).map(|_| ()));
}

#[test]
fn two_of_three_in_every_combination() {
    let content = release_content(8, CLASS, START);
    for set in 1..8_u8 {
        let seeds: Vec<u8> = [11, 12, 13].into_iter().filter(|seed| set & 1 << (seed - 11) != 0).collect();
        let manifest = signed(&content, &seeds);
        let mut camera = settled();
        let answer = update(&mut camera, &timestamp(4, 1, &manifest), &manifest, NOW).map(|_| ());
        assert_eq!(answer, if seeds.len() >= 2 { Ok(()) } else { Err(Error::Threshold) }, "{seeds:?}");
    }
}

#[test]
fn a_key_that_signs_twice_counts_once() {
    let content = release_content(8, CLASS, START);
    let twice = [signature(&content, 11), signature(&content, 11)];
    assert_eq!(assemble(&content, &twice, &mut [0; MAX_SIGNED]), Err(Error::Malformed));
    // Put together by hand, in every order.
    let one = signed(&content, &[11]);
    let entry = one[one.len() - 84..].to_vec();
    let mut by_hand = one.clone();
    let head = by_hand.len() - 85;
    by_hand[head] = 0x82;
    by_hand.extend(&entry);
    assert_eq!(Signed::parse(&by_hand), Err(Error::Malformed));
    // Under a second name the signature is by nobody.
    let mut renamed = entry.clone();
    renamed[8..16].copy_from_slice(&[0xFF; 8]);
    let end = by_hand.len() - 84;
    by_hand[end..].copy_from_slice(&renamed);
    let signed = Signed::parse(&by_hand).unwrap();
    assert_eq!(signed.check(&[&role(2, &[11, 12, 13])]), Err(Error::UnknownKey));
    assert_eq!(signed.check(&[&role(1, &[11])]), Err(Error::UnknownKey));
}

#[test]
fn a_key_that_is_listed_twice_makes_no_root() {
    assert_eq!(Role::new(2, &[public(1), public(1)]), Err(Error::Keys));
    // In a document that somebody else wrote.
    let fleet = Fleet::new();
    let mut bytes = fleet.root_content();
    let find = |bytes: &[u8], key: &[u8]| bytes.windows(32).position(|part| part == key).unwrap();
    let place = find(&bytes, &public(12));
    bytes[place..place + 32].copy_from_slice(&public(11));
    assert_eq!(Trust::begin(&signed(&bytes, &[1, 2]), CLASS).map(|_| ()), Err(Error::Keys));
}

#[test]
fn keys_that_are_none_make_no_root() {
    // Points of small order, and what is no point.
    let small = |y: u8| core::array::from_fn(|n| if n == 0 { y } else { 0 });
    for bad in [small(0), small(1), small(2)] {
        assert_eq!(Role::new(1, &[public(1), bad]), Err(Error::Keys), "{bad:02x?}");
    }
    // All encodings of p = 2^255 - 19 and more, which RFC 8032 does not allow: some of them decode to points of large order.
    let mut points = 0;
    for low in 0xED..=0xFF_u8 {
        for sign in [0x7F, 0xFF] {
            let mut bad = [0xFF; 32];
            (bad[0], bad[31]) = (low, sign);
            points += u8::from(VerifyingKey::from_bytes(&bad).is_ok_and(|key| !key.is_weak()));
            assert_eq!(Role::new(1, &[public(1), bad]), Err(Error::Keys), "{bad:02x?}");
        }
    }
    assert!(points > 0, "the library refuses them by itself, and the check may go");
    for (threshold, keys) in [(0, 1), (2, 1), (9, 8)] {
        let keys: Vec<PublicKey> = (1..=keys).map(public).collect();
        assert_eq!(Role::new(threshold, &keys), Err(Error::Keys), "{threshold} of {}", keys.len());
    }
    assert_eq!(Role::new(1, &[]), Err(Error::Keys));
    let nine: Vec<PublicKey> = (1..=9).map(public).collect();
    assert_eq!(Role::new(1, &nine), Err(Error::Keys));
    let words = format!("{}", Error::Keys);
    assert_eq!(words, "the root's keys cannot be");
}
