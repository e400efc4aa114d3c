//! What documents say, and what a camera makes of them.

#[cfg(feature = "powercut")]
mod keeper;

use std::{format, string::String, vec, vec::Vec};

use minicbor::{Encoder, encode::write::Cursor};
use proptest::prelude::*;

use super::*;
use crate::{
    cose::{self, Document, kind},
    trust::{Hours, Link, Links},
    wire::CameraId,
};

fn camera() -> CameraId {
    CameraId::new("ridge-07").unwrap()
}

/// All of it, at its longest.
pub(super) fn full() -> Settings {
    Settings {
        picture_every_s: Some(604_800),
        report_every_s: Some(604_800),
        deep_sleep: Some(true),
        link: Some(Link::Satellite),
        least_battery_mv: Some(u16::MAX),
        survey: Some(Hours { from: 23, to: 22 }),
    }
}

fn document(body: &[u8]) -> Document<'_> {
    Document { kind: kind::CONFIG, seq: 7, issued_s: 0, expires_s: u64::MAX, body }
}

pub(crate) fn encoded(body: &ConfigBody) -> Vec<u8> {
    let mut out = vec![0; 256];
    let length = body.encode(&mut out).unwrap();
    out.truncate(length);
    out
}

type Body = Encoder<Cursor<[u8; 128]>>;

/// A body whose settings are written by `write`.
fn body(write: impl FnOnce(&mut Body)) -> Vec<u8> {
    let mut encoder = Encoder::new(Cursor::new([0; 128]));
    encoder.map(3).unwrap().u8(0).unwrap().str("ridge-07").unwrap().u8(1).unwrap();
    write(&mut encoder);
    encoder.u8(2).unwrap().u8(9).unwrap();
    let written = encoder.into_writer();
    written.get_ref()[..written.position()].to_vec()
}

#[test]
fn both_ends_read_what_the_other_writes() {
    for settings in [Settings::default(), full(), Settings { picture_every_s: Some(0), ..Settings::default() }] {
        for release in [None, Some(1), Some(u64::MAX)] {
            let whole = ConfigBody { camera: camera(), settings, release };
            assert_eq!(ConfigBody::from_document(&document(&encoded(&whole))), Ok(whole));
        }
    }
    let mut out = [0; 256];
    let length = crate::trust::body::encode(&mut out, |encoder| full().write(encoder)).unwrap();
    assert!(length <= MAX_SETTINGS_BYTES, "{length} bytes");
}

#[test]
fn the_form_of_a_document_is_that_of_its_description() {
    let settings =
        Settings { picture_every_s: Some(600), survey: Some(Hours { from: 5, to: 9 }), ..Settings::default() };
    let bytes = encoded(&ConfigBody { camera: CameraId::new("c").unwrap(), settings, release: Some(3) });
    let expected = [0xa3, 0, 0x61, b'c', 1, 0xa2, 0, 0x19, 2, 88, 5, 0x82, 5, 9, 2, 3];
    assert_eq!(bytes, expected);
}

#[test]
fn every_wrong_value_is_refused_by_its_key() {
    type Write = fn(&mut Body);
    let cases: [(Write, Refusal); 16] = [
        (|e| drop(e.map(1).unwrap().u8(0).unwrap().u8(9)), Refusal::Range(0)),
        (|e| drop(e.map(1).unwrap().u8(0).unwrap().u32(604_801)), Refusal::Range(0)),
        (|e| drop(e.map(1).unwrap().u8(0).unwrap().u64(1 << 32)), Refusal::Range(0)),
        (|e| drop(e.map(1).unwrap().u8(0).unwrap().str("600")), Refusal::Range(0)),
        (|e| drop(e.map(1).unwrap().u8(1).unwrap().u8(0)), Refusal::Range(1)),
        (|e| drop(e.map(1).unwrap().u8(1).unwrap().i8(-1)), Refusal::Range(1)),
        (|e| drop(e.map(1).unwrap().u8(2).unwrap().u8(1)), Refusal::Range(2)),
        (|e| drop(e.map(1).unwrap().u8(3).unwrap().str("pigeon")), Refusal::Range(3)),
        (|e| drop(e.map(1).unwrap().u8(4).unwrap().u32(65_536)), Refusal::Range(4)),
        (|e| drop(e.map(1).unwrap().u8(5).unwrap().array(2).unwrap().u8(5).unwrap().u8(5)), Refusal::Range(5)),
        (|e| drop(e.map(1).unwrap().u8(5).unwrap().array(2).unwrap().u8(5).unwrap().u8(24)), Refusal::Range(5)),
        (
            |e| drop(e.map(1).unwrap().u8(5).unwrap().array(3).unwrap().u8(5).unwrap().u8(6).unwrap().u8(7)),
            Refusal::Range(5),
        ),
        (|e| drop(e.map(1).unwrap().u8(6).unwrap().u8(1)), Refusal::Unknown(6)),
        (|e| drop(e.map(1).unwrap().u64(u64::MAX).unwrap().array(0)), Refusal::Unknown(u32::MAX)),
        // The first refusal counts.
        (|e| drop(e.map(2).unwrap().u8(1).unwrap().u8(1).unwrap().u8(9).unwrap().u8(1)), Refusal::Range(1)),
        (|e| drop(e.map(1).unwrap().u8(7).unwrap().map(1).unwrap().u8(0).unwrap().bytes(&[0])), Refusal::Unknown(7)),
    ];
    for (write, refusal) in cases {
        let bytes = body(write);
        assert_eq!(ConfigBody::from_document(&document(&bytes)), Err(Error::Refused(refusal)));
        // The rest of it is read nevertheless.
        let (read, why) = ConfigBody::read(&document(&bytes)).unwrap();
        assert_eq!((read.release, read.settings, why), (Some(9), Settings::default(), Some(refusal)));
    }
}

#[test]
fn a_body_that_is_none_is_malformed() {
    let whole = encoded(&ConfigBody { camera: camera(), settings: full(), release: Some(7) });
    let malformed = Err(Error::Document(cose::Error::Malformed));
    for end in 0..whole.len() {
        assert_eq!(ConfigBody::from_document(&document(&whole[..end])), malformed, "{end}");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    let cases: [&[u8]; 8] = [
        &longer,
        &[0xa1, 0, 0x61, b'c'],
        &[0xa1, 1, 0xa0],
        &[0xa2, 0, 0x61, b'C', 1, 0xa0],
        &[0xa3, 0, 0x61, b'c', 1, 0xa0, 2, 0],
        &[0xa2, 1, 0xa0, 0, 0x61, b'c'],
        &[0xa2, 0, 0x61, b'c', 1, 0xbf, 0xff],
        &[0xa2, 0, 0x61, b'c', 1, 0xa2, 2, 0xf5, 2, 0xf4],
    ];
    for case in cases {
        assert_eq!(ConfigBody::from_document(&document(case)), malformed, "{case:02x?}");
    }
    let other = Document { kind: kind::COMMAND, ..document(&whole) };
    assert_eq!(ConfigBody::from_document(&other), Err(Error::Document(cose::Error::Kind)));
    // What a later release says beside the settings is passed over.
    let later = [0xa3, 0, 0x61, b'c', 1, 0xa0, 3, 0x82, 1, 0xf6];
    assert!(ConfigBody::from_document(&document(&later)).is_ok());
}

#[test]
fn what_may_not_be_is_not_written() {
    let mut out = [0; 256];
    let of = |settings| ConfigBody { camera: camera(), settings, release: None };
    let none = Settings::default();
    for (settings, key) in [
        (Settings { picture_every_s: Some(9), ..none }, 0),
        (Settings { report_every_s: Some(0), ..none }, 1),
        (Settings { report_every_s: Some(604_801), ..none }, 1),
        (Settings { survey: Some(Hours { from: 3, to: 3 }), ..none }, 5),
        (Settings { survey: Some(Hours { from: 24, to: 3 }), ..none }, 5),
    ] {
        assert_eq!(of(settings).encode(&mut out), Err(Error::Refused(Refusal::Range(key))));
    }
    let zeroth = ConfigBody { release: Some(0), ..of(none) };
    assert_eq!(zeroth.encode(&mut out), Err(Error::Document(cose::Error::Malformed)));
    assert_eq!(of(full()).encode(&mut out[..20]), Err(Error::Document(cose::Error::TooLarge)));
}

#[test]
fn a_board_refuses_what_it_cannot_do() {
    let all = Abilities { deep_sleep: true, battery: true, links: Links::of(&Link::ALL) };
    assert_eq!(full().check_for(&all), Ok(()));
    for (board, key) in [
        (Abilities { deep_sleep: false, ..all }, 2),
        (Abilities { links: Links::of(&[Link::Ethernet]), ..all }, 3),
        (Abilities { battery: false, ..all }, 4),
    ] {
        assert_eq!(full().check_for(&board), Err(Refusal::Unable(key)));
        let awake = Settings { deep_sleep: Some(false), link: None, least_battery_mv: None, ..full() };
        assert_eq!(awake.check_for(&board), Ok(()), "{key}");
    }
}

#[test]
fn every_refusal_has_its_words() {
    let keys = (0..SETTINGS.len() as u32).chain([SETTINGS.len() as u32, u32::MAX]);
    let all = keys.flat_map(|key| [Refusal::Unknown(key), Refusal::Range(key), Refusal::Unable(key)]);
    let mut seen: Vec<String> = Vec::new();
    for refusal in all.chain([Refusal::NoCheckIn]) {
        let why: String = refusal.why().as_str().into();
        assert!(why.starts_with(refusal.word()) && !seen.contains(&why), "{why}");
        let named = refusal.key().and_then(|key| SETTINGS.get(key as usize));
        assert!(named.is_none_or(|name| why.ends_with(name)), "{why}");
        seen.push(why);
    }
    assert_eq!(Refusal::Unable(4).why(), "unable least_battery_mv");
    assert_eq!(Refusal::Unknown(u32::MAX).why(), "unknown 4294967295");
    assert_eq!(format!("{}", Refusal::Range(0)), "the setting has a value that it may not have (picture_every)");
}

proptest! {
    #[test]
    fn any_bytes_are_a_body_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(body) = ConfigBody::from_document(&document(&bytes)) {
            prop_assert_eq!(ConfigBody::from_document(&document(&encoded(&body))), Ok(body));
        }
    }
}
