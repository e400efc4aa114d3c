//! From one queue to another: what waits in a camera's flash, when there is a card.

use core::fmt;

use embedded_storage::nor_flash::NorFlash;

use super::{
    item::{Error, ItemId, MAX_METADATA},
    layout::BUFFER,
    store::Queue,
};

/// Items whose places are known at a time. It is few, because both queues are in RAM together.
const BATCH: usize = 8;

/// Why not everything was carried over. What was not is where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarryError<F, T> {
    /// The flash that the items lie in failed.
    From(Error<F>),
    /// That which they go to failed.
    To(Error<T>),
}

impl<F: fmt::Debug, T: fmt::Debug> fmt::Display for CarryError<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(error) => write!(f, "reading what waits: {error}"),
            Self::To(error) => write!(f, "keeping what waited elsewhere: {error}"),
        }
    }
}

impl<F: fmt::Debug, T: fmt::Debug> core::error::Error for CarryError<F, T> {}

/// What was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Items that are in the other queue now.
    pub items: u32,
    /// Whether there are more, for which it has no room.
    pub more: bool,
}

/// Takes all items out of the queue in `from`, the oldest first, and puts them into `to`, as long as that has room without
/// dropping anything. An item is durable there before it is removed here, so that a loss of power leaves it in one of the
/// two at least; the next call goes on. `after_each` is called after each item.
///
/// `SECTORS` is that of the queue in `from`.
///
/// # Errors
/// [`CarryError`].
pub fn carry<F, T, const SECTORS: usize, const ITEMS: usize, const TO_SECTORS: usize>(
    from: &F,
    to: &mut Queue<T, ITEMS, TO_SECTORS>,
    mut after_each: impl FnMut(),
) -> Result<Carried, CarryError<F::Error, T::Error>>
where
    F: NorFlash + Clone,
    T: NorFlash,
{
    let mut carried = Carried::default();
    loop {
        let mut batch = Queue::<F, BATCH, SECTORS>::closed(from.clone());
        batch.open_oldest().map_err(CarryError::From)?;
        if batch.index.is_empty() {
            return Ok(carried);
        }
        while let Some(id) = batch.index.iter().min_by_key(|entry| entry.sequence).map(|entry| entry.id) {
            match one(&mut batch, to, id) {
                Ok(true) => carried.items += 1,
                Ok(false) => return Ok(Carried { more: true, ..carried }),
                // Dropped, and counted where it lay.
                Err(CarryError::From(Error::Damaged)) => {}
                Err(error) => return Err(error),
            }
            after_each();
        }
    }
}

/// Carries one item; `false` if there is no room for it.
fn one<F: NorFlash, T: NorFlash, const SECTORS: usize, const ITEMS: usize, const TO_SECTORS: usize>(
    from: &mut Queue<F, BATCH, SECTORS>,
    to: &mut Queue<T, ITEMS, TO_SECTORS>,
    id: ItemId,
) -> Result<bool, CarryError<F::Error, T::Error>> {
    let item = from.get(id).map_err(CarryError::From)?;
    let there = match to.get(id) {
        // Put there before a loss of power, and whole.
        Ok(_) => true,
        Err(Error::NotFound | Error::Damaged) => false,
        Err(error) => return Err(CarryError::To(error)),
    };
    if !there {
        let metadata_bytes = usize::from(item.metadata_bytes);
        let stats = to.stats();
        let needed = Queue::<T, ITEMS, TO_SECTORS>::sectors_for(metadata_bytes, item.header.body_bytes);
        if u64::from(stats.free_sectors) < needed || stats.waiting as usize >= ITEMS {
            return Ok(false);
        }
        let mut metadata = [0; MAX_METADATA];
        from.read_metadata(id, &mut metadata).map_err(CarryError::From)?;
        let metadata = metadata.get(..metadata_bytes).ok_or(CarryError::From(Error::Damaged))?;
        let mut writer = to.begin(&item.header, metadata).map_err(CarryError::To)?;
        let mut piece = [0; BUFFER];
        while writer.written_bytes() < item.header.body_bytes {
            let length = from.read_body(id, writer.written_bytes(), &mut piece).map_err(CarryError::From)?;
            writer.write(&piece[..length]).map_err(CarryError::To)?;
        }
        writer.commit().map_err(CarryError::To)?;
    }
    from.remove(id).map_err(CarryError::From)?;
    Ok(true)
}
