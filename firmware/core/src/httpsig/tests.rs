use std::{format, string::String, vec, vec::Vec};

use ed25519_dalek::{Signer, SigningKey};
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, PublicKey, SecretKey,
    message_component::HttpMessageComponent,
};

use super::*;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

const PARAMETERS: Parameters<'_> = Parameters { keyid: "cam-1", created_s: 1_800_000_000, counter: 3 << 32 | 17 };

/// Every combination of optional parts.
fn requests() -> Vec<Request<'static>> {
    let optional = |n: usize, bit: usize, value: &'static str| (n & 1 << bit != 0).then_some(value);
    (0..32)
        .map(|n| Request {
            method: "PUT",
            path: "/api/detections/01ARZ3NDEKTSV4RRFFQ69G5FAV/image",
            query: optional(n, 0, "a=1&b=%20"),
            content_digest: optional(n, 1, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
            upload_offset: optional(n, 2, "65536"),
            upload_complete: optional(n, 3, "?0"),
            repr_digest: optional(n, 4, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"),
        })
        .collect()
}

fn signed(request: &Request<'_>) -> Headers {
    sign(request, &PARAMETERS, |bytes| key().sign(bytes).to_bytes()).unwrap()
}

fn component_lines(request: &Request<'_>) -> Vec<HttpMessageComponent> {
    let line = |(name, before, value): (&str, &str, &str)| {
        HttpMessageComponent::try_from(format!("\"{name}\": {before}{value}").as_str()).unwrap()
    };
    request.components().map(line).collect()
}

#[test]
fn the_httpsig_crate_verifies_ours() {
    let public = PublicKey::from_bytes(&AlgorithmName::Ed25519, key().verifying_key().as_bytes()).unwrap();
    for request in requests() {
        let ours = signed(&request);
        let parsed = HttpSignatureHeaders::try_parse(&ours.signature, &ours.signature_input).unwrap();
        let headers = parsed.get("wildcam").unwrap();
        assert_eq!(headers.signature_input_header_value(), ours.signature_input.as_str());
        let base = HttpSignatureBase::try_new(&component_lines(&request), headers.signature_params()).unwrap();
        base.verify_signature_headers(&public, headers).unwrap();
        assert_eq!(base.nonce(), Some("00000000012884901905"));
        // The crate is no rubber stamp: another path fails.
        let other = Request { path: "/api/other", ..request };
        let base = HttpSignatureBase::try_new(&component_lines(&other), headers.signature_params()).unwrap();
        assert!(base.verify_signature_headers(&public, headers).is_err());
    }
}

#[test]
fn we_verify_those_of_the_httpsig_crate() {
    let secret = SecretKey::from_bytes(&AlgorithmName::Ed25519, &[9; 32]).unwrap();
    for request in requests() {
        let lines = component_lines(&request);
        let ids: Vec<_> = lines.iter().map(|line| line.id.clone()).collect();
        let mut parameters = HttpSignatureParams::try_new(&ids).unwrap();
        parameters.set_created(PARAMETERS.created_s).set_alg(&AlgorithmName::Ed25519).set_keyid("cam-1");
        parameters.set_nonce("00000000012884901905");
        let base = HttpSignatureBase::try_new(&lines, &parameters).unwrap();
        let headers = base.build_signature_headers(&secret, Some("wildcam")).unwrap();
        let (input, signature) = (headers.signature_input_header_value(), headers.signature_header_value());
        assert_eq!(verify(&request, &input, &signature, &key().verifying_key()), Ok(PARAMETERS));
    }
}

#[test]
fn a_signature_is_for_its_own_request_only() {
    let all = requests();
    for (n, request) in all.iter().enumerate() {
        let headers = signed(request);
        for (m, other) in all.iter().enumerate() {
            let result = verify(other, &headers.signature_input, &headers.signature, &key().verifying_key());
            assert_eq!(result, if n == m { Ok(PARAMETERS) } else { Err(Error::Coverage) });
        }
        let changed = [
            Request { method: "POST", ..*request },
            Request { path: "/api/detections/01ARZ3NDEKTSV4RRFFQ69G5FAW/image", ..*request },
            Request { query: request.query.map(|_| "a=2"), ..*request },
            Request { content_digest: request.content_digest.map(|_| "sha-256=:AA=:"), ..*request },
            Request { upload_offset: request.upload_offset.map(|_| "0"), ..*request },
            Request { upload_complete: request.upload_complete.map(|_| "?1"), ..*request },
            Request { repr_digest: request.repr_digest.map(|_| "sha-256=:AA=:"), ..*request },
        ];
        for other in changed.iter().filter(|other| *other != request) {
            let result = verify(other, &headers.signature_input, &headers.signature, &key().verifying_key());
            assert_eq!(result, Err(Error::Signature));
        }
        let stranger = SigningKey::from_bytes(&[1; 32]).verifying_key();
        let result = verify(request, &headers.signature_input, &headers.signature, &stranger);
        assert_eq!(result, Err(Error::Signature));
    }
}

#[test]
fn every_prefix_and_every_changed_byte_is_refused() {
    let request = requests()[31];
    let headers = signed(&request);
    let key = key().verifying_key();
    let (input, signature) = (headers.signature_input.as_str(), headers.signature.as_str());
    for end in 0..input.len() {
        assert!(verify(&request, &input[..end], signature, &key).is_err());
    }
    for end in 0..signature.len() {
        assert!(verify(&request, input, &signature[..end], &key).is_err());
    }
    for (n, replacement) in (0..input.len()).flat_map(|n| [b'0', b'a', b'"', b';'].map(|b| (n, b))) {
        let mut bytes = input.as_bytes().to_vec();
        if bytes[n] != replacement {
            bytes[n] = replacement;
            assert!(verify(&request, &String::from_utf8(bytes).unwrap(), signature, &key).is_err(), "{n}");
        }
    }
    for extra in [" ", ";tag=\"x\"", ", other=()"] {
        assert_eq!(parse(&format!("{input}{extra}")), Err(Error::Malformed));
        assert!(verify(&request, input, &format!("{signature}{extra}"), &key).is_err());
    }
}

#[test]
fn parts_that_could_forge_a_line_are_not_signed() {
    let good = requests()[1];
    let long = "a".repeat(MAX_TARGET + 1);
    for request in [
        Request { path: "/a\n\"@query\": ?x", ..good },
        Request { query: Some("a\rb"), ..good },
        Request { path: "relative", ..good },
        Request { method: "", ..good },
        Request { query: Some(&long), ..good },
        Request { path: "/é", ..good },
    ] {
        assert_eq!(sign(&request, &PARAMETERS, |_| [0; 64]), Err(Error::Request));
    }
    for keyid in ["", "A", "a\"b", "a b"] {
        assert_eq!(sign(&good, &Parameters { keyid, ..PARAMETERS }, |_| [0; 64]), Err(Error::Request));
    }
}

#[test]
fn the_longest_request_fits() {
    let target = format!("/{}", "a".repeat(MAX_TARGET - 1));
    let field = "x".repeat(MAX_FIELD);
    let (keyid, f) = ("k".repeat(63), Some(field.as_str()));
    let request = Request {
        method: &field,
        path: &target,
        query: Some(&target),
        content_digest: f,
        upload_offset: f,
        upload_complete: f,
        repr_digest: f,
    };
    let parameters = Parameters { keyid: &keyid, created_s: MAX_CREATED_S, counter: u64::MAX };
    let headers = sign(&request, &parameters, |bytes| key().sign(bytes).to_bytes()).unwrap();
    let verified = verify(&request, &headers.signature_input, &headers.signature, &key().verifying_key());
    assert_eq!(verified, Ok(parameters));
}

#[test]
fn numbers_have_one_spelling() {
    let of = |created: &str, nonce: &str| {
        parse(&format!("wildcam=(\"@method\");created={created};nonce=\"{nonce}\";alg=\"ed25519\";keyid=\"c\""))
            .map(|p| (p.created_s, p.counter))
            .ok()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(of("1", "00000000000000000002"), vec![(1, 2)]);
    assert_eq!(of("01", "00000000000000000002"), vec![]);
    assert_eq!(of("+1", "00000000000000000002"), vec![]);
    assert_eq!(of("-1", "00000000000000000002"), vec![]);
    assert_eq!(of("1", "2"), vec![]);
    assert_eq!(of("1", "99999999999999999999"), vec![]);
    assert_eq!(of("1", "+0000000000000000002"), vec![]);
    assert_eq!(of("9999999999999999", "00000000000000000002"), vec![]);
}

proptest::proptest! {
    #[test]
    fn arbitrary_headers_never_panic(input: String, signature: String) {
        let _ = verify(&requests()[0], &input, &signature, &key().verifying_key());
        let _ = verify(&requests()[0], &format!("wildcam={input}"), &signature, &key().verifying_key());
    }
}
