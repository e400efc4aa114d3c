//! NOR flash that can lose power at any operation, in any form, and a tool that tries them all.
//!
//! [`PowerCutFlash`] enforces the rules of NOR flash: a program works in aligned words and only clears bits, an
//! erase works in whole sectors, and nothing passes the end. What breaks a rule is refused and remembered. An
//! armed [`Cut`] stops one operation in the middle; from then on every operation fails with
//! [`PowerCutError::PowerLost`] until [`PowerCutFlash::power_on`].
//!
//! [`enumerate`] runs a [`Scenario`] with a cut at every operation in every [`Form`], and then with a second one
//! at every operation of the recovery.

mod enumerate;

use core::fmt;
use std::vec;
use std::vec::Vec;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use sha2::{Digest, Sha256};

pub use enumerate::{Depth, Failure, Report, Scenario, Stop, enumerate};

/// Why an operation on a [`PowerCutFlash`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerCutError {
    /// There is no power.
    PowerLost,
    /// The address or the length is not a multiple of the word or the sector.
    NotAligned,
    /// The operation would pass the end of the flash.
    OutOfBounds,
    /// A program would set a bit that an earlier one cleared; the sector was not erased.
    BitSet {
        /// The first such byte.
        address: u32,
    },
    /// A program of a word that is not erased, on flash that allows one program between two erases.
    NotErased {
        /// The first byte that is not erased.
        address: u32,
    },
}

impl fmt::Display for PowerCutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerLost => f.write_str("the flash has no power"),
            Self::NotAligned => f.write_str("the operation on the flash is not aligned"),
            Self::OutOfBounds => f.write_str("the operation passes the end of the flash"),
            Self::BitSet { address } => write!(f, "a program at {address:#x} would set a cleared bit"),
            Self::NotErased { address } => write!(f, "a second program at {address:#x} without an erase"),
        }
    }
}

impl core::error::Error for PowerCutError {}

impl NorFlashError for PowerCutError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// An operation that changes the flash. An erase of several sectors counts as one operation for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A program of `words` words at `address`.
    Program {
        /// Byte address.
        address: u32,
        /// Length in words.
        words: u32,
    },
    /// An erase of the sector at `address`.
    Erase {
        /// Byte address.
        address: u32,
    },
}

/// How far an operation came before the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A program: so many of its words were written.
    Words(u32),
    /// A program: so many of its words were written, and some bits of the next one were cleared.
    Bits {
        /// Whole words written before.
        words: u32,
        /// Selects the bits.
        seed: u8,
    },
    /// An erase that did not begin.
    Untouched,
    /// An erase that reached the first half of the sector.
    FirstHalf,
    /// An erase that reached the second half of the sector.
    LastHalf,
    /// An erase that left a mixture of old, erased and half-erased words.
    Mixture {
        /// Selects the mixture.
        seed: u8,
    },
    /// An erase that was complete, but whose caller never learned of it.
    Erased,
}

impl Operation {
    /// The forms in which this operation can be cut: a program after 0, 1, half, n-1 and n words and within the
    /// first, the middle and the last word; an erase before, half way in both orders, as two mixtures, and after.
    #[must_use]
    pub fn forms(&self) -> Vec<Form> {
        match *self {
            Self::Program { words, .. } => {
                let last = words.saturating_sub(1);
                let mut whole = vec![0, 1.min(words), words / 2, last, words];
                whole.sort_unstable();
                whole.dedup();
                let mut torn = vec![0, words / 2, last];
                torn.sort_unstable();
                torn.dedup();
                let mut forms: Vec<Form> = whole.into_iter().map(Form::Words).collect();
                forms.extend(torn.into_iter().enumerate().map(|(n, words)| Form::Bits { words, seed: n as u8 + 1 }));
                forms
            }
            Self::Erase { .. } => vec![
                Form::Untouched,
                Form::FirstHalf,
                Form::LastHalf,
                Form::Mixture { seed: 1 },
                Form::Mixture { seed: 2 },
                Form::Erased,
            ],
        }
    }
}

/// A loss of power to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The operation, counted from 0 since power was last put on.
    pub operation: usize,
    /// How far that operation comes. A form of the other kind of operation leaves the flash as it was.
    pub form: Form,
}

/// NOR flash in memory, with words of `WORD` and sectors of `SECTOR` bytes, that can lose power.
///
/// A clone is a snapshot.
#[derive(Debug, Clone)]
pub struct PowerCutFlash<const WORD: usize = 4, const SECTOR: usize = 4096> {
    bytes: Vec<u8>,
    trace: Vec<Operation>,
    erases: Vec<u32>,
    armed: Option<Cut>,
    powered: bool,
    write_once: bool,
    violation: Option<PowerCutError>,
    torn: Option<Torn>,
    /// SHA-256 of the sectors that were not changed since it was asked for.
    digests: Vec<Option<[u8; 32]>>,
}

/// The operation during which the power went.
#[derive(Debug, Clone)]
struct Torn {
    address: usize,
    before: Vec<u8>,
    /// What was to be programmed; an erase has none.
    new: Option<Vec<u8>>,
}

impl<const WORD: usize, const SECTOR: usize> PowerCutFlash<WORD, SECTOR> {
    const GEOMETRY: () =
        assert!(WORD > 0 && SECTOR > 0 && SECTOR.is_multiple_of(WORD), "a sector is a whole number of words");

    /// Erased flash of so many sectors, with power.
    #[must_use]
    pub fn new(sectors: usize) -> Self {
        Self::from_bytes(vec![0xFF; sectors * SECTOR])
    }

    /// Flash that holds `bytes`, filled up to whole sectors with erased bytes, with power.
    #[must_use]
    pub fn from_bytes(mut bytes: Vec<u8>) -> Self {
        const { Self::GEOMETRY };
        let sectors = bytes.len().div_ceil(SECTOR);
        bytes.resize(sectors * SECTOR, 0xFF);
        let erases = vec![0; sectors];
        Self {
            bytes,
            trace: Vec::new(),
            erases,
            armed: None,
            powered: true,
            write_once: false,
            violation: None,
            torn: None,
            digests: vec![None; sectors],
        }
    }

    /// Makes the flash refuse to program a word twice between two erases, even if that only clears bits: the rule
    /// of encrypted flash, and of flash with error correction.
    #[must_use]
    pub fn write_once(mut self) -> Self {
        self.write_once = true;
        self
    }

    /// Plans a loss of power; the last plan counts.
    pub fn arm(&mut self, cut: Cut) {
        self.armed = Some(cut);
    }

    /// Takes the power away between two operations.
    pub fn power_off(&mut self) {
        self.powered = false;
    }

    /// Puts power on: operations are counted from 0 again, and no cut is armed.
    pub fn power_on(&mut self) {
        self.powered = true;
        self.armed = None;
        self.torn = None;
        self.trace.clear();
    }

    /// This flash as it were if the operation during which the power went had come so far instead; `None` unless it went
    /// during one.
    #[must_use]
    pub fn torn_as(&self, form: Form) -> Option<Self> {
        let torn = self.torn.as_ref()?;
        let mut other = self.clone();
        let places = torn.address..torn.address + torn.before.len();
        other.forget(places.clone());
        let part = &mut other.bytes[places];
        part.copy_from_slice(&torn.before);
        match &torn.new {
            Some(new) => cut_program(part, new, WORD, torn.address, form),
            None => cut_erase(part, WORD, torn.address, form),
        }
        Some(other)
    }

    /// Whether there is power.
    #[must_use]
    pub fn is_powered(&self) -> bool {
        self.powered
    }

    /// The operations begun since power was last put on; that of a cut is the last one.
    #[must_use]
    pub fn trace(&self) -> &[Operation] {
        &self.trace
    }

    /// The first breach of the rules of NOR flash ever tried on this flash.
    #[must_use]
    pub fn violation(&self) -> Option<PowerCutError> {
        self.violation
    }

    /// How often each sector was erased, complete or not.
    #[must_use]
    pub fn erases(&self) -> &[u32] {
        &self.erases
    }

    /// SHA-256 of what the flash holds: of the digests of its sectors.
    pub fn state(&mut self) -> [u8; 32] {
        let mut all = Sha256::new();
        for (sector, digest) in self.bytes.chunks(SECTOR).zip(&mut self.digests) {
            all.update(digest.get_or_insert_with(|| Sha256::digest(sector).into()));
        }
        all.finalize().into()
    }

    /// The sectors of these bytes are about to be changed.
    fn forget(&mut self, bytes: core::ops::Range<usize>) {
        self.digests[bytes.start / SECTOR..bytes.end.div_ceil(SECTOR)].fill(None);
    }

    /// What the flash holds.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the flash holds, to damage it: this is no operation, and follows no rule.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.digests.fill(None);
        &mut self.bytes
    }

    fn refuse(&mut self, kind: NorFlashErrorKind) -> PowerCutError {
        let error = match kind {
            NorFlashErrorKind::NotAligned => PowerCutError::NotAligned,
            _ => PowerCutError::OutOfBounds,
        };
        self.violation.get_or_insert(error);
        error
    }

    /// Counts the operation and says in which form the power goes during it, if it does.
    fn begin(&mut self, operation: Operation) -> Option<Form> {
        let number = self.trace.len();
        self.trace.push(operation);
        let cut = self.armed.take_if(|cut| cut.operation == number)?;
        self.powered = false;
        Some(cut.form)
    }
}

/// Bits chosen by a seed and a place: the same ones in every run (the mixer of SplitMix64).
fn chosen(seed: u8, place: usize) -> u64 {
    let mut z = (u64::from(seed) << 48).wrapping_add(place as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn program(old: &mut [u8], new: &[u8]) {
    for (old, new) in old.iter_mut().zip(new) {
        *old &= new;
    }
}

fn cut_program(old: &mut [u8], new: &[u8], word: usize, at: usize, form: Form) {
    match form {
        Form::Words(words) => {
            let end = new.len().min(words as usize * word);
            program(&mut old[..end], &new[..end]);
        }
        Form::Bits { words, seed } => {
            let begin = new.len().min(words as usize * word);
            let end = new.len().min(begin + word);
            program(&mut old[..begin], &new[..begin]);
            for place in begin..end {
                old[place] &= new[place] | chosen(seed, at + place) as u8;
            }
        }
        Form::Untouched | Form::FirstHalf | Form::LastHalf | Form::Mixture { .. } | Form::Erased => {}
    }
}

fn cut_erase(sector: &mut [u8], word: usize, at: usize, form: Form) {
    let half = sector.len() / 2;
    match form {
        Form::FirstHalf => sector[..half].fill(0xFF),
        Form::LastHalf => sector[half..].fill(0xFF),
        Form::Erased => sector.fill(0xFF),
        Form::Mixture { seed } => {
            for (n, bytes) in sector.chunks_mut(word).enumerate() {
                let bits = chosen(seed, at + n * word);
                match bits >> 62 {
                    0 => {}
                    1 => bytes.fill(0xFF),
                    2 => bytes.iter_mut().enumerate().for_each(|(n, byte)| *byte |= (bits >> (n % 4 * 8)) as u8),
                    // Many chips program a sector to zeros before they erase it.
                    _ => bytes.fill(0),
                }
            }
        }
        Form::Words(_) | Form::Bits { .. } | Form::Untouched => {}
    }
}

impl<const WORD: usize, const SECTOR: usize> ErrorType for PowerCutFlash<WORD, SECTOR> {
    type Error = PowerCutError;
}

impl<const WORD: usize, const SECTOR: usize> ReadNorFlash for PowerCutFlash<WORD, SECTOR> {
    const READ_SIZE: usize = WORD;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), PowerCutError> {
        if !self.powered {
            return Err(PowerCutError::PowerLost);
        }
        check_read(self, offset, bytes.len()).map_err(|kind| self.refuse(kind))?;
        let at = offset as usize;
        bytes.copy_from_slice(&self.bytes[at..at + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WORD: usize, const SECTOR: usize> NorFlash for PowerCutFlash<WORD, SECTOR> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), PowerCutError> {
        if !self.powered {
            return Err(PowerCutError::PowerLost);
        }
        check_erase(self, from, to).map_err(|kind| self.refuse(kind))?;
        for address in (from..to).step_by(SECTOR) {
            let at = address as usize;
            let cut = self.begin(Operation::Erase { address });
            self.erases[at / SECTOR] += 1;
            self.forget(at..at + SECTOR);
            let sector = &mut self.bytes[at..at + SECTOR];
            match cut {
                Some(form) => {
                    self.torn = Some(Torn { address: at, before: sector.to_vec(), new: None });
                    cut_erase(sector, WORD, at, form);
                    return Err(PowerCutError::PowerLost);
                }
                None => sector.fill(0xFF),
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), PowerCutError> {
        if !self.powered {
            return Err(PowerCutError::PowerLost);
        }
        check_write(self, offset, bytes.len()).map_err(|kind| self.refuse(kind))?;
        let at = offset as usize;
        let old = &self.bytes[at..at + bytes.len()];
        if let Some(place) = old.iter().zip(bytes).position(|(old, new)| new & !old != 0) {
            let error = PowerCutError::BitSet { address: offset + place as u32 };
            self.violation.get_or_insert(error);
            return Err(error);
        }
        if let Some(place) = old.iter().position(|old| self.write_once && *old != 0xFF) {
            let error = PowerCutError::NotErased { address: offset + place as u32 };
            self.violation.get_or_insert(error);
            return Err(error);
        }
        let cut = self.begin(Operation::Program { address: offset, words: (bytes.len() / WORD) as u32 });
        self.forget(at..at + bytes.len());
        let old = &mut self.bytes[at..at + bytes.len()];
        match cut {
            Some(form) => {
                self.torn = Some(Torn { address: at, before: old.to_vec(), new: Some(bytes.to_vec()) });
                cut_program(old, bytes, WORD, at, form);
                Err(PowerCutError::PowerLost)
            }
            None => {
                program(old, bytes);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
