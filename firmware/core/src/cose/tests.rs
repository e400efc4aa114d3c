use std::{vec, vec::Vec};

use coset::{CborSerializable, CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable, iana};
use ed25519_dalek::{Signer, SigningKey};

use super::*;
use crate::wire::{CameraId, clipped};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn endpoints(count: usize) -> Endpoints {
    let list = (0..count).map(|n| Endpoint {
        name: clipped("cloud-a"),
        host: clipped("127.0.0.1"),
        port: 8443 + n as u16,
        weight: 100,
        server_name: clipped("api.wildcam.test"),
    });
    Endpoints(list.collect())
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let mut out = [0; MAX_DOCUMENT];
    let mut all = vec![];
    let n = endpoints(3).encode(&mut out).unwrap();
    all.push((kind::ENDPOINTS, out[..n].to_vec()));
    let n = TimeBody { unix_ms: 1_800_000_000_000, nonce: 1 << 32 | 5 }.encode(&mut out).unwrap();
    all.push((kind::TIME, out[..n].to_vec()));
    for camera in [None, Some(CameraId::new("cam-1").unwrap())] {
        let n = TokenBody { scope: Scope::Enrol, camera }.encode(&mut out).unwrap();
        all.push((kind::TOKEN, out[..n].to_vec()));
    }
    all
}

fn document<'a>(kind: &'a str, body: &'a [u8]) -> Document<'a> {
    Document { kind, seq: 70_000, issued_s: 1_800_000_000, expires_s: 1_800_003_600, body }
}

fn signed(document: &Document<'_>, key: &SigningKey) -> Vec<u8> {
    let mut out = [0; MAX_DOCUMENT + ENCODE_SLACK];
    let id = KeyId::of(&key.verifying_key());
    let n = encode(document, id, |bytes| key.sign(bytes).to_bytes(), &mut out).unwrap();
    out[..n].to_vec()
}

/// The payload by coset's own CBOR values, not by our encoder.
fn coset_payload(document: &Document<'_>) -> Vec<u8> {
    use coset::cbor::value::Value;
    let body: Value = Value::from_slice(document.body).unwrap();
    let entry = |n: u64, value: Value| (Value::from(n), value);
    Value::Map(vec![
        entry(0, Value::from(1u64)),
        entry(1, Value::from(document.kind)),
        entry(2, Value::from(document.seq)),
        entry(3, Value::from(document.issued_s)),
        entry(4, Value::from(document.expires_s)),
        entry(5, body),
    ])
    .to_vec()
    .unwrap()
}

fn coset_signed(payload: Vec<u8>, alg: iana::Algorithm, kid: &[u8]) -> Vec<u8> {
    CoseSign1Builder::new()
        .protected(HeaderBuilder::new().algorithm(alg).key_id(kid.to_vec()).build())
        .payload(payload)
        .create_signature(b"", |bytes| key().sign(bytes).to_bytes().to_vec())
        .build()
        .to_tagged_vec()
        .unwrap()
}

#[test]
fn coset_reads_ours_and_we_read_cosets() {
    for (kind, body) in bodies() {
        let document = document(kind, &body);
        let ours = signed(&document, &key());
        let read = CoseSign1::from_tagged_slice(&ours).unwrap();
        assert_eq!(read.payload.as_deref(), Some(coset_payload(&document).as_slice()));
        read.verify_signature(b"", |signature, bytes| {
            key().verifying_key().verify_strict(bytes, &Signature::from_slice(signature).unwrap())
        })
        .unwrap();

        let id = KeyId::of(&key().verifying_key());
        let theirs = coset_signed(coset_payload(&document), iana::Algorithm::EdDSA, &id.0);
        assert_eq!(theirs, ours);
        assert_eq!(verify(&theirs, &key().verifying_key()), Ok(document));
    }
}

#[test]
fn bodies_read_back() {
    for (kind, body) in bodies() {
        let document = document(kind, &body);
        let mut out = [0; MAX_DOCUMENT];
        let n = match kind {
            kind::ENDPOINTS => Endpoints::from_document(&document).unwrap().encode(&mut out),
            kind::TIME => TimeBody::from_document(&document).unwrap().encode(&mut out),
            _ => TokenBody::from_document(&document).unwrap().encode(&mut out),
        };
        assert_eq!(&out[..n.unwrap()], body);
        assert_eq!(TimeBody::from_document(&document).is_ok(), kind == kind::TIME);
        assert_eq!(Endpoints::from_document(&document).is_ok(), kind == kind::ENDPOINTS);
        assert_eq!(TokenBody::from_document(&document).is_ok(), kind == kind::TOKEN);
    }
}

#[test]
fn every_prefix_and_every_flipped_bit_is_refused() {
    for (kind, body) in bodies() {
        let whole = signed(&document(kind, &body), &key());
        for end in 0..whole.len() {
            assert!(verify(&whole[..end], &key().verifying_key()).is_err(), "{kind} {end}");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&flipped, &key().verifying_key()).is_err(), "{kind} {bit}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(verify(&longer, &key().verifying_key()), Err(Error::Malformed));
    }
}

#[test]
fn every_prefix_of_a_body_is_refused() {
    for (kind, body) in bodies() {
        for end in 0..body.len() {
            let cut = document(kind, &body[..end]);
            assert!(TimeBody::from_document(&cut).is_err());
            assert!(TokenBody::from_document(&cut).is_err());
            assert!(Endpoints::from_document(&cut).is_err());
            assert!(to_be_signed(&cut, KeyId([0; 8]), &mut [0; 4096]).is_err());
        }
    }
}

#[test]
fn another_algorithm_another_key_another_version() {
    let (kind, body) = bodies().remove(1);
    let document = document(kind, &body);
    let id = KeyId::of(&key().verifying_key());
    let other = SigningKey::from_bytes(&[8; 32]);
    let verify = |bytes: &[u8]| super::verify(bytes, &key().verifying_key()).map(|_| ());
    let payload = coset_payload(&document);
    assert_eq!(verify(&coset_signed(payload.clone(), iana::Algorithm::ES256, &id.0)), Err(Error::Algorithm));
    assert_eq!(verify(&coset_signed(payload.clone(), iana::Algorithm::EdDSA, &[0; 8])), Err(Error::UnknownKey));
    assert_eq!(verify(&signed(&document, &other)), Err(Error::UnknownKey));
    let mut version = payload;
    version[2] = 2;
    assert_eq!(verify(&coset_signed(version, iana::Algorithm::EdDSA, &id.0)), Err(Error::Kind));
}

#[test]
fn a_valid_signature_over_another_encoding_is_refused() {
    let (kind, body) = bodies().remove(1);
    let document = document(kind, &body);
    let id = KeyId::of(&key().verifying_key());
    let mut payload = coset_payload(&document);
    // The version written with two bytes instead of one.
    payload.splice(2..3, [0x18, 0x01]);
    let bytes = coset_signed(payload, iana::Algorithm::EdDSA, &id.0);
    assert_eq!(verify(&bytes, &key().verifying_key()), Err(Error::Malformed));

    let unprotected = CoseSign1Builder::new()
        .protected(HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).key_id(id.0.to_vec()).build())
        .unprotected(HeaderBuilder::new().iv(vec![1]).build())
        .payload(coset_payload(&document))
        .create_signature(b"", |bytes| key().sign(bytes).to_bytes().to_vec())
        .build()
        .to_tagged_vec()
        .unwrap();
    assert_eq!(verify(&unprotected, &key().verifying_key()), Err(Error::Malformed));
}

#[test]
fn time_is_judged_at_its_edges() {
    let document = document("time", &[0xf6]);
    assert_eq!(document.check_time(document.issued_s - MAX_SKEW_S), Ok(()));
    assert_eq!(document.check_time(document.issued_s - MAX_SKEW_S - 1), Err(Error::NotYetValid));
    assert_eq!(document.check_time(document.expires_s - 1), Ok(()));
    assert_eq!(document.check_time(document.expires_s), Err(Error::Expired));
    assert_eq!(document.check_time(u64::MAX), Err(Error::Expired));
}

#[test]
fn the_largest_list_fits_and_bad_lists_do_not_exist() {
    let mut list = endpoints(MAX_ENDPOINTS);
    for endpoint in &mut list.0 {
        endpoint.name = clipped(&"n".repeat(32));
        endpoint.host = clipped(&"h".repeat(64));
        endpoint.server_name = clipped(&"s".repeat(64));
    }
    let mut body = [0; MAX_DOCUMENT];
    let n = list.encode(&mut body).unwrap();
    let bytes = signed(&document(kind::ENDPOINTS, &body[..n]), &key());
    assert!(bytes.len() < 1600, "{}", bytes.len());
    let read = verify(&bytes, &key().verifying_key()).unwrap();
    assert_eq!(Endpoints::from_document(&read), Ok(list));

    assert_eq!(Endpoints::default().encode(&mut body), Err(Error::Malformed));
    for bad in ["", "a\r\nX: y", "a b", "é"] {
        let mut list = endpoints(1);
        list.0[0].host = clipped(bad);
        assert_eq!(list.encode(&mut body), Err(Error::Malformed), "{bad:?}");
    }
}

#[test]
fn buffers_one_byte_short_are_refused() {
    let (kind, body) = bodies().remove(0);
    let document = document(kind, &body);
    let whole = signed(&document, &key());
    for room in 0..whole.len() {
        let mut out = vec![0; room];
        assert_eq!(encode(&document, KeyId([0; 8]), |_| [0; 64], &mut out), Err(Error::TooLarge), "{room}");
    }
    let mut out = vec![0; whole.len()];
    assert_eq!(encode(&document, KeyId([0; 8]), |_| [0; 64], &mut out), Ok(whole.len()));
    let huge = vec![0x00; 1];
    let mut big = vec![0x59, 0x08, 0x00];
    big.resize(3 + 2048, 0);
    assert!(encode(&super::Document { body: &huge, ..document }, KeyId([0; 8]), |_| [0; 64], &mut [0; 4096]).is_ok());
    let too_large = super::Document { body: &big, ..document };
    assert_eq!(encode(&too_large, KeyId([0; 8]), |_| [0; 64], &mut [0; 8192]), Err(Error::TooLarge));
}

#[test]
fn tokens_travel_as_text() {
    let (kind, body) = bodies().remove(3);
    let bytes = signed(&document(kind, &body), &key());
    let (mut text, mut back) = ([0; 512], [0; 384]);
    let text = token_to_text(&bytes, &mut text).unwrap();
    assert_eq!(token_from_text(text, &mut back).unwrap(), bytes);
    assert_eq!(token_from_text("a+b/", &mut back), Err(Error::Malformed));
    assert_eq!(token_from_text(text, &mut [0; 8]), Err(Error::TooLarge));
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = verify(&bytes, &key().verifying_key());
        let document = document("endpoints", &bytes);
        let _ = Endpoints::from_document(&document);
        let _ = TimeBody::from_document(&super::Document { kind: "time", ..document });
        let _ = TokenBody::from_document(&super::Document { kind: "token", ..document });
    }

    #[test]
    fn every_number_survives(seq: u64, issued_s: u64, expires_s: u64, n: u64) {
        let mut body = [0; 9];
        let mut encoder = Encoder::new(&mut body[..]);
        encoder.u64(n).unwrap();
        let len = 9 - encoder.into_writer().len();
        let document = super::Document { kind: "x", seq, issued_s, expires_s, body: &body[..len] };
        let bytes = signed(&document, &key());
        proptest::prop_assert_eq!(verify(&bytes, &key().verifying_key()), Ok(document));
    }
}
