//! An adaptive binary range coder: the one of LZMA (Igor Pavlov, LZMA specification, "Range Coder"), with probabilities of 16
//! bits.

/// How probable a 0 is, in 65,536ths. It never reaches either end.
pub(super) type Probability = u16;

/// Neither bit is more probable.
pub(super) const EVEN: Probability = 1 << 15;

/// What was seen counts for a sixteenth.
const RATE: u32 = 4;

/// The range is kept at or above this.
const TOP: u32 = 1 << 24;

/// What codes bits: an encoder takes the bit that it is given and returns it, a decoder returns what was coded.
pub(super) trait Coder {
    /// Why it cannot go on.
    type Error;

    /// One bit, whose probability learns from it.
    fn bit(&mut self, probability: &mut Probability, bit: bool) -> Result<bool, Self::Error>;
}

/// Makes what was seen more probable.
fn learn(probability: &mut Probability, bit: bool) {
    if bit {
        *probability -= *probability >> RATE;
    } else {
        *probability += (u16::MAX - *probability) >> RATE;
    }
}

/// There was no more input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exhausted;

/// The place in the stream of a [`Decoder`], which is all that it must remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) range: u32,
    pub(super) code: u32,
}

impl Position {
    /// Bytes that are read before the first bit.
    pub(super) const FIRST: usize = 4;

    /// Before the first bit.
    pub(super) fn start(first: [u8; Self::FIRST]) -> Self {
        Self { range: u32::MAX, code: u32::from_be_bytes(first) }
    }
}

/// Reads bits.
pub(super) struct Decoder<'i> {
    pub(super) position: Position,
    input: &'i [u8],
    at: usize,
}

impl<'i> Decoder<'i> {
    pub(super) fn new(position: Position, input: &'i [u8]) -> Self {
        Self { position, input, at: 0 }
    }

    /// How many bytes of the input are read.
    pub(super) fn consumed(&self) -> usize {
        self.at
    }

    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.input.len() - self.at
    }
}

impl Coder for Decoder<'_> {
    type Error = Exhausted;

    fn bit(&mut self, probability: &mut Probability, _: bool) -> Result<bool, Exhausted> {
        let Position { range, code } = &mut self.position;
        let bound = (*range >> 16) * u32::from(*probability);
        let bit = *code >= bound;
        if bit {
            *code -= bound;
            *range -= bound;
        } else {
            *range = bound;
        }
        learn(probability, bit);
        // At most two rounds for a sound stream; a range of 0, which only a state that was made up has, ends it.
        while *range < TOP {
            let byte = self.input.get(self.at).filter(|_| *range > 0).ok_or(Exhausted)?;
            self.at += 1;
            *range <<= 8;
            *code = *code << 8 | u32::from(*byte);
        }
        Ok(bit)
    }
}

/// Writes bits.
#[cfg(any(feature = "std", test))]
pub(super) struct Encoder {
    low: u64,
    range: u32,
    /// The last byte that is not written yet, since a carry may still reach it, and how many of 0xFF follow it.
    held: Option<u8>,
    full: usize,
    out: std::vec::Vec<u8>,
}

#[cfg(any(feature = "std", test))]
impl Encoder {
    pub(super) fn new() -> Self {
        Self { low: 0, range: u32::MAX, held: None, full: 0, out: std::vec::Vec::new() }
    }

    fn shift(&mut self) {
        let (carry, byte) = ((self.low >> 32) as u8, (self.low >> 24) as u8);
        if carry == 0 && byte == 0xFF {
            self.full += 1;
        } else {
            self.out.extend(self.held.map(|held| held.wrapping_add(carry)));
            self.out.extend(core::iter::repeat_n(0xFF_u8.wrapping_add(carry), self.full));
            self.held = Some(byte);
            self.full = 0;
        }
        self.low = (self.low & 0x00FF_FFFF) << 8;
    }

    /// All that was written.
    pub(super) fn finish(mut self) -> std::vec::Vec<u8> {
        for _ in 0..=Position::FIRST {
            self.shift();
        }
        self.out
    }
}

#[cfg(any(feature = "std", test))]
impl Coder for Encoder {
    type Error = core::convert::Infallible;

    fn bit(&mut self, probability: &mut Probability, bit: bool) -> Result<bool, Self::Error> {
        let bound = (self.range >> 16) * u32::from(*probability);
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        learn(probability, bit);
        while self.range < TOP {
            self.shift();
            self.range <<= 8;
        }
        Ok(bit)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn bits_come_back_whatever_their_order() {
        let mut noise = 7_u32;
        let mut next = |limit: u32| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 16) % limit
        };
        for rare in [2, 3, 40, 4000, 60_000] {
            let bits: Vec<(usize, bool)> = (0..20_000).map(|_| (next(3) as usize, next(rare) == 0)).collect();
            let mut encoder = Encoder::new();
            let mut models = [EVEN; 3];
            for (model, bit) in &bits {
                let Ok(_) = encoder.bit(&mut models[*model], *bit);
            }
            let bytes = encoder.finish();
            let (first, rest) = bytes.split_first_chunk().unwrap();
            let mut decoder = Decoder::new(Position::start(*first), rest);
            let mut models = [EVEN; 3];
            for (model, bit) in &bits {
                assert_eq!(decoder.bit(&mut models[*model], false), Ok(*bit));
            }
            assert!(bytes.len() < 20_000 / 8 + 600, "{} bytes for one in {rare}", bytes.len());
        }
    }

    #[test]
    fn a_stream_that_ends_early_is_noticed() {
        let mut decoder = Decoder::new(Position::start([0x80, 1, 2, 3]), &[1, 2, 3]);
        let mut model = EVEN;
        assert!((0..200).any(|_| decoder.bit(&mut model, false).is_err()));
        let mut decoder = Decoder::new(Position { range: 0, code: 0 }, &[1; 100]);
        assert_eq!(decoder.bit(&mut model, false), Err(Exhausted));
    }
}
