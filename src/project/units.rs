//! Lengths of time and sizes as they are written in wildcam.toml: a number and a unit.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time, written as `250ms`, `5s`, `2m`, `1h30m` or `7d`; kept to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

/// The units of a [`Period`] in milliseconds, largest first: a text names each at most once, in this order.
const TIME_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Period {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The length as the standard library's type.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The length in milliseconds.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether it is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        period.0
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.as_millis();
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, ms) in TIME_UNITS {
            let count = left / ms;
            // Whole days are said in days; 36 hours stay 1d12h, which reads back as the same length.
            if count > 0 {
                write!(f, "{count}{unit}")?;
                left %= ms;
            }
        }
        Ok(())
    }
}

/// Why a text is no length of time or no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a length of time.
    #[error("expected a length of time such as \"5s\", \"250ms\", \"2m\" or \"1h30m\"")]
    Period,
    /// Not a size.
    #[error("expected a size such as \"8MiB\", \"200KB\" or \"512B\"")]
    Size,
    /// More than can be held.
    #[error("this is more than wildcam can hold")]
    TooLarge,
}

impl FromStr for Period {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let mut rest = text.trim();
        let mut units = TIME_UNITS.iter();
        let mut total: u64 = 0;
        if rest.is_empty() {
            return Err(UnitError::Period);
        }
        while !rest.is_empty() {
            let (number, after) = split_number(rest).ok_or(UnitError::Period)?;
            let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, next) = after.split_at(unit_end);
            // The iterator goes on where it was, so a unit that repeats or rises is refused.
            let (_, ms) = units.find(|(name, _)| *name == unit.trim()).ok_or(UnitError::Period)?;
            let part = number.checked_mul(*ms).ok_or(UnitError::TooLarge)?;
            total = total.checked_add(part).ok_or(UnitError::TooLarge)?;
            rest = next;
        }
        Ok(Self::from_millis(total))
    }
}

/// A number of bytes, written as `512B`, `200KB` (thousands) or `8MiB` (powers of 1024).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many mebibytes.
    #[must_use]
    pub const fn from_mib(mebibytes: u32) -> Self {
        Self((mebibytes as u64) << 20)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory; a size that this machine cannot address is the largest it can.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = SIZE_UNITS.iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match exact {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_number(text.trim()).ok_or(UnitError::Size)?;
        let (_, bytes) =
            SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).ok_or(UnitError::Size)?;
        number.checked_mul(*bytes).map(Self).ok_or(UnitError::TooLarge)
    }
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

macro_rules! written_as_text {
    ($type:ident, $expected:expr, $pattern:literal, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        let expected = $expected.to_string();
                        f.write_str(expected.trim_start_matches("expected "))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "description": $description})
            }
        }
    };
}

written_as_text!(
    Period,
    UnitError::Period,
    "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
    "A length of time: 250ms, 5s, 2m, 1h30m, 7d"
);
written_as_text!(
    ByteSize,
    UnitError::Size,
    "^[0-9]+ *([KMGTkmgt][Ii]?)?[Bb]$",
    "A size: 512B, 200KB (thousands), 8MiB (powers of 1024)"
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn periods_are_read_with_their_units() {
        for (text, ms) in [("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("1h30m", 5_400_000), ("7d", 604_800_000)] {
            assert_eq!(text.parse(), Ok(Period::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "5 parsecs", "1m1m", "1s1m", "-5s", "1.5s"] {
            assert_eq!(text.parse::<Period>(), Err(UnitError::Period), "{text:?}");
        }
        assert_eq!("99999999999999999d".parse::<Period>(), Err(UnitError::TooLarge));
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [("8MiB", 8 << 20), ("200KB", 200_000), ("512B", 512), ("64 mib", 64 << 20)] {
            assert_eq!(text.parse(), Ok(ByteSize::from_bytes(bytes)), "{text}");
        }
        for text in ["", "8", "MiB", "8 apples", "-1B"] {
            assert_eq!(text.parse::<ByteSize>(), Err(UnitError::Size), "{text:?}");
        }
        assert_eq!("99999999999TiB".parse::<ByteSize>(), Err(UnitError::TooLarge));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(ms in 0_u64..u64::MAX / 2, bytes: u64) {
            let period = Period::from_millis(ms);
            prop_assert_eq!(period.to_string().parse(), Ok(period));
            let size = ByteSize::from_bytes(bytes);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
    }
}
