//! A part of a flash that several share.

use core::{cell::RefCell, fmt};

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

use crate::layout::Region;

/// Why an operation on a [`Part`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartError<E> {
    /// The flash failed.
    Flash(E),
    /// The operation would pass the end of the part.
    OutOfBounds,
    /// Another part is in the middle of an operation, which one thread cannot bring about.
    Busy,
}

impl<E: fmt::Debug> fmt::Display for PartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::OutOfBounds => f.write_str("the operation passes the end of its part of the flash"),
            Self::Busy => f.write_str("the flash is in use"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for PartError<E> {}

impl<E: NorFlashError> NorFlashError for PartError<E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Flash(error) => error.kind(),
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::Busy => NorFlashErrorKind::Other,
        }
    }
}

/// A region of a flash as a flash of its own, whose first byte is 0. Nothing outside of it can be reached.
#[derive(Debug)]
pub struct Part<'f, F> {
    flash: &'f RefCell<F>,
    region: Region,
}

// By hand, because the flash itself need not be one that can be copied.
impl<F> Clone for Part<'_, F> {
    fn clone(&self) -> Self {
        Self { flash: self.flash, region: self.region }
    }
}

impl<'f, F> Part<'f, F> {
    /// The part `region` of `flash`.
    #[must_use]
    pub const fn new(flash: &'f RefCell<F>, region: Region) -> Self {
        Self { flash, region }
    }

    fn place<E>(&self, offset: u32, bytes: usize) -> Result<u32, PartError<E>> {
        let bytes = u32::try_from(bytes).map_err(|_| PartError::OutOfBounds)?;
        let place = self.region.offset.checked_add(offset).ok_or(PartError::OutOfBounds)?;
        if self.region.holds(place, bytes) { Ok(place) } else { Err(PartError::OutOfBounds) }
    }
}

impl<F: ErrorType> ErrorType for Part<'_, F> {
    type Error = PartError<F::Error>;
}

impl<F: ReadNorFlash> ReadNorFlash for Part<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let place = self.place(offset, bytes.len())?;
        self.flash.try_borrow_mut().map_err(|_| PartError::Busy)?.read(place, bytes).map_err(PartError::Flash)
    }

    fn capacity(&self) -> usize {
        self.region.bytes as usize
    }
}

impl<F: NorFlash> NorFlash for Part<'_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let length = to.checked_sub(from).ok_or(PartError::OutOfBounds)?;
        let place = self.place(from, length as usize)?;
        let mut flash = self.flash.try_borrow_mut().map_err(|_| PartError::Busy)?;
        flash.erase(place, place + length).map_err(PartError::Flash)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let place = self.place(offset, bytes.len())?;
        self.flash.try_borrow_mut().map_err(|_| PartError::Busy)?.write(place, bytes).map_err(PartError::Flash)
    }
}

#[cfg(all(test, feature = "powercut"))]
mod tests {
    use super::*;
    use crate::flash::powercut::PowerCutFlash;

    #[test]
    fn a_part_reaches_its_own_bytes_and_no_others() {
        let flash = RefCell::new(PowerCutFlash::<4, 16>::new(4));
        let mut part = Part::new(&flash, Region { offset: 16, bytes: 32 });
        assert_eq!(part.capacity(), 32);
        part.write(28, &[0; 4]).unwrap();
        let mut seen = [1; 4];
        part.read(28, &mut seen).unwrap();
        assert_eq!(seen, [0; 4]);
        assert_eq!(part.write(32, &[0; 4]), Err(PartError::OutOfBounds));
        assert_eq!(part.read(u32::MAX - 3, &mut seen), Err(PartError::OutOfBounds));
        assert_eq!(part.erase(16, 48), Err(PartError::OutOfBounds));
        assert_eq!(part.erase(16, 0), Err(PartError::OutOfBounds));
        part.erase(0, 32).unwrap();
        assert_eq!(flash.borrow().erases(), [0, 1, 1, 0]);
    }
}
