//! Finds strings that were there before.

/// What a text consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Literal(u8),
    /// `length` bytes that also stand `distance` bytes before.
    Match {
        length: u16,
        distance: u16,
    },
}

const SHORTEST: usize = 3;
const LONGEST: usize = 258;
const BUCKETS: usize = 512;
const PLACES: usize = 4;

/// The tokens of a text, chosen greedily but for one step of looking ahead.
pub(super) struct Matcher<'t> {
    text: &'t [u8],
    at: usize,
    /// For each hash of three bytes the places where it stood last, plus one; 0 for none.
    places: [[u16; PLACES]; BUCKETS],
}

impl<'t> Matcher<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, places: [[0; PLACES]; BUCKETS] }
    }

    fn bucket(&self, at: usize) -> Option<usize> {
        let three: &[u8; SHORTEST] = self.text.get(at..)?.first_chunk()?;
        let key = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        Some((key.wrapping_mul(0x9E37_79B1) >> 23) as usize)
    }

    fn remember(&mut self, at: usize) {
        if let Some(bucket) = self.bucket(at) {
            let places = &mut self.places[bucket];
            places.copy_within(0..PLACES - 1, 1);
            // A text has at most 32 Ki bytes.
            places[0] = at as u16 + 1;
        }
    }

    /// Length and distance of the longest match at `at`, the nearest of equals.
    fn longest(&self, at: usize) -> Option<(usize, usize)> {
        let places = &self.places[self.bucket(at)?];
        let here = &self.text[at..];
        let mut best: Option<(usize, usize)> = None;
        for place in places.iter().filter(|place| **place > 0).map(|place| usize::from(*place) - 1) {
            let length = self.text[place..].iter().zip(here).take(LONGEST).take_while(|(a, b)| a == b).count();
            if length >= SHORTEST && best.is_none_or(|(longest, _)| length > longest) {
                best = Some((length, at - place));
            }
        }
        best
    }
}

impl Iterator for Matcher<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let at = self.at;
        let byte = *self.text.get(at)?;
        let found = self.longest(at);
        self.remember(at);
        let Some((length, distance)) = found else {
            self.at += 1;
            return Some(Token::Literal(byte));
        };
        // A longer match one byte on is worth a literal.
        if length < LONGEST && self.longest(at + 1).is_some_and(|(next, _)| next > length + 1) {
            self.at += 1;
            return Some(Token::Literal(byte));
        }
        for within in at + 1..at + length {
            self.remember(within);
        }
        self.at += length;
        Some(Token::Match { length: length as u16, distance: distance as u16 })
    }
}
