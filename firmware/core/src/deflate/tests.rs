use std::{format, io::Read as _, string::String, vec, vec::Vec};

use flate2::read::ZlibDecoder;
use proptest::prelude::*;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::wire::{CameraId, EVENT_MAX_BYTES, Event, Image, Place, Priority, Sha256Hex, Ulid, clipped, json};

fn round_trip(text: &[u8]) -> Option<usize> {
    let mut out = vec![0; text.len()];
    let length = compress(text, &mut out)?;
    assert!(length < text.len());
    let mut back = Vec::new();
    ZlibDecoder::new(&out[..length]).read_to_end(&mut back).expect("the other implementation reads it");
    assert_eq!(back, text);
    Some(length)
}

#[test]
fn texts_come_back_through_another_implementation() {
    let log: String =
        (0..400).map(|n| format!("wake {n} battery {} mV link b rtt {} ms\n", 3700 - n, n * 7 % 93)).collect();
    let shrunk = round_trip(log.as_bytes()).expect("it shrinks");
    assert!(shrunk * 3 < log.len(), "{shrunk} of {}", log.len());
    assert!(round_trip(&[b'a'; 5000]).expect("it shrinks") < 100);
    assert!(round_trip(&vec![0; MAX_INPUT]).expect("it shrinks") < 300);
    let every: Vec<u8> = (0..=255).cycle().take(4096).collect();
    assert!(round_trip(&every).is_some());
}

#[test]
fn what_does_not_shrink_is_left_alone() {
    assert_eq!(round_trip(b""), None);
    assert_eq!(round_trip(b"abc"), None);
    let mut state = 1u32;
    let noise: Vec<u8> = (0..4096)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect();
    assert_eq!(round_trip(&noise), None);
    assert_eq!(compress(&vec![0; MAX_INPUT + 1], &mut vec![0; MAX_INPUT]), None);
    assert_eq!(compress(&[0; 1000], &mut [0; 10]), None, "there is no room");
}

/// Counts that are Fibonacci numbers make the longest codes.
#[test]
fn codes_keep_to_their_longest_length() {
    let mut counts = [0u16; 24];
    let (mut a, mut b) = (1u16, 1u16);
    for count in &mut counts {
        *count = a;
        (a, b) = (b, a.saturating_add(b).min(40_000));
    }
    for most in [7, 15] {
        let code = Code::of(&counts, most);
        let lengths = code.lengths();
        assert!(lengths.iter().all(|length| (1..=most).contains(length)), "{lengths:?}");
        let kraft: u32 = lengths.iter().map(|length| 1u32 << (15 - length)).sum();
        assert_eq!(kraft, 1 << 15, "a complete code: {lengths:?}");
    }
}

/// A batch of eight events, as a camera writes them: the digests and most of the names are noise, the rest repeats.
#[test]
fn a_batch_of_events_shrinks_by_sixty_percent() {
    let mut text = Vec::from(b"[");
    for number in 0..8u64 {
        let digest = Sha256::digest(number.to_le_bytes());
        let event = Event {
            ulid: Ulid::new(
                1_790_000_000_000 + number * 321_077,
                u128::from_le_bytes(*digest.first_chunk().expect("long")),
            ),
            camera: CameraId::new("ridge-07").expect("an id"),
            taken_at_ms: 1_790_000_000_000 + number * 321_077,
            trigger: clipped("motion"),
            priority: if number == 3 { Priority::High } else { Priority::Normal },
            species: (number % 3 != 1).then(|| clipped(["Lynx lynx", "Capreolus capreolus"][number as usize % 2])),
            confidence: (number % 3 != 1).then_some(0.71 + number as f32 / 40.0),
            place: Some(Place { lat: 46.5743, lon: 8.4101 }),
            model: Some(clipped("alpine-mammals-3")),
            firmware: clipped("0.1.0"),
            image: Image {
                sha256: Sha256Hex(digest.into()),
                bytes: 23_511 + number as u32 * 977,
                media_type: clipped("image/jpeg"),
            },
        };
        let mut json = [0; EVENT_MAX_BYTES];
        let length = json::to_slice(&event, &mut json).expect("it fits");
        text.extend_from_slice(&json[..length]);
        text.push(if number == 7 { b']' } else { b',' });
    }
    let shrunk = round_trip(&text).expect("it shrinks");
    std::println!("{} bytes became {shrunk}", text.len());
    assert!(shrunk * 10 <= text.len() * 4, "{} bytes became {shrunk}", text.len());
}

proptest! {
    #[test]
    fn any_text_comes_back(text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..3000)) {
        round_trip(&text);
    }

    #[test]
    fn repeated_pieces_come_back(piece in proptest::collection::vec(any::<u8>(), 1..300), times in 1usize..40) {
        round_trip(&piece.repeat(times));
    }
}
