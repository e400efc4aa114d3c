//! Whose a card is.

use core::fmt;

use sha2::{Digest as _, Sha256};

use super::{
    card::{BLOCK, BlockDevice},
    encrypted::Encrypted,
};
use crate::checksum::Crc32;

/// The claim lies in this block, in clear: it tells which key the card belongs to, and nothing else.
const CLAIM: u32 = 0;

/// A number that rises with each start lies in this block, and is read back: a card that is worn out may say that it wrote
/// what it did not write.
const STARTS: u32 = 1;

/// What the camera stores begins with this block. The ones before are for the claim.
pub const FIRST_BLOCK: u32 = 64;

/// A card without a claim is taken only when all of its first MiB is blank. Partition tables and the file systems in use
/// have something there, those that leave the first block free too.
const BLANK_BLOCKS: u32 = 2048;

/// The last byte is the version: which blocks are used, how they are encrypted, and the sectors of the queue.
const MAGIC: [u8; 8] = *b"WildCrd1";
const CLAIM_BYTES: usize = MAGIC.len() + 32 + 4;

/// Why a card is not used. Nothing was written to it but in the case of [`Unusable::Forgets`] and maybe of
/// [`Unusable::Device`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable<E> {
    /// The card or its bus failed.
    Device(E),
    /// It has less than a MiB.
    TooSmall,
    /// It belongs to a camera with another key, whose pictures may wait on it.
    OfAnother,
    /// It holds something that no camera wrote.
    NotBlank,
    /// It does not keep what is written to it.
    Forgets,
}

impl<E: fmt::Debug> fmt::Display for Unusable<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => write!(f, "it failed: {error:?}"),
            Self::TooSmall => f.write_str("it is too small"),
            Self::OfAnother => f.write_str("it is another camera's, and left as it is"),
            Self::NotBlank => {
                f.write_str("it is not blank, and left as it is; a camera takes one whose first MiB is zeros")
            }
            Self::Forgets => f.write_str("it does not keep what is written to it"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Unusable<E> {}

/// A card that belongs to this camera, without its first blocks and under the camera's key.
pub struct Claimed<B> {
    card: Encrypted<B>,
}

/// The block that claims a card for `key`. The key has 256 bits, so that its digest gives nothing of it away.
fn claim(key: &[u8; 32]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let digest = Sha256::new().chain_update(b"wildcam card claim").chain_update(key).finalize();
    block[..MAGIC.len()].copy_from_slice(&MAGIC);
    block[MAGIC.len()..CLAIM_BYTES - 4].copy_from_slice(&digest);
    let crc = Crc32::of(&block[..CLAIM_BYTES - 4]);
    block[CLAIM_BYTES - 4..CLAIM_BYTES].copy_from_slice(&crc.to_le_bytes());
    block
}

/// Whether a block is the claim of anybody, of any version.
fn is_claim(block: &[u8; BLOCK]) -> bool {
    let (record, crc) = block[..CLAIM_BYTES].split_at(CLAIM_BYTES - 4);
    record.starts_with(&MAGIC[..MAGIC.len() - 1]) && Crc32::of(record).to_le_bytes() == crc
}

/// Cards that were never written, or were erased, hold ones or zeros.
fn is_blank(block: &[u8; BLOCK]) -> bool {
    matches!(block[0], 0 | 0xFF) && block.iter().all(|byte| *byte == block[0])
}

impl<B: BlockDevice> Claimed<B> {
    /// Uses `device` if it is claimed for `key`, or blank, and claims it then. Whatever else lies on a card stays there.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn open(mut device: B, key: &[u8; 32]) -> Result<Self, Unusable<B::Error>> {
        if device.blocks() < BLANK_BLOCKS {
            return Err(Unusable::TooSmall);
        }
        let claim = claim(key);
        let mut block = [0; BLOCK];
        device.read_block(CLAIM, &mut block).map_err(Unusable::Device)?;
        if block != claim {
            if is_claim(&block) {
                return Err(Unusable::OfAnother);
            }
            // A claim that a loss of power tore is no reason to refuse the card, if nothing was written after it.
            if !is_blank(&block) && !block.starts_with(&MAGIC) {
                return Err(Unusable::NotBlank);
            }
            for index in CLAIM + 1..BLANK_BLOCKS {
                device.read_block(index, &mut block).map_err(Unusable::Device)?;
                if !is_blank(&block) {
                    return Err(Unusable::NotBlank);
                }
            }
            device.write_block(CLAIM, &claim).map_err(Unusable::Device)?;
            device.read_block(CLAIM, &mut block).map_err(Unusable::Device)?;
            if block != claim {
                return Err(Unusable::Forgets);
            }
        }
        count(&mut device)?;
        Ok(Self { card: Encrypted::new(device, key) })
    }

    /// Gives the card back.
    pub fn into_inner(self) -> B {
        self.card.into_inner()
    }
}

/// Counts the start on the card itself.
fn count<B: BlockDevice>(device: &mut B) -> Result<(), Unusable<B::Error>> {
    let mut block = [0; BLOCK];
    device.read_block(STARTS, &mut block).map_err(Unusable::Device)?;
    let before = u32::from_le_bytes([block[0], block[1], block[2], block[3]]);
    let mut next = [0; BLOCK];
    next[..4].copy_from_slice(&before.wrapping_add(1).to_le_bytes());
    device.write_block(STARTS, &next).map_err(Unusable::Device)?;
    device.read_block(STARTS, &mut block).map_err(Unusable::Device)?;
    if block == next { Ok(()) } else { Err(Unusable::Forgets) }
}

impl<B: BlockDevice> BlockDevice for Claimed<B> {
    type Error = B::Error;

    fn blocks(&self) -> u32 {
        self.card.blocks().saturating_sub(FIRST_BLOCK)
    }

    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), Self::Error> {
        self.card.read_block(index.saturating_add(FIRST_BLOCK), block)
    }

    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), Self::Error> {
        self.card.write_block(index.saturating_add(FIRST_BLOCK), block)
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    /// A card, and whether it has become one that only says that it writes.
    #[derive(Debug, Clone, PartialEq)]
    struct Memory {
        blocks: Vec<[u8; BLOCK]>,
        worn_out: bool,
    }

    impl Memory {
        fn of(byte: u8) -> Self {
            Self { blocks: vec![[byte; BLOCK]; 4096], worn_out: false }
        }
    }

    impl BlockDevice for &mut Memory {
        type Error = ();

        fn blocks(&self) -> u32 {
            self.blocks.len() as u32
        }

        fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), ()> {
            *block = *self.blocks.get(index as usize).ok_or(())?;
            Ok(())
        }

        fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), ()> {
            let place = self.blocks.get_mut(index as usize).ok_or(())?;
            if !self.worn_out {
                *place = *block;
            }
            Ok(())
        }
    }

    fn open(card: &mut Memory, key: u8) -> Result<Claimed<&mut Memory>, Unusable<()>> {
        Claimed::open(card, &[key; 32])
    }

    #[test]
    fn a_blank_card_is_claimed_and_stays_its_cameras() {
        for byte in [0, 0xFF] {
            let mut card = Memory::of(byte);
            let mut claimed = open(&mut card, 1).expect("a blank card is taken");
            assert_eq!(claimed.blocks(), 4096 - FIRST_BLOCK);
            claimed.write_block(0, &[7; BLOCK]).unwrap();
            assert!(claimed.read_block(4096 - FIRST_BLOCK, &mut [0; BLOCK]).is_err());
            assert!(card.blocks[2..FIRST_BLOCK as usize].iter().all(|block| *block == [byte; BLOCK]));
            assert_ne!(card.blocks[FIRST_BLOCK as usize], [7; BLOCK], "it is encrypted");
            let mut again = open(&mut card, 1).expect("it is its own");
            let mut block = [0; BLOCK];
            again.read_block(0, &mut block).unwrap();
            assert_eq!(block, [7; BLOCK]);
        }
    }

    #[test]
    fn the_card_of_another_camera_is_left_as_it_is() {
        let mut card = Memory::of(0);
        open(&mut card, 1).expect("a blank card is taken");
        let before = card.clone();
        assert_eq!(open(&mut card, 2).err(), Some(Unusable::OfAnother));
        // One of a version to come is nobody's to take either.
        card.blocks[0][7] = b'2';
        let crc = Crc32::of(&card.blocks[0][..CLAIM_BYTES - 4]);
        card.blocks[0][CLAIM_BYTES - 4..CLAIM_BYTES].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(open(&mut card, 1).err(), Some(Unusable::OfAnother));
        assert_eq!(card.blocks[1..], before.blocks[1..]);
    }

    #[test]
    fn whatever_lies_on_a_card_stays_there() {
        // A partition table; a file system that leaves the first KiB free; one whose first mark is 64 KiB in.
        for (block, at) in [(0, 510), (2, 56), (128, 64), (BLANK_BLOCKS as usize - 1, 0)] {
            let mut card = Memory::of(0);
            card.blocks[block][at] = 0x53;
            let before = card.clone();
            assert_eq!(open(&mut card, 1).err(), Some(Unusable::NotBlank), "block {block}");
            assert_eq!(card, before);
        }
        let mut card = Memory::of(0);
        card.blocks.truncate(BLANK_BLOCKS as usize - 1);
        assert_eq!(open(&mut card, 1).err(), Some(Unusable::TooSmall));
    }

    #[test]
    fn a_torn_claim_is_written_again_and_a_damaged_one_on_a_card_in_use_is_not() {
        let mut card = Memory::of(0);
        card.blocks[0][..20].copy_from_slice(&claim(&[1; 32])[..20]);
        open(&mut card, 1).expect("nothing but a torn claim lies on it");
        let mut claimed = open(&mut card, 1).expect("it is its own");
        claimed.write_block(0, &[7; BLOCK]).unwrap();
        card.blocks[0][20] ^= 1;
        assert_eq!(open(&mut card, 1).err(), Some(Unusable::NotBlank));
    }

    #[test]
    fn a_card_that_no_longer_writes_is_found_out() {
        let mut card = Memory::of(0);
        card.worn_out = true;
        assert_eq!(open(&mut card, 1).err(), Some(Unusable::Forgets));
        card.worn_out = false;
        open(&mut card, 1).expect("a blank card is taken");
        card.worn_out = true;
        assert_eq!(open(&mut card, 1).err(), Some(Unusable::Forgets));
    }
}
