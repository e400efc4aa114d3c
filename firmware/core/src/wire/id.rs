//! The two names that everything hangs on: which camera, and which detection.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest camera id in bytes: a DNS label, so that it may serve as a host name as well.
pub const CAMERA_ID_MAX: usize = 63;

/// The name of a camera: `[a-z0-9][a-z0-9-]{0,62}`.
///
/// It becomes part of object keys and of URL paths, so it is checked when it is made and when it is deserialised, and
/// no `CameraId` exists that is not valid.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraId(heapless::String<CAMERA_ID_MAX>);

/// The text is not a camera id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACameraId;

impl fmt::Display for NotACameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a camera id is 1 to 63 of a-z, 0-9 and -, and does not begin with -")
    }
}

impl core::error::Error for NotACameraId {}

impl CameraId {
    /// The id `text`.
    ///
    /// # Errors
    /// [`NotACameraId`] when it is empty, too long, or holds other characters.
    pub fn new(text: &str) -> Result<Self, NotACameraId> {
        let valid = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.is_empty();
        if !valid {
            return Err(NotACameraId);
        }
        heapless::String::try_from(text).map(Self).map_err(|_| NotACameraId)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl AsRef<str> for CameraId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for CameraId {
    type Err = NotACameraId;

    fn from_str(text: &str) -> Result<Self, NotACameraId> {
        Self::new(text)
    }
}

impl Serialize for CameraId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CameraId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("a camera id"))
    }
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_BITS: u32 = 80;
const MS_MAX: u64 = (1 << 48) - 1;

/// The identity of a detection: 48 bits of milliseconds since 1970, then 80 random bits.
///
/// Written as 26 upper-case Crockford characters, and only that spelling is accepted: a detection must have one key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(u128);

/// The text is not a ULID in its canonical spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAUlid;

impl fmt::Display for NotAUlid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ULID is 26 upper-case Crockford characters, the first of them 0 to 7")
    }
}

impl core::error::Error for NotAUlid {}

impl Ulid {
    /// Characters of the text form.
    pub const TEXT_LEN: usize = 26;

    /// A ULID made at `ms` milliseconds since 1970 (48 bits are kept) with the low 80 bits of `random`.
    #[must_use]
    pub const fn new(ms: u64, random: u128) -> Self {
        Self((((ms & MS_MAX) as u128) << RANDOM_BITS) | (random & ((1 << RANDOM_BITS) - 1)))
    }

    /// The ULID with these 128 bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// All 128 bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Milliseconds since 1970 at which it was made, by the camera's clock.
    #[must_use]
    pub const fn ms(self) -> u64 {
        (self.0 >> RANDOM_BITS) as u64
    }

    /// The text form as ASCII bytes.
    #[must_use]
    pub fn text(self) -> [u8; Self::TEXT_LEN] {
        let mut text = [0; Self::TEXT_LEN];
        let mut rest = self.0;
        for byte in text.iter_mut().rev() {
            *byte = CROCKFORD[(rest & 31) as usize];
            rest >>= 5;
        }
        text
    }
}

impl FromStr for Ulid {
    type Err = NotAUlid;

    fn from_str(text: &str) -> Result<Self, NotAUlid> {
        if text.len() != Self::TEXT_LEN || text.as_bytes()[0] > b'7' {
            return Err(NotAUlid);
        }
        text.bytes()
            .try_fold(0u128, |bits, byte| {
                let digit = CROCKFORD.iter().position(|&c| c == byte)?;
                Some((bits << 5) | digit as u128)
            })
            .map(Self)
            .ok_or(NotAUlid)
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(core::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Ulid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(core::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Ulid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("a ULID"))
    }
}

/// A SHA-256 digest (FIPS 180-4), written as 64 lower-case hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Hex(pub [u8; 32]);

/// The text is not a SHA-256 digest in lower-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADigest;

impl fmt::Display for NotADigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 digest is 64 lower-case hexadecimal characters")
    }
}

impl core::error::Error for NotADigest {}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Sha256Hex {
    fn text(&self) -> [u8; 64] {
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        text
    }
}

impl FromStr for Sha256Hex {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digit = |c: u8| HEX.iter().position(|&h| h == c).map(|n| n as u8);
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(NotADigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => return Err(NotADigest),
            }
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(core::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sha256Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(core::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("a SHA-256 digest"))
    }
}

/// Deserialises whatever parses from text.
struct FromText<T> {
    what: &'static str,
    of: core::marker::PhantomData<T>,
}

impl<T> FromText<T> {
    fn new(what: &'static str) -> Self {
        Self { what, of: core::marker::PhantomData }
    }
}

impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn camera_ids_that_could_leave_their_folder_do_not_exist() {
        for bad in ["", "-a", "A", "a/b", "..", "a.b", "a b", "a\0", "é", &"a".repeat(64)] {
            assert_eq!(CameraId::new(bad), Err(NotACameraId), "{bad:?}");
        }
        for good in ["a", "0", "north-ridge-07", &"a".repeat(63)] {
            assert_eq!(CameraId::new(good).unwrap().as_str(), good);
        }
        assert!(serde_json::from_str::<CameraId>("\"../x\"").is_err());
    }

    #[test]
    fn ulid_matches_the_published_example() {
        // The example of the ULID specification and its time.
        let ulid: Ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        assert_eq!(ulid.ms(), 1_469_922_850_259);
        assert_eq!(ulid.to_string(), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert_eq!(Ulid::new(u64::MAX, u128::MAX).to_string(), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn a_detection_has_one_spelling() {
        for bad in [
            "01arz3ndektsv4rrffq69g5fav",
            "01ARZ3NDEKTSV4RRFFQ69G5FA",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "O1ARZ3NDEKTSV4RRFFQ69G5FAV",
            "",
        ] {
            assert_eq!(bad.parse::<Ulid>(), Err(NotAUlid), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn ulids_round_trip_and_sort_as_text(a: u128, b: u128) {
            let (a, b) = (Ulid::from_bits(a), Ulid::from_bits(b));
            proptest::prop_assert_eq!(a.to_string().parse::<Ulid>(), Ok(a));
            proptest::prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }

        #[test]
        fn digests_round_trip(bytes: [u8; 32]) {
            let digest = Sha256Hex(bytes);
            proptest::prop_assert_eq!(digest.to_string().parse::<Sha256Hex>(), Ok(digest));
        }
    }
}
