//! Content digests as header fields (RFC 9530): `sha-256=:BASE64:`.

use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256};

/// The value of a `Content-Digest` or `Repr-Digest` header, 54 bytes.
pub type DigestField = heapless::String<54>;

const PREFIX: &str = "sha-256=:";
const BASE64_LEN: usize = 44;

/// The header value for a SHA-256 digest.
#[must_use]
pub fn to_field(sha256: &[u8; 32]) -> DigestField {
    let mut buffer = [0; BASE64_LEN];
    let text = Base64::encode(sha256, &mut buffer).unwrap_or_default();
    let mut field = DigestField::new();
    // 9 + 44 + 1 bytes is the capacity.
    let _ = field.push_str(PREFIX);
    let _ = field.push_str(text);
    let _ = field.push(':');
    field
}

/// The header value for `content`.
#[must_use]
pub fn field_of(content: &[u8]) -> DigestField {
    to_field(&Sha256::digest(content).into())
}

/// The SHA-256 digest in a header value; `None` when it is anything but one `sha-256` digest.
#[must_use]
pub fn from_field(field: &str) -> Option<[u8; 32]> {
    let text = field.strip_prefix(PREFIX)?.strip_suffix(':')?;
    if text.len() != BASE64_LEN {
        return None;
    }
    let mut bytes = [0; 33];
    Base64::decode(text, &mut bytes).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_example_of_rfc_9530() {
        let field = field_of(b"{\"hello\": \"world\"}\n");
        assert_eq!(field, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
        assert_eq!(from_field(&field), Some(Sha256::digest(b"{\"hello\": \"world\"}\n").into()));
    }

    #[test]
    fn anything_else_is_none() {
        let good = field_of(b"x");
        for end in 0..good.len() {
            assert_eq!(from_field(&good[..end]), None);
        }
        for bad in ["sha-512=:AAAA:", "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDi=:", "sha-256=::", ""] {
            assert_eq!(from_field(bad), None, "{bad}");
        }
    }
}
