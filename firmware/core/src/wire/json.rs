//! JSON without an allocator, with limits that a hostile sender cannot exceed.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Deepest nesting of arrays and objects that is read. Ours need three; the parser recurses, and a chip has a few
/// kilobytes of stack.
pub const MAX_DEPTH: usize = 8;

/// Longest string with escapes in it, in bytes after unescaping.
pub const MAX_ESCAPED: usize = 512;

/// What is wrong with JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonError {
    /// The text does not fit the buffer.
    TooLong,
    /// Arrays or objects nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// It is not the JSON that was expected.
    Malformed,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the JSON does not fit its buffer",
            Self::TooDeep => "the JSON nests too deep",
            Self::Malformed => "the JSON is not of the expected shape",
        })
    }
}

impl core::error::Error for JsonError {}

/// Writes `value` and returns the number of bytes.
///
/// # Errors
/// [`JsonError::TooLong`] when `out` is too small.
pub fn to_slice<T: Serialize + ?Sized>(value: &T, out: &mut [u8]) -> Result<usize, JsonError> {
    serde_json_core::to_slice(value, out).map_err(|_| JsonError::TooLong)
}

/// Reads one JSON value that fills `bytes` but for white space around it.
///
/// # Errors
/// [`JsonError`] when the text is malformed, nests too deep, or a string with escapes is too long.
pub fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    check_depth(bytes)?;
    let mut unescaped = [0; MAX_ESCAPED];
    match serde_json_core::from_slice_escaped(bytes, &mut unescaped) {
        Ok((value, _)) => Ok(value),
        Err(serde_json_core::de::Error::EscapedStringIsTooLong) => Err(JsonError::TooLong),
        Err(_) => Err(JsonError::Malformed),
    }
}

fn check_depth(bytes: &[u8]) -> Result<(), JsonError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(JsonError::TooDeep);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::wire::Problem;

    #[test]
    fn nesting_is_bounded_even_where_fields_are_ignored() {
        let mut text = b"{\"kind\":\"clock\",\"detail\":\"\",\"extra\":".to_vec();
        text.extend(std::iter::repeat_n(b'[', 100_000));
        assert_eq!(from_slice::<Problem>(&text), Err(JsonError::TooDeep));
        let quoted = br#"{"kind":"clock","detail":"[[[[[[[[[[\"[[","extra":[{"a":[1]}]}"#;
        assert_eq!(from_slice::<Problem>(quoted).map(|p| p.detail.len()), Ok(13));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = from_slice::<Problem>(&bytes);
            let _ = from_slice::<crate::wire::Event>(&bytes);
        }
    }
}
