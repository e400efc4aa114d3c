//! A patch applied on a camera: sector after sector, with what is needed to go on after a cut.

use core::fmt;

use embedded_storage::nor_flash::{NorFlashErrorKind, ReadNorFlash};

use super::{
    Error,
    coder::{Decoder, Exhausted, Position},
    head::Head,
    model::PROBABILITIES,
    places::PAGES,
    stream::{Base, Failure, Made, State, Stream, Unknown},
};
use crate::layout;

/// Bytes of what is kept at the end of a sector.
pub const STATE_BYTES: usize = 2 * PROBABILITIES + 3 * (PAGES + 1) + NUMBERS;

const NUMBERS: usize = 5 * 4 + 2 + 2 * 4 + 4 + 5 + 8;

/// More than a unit ever reads: some 200 decisions of twelve bits at most.
const UNIT_MAX_BYTES: usize = 512;

/// Least input that is of use, in bytes, unless it is the last: with less nothing is made.
pub const LEAST_INPUT_BYTES: usize = UNIT_MAX_BYTES + Position::FIRST;

/// What a call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are read and need not be given again.
    pub consumed: usize,
    /// Bytes of the target that were written to the output.
    pub written: usize,
}

/// A patch that is being applied: about 5 KB, beside the buffers of its caller.
pub struct Applier {
    head: Head,
    stream: Stream,
    position: Option<Position>,
    /// Bytes of the patch behind the head that are read.
    offset: u32,
    /// What a unit made beyond the end of the output.
    pending: Made,
}

impl fmt::Debug for Applier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applier").field("offset", &self.offset).field("made", &self.made()).finish_non_exhaustive()
    }
}

const NOTHING: Made = Made { bytes: [0; 4], length: 0 };

impl Applier {
    /// Begins at the first byte behind the head.
    #[must_use]
    pub const fn new(head: Head) -> Self {
        Self { head, stream: Stream::new(), position: None, offset: 0, pending: NOTHING }
    }

    /// One that has no patch yet: [`Applier::restart`] gives it one. A chip's stack has no room for a second one.
    #[must_use]
    pub const fn idle() -> Self {
        Self::new(Head::NONE)
    }

    /// Begins anew at the first byte behind `head`, in its place.
    pub fn restart(&mut self, head: Head) {
        self.head = head;
        self.stream.reset();
        (self.position, self.offset, self.pending) = (None, 0, NOTHING);
    }

    /// What the patch is for.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Bytes of the patch behind the head that are read.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Bytes of the target that were written to outputs.
    #[must_use]
    pub const fn made(&self) -> u32 {
        self.stream.state.made - self.pending.length as u32
    }

    /// Whether all of the target was written.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.made() == self.head.target_bytes
    }

    /// Reads input from [`Applier::offset`] on and writes the next bytes of the target to `out`, until `out` is full, the
    /// target is whole, or more input is needed. `base` is where the base lies in the flash. `last` says that the input goes to
    /// the end of the patch.
    ///
    /// # Errors
    /// [`Error`]. After one, only a state that was kept can be gone on with.
    pub fn advance<F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        base: layout::Region,
        input: &[u8],
        last: bool,
        out: &mut [u8],
    ) -> Result<Step, Error> {
        if self.head.base_bytes > base.bytes {
            return Err(Error::Malformed);
        }
        let mut step = Step { consumed: 0, written: 0 };
        self.flush(out, &mut step);
        let position = match self.position {
            Some(position) => position,
            None if step.written == out.len() || self.is_done() => return Ok(step),
            None => match input.first_chunk() {
                Some(first) => {
                    step.consumed = Position::FIRST;
                    Position::start(*first)
                }
                None if last => return Err(Error::Short),
                None => return Ok(step),
            },
        };
        let mut window = Window { flash, base, bytes: self.head.base_bytes, at: 0, held: 0, buffer: [0; WINDOW_BYTES] };
        let begun = step.consumed;
        let mut decoder = Decoder::new(position, &input[begun..]);
        while step.written < out.len()
            && self.stream.state.made < self.head.target_bytes
            && (last || decoder.left() >= UNIT_MAX_BYTES)
        {
            self.pending = self.stream.unit(&self.head, &mut decoder, &mut window, &mut Unknown).map_err(failed)?;
            self.flush(out, &mut step);
        }
        self.position = Some(decoder.position);
        step.consumed += decoder.consumed();
        self.offset = u32::try_from(step.consumed)
            .ok()
            .and_then(|consumed| self.offset.checked_add(consumed))
            .ok_or(Error::Malformed)?;
        Ok(step)
    }

    /// Writes what is pending, as far as it fits.
    fn flush(&mut self, out: &mut [u8], step: &mut Step) {
        let Made { bytes, length } = self.pending;
        let free = &mut out[step.written..];
        let count = length.min(free.len());
        free[..count].copy_from_slice(&bytes[..count]);
        step.written += count;
        self.pending = Made { bytes: [0; 4], length: length - count };
        self.pending.bytes[..length - count].copy_from_slice(&bytes[count..length]);
    }

    /// Writes down how far it is. This is to be done when the output was filled to the end of a sector of the target, and there
    /// only: what is not kept between sectors is not in it.
    pub fn save(&mut self, out: &mut [u8; STATE_BYTES]) {
        let State { made, copy, extra, from, instruction, last, history } = self.stream.state;
        let position = self.position.unwrap_or(Position { range: 0, code: 0 });
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.head.target_sha256[..8]);
        for number in [made, copy, extra, from, instruction, position.range, position.code, self.offset] {
            put(&number.to_le_bytes());
        }
        put(&[last, history, self.pending.length as u8]);
        put(&self.pending.bytes);
        self.stream.models.for_each(|probability| put(&probability.to_le_bytes()));
        self.stream.moves.for_each(|moved| put(moved));
    }

    /// Goes on from what [`Applier::save`] wrote down for the same patch; `None` when it is of another, or nonsense.
    #[must_use]
    pub fn resume(head: Head, state: &[u8; STATE_BYTES]) -> Option<Self> {
        let mut applier = Self::new(head);
        applier.reload(state).then_some(applier)
    }

    /// The same in its place, for the patch of its head; false when the state is of another one, or nonsense. Then it has to be
    /// restarted.
    #[must_use]
    pub fn reload(&mut self, state: &[u8; STATE_BYTES]) -> bool {
        let applier = self;
        applier.stream.reset();
        let mut at = 0;
        let mut take = |bytes: &mut [u8]| {
            bytes.copy_from_slice(&state[at..at + bytes.len()]);
            at += bytes.len();
        };
        let mut target = [0; 8];
        take(&mut target);
        let mut numbers = [0; 8];
        for number in &mut numbers {
            let mut bytes = [0; 4];
            take(&mut bytes);
            *number = u32::from_le_bytes(bytes);
        }
        let [made, copy, extra, from, instruction, range, code, offset] = numbers;
        let mut small = [0; 3];
        take(&mut small);
        let [last, history, length] = small;
        take(&mut applier.pending.bytes);
        applier.pending.length = usize::from(length);
        applier.stream.state = State { made, copy, extra, from, instruction, last, history };
        let mut sound = true;
        applier.stream.models.for_each(|probability| {
            let mut bytes = [0; 2];
            take(&mut bytes);
            *probability = u16::from_le_bytes(bytes);
            sound &= *probability > 0;
        });
        applier.stream.moves.for_each(|moved| take(moved));
        applier.position = (range > 0).then_some(Position { range, code });
        applier.offset = offset;
        let head = &applier.head;
        sound
            && head.target_sha256.starts_with(&target)
            && length <= 3
            && u32::from(length) <= made
            && copy
                .checked_add(extra)
                .and_then(|left| left.checked_add(made))
                .is_some_and(|end| end <= head.target_bytes)
            && from.checked_add(copy).is_some_and(|end| end <= head.base_bytes)
            && instruction <= made.saturating_add(4)
    }
}

fn failed(failure: Failure<Exhausted, NorFlashErrorKind>) -> Error {
    match failure {
        Failure::Coder(Exhausted) => Error::Short,
        Failure::Base(kind) => Error::Flash(kind),
        Failure::Malformed => Error::Malformed,
    }
}

const WINDOW_BYTES: usize = 256;

/// The base, read a few lines at a time: a unit needs a few bytes, and the next one those behind them.
struct Window<'f, F> {
    flash: &'f mut F,
    base: layout::Region,
    bytes: u32,
    /// Where what is held begins, and how many bytes that are.
    at: u32,
    held: u32,
    buffer: [u8; WINDOW_BYTES],
}

impl<F: ReadNorFlash> Base for Window<'_, F> {
    type Error = NorFlashErrorKind;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<usize, NorFlashErrorKind> {
        let wanted = (out.len() as u32).min(self.bytes.saturating_sub(offset));
        if wanted == 0 {
            return Ok(0);
        }
        let end = offset + wanted;
        if offset < self.at || end > self.at + self.held {
            // Whole units of the flash; the slot has them whole, whatever the image's length.
            let unit = F::READ_SIZE.max(4) as u32;
            self.at = offset / unit * unit;
            self.held = (self.base.bytes - self.at).min(WINDOW_BYTES as u32) / unit * unit;
            let buffer = &mut self.buffer[..self.held as usize];
            self.flash.read(self.base.offset + self.at, buffer).map_err(|error| {
                self.held = 0;
                embedded_storage::nor_flash::NorFlashError::kind(&error)
            })?;
            if end > self.at + self.held {
                return Err(NorFlashErrorKind::OutOfBounds);
            }
        }
        let from = (offset - self.at) as usize;
        out[..wanted as usize].copy_from_slice(&self.buffer[from..from + wanted as usize]);
        Ok(wanted as usize)
    }
}
