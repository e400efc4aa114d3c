//! A card of 512-byte blocks, presented as NOR flash.

use core::fmt;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Bytes of one block of a [`BlockDevice`]: the fixed block of SD cards of high capacity and more.
pub const BLOCK: usize = 512;

/// A card that is read and written by whole blocks.
pub trait BlockDevice {
    /// What the card or its bus reports.
    type Error: fmt::Debug;

    /// Number of blocks.
    fn blocks(&self) -> u32;

    /// Reads the block `index`.
    ///
    /// # Errors
    /// Whatever the card or its bus reports.
    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), Self::Error>;

    /// Writes the block `index`, and returns only when the card is no longer busy: what was written then
    /// survives a loss of power.
    ///
    /// # Errors
    /// Whatever the card or its bus reports.
    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), Self::Error>;
}

/// Why an operation on a [`Card`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardError<E> {
    /// The card or its bus failed.
    Device(E),
    /// The address or the length is not a multiple of the unit of the operation.
    NotAligned,
    /// The operation would pass the end of the card.
    OutOfBounds,
}

impl<E: fmt::Debug> fmt::Display for CardError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => write!(f, "the card failed: {error:?}"),
            Self::NotAligned => f.write_str("the operation on the card is not aligned"),
            Self::OutOfBounds => f.write_str("the operation passes the end of the card"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for CardError<E> {}

impl<E: fmt::Debug> NorFlashError for CardError<E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Device(_) => NorFlashErrorKind::Other,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
        }
    }
}

/// A card as NOR flash: an erase writes 0xFF, a program clears bits.
///
/// `WRITE` is the unit of a program. A card that loses power can spoil the whole block it was writing, so the
/// default is one block: then no program touches a block that already holds something. A smaller unit reads the
/// block, changes it and writes it back, and gives that protection up. `ERASE` is the unit of an erase, a
/// multiple of the block; larger units suit larger cards.
///
/// NOR flash has 32-bit addresses, so of a card beyond 4 GiB only the first 4 GiB (less one unit) are used.
#[derive(Debug)]
pub struct Card<B, const WRITE: usize = BLOCK, const ERASE: usize = 16384> {
    device: B,
}

impl<B: BlockDevice, const WRITE: usize, const ERASE: usize> Card<B, WRITE, ERASE> {
    const GEOMETRY: () = assert!(
        WRITE > 0 && BLOCK.is_multiple_of(WRITE) && ERASE > 0 && ERASE.is_multiple_of(BLOCK),
        "WRITE divides a block, and ERASE is a multiple of it"
    );

    /// Uses `device` as NOR flash, whatever it holds.
    pub fn new(device: B) -> Self {
        const { Self::GEOMETRY };
        Self { device }
    }

    /// Gives the card back.
    pub fn into_inner(self) -> B {
        self.device
    }
}

fn refusal<E>(kind: NorFlashErrorKind) -> CardError<E> {
    match kind {
        NorFlashErrorKind::NotAligned => CardError::NotAligned,
        _ => CardError::OutOfBounds,
    }
}

/// Block and place in it of a byte address. The block is what the trait counts, and fits because the address does.
fn locate(address: u32) -> (u32, usize) {
    (address / BLOCK as u32, (address % BLOCK as u32) as usize)
}

impl<B: BlockDevice, const WRITE: usize, const ERASE: usize> ErrorType for Card<B, WRITE, ERASE> {
    type Error = CardError<B::Error>;
}

impl<B: BlockDevice, const WRITE: usize, const ERASE: usize> ReadNorFlash for Card<B, WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        check_read(self, offset, bytes.len()).map_err(refusal)?;
        let mut block = [0; BLOCK];
        let mut address = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (index, at) = locate(address);
            let length = rest.len().min(BLOCK - at);
            let (now, later) = rest.split_at_mut(length);
            self.device.read_block(index, &mut block).map_err(CardError::Device)?;
            now.copy_from_slice(&block[at..at + length]);
            rest = later;
            address += length as u32;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        let bytes = u64::from(self.device.blocks()) * BLOCK as u64;
        let addressable = bytes.min(u64::from(u32::MAX)).min(usize::MAX as u64);
        addressable as usize / ERASE * ERASE
    }
}

impl<B: BlockDevice, const WRITE: usize, const ERASE: usize> NorFlash for Card<B, WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        check_erase(self, from, to).map_err(refusal)?;
        // In rising order: the start of a sector is gone before anything behind it changes.
        for index in locate(from).0..locate(to).0 {
            self.device.write_block(index, &[0xFF; BLOCK]).map_err(CardError::Device)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len()).map_err(refusal)?;
        let mut block = [0; BLOCK];
        let mut address = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (index, at) = locate(address);
            let (now, later) = rest.split_at(rest.len().min(BLOCK - at));
            self.device.read_block(index, &mut block).map_err(CardError::Device)?;
            for (old, new) in block[at..].iter_mut().zip(now) {
                *old &= new;
            }
            self.device.write_block(index, &block).map_err(CardError::Device)?;
            rest = later;
            address += now.len() as u32;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Memory<const N: usize>([[u8; BLOCK]; N]);

    impl<const N: usize> BlockDevice for Memory<N> {
        type Error = ();

        fn blocks(&self) -> u32 {
            N as u32
        }

        fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), ()> {
            *block = *self.0.get(index as usize).ok_or(())?;
            Ok(())
        }

        fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), ()> {
            *self.0.get_mut(index as usize).ok_or(())? = *block;
            Ok(())
        }
    }

    #[test]
    fn erases_to_ones_and_programs_across_blocks_by_clearing_bits() {
        let mut card = Card::<_, 4, 1024>::new(Memory([[0x55; BLOCK]; 5]));
        assert_eq!(card.capacity(), 2048, "the half sector at the end is left out");
        card.erase(0, 1024).unwrap();
        card.write(508, &[0xF0, 0x0F, 1, 2, 3, 4, 5, 6]).unwrap();
        card.write(508, &[0x3F; 4]).unwrap();
        let mut seen = [0; 12];
        card.read(506, &mut seen).unwrap();
        assert_eq!(seen, [0xFF, 0xFF, 0x30, 0x0F, 1, 2, 3, 4, 5, 6, 0xFF, 0xFF]);
        let mut next = [0; 4];
        card.read(1024, &mut next).unwrap();
        assert_eq!(next, [0x55; 4], "the sector that was not erased is as it was");
    }

    #[test]
    fn refuses_what_nor_flash_refuses() {
        let mut card = Card::<_, 512, 1024>::new(Memory([[0xFF; BLOCK]; 4]));
        assert_eq!(card.write(4, &[0; 512]), Err(CardError::NotAligned));
        assert_eq!(card.write(2048, &[0; 512]), Err(CardError::OutOfBounds));
        assert_eq!(card.erase(0, 512), Err(CardError::NotAligned));
        assert_eq!(card.erase(1024, 3072), Err(CardError::OutOfBounds));
        assert_eq!(card.read(2047, &mut [0; 2]), Err(CardError::OutOfBounds));
    }
}
