//! AWS Signature Version 4, checked from its description and not with the library that makes it.

use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Seed;

/// What a good signature is for.
pub(super) struct Signed {
    pub(super) region: String,
    pub(super) service: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Whether the request was signed with the seed's keys a moment ago, over everything that matters.
pub(super) fn verify(
    seed: &Seed,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Signed, String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or("there is no Authorization")?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("not AWS4-HMAC-SHA256")?;
    let field = |name: &str| {
        let found = fields.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        found.ok_or_else(|| format!("Authorization lacks {name}"))
    };
    let (credential, names, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let [key, day, region, service, "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..] else {
        return Err("the credential has another form".to_owned());
    };
    if key != seed.access_key {
        return Err("an unknown access key".to_owned());
    }
    if header("x-amz-security-token") != seed.session_token.as_deref() {
        return Err("another session token".to_owned());
    }
    let time = header("x-amz-date").ok_or("there is no x-amz-date")?;
    if !time.starts_with(day) {
        return Err("the credential is of another day".to_owned());
    }
    let moment = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", time).and_then(|parts| parts.to_datetime());
    let moment = moment.map_err(|error| error.to_string())?.to_zoned(jiff::tz::TimeZone::UTC);
    let moment = moment.map_err(|error| error.to_string())?.timestamp().as_second();
    if (moment - jiff::Timestamp::now().as_second()).abs() > 300 {
        return Err("signed more than five minutes off".to_owned());
    }
    let signed: Vec<&str> = names.split(';').collect();
    if !signed.is_sorted() {
        return Err("the signed headers are not sorted".to_owned());
    }
    for must in ["host", "x-amz-date", "x-amz-target", "content-type", "x-amz-security-token"] {
        if headers.contains_key(must) && !signed.contains(&must) {
            return Err(format!("{must} is not signed"));
        }
    }
    let payload = hex(&Sha256::digest(body));
    if header("x-amz-content-sha256").is_some_and(|told| told != payload) {
        return Err("x-amz-content-sha256 is that of another body".to_owned());
    }
    let mut lines = String::new();
    for name in &signed {
        let value = header(name).ok_or_else(|| format!("the signed header {name} is missing"))?;
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.push_str(&format!("{name}:{value}\n"));
    }
    if uri.path() != "/" || uri.query().is_some_and(|query| !query.is_empty()) || method != Method::POST {
        return Err(format!("these services take POST at /, not {method} {uri}"));
    }
    let canonical = format!("{method}\n/\n\n{lines}\n{names}\n{payload}");
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut signing = mac(format!("AWS4{}", seed.secret_key).as_bytes(), day);
    for part in [region, service, "aws4_request"] {
        signing = mac(&signing, part);
    }
    if hex(&mac(&signing, &text)) != signature {
        return Err("the signature is another".to_owned());
    }
    Ok(Signed { region: region.to_owned(), service: service.to_owned() })
}
