//! The form of the documents, and coset as the second opinion.

use std::vec;

use coset::{
    AsCborValue as _, CborSerializable as _, CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _,
    cbor::value::Value, iana,
};
use ed25519_dalek::Signature;

use super::*;
use crate::image::Description;

fn all() -> [(Vec<u8>, Vec<u8>); 3] {
    let manifest = release_content(8, CLASS, START);
    let list = ["esp32c3", "esp32c6", "qemu-virt"].map(|class| newest_of(class, &release(8)));
    let timestamp = timestamp_content(4, START + DAY, &list);
    let root = Fleet::new().with(0, 2, &[4, 5]).root_content();
    let signed = |content: &Vec<u8>, seeds: &[u8]| (content.clone(), super::signed(content, seeds));
    [signed(&root, &[1, 2, 4, 5]), signed(&timestamp, &[21]), signed(&manifest, &[11, 12, 13])]
}

/// A camera that waits for just one of these documents, and whether it takes `bytes` for it.
fn waiting(place: usize) -> impl Fn(&[u8]) -> bool {
    let mut camera = settled();
    let told = camera.timestamp(&timestamp(4, 1, &release(8)), None).unwrap();
    let before = settled();
    move |bytes| match place {
        0 => before.clone().follow(bytes).is_ok(),
        1 => before.clone().timestamp(bytes, None).is_ok(),
        _ => camera.clone().release(bytes, &told, None).is_ok(),
    }
}

#[test]
fn coset_reads_ours_and_writes_the_same() {
    for (content, document) in all() {
        let value = Value::from_slice(&document).unwrap();
        let parts = value.into_array().unwrap();
        assert_eq!(parts[0], Value::Bytes(content.clone()));
        let entries = parts[1].as_array().unwrap();
        let mut theirs = vec![];
        for entry in entries {
            let tagged = entry.clone().to_vec().unwrap();
            let read = CoseSign1::from_tagged_slice(&tagged).unwrap();
            assert_eq!(read.payload, None);
            let id = read.protected.header.key_id.clone();
            let seed = (0..=255).find(|seed| KeyId::of(&key(*seed).verifying_key()).0 == id[..]).unwrap();
            read.verify_detached_signature(&content, b"", |signature, text| {
                key(seed).verifying_key().verify_strict(text, &Signature::from_slice(signature).unwrap())
            })
            .unwrap();
            let header = HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).key_id(id).build();
            let made = CoseSign1Builder::new()
                .protected(header)
                .create_detached_signature(&content, b"", |text| key(seed).sign(text).to_bytes().to_vec())
                .build();
            theirs.push(Value::Tag(18, made.to_cbor_value().unwrap().into()));
        }
        let whole = Value::Array(vec![Value::Bytes(content), Value::Array(theirs)]);
        assert_eq!(whole.to_vec().unwrap(), document);
    }
}

#[test]
fn bodies_read_back_through_an_encoder_that_is_not_ours() {
    let (content, document) = &all()[2];
    let signed = Signed::parse(document).unwrap();
    let value = Value::from_slice(content).unwrap();
    let fields = value.as_map().unwrap();
    let body = &fields[5].1.as_map().unwrap();
    assert_eq!(body[0], (Value::from(0), Value::from(CLASS)));
    assert_eq!(body[1], (Value::from(1), Value::from("1.0.8")));
    assert_eq!(body[2], (Value::from(2), Value::Bytes([8; 8].to_vec())));
    let sums = &body[3].1.as_map().unwrap()[3];
    let uri = Value::from("releases/esp32c3/firmware.sums");
    let digest = Value::Bytes([6; 32].to_vec());
    assert_eq!(*sums, (Value::from(4), Value::Map(vec![(Value::from(1), digest), (Value::from(2), uri)])));
    let manifest = Manifest::from_document(signed.document()).unwrap();
    let without = Manifest { sums: None, ..manifest.clone() };
    let mut again = [0; MAX_CONTENT];
    let length = without.encode(&mut again).unwrap();
    let document = Document { body: &again[..length], ..*signed.document() };
    assert_eq!(Manifest::from_document(&document), Ok(without));
    assert_eq!(manifest.delta_from(&[4; 32]).unwrap().patch.size, 900);
    assert_eq!(manifest.delta_from(&[5; 32]), None);
    let mut again = [0; MAX_CONTENT];
    let length = manifest.encode(&mut again).unwrap();
    assert_eq!(&again[..length], signed.document().body);

    let signed = Signed::parse(&all()[0].1).map(|signed| Root::from_document(signed.document()).unwrap());
    assert_eq!(signed.unwrap(), Fleet::new().with(0, 2, &[4, 5]).root());
    let (_, timestamp) = &all()[1];
    let mut seen = vec![];
    Newest::each(Signed::parse(timestamp).unwrap().document(), |one| seen.push(one.class)).unwrap();
    assert_eq!(seen, ["esp32c3", "esp32c6", "qemu-virt"]);
}

#[test]
fn every_flipped_bit_and_every_prefix_of_every_document_is_refused() {
    for (place, (_, whole)) in all().into_iter().enumerate() {
        let taken = waiting(place);
        assert!(taken(&whole));
        for end in 0..whole.len() {
            assert_eq!(Signed::parse(&whole[..end]), Err(Error::Malformed), "{place} {end}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(!taken(&longer));
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!taken(&flipped), "{place}: bit {bit}");
        }
    }
}

/// A flipped bit of a manifest is noticed by its digest already; here it is the signatures' turn.
#[test]
fn every_flipped_bit_of_a_manifest_is_refused_by_the_signatures() {
    let whole = &all()[2].1;
    let keys = role(2, &[11, 12, 13]);
    let checked = |bytes: &[u8]| Signed::parse(bytes).and_then(|signed| signed.check(&[&keys]));
    assert_eq!(checked(whole), Ok(()));
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(checked(&flipped).is_err(), "{bit}");
    }
}

#[test]
fn unknown_fields_are_passed_over_and_known_ones_come_once() {
    // A role with a field of next year, in every shape that CBOR has.
    let future: &[&[u8]] = &[
        b"\x01",
        b"\x20",
        b"\x62ab",
        b"\x42ab",
        b"\x82\x01\xa1\x01\xf6",
        b"\xa0",
        b"\xc1\x1a\x00\x00\x00\x00",
        b"\xf5",
        b"\xf6",
        b"\xfb\x40\x09\x21\xfb\x54\x44\x2d\x18",
    ];
    let newest = |count: u8, rest: &[u8]| {
        let mut body = vec![0x81, 0xa0 | count];
        body.extend(b"\x00\x67esp32c3\x01\x08\x02\x58\x20");
        body.extend([1; 32]);
        body.extend(b"\x03\x18\x64");
        body.extend(rest);
        body
    };
    let read = |body: &[u8]| {
        let document = Document { kind: kind::TIMESTAMP, seq: 1, issued_s: 1, expires_s: 2, body };
        Newest::from_document(&document, CLASS).map(|one| one.unwrap().sequence)
    };
    assert_eq!(read(&newest(4, b"")), Ok(8));
    for value in future {
        assert_eq!(read(&newest(5, &[b"\x09", *value].concat())), Ok(8), "{value:02x?}");
        assert_eq!(read(&newest(5, &[b"\x18\xFF", *value].concat())), Ok(8), "{value:02x?}");
        // Behind its place, or a second time.
        for key in [0_u8, 2, 3] {
            assert_eq!(read(&newest(5, &[&[key], *value].concat())), Err(Error::Malformed), "{key} {value:02x?}");
        }
    }
    for bad in [&b"\x09\x9f\xff"[..], b"\x09\xbf\xff", b"\x09\x7f\xff", b"\x09\x5f\xff", b"\x09\xff", b"\x09", b"a\x01"]
    {
        assert_eq!(read(&newest(5, bad)), Err(Error::Malformed), "{bad:02x?}");
    }
    // Lengths that nobody has.
    for bad in [&b"\x09\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\x09\xbb\xff\xff\xff\xff\xff\xff\xff\xff"] {
        assert_eq!(read(&newest(5, bad)), Err(Error::Malformed), "{bad:02x?}");
    }
    // The same class twice.
    let one = newest(4, b"")[1..].to_vec();
    assert_eq!(read(&[&[0x82][..], &one, &one].concat()), Err(Error::Malformed));
}

#[test]
fn manifests_that_say_what_they_may_not_do_not_exist() {
    let body = manifest_body(CLASS, "1.0.8", IMAGE);
    let document = Document { kind: kind::RELEASE, seq: 1, issued_s: 1, expires_s: 2, body: &body };
    let good = Manifest::from_document(&document).unwrap();
    let refused = |change: &dyn Fn(&mut Manifest<'_>)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert_eq!(bad.encode(&mut [0; MAX_CONTENT]), Err(Error::Malformed), "{bad:?}");
    };
    refused(&|bad| bad.class = "");
    refused(&|bad| bad.class = "ESP32C3");
    refused(&|bad| bad.class = "a-class-with-a-name-of-25b");
    refused(&|bad| bad.version = "");
    refused(&|bad| bad.version = "1.0\n");
    refused(&|bad| bad.version = "123456789012345678901234567890123");
    refused(&|bad| bad.image.size = 0);
    refused(&|bad| bad.image.size = MAX_PAYLOAD_BYTES + 1);
    refused(&|bad| bad.image.uri = "fleet/desired.cose");
    refused(&|bad| bad.image.uri = "releases/../fleet/desired.cose");
    refused(&|bad| bad.sums = Some(Sums { sha256: [1; 32], uri: "fleet/desired.cose" }));
    // More digests than fit into a sector.
    refused(&|bad| bad.image.size = (2 << 20) + 1);
    refused(&|bad| bad.deltas[0].patch.size = 0);
    refused(&|bad| bad.deltas[0].patch.uri = "");
    refused(&|bad| bad.deltas[0].precursor = bad.image.digest);
    refused(&|bad| bad.deltas.push(bad.deltas[0]).unwrap());
    refused(&|bad| bad.gates.survey = Some(Hours { from: 5, to: 5 }));
    refused(&|bad| bad.gates.survey = Some(Hours { from: 24, to: 5 }));
    assert_eq!(good.encode(&mut [0; 100]), Err(Error::TooLarge));
    // A body that ends too soon.
    for end in 0..body.len() {
        let cut = Document { body: &body[..end], ..document };
        assert!(Manifest::from_document(&cut).is_err(), "{end}");
    }
    // A delta without precursor, and five deltas.
    let mut lone = body.clone();
    let place = body.windows(3).position(|part| part == [3, 0x58, 0x20]).unwrap();
    lone[place] = 5;
    assert_eq!(Manifest::from_document(&Document { body: &lone, ..document }), Err(Error::Malformed));
    // A link of a later version is none that this camera has.
    let mut later = body.clone();
    let place = later.windows(4).position(|part| part == b"wifi").unwrap();
    later[place..place + 4].copy_from_slice(b"pigs");
    let gates = Manifest::from_document(&Document { body: &later, ..document }).unwrap().gates;
    assert!(!gates.allow_fetch(None, Link::Wifi) && gates.allow_fetch(None, Link::Satellite));
}

#[test]
fn a_manifest_knows_its_image() {
    let body = manifest_body(CLASS, "1.0.8", IMAGE);
    let document = Document { kind: kind::RELEASE, seq: 1, issued_s: 1, expires_s: 2, body: &body };
    let manifest = Manifest::from_document(&document).unwrap();
    let mut bytes = [0; crate::image::DESCRIPTION_BYTES];
    bytes[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    bytes[16..21].copy_from_slice(b"1.0.8");
    bytes[144..176].fill(8);
    assert!(manifest.describes(&Description::parse(&bytes).unwrap()));
    bytes[20] = b'9';
    assert!(!manifest.describes(&Description::parse(&bytes).unwrap()));
    (bytes[20], bytes[151]) = (b'8', 7);
    assert!(!manifest.describes(&Description::parse(&bytes).unwrap()));
}

#[test]
fn every_changed_bit_of_the_state_is_noticed() {
    let state = *settled().state();
    let bytes = state.encode();
    assert_eq!(State::decode(&bytes), Some(state));
    for bit in 0..STATE_BYTES * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(State::decode(&flipped), None, "{bit}");
    }
    assert_eq!(State::decode(&[0xFF; STATE_BYTES]), None);
    assert_eq!(State::decode(&[0; STATE_BYTES]), None);
}

#[test]
fn the_state_lies_where_its_layout_says() {
    let seen = |sequence: u8| Seen { sequence: sequence.into(), digest: [sequence + 1; 32] };
    let state = State { root: seen(1), release: seen(3), timestamp: seen(5), time_s: 0x0102_0304_0506_0708 };
    let mut expected = b"WTr1\0\0\0\0".to_vec();
    for sequence in [1, 3, 5_u8] {
        expected.extend([sequence, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([sequence + 1; 32]);
    }
    expected.extend([8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0]);
    expected.extend(crate::checksum::Crc32::of(&expected).to_le_bytes());
    assert_eq!(state.encode().to_vec(), expected);
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, end: u16) {
        let mut camera = settled();
        let before = camera.clone();
        let _ = camera.follow(&bytes);
        let _ = camera.timestamp(&bytes, None);
        let _ = Trust::begin(&bytes, CLASS);
        proptest::prop_assert_eq!(&camera, &before);
        for kind in [kind::ROOT, kind::TIMESTAMP, kind::RELEASE] {
            let document = Document { kind, seq: 1, issued_s: 0, expires_s: u64::from(end), body: &bytes };
            let _ = Root::from_document(&document);
            let _ = Newest::from_document(&document, CLASS);
            let _ = Manifest::from_document(&document);
            let _ = write_content(&document, &mut [0; MAX_CONTENT]);
        }
    }

    #[test]
    fn every_state_survives(root: (u64, [u8; 32]), release: (u64, [u8; 32]), timestamp: (u64, [u8; 32]), time_s: u64) {
        let seen = |(sequence, digest)| Seen { sequence, digest };
        let state = State { root: seen(root), release: seen(release), timestamp: seen(timestamp), time_s };
        proptest::prop_assert_eq!(State::decode(&state.encode()), Some(state));
    }

    /// Whatever a store shows and in which order: no number falls as long as the root stays, nor does the time.
    #[test]
    fn numbers_only_rise(shown in proptest::collection::vec((1..9_u64, 0..20_u64, 1..9_u64, 0..30_u64), 1..12)) {
        let mut camera = camera();
        for (seq, day, number, clock) in shown {
            let before = *camera.state();
            let clock = (clock < 20).then_some(START + clock * DAY);
            let _ = update(&mut camera, &timestamp(seq, day, &release(number)), &release(number), clock);
            let after = camera.state();
            proptest::prop_assert!(after.release.sequence >= before.release.sequence);
            proptest::prop_assert!(after.timestamp.sequence >= before.timestamp.sequence);
            proptest::prop_assert!(after.time_s >= before.time_s);
            if after.timestamp.sequence == before.timestamp.sequence && before.timestamp.sequence != 0 {
                proptest::prop_assert_eq!(after.timestamp, before.timestamp);
            }
        }
    }
}
