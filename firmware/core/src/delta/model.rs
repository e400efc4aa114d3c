//! The probabilities of a delta, and what is coded with them: numbers, bytes, and whether a guess is right.

use super::coder::{Coder, EVEN, Probability};

/// Numbers have at most so many binary digits.
const DIGITS: usize = 23;

/// How long a number is, and its two digits behind the first; the others are coded as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    lengths: [Probability; DIGITS],
    digits: [[Probability; 3]; DIGITS],
}

impl Number {
    const NEW: Self = Self { lengths: [EVEN; DIGITS], digits: [[EVEN; 3]; DIGITS] };

    /// Codes a number below 2^23 - 1.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, number: u32) -> Result<u32, C::Error> {
        let number = number + 1;
        let wanted = number.ilog2() as usize;
        let mut length = 0;
        while length < DIGITS - 1 && coder.bit(&mut self.lengths[length], length < wanted)? {
            length += 1;
        }
        let mut value = 1_u32;
        for digit in (0..length).rev() {
            let bit = number >> digit & 1 == 1;
            let bit = match length - digit {
                1 => coder.bit(&mut self.digits[length][0], bit)?,
                2 => coder.bit(&mut self.digits[length][1 + (value & 1) as usize], bit)?,
                _ => coder.bit(&mut EVEN.clone(), bit)?,
            };
            value = value << 1 | u32::from(bit);
        }
        Ok(value - 1)
    }
}

/// The bits of a byte, the highest first, each after those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Byte([Probability; 256]);

impl Byte {
    const NEW: Self = Self([EVEN; 256]);

    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, byte: u8) -> Result<u8, C::Error> {
        let mut node = 1_usize;
        while node < 256 {
            // The highest bit that is not coded yet.
            let bit = u32::from(byte) << node.ilog2() & 0x80 != 0;
            let bit = coder.bit(&mut self.0[node], bit)?;
            node = node << 1 | usize::from(bit);
        }
        Ok(node as u8)
    }
}

/// Contexts of [`Text`] that know the byte before.
const AFTER: usize = 512;

/// Bytes that are in no other image: the middle of what they are alone and of what they are after the byte before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    alone: [Probability; 256],
    after: [Probability; AFTER],
}

impl Text {
    const NEW: Self = Self { alone: [EVEN; 256], after: [EVEN; AFTER] };

    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, before: u8, byte: u8) -> Result<u8, C::Error> {
        let mut node = 1_usize;
        while node < 256 {
            let mixed = (u32::from(before) << 8 | node as u32).wrapping_mul(0x9E37_79B1);
            let (alone, after) = (&mut self.alone[node], &mut self.after[(mixed >> 23) as usize % AFTER]);
            let mut middle = (*alone / 2 + *after / 2).max(32);
            let bit = u32::from(byte) << node.ilog2() & 0x80 != 0;
            let bit = coder.bit(&mut middle, bit)?;
            // What stands alone is seen often and learns slowly; the other learns fast.
            for (probability, rate) in [(alone, 5), (after, 3)] {
                if bit {
                    *probability -= *probability >> rate;
                } else {
                    *probability += (u16::MAX - *probability) >> rate;
                }
            }
            node = node << 1 | usize::from(bit);
        }
        Ok(node as u8)
    }
}

/// What a unit of an image is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A byte.
    Byte,
    /// A word that looks like an address.
    Address,
    /// An instruction of two bytes.
    Short,
    /// An instruction without a place in it.
    Long,
    /// An instruction that jumps or calls.
    Call,
    /// An instruction that names a place, or the upper part of one.
    Upper,
    /// An instruction with the lower part of a place.
    Lower,
}

const KINDS: usize = 7;
/// How many units before count.
const HISTORY: usize = 3;

/// Everything that is learned. Its parts are written out one by one, so that their order is the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Models {
    pub(super) copy: Number,
    pub(super) distance: Number,
    pub(super) backwards: Probability,
    pub(super) extra: Number,
    /// Whether a unit is as guessed; and if not, and the guess was not what stood there before, whether it is that.
    guesses: [[[Probability; 1 << HISTORY]; 3]; KINDS],
    /// Whether a byte of a unit differs, by its place, and whether one before it did.
    differs: [[[Probability; 2]; 4]; KINDS],
    pub(super) difference: Byte,
    pub(super) text: Text,
}

/// How many probabilities there are.
pub(super) const PROBABILITIES: usize =
    3 * (DIGITS + 3 * DIGITS) + 1 + KINDS * 3 * (1 << HISTORY) + KINDS * 8 + 256 + 256 + AFTER;

impl Models {
    pub(super) const NEW: Self = Self {
        copy: Number::NEW,
        distance: Number::NEW,
        backwards: EVEN,
        extra: Number::NEW,
        guesses: [[[EVEN; 1 << HISTORY]; 3]; KINDS],
        differs: [[[EVEN; 2]; 4]; KINDS],
        difference: Byte::NEW,
        text: Text::NEW,
    };

    /// Gives every probability to `each`, always in the same order.
    pub(super) fn for_each(&mut self, mut each: impl FnMut(&mut Probability)) {
        for number in [&mut self.copy, &mut self.distance, &mut self.extra] {
            number.lengths.iter_mut().chain(number.digits.as_flattened_mut()).for_each(&mut each);
        }
        each(&mut self.backwards);
        self.guesses.as_flattened_mut().as_flattened_mut().iter_mut().for_each(&mut each);
        self.differs.as_flattened_mut().as_flattened_mut().iter_mut().for_each(&mut each);
        self.difference.0.iter_mut().for_each(&mut each);
        self.text.alone.iter_mut().chain(&mut self.text.after).for_each(&mut each);
    }

    /// Codes a unit of `bytes` bytes that stands for `before` in the base, and for which `guess` is guessed. `history` has a bit
    /// for each unit before, the last one lowest: whether it was neither.
    pub(super) fn unit<C: Coder>(
        &mut self,
        coder: &mut C,
        unit: &Unit,
        history: u8,
        value: u32,
    ) -> Result<(u32, bool), C::Error> {
        let Unit { kind, bytes, before, guess } = *unit;
        let [same, other, second] = &mut self.guesses[kind as usize];
        let history = usize::from(history) % (1 << HISTORY);
        let first = if guess == before { same } else { other };
        if !coder.bit(&mut first[history], value != guess)? {
            return Ok((guess, true));
        }
        if guess != before && !coder.bit(&mut second[history], value != before)? {
            return Ok((before, true));
        }
        let mut coded = 0;
        let mut any = false;
        for at in 0..bytes {
            let [old, new] = [before, value].map(|word| (word >> (8 * at)) as u8);
            // The last of them differs when no other does.
            let known = at + 1 == bytes && !any;
            let differs = known || coder.bit(&mut self.differs[kind as usize][at][usize::from(any)], old != new)?;
            let byte = if differs {
                any = true;
                old.wrapping_add(self.difference.code(coder, new.wrapping_sub(old))?)
            } else {
                old
            };
            coded |= u32::from(byte) << (8 * at);
        }
        Ok((coded, false))
    }
}

/// Up to four bytes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    /// 1 to 4.
    pub(super) bytes: usize,
    /// What stands in the base, little-endian.
    pub(super) before: u32,
    /// What is guessed to stand in the target.
    pub(super) guess: u32,
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{
        super::coder::{Decoder, Encoder, Position},
        *,
    };

    #[test]
    fn numbers_bytes_and_units_come_back() {
        let numbers: Vec<u32> =
            (0..22).flat_map(|digits| [(1 << digits) - 1, 1 << digits, (1 << digits) + 1]).collect();
        let unit = |value: u32| Unit {
            kind: if value & 1 == 0 { Kind::Call } else { Kind::Short },
            bytes: if value & 1 == 0 { 4 } else { 2 },
            before: value.wrapping_mul(77) & if value & 1 == 0 { u32::MAX } else { 0xFFFF },
            guess: value.wrapping_mul(99) & 0xFFFF,
        };
        let told = |value: u32| match value % 3 {
            0 => unit(value).guess,
            1 => unit(value).before,
            _ => unit(value).before ^ 0x101,
        };
        let mut encoder = Encoder::new();
        let mut models = Models::NEW;
        for number in &numbers {
            let Ok(_) = models.distance.code(&mut encoder, *number);
            let Ok(_) = models.difference.code(&mut encoder, *number as u8);
            let Ok(_) = models.text.code(&mut encoder, 3, *number as u8);
            let Ok(_) = models.unit(&mut encoder, &unit(*number), 5, told(*number));
        }
        let bytes = encoder.finish();
        let (first, rest) = bytes.split_first_chunk().unwrap();
        let mut decoder = Decoder::new(Position::start(*first), rest);
        let mut models = Models::NEW;
        for number in &numbers {
            assert_eq!(models.distance.code(&mut decoder, 0), Ok(*number));
            assert_eq!(models.difference.code(&mut decoder, 0), Ok(*number as u8));
            assert_eq!(models.text.code(&mut decoder, 3, 0), Ok(*number as u8));
            assert_eq!(models.unit(&mut decoder, &unit(*number), 5, 0).map(|(value, _)| value), Ok(told(*number)));
        }
    }

    #[test]
    fn every_probability_is_given_out_once() {
        let mut models = Models::NEW;
        let mut count = 0;
        models.for_each(|probability| {
            assert_eq!(*probability, EVEN);
            *probability = 1;
            count += 1;
        });
        assert_eq!(count, PROBABILITIES);
        assert_eq!(count * 2, size_of::<Models>());
    }
}
