use std::vec::Vec;

use super::*;

/// Those of a lab, made by rcgen; their keys are long gone.
const AUTHORITY: &[u8] = include_bytes!("authority.der");
const GATEWAY: &[u8] = include_bytes!("gateway.der");

#[test]
fn a_gateway_and_its_authority_are_read() {
    let authority = Certificate::parse(AUTHORITY).unwrap();
    let gateway = Certificate::parse(GATEWAY).unwrap();
    assert!(gateway.is_server_of(&authority));
    assert!(!authority.is_server_of(&authority), "an authority is no server");
    assert!(!authority.is_server_of(&gateway) && !gateway.is_server_of(&gateway));
    // As `openssl x509 -dates` and `date +%s` have it.
    assert_eq!((gateway.not_before_s, gateway.not_after_s), (1_795_271_831, 1_797_867_431));
    assert!(gateway.is_valid_at(1_795_275_710));
    assert!(!gateway.is_valid_at(1_795_271_830) && !gateway.is_valid_at(1_797_867_432));
    assert_eq!((gateway.public_key[0], gateway.signature[0]), (4, 0x30));
    assert!(AUTHORITY.windows(64).any(|window| window == &authority.public_key[1..]));
}

#[test]
fn names_are_compared_whole() {
    let gateway = Certificate::parse(GATEWAY).unwrap();
    for name in ["localhost", "api.wildcam.test", "A.Wildcam.Test", "127.0.0.1"] {
        assert!(gateway.is_for(name), "{name}");
    }
    for name in ["", "wildcam.test", "b.wildcam.test", "x.a.wildcam.test", "a.wildcam.test.", "127.0.0.2", "localhos"] {
        assert!(!gateway.is_for(name), "{name}");
    }
    let fits = |pattern: &str, host: &str| same_host(pattern.as_bytes(), host.as_bytes());
    assert!(fits("*.wildcam.test", "a.wildcam.test"));
    for (pattern, host) in [
        ("*.wildcam.test", "wildcam.test"),
        ("*.wildcam.test", ".wildcam.test"),
        ("*.wildcam.test", "a.b.wildcam.test"),
        ("*.test", "a.test"),
        ("*.*.test", "a.b.test"),
        ("a*.wildcam.test", "ab.wildcam.test"),
        ("*", "a"),
        ("", ""),
    ] {
        assert!(!fits(pattern, host), "{pattern} {host}");
    }
}

#[test]
fn no_prefix_is_a_certificate_and_nothing_may_follow_one() {
    for end in 0..GATEWAY.len() {
        assert_eq!(Certificate::parse(&GATEWAY[..end]), Err(NotDer), "the first {end} bytes");
    }
    let mut longer = GATEWAY.to_vec();
    longer.push(0);
    assert_eq!(Certificate::parse(&longer), Err(NotDer));
}

/// A changed byte is refused, or shows in what is signed, in the signature, or in the key: none is overlooked.
#[test]
fn every_changed_byte_shows() {
    let before = Certificate::parse(GATEWAY).unwrap();
    for place in 0..GATEWAY.len() {
        for bit in 0..8 {
            let mut changed = GATEWAY.to_vec();
            changed[place] ^= 1 << bit;
            if let Ok(after) = Certificate::parse(&changed) {
                let same = (after.signed, after.signature) == (before.signed, before.signature);
                assert!(!same, "byte {place} bit {bit}");
                let _ = after.is_for("localhost");
            }
        }
    }
}

#[test]
fn noise_is_refused_without_a_panic() {
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for _ in 0..50_000 {
        let mut bytes: Vec<u8> = GATEWAY.to_vec();
        for _ in 0..1 + next() % 8 {
            let place = next() % bytes.len();
            bytes[place] = next() as u8;
        }
        bytes.truncate(bytes.len() - next() % 3 * (next() % bytes.len()) / 3);
        if let Ok(certificate) = Certificate::parse(&bytes) {
            let _ = certificate.is_for("a.wildcam.test");
        }
    }
}

#[test]
fn times_have_one_form() {
    let time = |tag: u8, text: &str| {
        let mut bytes = std::vec![tag, text.len() as u8];
        bytes.extend(text.as_bytes());
        Reader::new(&bytes).time()
    };
    assert_eq!(time(0x17, "700101000000Z"), Ok(0));
    assert_eq!(time(0x18, "20000229235959Z"), Ok(951_868_799));
    assert_eq!(time(0x17, "491231235959Z"), Ok(2_524_607_999));
    assert_eq!(time(0x18, "99991231235959Z"), Ok(253_402_300_799));
    for (tag, text) in [
        (0x17, "691231235959Z"),
        (0x17, "7001010000Z"),
        (0x17, "701301000000Z"),
        (0x17, "700001000000Z"),
        (0x17, "70010100000 Z"),
        (0x18, "19691231235959Z"),
        (0x18, "20000229235959+"),
        (0x16, "700101000000Z"),
    ] {
        assert_eq!(time(tag, text), Err(NotDer), "{text}");
    }
}
