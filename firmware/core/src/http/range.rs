//! Which part of an object an answer brings.

/// The value of `Content-Range` for a part of an object whose length is known (RFC 9110 section 14.4):
/// `bytes first-last/total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte of the part, counted from 0.
    pub first: u32,
    /// Its last byte.
    pub last: u32,
    /// Length of the whole object in bytes.
    pub total: u32,
}

impl ContentRange {
    /// Reads a value; `None` for every form but that one: another unit, a total that is not told (`*`), a range that could
    /// not be satisfied, a part that is empty or reaches beyond the whole, more than 32 bits.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (unit, range) = value.split_once(' ')?;
        let (part, total) = range.split_once('/')?;
        let (first, last) = part.split_once('-')?;
        let range = Self { first: number(first)?, last: number(last)?, total: number(total)? };
        // The names of units know no case (section 14.1).
        let valid = unit.eq_ignore_ascii_case("bytes") && range.first <= range.last && range.last < range.total;
        valid.then_some(range)
    }

    /// How many bytes the part has.
    #[must_use]
    pub fn length(&self) -> u32 {
        (self.last - self.first).saturating_add(1)
    }
}

/// Digits only: the parser of the standard library would take a sign.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_part_of_a_known_whole_is_read() {
        for (text, first, last, total) in [
            ("bytes 0-0/1", 0, 0, 1),
            ("bytes 42-1233/1234", 42, 1233, 1234),
            ("Bytes 007-008/9", 7, 8, 9),
            ("bytes 0-4294967294/4294967295", 0, u32::MAX - 1, u32::MAX),
        ] {
            let range = ContentRange::parse(text);
            assert_eq!(range, Some(ContentRange { first, last, total }), "{text}");
            assert_eq!(range.map(|range| range.length()), Some(last - first + 1));
        }
    }

    #[test]
    fn every_other_form_is_refused() {
        for text in [
            "",
            "bytes",
            "bytes ",
            "bytes */1234",
            "bytes 0-1/*",
            "bytes 0-1",
            "bytes 2-1/3",
            "bytes 0-3/3",
            "bytes 0-0/0",
            "bytes=0-1/3",
            "bytes  0-1/3",
            "bytes 0-1/3 ",
            "bytes 0 -1/3",
            "bytes 0-1 /3",
            "bytes\t0-1/3",
            "bytes +0-1/3",
            "bytes -0-1/3",
            "bytes 0--1/3",
            "bytes 0-+1/3",
            "bytes -1/3",
            "bytes 0-/3",
            "bytes 0-1/",
            "bytes 0-1/3/3",
            "bytes 0-1/3, bytes 0-1/3",
            "bytes 0-1,2-2/3",
            "lines 0-1/3",
            " 0-1/3",
            "bytes 0-1/4294967296",
            "bytes 0x0-1/3",
            "bytes ٠-١/٣",
        ] {
            assert_eq!(ContentRange::parse(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(first: u32, length in 1u32..u32::MAX, behind: u32) {
            let last = first.checked_add(length - 1);
            let total = last.and_then(|last| last.checked_add(1)?.checked_add(behind));
            if let (Some(last), Some(total)) = (last, total) {
                let read = ContentRange::parse(&format!("bytes {first}-{last}/{total}"));
                proptest::prop_assert_eq!(read, Some(ContentRange { first, last, total }));
            }
        }

        #[test]
        fn no_text_panics(text: std::string::String) {
            let _ = ContentRange::parse(&text);
        }
    }
}
