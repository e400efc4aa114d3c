//! What the eFuses of a chip hold, as far as keys are concerned. Nothing here is believed to make sense: it comes from the chip.

use super::chip::KEY_BLOCKS;

/// A key that the HMAC unit may use for software: what the firmware looks for.
pub(super) const HMAC_UP: u8 = 8;

/// Words of block 0.
pub(super) const BLOCK0_WORDS: usize = 6;

/// Block 0: what is protected, and what each key is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Block0(pub(super) [u32; BLOCK0_WORDS]);

/// The bit, in the first word, that protects a field or block from being written. The numbers are from the manuals.
const READ_PROTECTION: u32 = 0;
const FIRST_PURPOSE: u32 = 8;
const FIRST_KEY: u32 = 23;

impl Block0 {
    fn write_protected(&self, bit: u32) -> bool {
        self.0[0] & 1 << bit != 0
    }

    /// Nothing can be protected from being read any more.
    pub(super) fn read_protection_is_closed(&self) -> bool {
        self.write_protected(READ_PROTECTION)
    }

    /// What a key is for: 0 when nobody has said yet.
    pub(super) fn purpose(&self, key: u8) -> u8 {
        let (word, shift) = purpose_at(key);
        (self.0[word] >> shift & 0xf) as u8
    }

    pub(super) fn purpose_is_closed(&self, key: u8) -> bool {
        self.write_protected(FIRST_PURPOSE + u32::from(key))
    }

    pub(super) fn key_is_closed(&self, key: u8) -> bool {
        self.write_protected(FIRST_KEY + u32::from(key))
    }

    /// Software can not read the key.
    pub(super) fn key_is_hidden(&self, key: u8) -> bool {
        self.0[1] & 1 << key != 0
    }

    /// The bits that hide a key from software and close it.
    pub(super) fn hiding(key: u8) -> Self {
        let mut bits = Self::default();
        bits.0[0] = 1 << (FIRST_KEY + u32::from(key));
        bits.0[1] = 1 << key;
        bits
    }

    /// The bit that gives a key to the HMAC unit. It is one bit, so that a programming that is cut off cannot leave another
    /// purpose.
    pub(super) fn giving(key: u8) -> Self {
        let (word, shift) = purpose_at(key);
        let mut bits = Self::default();
        bits.0[word] = u32::from(HMAC_UP) << shift;
        bits
    }

    /// The bit that closes a key's purpose.
    pub(super) fn closing(key: u8) -> Self {
        let mut bits = Self::default();
        bits.0[0] = 1 << (FIRST_PURPOSE + u32::from(key));
        bits
    }

    /// What is set here or there.
    pub(super) fn with(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }
}

/// Purposes have four bits each, from bit 24 of the third word on.
fn purpose_at(key: u8) -> (usize, u32) {
    let bit = 24 + 4 * u32::from(key);
    (2 + (bit / 32) as usize, bit % 32)
}

/// One key block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct KeyBlock {
    /// Every bit that can be read is 0.
    pub(super) empty: bool,
    /// The code had to correct something in it, or could not.
    pub(super) faulty: bool,
}

/// What was read of a chip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) block0: Block0,
    /// Block 0 says that a bit of it was not programmed well.
    pub(super) block0_is_faulty: bool,
    pub(super) keys: [KeyBlock; KEY_BLOCKS as usize],
}

impl State {
    /// Whether a key may be burnt into this block. What reads as 0 may be hidden, and what is empty but for its check words
    /// was cut off when it was burnt: the code shows that.
    fn is_free(&self, key: u8) -> bool {
        let block = self.keys[usize::from(key)];
        block.empty
            && !block.faulty
            && self.block0.purpose(key) == 0
            && !self.block0.key_is_hidden(key)
            && !self.block0.key_is_closed(key)
            && !self.block0.purpose_is_closed(key)
    }

    /// The key that the firmware takes.
    pub(super) fn taken(&self) -> Option<u8> {
        (0..KEY_BLOCKS).find(|key| self.block0.purpose(*key) == HMAC_UP)
    }

    fn is_done(&self, key: u8) -> bool {
        let all = Block0::hiding(key).with(&Block0::closing(key));
        self.block0.with(&all) == self.block0
    }
}

/// A burn that was begun and is not known to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The key block, counted from 0.
    pub block: u8,
    /// The key was there and was read back; it was about to be hidden and to be given to the HMAC unit.
    pub verified: bool,
}

/// What is to be done to the eFuses of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EfusePlan {
    /// A new key is burnt.
    Burn {
        /// Into this key block, counted from 0.
        block: u8,
        /// An earlier burn into this one was cut off, and what it left is of no use and does no harm.
        given_up: Option<u8>,
    },
    /// The key of a burn that was cut off is whole and hidden: it is given to the HMAC unit, and closed.
    Finish {
        /// It lies in this key block, counted from 0.
        block: u8,
    },
    /// The chip has a key for its HMAC unit, and nothing is burnt.
    There {
        /// It lies in this key block, counted from 0.
        block: u8,
        /// Software cannot read it.
        hidden: bool,
    },
    /// Nothing was asked for, but an earlier burn was cut off.
    CutOff {
        /// It was into this key block, counted from 0.
        block: u8,
    },
}

impl EfusePlan {
    /// The key block, counted from 0.
    #[must_use]
    pub fn block(self) -> u8 {
        match self {
            Self::Burn { block, .. } | Self::Finish { block } | Self::There { block, .. } | Self::CutOff { block } => {
                block
            }
        }
    }

    /// Whether eFuses are burnt.
    #[must_use]
    pub fn burns(self) -> bool {
        matches!(self, Self::Burn { .. } | Self::Finish { .. })
    }
}

/// What is to be done, or why nothing may be.
pub(super) fn plan(state: &State, begun: Option<Begun>) -> Result<EfusePlan, &'static str> {
    if state.block0_is_faulty {
        return Err("the chip reports errors in block 0, where purposes and protections lie");
    }
    let begun = begun.filter(|begun| begun.block < KEY_BLOCKS);
    // Of ours, verified, and hidden before anybody could read it in between: what is missing can be burnt.
    let verified = begun.filter(|begun| begun.verified && state.block0.key_is_hidden(begun.block));
    if let Some(block) = state.taken() {
        if verified.is_some_and(|begun| begun.block == block) && !state.is_done(block) {
            return Ok(EfusePlan::Finish { block });
        }
        return Ok(EfusePlan::There { block, hidden: state.block0.key_is_hidden(block) });
    }
    if let Some(Begun { block, .. }) = verified
        && state.block0.purpose(block) == 0
        && !state.block0.purpose_is_closed(block)
    {
        return Ok(EfusePlan::Finish { block });
    }
    if state.block0.read_protection_is_closed() {
        return Err("no key can be protected from being read any more, as on a chip with secure boot");
    }
    let block = (0..KEY_BLOCKS).find(|key| state.is_free(*key)).ok_or("none of its key blocks is free")?;
    let given_up = begun.map(|begun| begun.block).filter(|block| !state.is_free(*block));
    Ok(EfusePlan::Burn { block, given_up })
}
