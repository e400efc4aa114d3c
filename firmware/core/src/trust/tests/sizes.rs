//! What fits, and what it takes of a chip's memory.

use std::{println, vec};

use super::*;
use crate::layout::Layout;

/// Roots with all keys that there may be.
fn full_root(sequence: u64, first: u8) -> (Vec<u8>, Vec<u8>) {
    let seeds: [u8; MAX_KEYS] = core::array::from_fn(|n| first + n as u8);
    let all = role(MAX_KEYS as u8, &seeds);
    let root = Root { root: all.clone(), release: all.clone(), timestamp: all };
    let mut body = [0; MAX_CONTENT];
    let length = root.encode(&mut body).unwrap();
    let document =
        Document { kind: kind::ROOT, seq: sequence, issued_s: START, expires_s: u64::MAX, body: &body[..length] };
    (content(&document), seeds.to_vec())
}

#[test]
fn the_largest_documents_fit() {
    let (old, old_seeds) = full_root(u64::MAX - 1, 1);
    let (new, new_seeds) = full_root(u64::MAX, 101);
    let both = [old_seeds.clone(), new_seeds].concat();
    let document = signed(&new, &both);
    let mut camera = Trust::begin(&signed(&old, &old_seeds), &"c".repeat(MAX_CLASS)).unwrap();
    camera.follow(&document).unwrap();
    assert_eq!(camera.state().root.sequence, u64::MAX);

    let class = |n: usize| std::format!("{n}{}", "c".repeat(MAX_CLASS - 1));
    let classes: Vec<String> = (0..MAX_CLASSES).map(class).collect();
    let newest = |class| Newest { class, sequence: u64::MAX, digest: [1; 32], bytes: MAX_CONTENT as u16 };
    let list: Vec<Newest<'_>> = classes.iter().map(|class| newest(class)).collect();
    let timestamp = timestamp_content(u64::MAX, START, &list);

    let uri = std::format!("releases/{}", "u".repeat(crate::wire::keys::MAX_RELEASE - 9));
    let payload = Payload { size: MAX_PAYLOAD_BYTES, digest: [1; 32], uri: &uri };
    let deltas = (2..6).map(|n| Delta { precursor: [n; 32], patch: payload });
    let version = "v".repeat(MAX_VERSION);
    let manifest = Manifest {
        class: &classes[0],
        version: &version,
        build_id: [0xFF; 8],
        image: Payload { size: 2 << 20, ..payload },
        sums: Some(Sums { sha256: [7; 32], uri: &uri }),
        deltas: deltas.collect(),
        gates: Gates {
            least_battery_mv: Some(u16::MAX),
            links: Some(Links::of(&Link::ALL)),
            survey: Some(Hours { from: 23, to: 22 }),
        },
    };
    let mut body = vec![0; MAX_CONTENT];
    let length = manifest.encode(&mut body).unwrap();
    let release = content(&Document {
        kind: kind::RELEASE,
        seq: u64::MAX,
        issued_s: START,
        expires_s: u64::MAX,
        body: &body[..length],
    });
    println!("contents of at most: root {}, timestamp {}, release {}", new.len(), timestamp.len(), release.len());
    println!("a root under 16 keys: {} of {MAX_SIGNED} bytes", document.len());
    // A quarter of the room is for the fields of later versions.
    for content in [&new, &timestamp, &release] {
        assert!(content.len() <= MAX_CONTENT * 3 / 4, "{}", content.len());
    }
    assert!(signed(&[new, vec![0; 300]].concat(), &both).len() < MAX_SIGNED);
}

#[test]
fn contents_are_read_up_to_their_limit() {
    let largest = |bytes: usize| {
        let mut body = vec![0x59, (bytes >> 8) as u8, bytes as u8];
        body.resize(3 + bytes, 0);
        body
    };
    let document = |body| Document { kind: "x", seq: 1, issued_s: 1, expires_s: 2, body };
    let some = largest(1000);
    let around = write_content(&document(&some), &mut [0; 4096]).unwrap() - 1000;
    let most = largest(MAX_CONTENT - around);
    let content = content(&document(&most));
    assert_eq!(content.len(), MAX_CONTENT);
    let seeds: Vec<u8> = (1..=MAX_SIGNATURES as u8).collect();
    let whole = signed(&content, &seeds);
    assert_eq!(whole.len(), MAX_SIGNED);
    assert_eq!(Signed::parse(&whole).unwrap().check(&[&role(8, &seeds[..8]), &role(8, &seeds[8..])]), Ok(()));
    let more = largest(MAX_CONTENT - around + 1);
    assert_eq!(write_content(&document(&more), &mut [0; 4096]), Err(Error::TooLarge));
    // Without a signature, and with one too many.
    let mut none = whole[..whole.len() - MAX_SIGNATURES * 84].to_vec();
    *none.last_mut().unwrap() = 0x80;
    assert_eq!(Signed::parse(&none), Err(Error::Malformed));
    assert_eq!(assemble(&content, &[], &mut [0; MAX_SIGNED]), Err(Error::Malformed));
    let many: Vec<_> = (1..=17).map(|n| (KeyId([n; 8]), [0; 64])).collect();
    assert_eq!(assemble(&content, &many, &mut [0; 8192]), Err(Error::Malformed));
    for room in [0, 1, 100, MAX_SIGNED - 1] {
        assert_eq!(assemble(&content, &many[..16], &mut vec![0; room]), Err(Error::TooLarge), "{room}");
        assert_eq!(to_be_signed(&content, KeyId([0; 8]), &mut vec![0; room.min(1000)]), Err(Error::TooLarge));
    }
}

#[test]
fn what_is_checked_takes_little_of_a_stack() {
    let text = MAX_TO_BE_SIGNED;
    let (root, trust) = (size_of::<Root>(), size_of::<Trust>());
    let (manifest, timestamp) = (size_of::<Manifest<'_>>(), size_of::<Timestamp>());
    let (signed, newest) = (size_of::<Signed<'_>>(), size_of::<Newest<'_>>());
    println!("text {text}, root {root}, manifest {manifest}, timestamp {timestamp}, signed {signed}, newest {newest}");
    println!("kept: trust {trust}, state {STATE_BYTES}, intake {}", size_of::<Intake>());
    // What lives at once where the most does, beside the text that is signed: the trust that begins, the root that is
    // followed to, or a manifest twice. What else the frames took on the esp32c3's processor, compiled for size, was under
    // 1,300 bytes; the deepest of them came to 3,808. The functions of Ed25519 come on top.
    let most = trust.max(root).max(2 * manifest);
    assert!(text + most + 1300 < 4096, "{most}");
    assert!(trust < 1200, "{trust}");
}

#[test]
fn the_largest_payload_is_the_largest_slot() {
    let layout = Layout::of(16 << 20).unwrap();
    assert_eq!(layout.slots[0].bytes, MAX_PAYLOAD_BYTES);
}
