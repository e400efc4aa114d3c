//! DER (X.690), element by element.

use core::fmt;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BITS: u8 = 0x03;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const CONTEXT_0: u8 = 0xa0;
pub(super) const CONTEXT_3: u8 = 0xa3;

/// The bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotDer;

impl fmt::Display for NotDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate is malformed, or of another kind than a camera knows")
    }
}

impl core::error::Error for NotDer {}

/// One element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'d> {
    pub(super) tag: u8,
    /// With tag and length.
    pub(super) whole: &'d [u8],
    pub(super) content: &'d [u8],
}

/// Reads one element after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    pub(super) fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), NotDer> {
        if self.0.is_empty() { Ok(()) } else { Err(NotDer) }
    }

    /// The next element, whatever it is. Lengths must have their shortest form.
    pub(super) fn any(&mut self) -> Result<Element<'d>, NotDer> {
        let (&tag, rest) = self.0.split_first().ok_or(NotDer)?;
        let (&first, rest) = rest.split_first().ok_or(NotDer)?;
        let (length, head) = match first {
            0..=0x7f => (usize::from(first), 2),
            0x81 => match rest.first() {
                Some(&length) if length >= 0x80 => (usize::from(length), 3),
                _ => return Err(NotDer),
            },
            0x82 => match rest.first_chunk() {
                Some(&[high, low]) if high > 0 => (usize::from(high) << 8 | usize::from(low), 4),
                _ => return Err(NotDer),
            },
            _ => return Err(NotDer),
        };
        let (whole, rest) = self.0.split_at_checked(head + length).ok_or(NotDer)?;
        self.0 = rest;
        Ok(Element { tag, whole, content: &whole[head..] })
    }

    pub(super) fn element(&mut self, tag: u8) -> Result<Element<'d>, NotDer> {
        let element = self.any()?;
        if element.tag == tag { Ok(element) } else { Err(NotDer) }
    }

    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'d>>, NotDer> {
        if self.0.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    pub(super) fn sequence(&mut self) -> Result<Self, NotDer> {
        Ok(Self(self.element(SEQUENCE)?.content))
    }

    /// The bytes of a bit string of whole bytes.
    pub(super) fn bit_string(&mut self) -> Result<&'d [u8], NotDer> {
        match self.element(BITS)?.content.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(NotDer),
        }
    }

    /// A time in Unix seconds; times before 1970 are refused. RFC 5280, section 4.1.2.5: always with seconds and `Z`.
    pub(super) fn time(&mut self) -> Result<u64, NotDer> {
        let element = self.any()?;
        let pair = |at: usize| -> Result<u64, NotDer> {
            match element.content.get(at..at + 2) {
                Some(&[tens @ b'0'..=b'9', ones @ b'0'..=b'9']) => {
                    Ok(u64::from(tens - b'0') * 10 + u64::from(ones - b'0'))
                }
                _ => Err(NotDer),
            }
        };
        let (year, at) = match (element.tag, element.content.len()) {
            (UTC_TIME, 13) => match pair(0)? {
                year @ 0..50 => (2000 + year, 2),
                year => (1900 + year, 2),
            },
            (GENERALIZED_TIME, 15) => (pair(0)? * 100 + pair(2)?, 4),
            _ => return Err(NotDer),
        };
        let (month, day) = (pair(at)?, pair(at + 2)?);
        let (hour, minute, second) = (pair(at + 4)?, pair(at + 6)?, pair(at + 8)?);
        let valid = year >= 1970
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second < 61
            && element.content.last() == Some(&b'Z');
        if !valid {
            return Err(NotDer);
        }
        // Years begin in March, so that the leap day is the last of its year.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
        // Days from 1 March 0000 to 1 January 1970.
        let days = days.checked_sub(719_468).ok_or(NotDer)?;
        Ok(days * 86_400 + hour * 3600 + minute * 60 + second)
    }
}
