//! The queue of a camera that may have a card: on the card while there is one that works, else in its flash.

use core::fmt;

use embedded_storage::nor_flash::NorFlash;

use super::{
    carry::{Carried, CarryError, carry},
    filter::Filter,
    item::{Error, Header, Item, ItemId, Stats},
    store::Queue,
    writer::Writer,
};
use crate::layout::SECTOR_BYTES;

/// Where a [`Shelf`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the camera's flash.
    Flash,
    /// On the card.
    Card,
}

#[allow(clippy::large_enum_variant, reason = "it lies in one place for ever, and each variant is to have all of it")]
enum At<F, C, const ITEMS: usize, const SECTORS: usize, const CARD_SECTORS: usize> {
    Flash(Queue<F, ITEMS, SECTORS>),
    Card(Queue<C, ITEMS, CARD_SECTORS>),
}

/// Why an item did not come onto the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShelfError<E> {
    /// As in any queue.
    Queue(Error<E>),
    /// The card failed: [`Shelf::leave_card`], and do it again.
    CardFailed,
}

impl<E: fmt::Debug> fmt::Display for ShelfError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(error) => error.fmt(f),
            Self::CardFailed => f.write_str("the card failed"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for ShelfError<E> {}

/// A queue in flash `F` or on card `C`, each of at most `ITEMS` items and so many sectors.
///
/// With a card that works, what waits in the flash is carried to it at the start, and everything new goes there. When the
/// card fails, the queue in the flash goes on; what waits on the card stays there until a start finds that it works. So
/// it is with a card that is taken out, which is to be done while the camera is off.
pub struct Shelf<F, C, const ITEMS: usize, const SECTORS: usize, const CARD_SECTORS: usize> {
    at: At<F, C, ITEMS, SECTORS, CARD_SECTORS>,
    flash: F,
    failed: fn(&dyn fmt::Debug),
}

/// An operation on the queue where it lies. When the card fails, the flash is asked instead.
macro_rules! either {
    ($shelf:expr, $queue:ident => $act:expr) => {{
        if let At::Card($queue) = &mut $shelf.at {
            match $act.map_err(Error::split) {
                Ok(done) => return Ok(done),
                Err(Ok(error)) => return Err(error),
                Err(Err(device)) => {
                    ($shelf.failed)(&device);
                    $shelf.leave_card()?;
                }
            }
        }
        match &mut $shelf.at {
            At::Flash($queue) => $act,
            At::Card(_) => Err(Error::NotFound),
        }
    }};
}

impl<F, C, const ITEMS: usize, const SECTORS: usize, const CARD_SECTORS: usize>
    Shelf<F, C, ITEMS, SECTORS, CARD_SECTORS>
where
    F: NorFlash + Clone,
    C: NorFlash,
{
    /// A shelf that has looked at nothing yet: [`Shelf::open`]. `failed` hears why the card failed, when it does.
    pub fn closed(flash: F, card: Option<C>, failed: fn(&dyn fmt::Debug)) -> Self {
        let at = match card {
            Some(card) => At::Card(Queue::closed(card)),
            None => At::Flash(Queue::closed(flash.clone())),
        };
        Self { at, flash, failed }
    }

    /// Opens the queue on the card, and carries what waits in the flash to it; without a card, or when that fails, opens
    /// the one in the flash. `after_each` is called after each item that was carried, which takes a moment.
    ///
    /// # Errors
    /// When the flash fails, as [`Queue::open`].
    pub fn open(&mut self, after_each: impl FnMut()) -> Result<Carried, Error<F::Error>> {
        let card = match &mut self.at {
            At::Flash(queue) => return queue.open().map(|()| Carried::default()),
            At::Card(queue) => queue,
        };
        let carried = match card.open() {
            Ok(()) => carry::<F, C, SECTORS, ITEMS, CARD_SECTORS>(&self.flash, card, after_each),
            Err(error) => Err(CarryError::To(error)),
        };
        match carried {
            Ok(carried) => Ok(carried),
            Err(CarryError::From(error)) => Err(error),
            Err(CarryError::To(error)) => {
                (self.failed)(&error);
                self.leave_card()?;
                Ok(Carried::default())
            }
        }
    }

    /// Leaves the card for this start, and opens the queue in the flash.
    ///
    /// # Errors
    /// When the flash fails, as [`Queue::open`].
    #[inline(never)]
    pub fn leave_card(&mut self) -> Result<(), Error<F::Error>> {
        self.at = At::Flash(Queue::closed(self.flash.clone()));
        match &mut self.at {
            At::Flash(queue) => queue.open(),
            At::Card(_) => Ok(()),
        }
    }

    /// Where the queue is.
    #[must_use]
    pub fn place(&self) -> Place {
        match &self.at {
            At::Flash(_) => Place::Flash,
            At::Card(_) => Place::Card,
        }
    }

    /// What waits where the queue is, and what was dropped there. Sectors are of [`SECTOR_BYTES`] wherever it is.
    #[must_use]
    pub fn stats(&self) -> Stats {
        match &self.at {
            At::Flash(queue) => queue.stats(),
            At::Card(queue) => {
                let stats = queue.stats();
                let each = C::ERASE_SIZE as u32 / SECTOR_BYTES;
                Stats { free_sectors: stats.free_sectors * each, sectors: stats.sectors * each, ..stats }
            }
        }
    }

    /// As [`Queue::next`].
    ///
    /// # Errors
    /// Those of [`Queue::next`], of the flash.
    pub fn next(&mut self, filter: &Filter) -> Result<Option<Item>, Error<F::Error>> {
        either!(self, queue => queue.next(filter))
    }

    /// As [`Queue::read_metadata`]. When the card fails, what was there is [`Error::NotFound`].
    ///
    /// # Errors
    /// Those of [`Queue::read_metadata`], of the flash.
    pub fn read_metadata(&mut self, id: ItemId, buffer: &mut [u8]) -> Result<usize, Error<F::Error>> {
        either!(self, queue => queue.read_metadata(id, buffer))
    }

    /// As [`Queue::metadata_after`].
    ///
    /// # Errors
    /// Those of [`Queue::metadata_after`], of the flash.
    pub fn metadata_after(
        &mut self,
        id: ItemId,
        buffer: &mut [u8],
    ) -> Result<Option<(ItemId, usize)>, Error<F::Error>> {
        either!(self, queue => queue.metadata_after(id, buffer))
    }

    /// As [`Queue::read_body`]. When the card fails, what was there is [`Error::NotFound`].
    ///
    /// # Errors
    /// Those of [`Queue::read_body`], of the flash.
    pub fn read_body(&mut self, id: ItemId, offset: u32, buffer: &mut [u8]) -> Result<usize, Error<F::Error>> {
        either!(self, queue => queue.read_body(id, offset, buffer))
    }

    /// As [`Queue::remove`]. When the card fails, this is [`Error::NotFound`], and the item may be there again when the
    /// card works again: it is sent twice then, which is harmless.
    ///
    /// # Errors
    /// Those of [`Queue::remove`], of the flash.
    pub fn remove(&mut self, id: ItemId) -> Result<(), Error<F::Error>> {
        either!(self, queue => queue.remove(id))
    }

    /// As [`Queue::begin`].
    ///
    /// # Errors
    /// [`ShelfError`].
    pub fn begin(
        &mut self,
        header: &Header,
        metadata: &[u8],
    ) -> Result<ShelfWriter<'_, F, C, ITEMS, SECTORS, CARD_SECTORS>, ShelfError<F::Error>> {
        let failed = self.failed;
        let writer = match &mut self.at {
            At::Flash(queue) => Open::Flash(queue.begin(header, metadata).map_err(ShelfError::Queue)?),
            At::Card(queue) => Open::Card(queue.begin(header, metadata).map_err(|error| on_card(failed, error))?),
        };
        Ok(ShelfWriter { writer, failed })
    }
}

fn on_card<E, C: fmt::Debug>(failed: fn(&dyn fmt::Debug), error: Error<C>) -> ShelfError<E> {
    match error.split() {
        Ok(error) => ShelfError::Queue(error),
        Err(device) => {
            failed(&device);
            ShelfError::CardFailed
        }
    }
}

enum Open<'q, F, C, const ITEMS: usize, const SECTORS: usize, const CARD_SECTORS: usize> {
    Flash(Writer<'q, F, ITEMS, SECTORS>),
    Card(Writer<'q, C, ITEMS, CARD_SECTORS>),
}

/// As [`Writer`].
pub struct ShelfWriter<'q, F, C, const ITEMS: usize, const SECTORS: usize, const CARD_SECTORS: usize> {
    writer: Open<'q, F, C, ITEMS, SECTORS, CARD_SECTORS>,
    failed: fn(&dyn fmt::Debug),
}

impl<F, C, const ITEMS: usize, const SECTORS: usize, const CARD_SECTORS: usize>
    ShelfWriter<'_, F, C, ITEMS, SECTORS, CARD_SECTORS>
where
    F: NorFlash,
    C: NorFlash,
{
    /// As [`Writer::write`].
    ///
    /// # Errors
    /// [`ShelfError`].
    pub fn write(&mut self, piece: &[u8]) -> Result<(), ShelfError<F::Error>> {
        match &mut self.writer {
            Open::Flash(writer) => writer.write(piece).map_err(ShelfError::Queue),
            Open::Card(writer) => writer.write(piece).map_err(|error| on_card(self.failed, error)),
        }
    }

    /// As [`Writer::commit`].
    ///
    /// # Errors
    /// [`ShelfError`].
    pub fn commit(self) -> Result<(), ShelfError<F::Error>> {
        match self.writer {
            Open::Flash(writer) => writer.commit().map_err(ShelfError::Queue),
            Open::Card(writer) => writer.commit().map_err(|error| on_card(self.failed, error)),
        }
    }
}
