//! What lies behind the head: copies of the base, and what is in no base, unit by unit.
//!
//! Encoder and decoder run the same code: [`Stream::unit`] asks a [`Plan`] what to code, and a decoder's plan knows nothing.

use super::{
    coder::{Coder, EVEN},
    head::Head,
    model::{Kind, Models},
    operands::{self, AHEAD, At, Registers, bytes_of},
    places::{Moves, address},
};
use crate::layout::SECTOR_BYTES;

/// A copy of the base, and bytes that follow it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operation {
    /// Where the copy begins in the base.
    pub from: u32,
    /// Its length in bytes; what is copied may differ here and there.
    pub copy: u32,
    /// How many bytes follow that are told as they are.
    pub extra: u32,
}

/// Where bytes of the base come from.
pub(super) trait Base {
    /// Why it cannot be read.
    type Error;

    /// Reads as many bytes from `offset` on as there are, at most as many as `out` has.
    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<usize, Self::Error>;
}

/// What is to be coded; a decoder has none.
pub(super) trait Plan {
    /// The next operation.
    fn operation(&mut self) -> Operation;

    /// Up to four bytes of the target, little-endian.
    fn target(&self, offset: u32, bytes: usize) -> u32;
}

/// The plan of a decoder.
pub(super) struct Unknown;

impl Plan for Unknown {
    fn operation(&mut self) -> Operation {
        Operation::default()
    }

    fn target(&self, _: u32, _: usize) -> u32 {
        0
    }
}

/// Why a unit could not be coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure<C, B> {
    Coder(C),
    Base(B),
    /// The stream asks for what cannot be.
    Malformed,
}

/// Copies shorter than this say nothing of where things moved.
const TELLING_COPY: u32 = 64;

/// How far a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) models: Models,
    pub(super) moves: Moves,
    registers: Registers,
    pub(super) state: State,
}

/// Its numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Bytes of the target that are made.
    pub(super) made: u32,
    /// Bytes of the operation that are to be copied, and that are to follow.
    pub(super) copy: u32,
    pub(super) extra: u32,
    /// Where in the base the next copied byte is; after a copy, where the next one probably begins.
    pub(super) from: u32,
    /// Where the next instruction of the target begins.
    pub(super) instruction: u32,
    /// What the last bytes were.
    pub(super) last: u8,
    pub(super) history: u8,
}

/// Up to four bytes that a unit made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) bytes: [u8; 4],
    pub(super) length: usize,
}

impl Stream {
    pub(super) const fn new() -> Self {
        Self {
            models: Models::NEW,
            moves: Moves::NEW,
            registers: Registers::NEW,
            state: State { made: 0, copy: 0, extra: 0, from: 0, instruction: 0, last: 0, history: 0 },
        }
    }

    /// Makes it a new one in its place.
    pub(super) fn reset(&mut self) {
        self.models.for_each(|probability| *probability = EVEN);
        self.moves.reset();
        self.registers = Registers::NEW;
        self.state = State { made: 0, copy: 0, extra: 0, from: 0, instruction: 0, last: 0, history: 0 };
    }

    /// Codes a unit: one to four bytes of the target.
    pub(super) fn unit<C: Coder, B: Base>(
        &mut self,
        head: &Head,
        coder: &mut C,
        base: &mut B,
        plan: &mut impl Plan,
    ) -> Result<Made, Failure<C::Error, B::Error>> {
        if self.state.copy == 0 && self.state.extra == 0 {
            self.operation(head, coder, plan.operation())?;
        }
        let begun = self.state.made;
        let made = if self.state.copy > 0 {
            self.copied(head, coder, base, plan)?
        } else {
            self.told(head, coder, plan).map_err(Failure::Coder)?
        };
        self.state.made += made.length as u32;
        self.state.last = made.bytes[made.length - 1];
        if begun / SECTOR_BYTES != self.state.made / SECTOR_BYTES {
            // What is not kept between sectors.
            self.registers = Registers::NEW;
        }
        Ok(made)
    }

    fn operation<C: Coder, B>(
        &mut self,
        head: &Head,
        coder: &mut C,
        wanted: Operation,
    ) -> Result<(), Failure<C::Error, B>> {
        let models = &mut self.models;
        let copy = models.copy.code(coder, wanted.copy).map_err(Failure::Coder)?;
        if copy > 0 {
            let backwards = wanted.from < self.state.from;
            let backwards = coder.bit(&mut models.backwards, backwards).map_err(Failure::Coder)?;
            let distance = wanted.from.abs_diff(self.state.from);
            let distance = models.distance.code(coder, distance).map_err(Failure::Coder)?;
            let from =
                if backwards { self.state.from.checked_sub(distance) } else { self.state.from.checked_add(distance) };
            self.state.from = from
                .filter(|from| from.checked_add(copy).is_some_and(|end| end <= head.base_bytes))
                .ok_or(Failure::Malformed)?;
        }
        let extra = models.extra.code(coder, wanted.extra).map_err(Failure::Coder)?;
        let left = head.target_bytes - self.state.made;
        if copy.checked_add(extra).is_none_or(|bytes| bytes == 0 || bytes > left) {
            return Err(Failure::Malformed);
        }
        (self.state.copy, self.state.extra) = (copy, extra);
        if copy >= TELLING_COPY {
            let At { before, now } = self.at(head);
            self.moves.learn_copy(before, now, copy);
        }
        Ok(())
    }

    fn at(&self, head: &Head) -> At {
        At { before: address(&head.base_regions, self.state.from), now: address(&head.target_regions, self.state.made) }
    }

    fn copied<C: Coder, B: Base>(
        &mut self,
        head: &Head,
        coder: &mut C,
        base: &mut B,
        plan: &impl Plan,
    ) -> Result<Made, Failure<C::Error, B::Error>> {
        let State { made, copy, from, history, .. } = self.state;
        let mut code = [0; AHEAD];
        let read = base.read(from, &mut code).map_err(Failure::Base)?;
        let code = code.get(..read).filter(|code| !code.is_empty()).ok_or(Failure::Malformed)?;
        let at = self.at(head);
        let is_address = |word: &[u8; 4]| word[3] != 0 && head.address_bytes.contains(&word[3]);
        let aligned = at.before.is_multiple_of(4) && at.now.is_multiple_of(4);
        let guess = match code.first_chunk::<4>() {
            Some(word) if copy >= 4 && aligned && is_address(word) => {
                Some(operands::address(u32::from_le_bytes(*word), &self.moves))
            }
            _ if made == self.state.instruction => {
                let next = (at.before.wrapping_neg() & 3) as usize;
                let address = code.get(next..).and_then(|code| code.first_chunk()).is_some_and(is_address);
                // In data what looks like an instruction is none, and must not hide an address that begins in it.
                let most = if address && at.before % 4 == at.now % 4 { next } else { 4 };
                operands::instruction(head.architecture, code, at, &self.registers, &self.moves)
                    .filter(|guess| guess.unit.bytes as u32 <= copy && guess.unit.bytes <= most)
            }
            _ => None,
        };
        let byte = super::model::Unit { kind: Kind::Byte, bytes: 1, before: code[0].into(), guess: code[0].into() };
        let unit = guess.map_or(byte, |guess| guess.unit);
        let wanted = plan.target(made, unit.bytes);
        let (value, guessed) = self.models.unit(coder, &unit, history, wanted).map_err(Failure::Coder)?;
        self.state.history = history << 1 | u8::from(!guessed);
        if let Some(guess) = guess {
            guess.learn(head.architecture, value, at, &mut self.registers, &mut self.moves);
        }
        let bytes = value.to_le_bytes();
        self.follow(head, &unit, bytes[0]);
        self.state.copy -= unit.bytes as u32;
        self.state.from += unit.bytes as u32;
        Ok(Made { bytes, length: unit.bytes })
    }

    /// Where the next instruction begins, after a unit that begins with this byte.
    fn follow(&mut self, head: &Head, unit: &super::model::Unit, first: u8) {
        let end = self.state.made + unit.bytes as u32;
        let next = if self.state.made == self.state.instruction && unit.kind != Kind::Address {
            self.state.made + bytes_of(head.architecture, first)
        } else {
            self.state.instruction
        };
        self.state.instruction = next.max(end);
    }

    fn told<C: Coder>(&mut self, head: &Head, coder: &mut C, plan: &impl Plan) -> Result<Made, C::Error> {
        let State { made, last, .. } = self.state;
        let byte = self.models.text.code(coder, last, plan.target(made, 1) as u8)?;
        let unit = super::model::Unit { kind: Kind::Byte, bytes: 1, before: 0, guess: 0 };
        self.follow(head, &unit, byte);
        self.state.extra -= 1;
        Ok(Made { bytes: [byte, 0, 0, 0], length: 1 })
    }
}
