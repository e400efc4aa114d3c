//! What lies in the queue, and what the queue answers.

use core::fmt;

use crate::wire::Event;

/// The most bytes of metadata one item can have.
pub const MAX_METADATA: usize = 1024;

/// The highest [`Header::kind`].
pub const MAX_KIND: u8 = 31;

/// The ULID of an item, as the number of 128 bits that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u128);

impl ItemId {
    /// The id of these bytes, most significant first (the binary form of a ULID).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The binary form of the ULID, most significant byte first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl From<u128> for ItemId {
    fn from(value: u128) -> Self {
        Self(value)
    }
}

/// How important an item is. The more important one is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Sent last and dropped first.
    Low = 0,
    /// The ordinary detection.
    Normal = 1,
    /// Sent before ordinary ones.
    High = 2,
    /// Sent first and dropped last.
    Urgent = 3,
}

impl Priority {
    /// The priority with this number, 0 (low) to 3 (urgent).
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Low),
            1 => Some(Self::Normal),
            2 => Some(Self::High),
            3 => Some(Self::Urgent),
            _ => None,
        }
    }
}

impl From<crate::wire::Priority> for Priority {
    fn from(priority: crate::wire::Priority) -> Self {
        match priority {
            crate::wire::Priority::Urgent => Self::Urgent,
            crate::wire::Priority::High => Self::High,
            crate::wire::Priority::Normal => Self::Normal,
            crate::wire::Priority::Low => Self::Low,
        }
    }
}

/// What is known of an item before its body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// Its ULID; two items of the queue never have the same.
    pub id: ItemId,
    /// How important it is.
    pub priority: Priority,
    /// A number from 0 to [`MAX_KIND`] for a [`Filter`](super::Filter): what sort of item this is.
    pub kind: u8,
    /// A number for a [`Filter`](super::Filter): the class that the model saw; 0 if none.
    pub species: u16,
    /// When it was taken, in milliseconds of Unix time. The queue only keeps it; its order is that of arrival,
    /// because a camera's clock can be wrong.
    pub taken_at_ms: u64,
    /// Length of the body in bytes.
    pub body_bytes: u32,
    /// SHA-256 of the body.
    pub sha256: [u8; 32],
}

impl Header {
    /// That of a detection.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            id: ItemId(event.ulid.bits()),
            priority: event.priority.into(),
            kind: 0,
            species: 0,
            taken_at_ms: event.taken_at_ms,
            body_bytes: event.image.bytes,
            sha256: event.image.sha256.0,
        }
    }
}

/// An item of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// As it was given to [`Queue::begin`](super::Queue::begin).
    pub header: Header,
    /// Length of the metadata in bytes.
    pub metadata_bytes: u16,
    /// How much of the body a partial upload has sent: the last [`Queue::mark`](super::Queue::mark) since the
    /// mount, or 0.
    pub sent_bytes: u32,
}

/// The state of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Items that wait.
    pub waiting: u32,
    /// Their metadata and bodies in bytes.
    pub waiting_bytes: u64,
    /// Items dropped, ever, to make room for others that are at least as important.
    pub evicted: u32,
    /// Items refused, ever, because everything there was more important.
    pub refused: u32,
    /// Items dropped, ever, because what the flash holds is not what was written.
    pub damaged: u32,
    /// Sectors that hold no item.
    pub free_sectors: u32,
    /// Sectors for items, free or not.
    pub sectors: u32,
}

/// Why the queue could not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<E> {
    /// The flash failed. The queue in RAM may no longer agree with it: mount again.
    Flash(E),
    /// The flash has too few sectors, or its units do not fit the layout.
    Geometry,
    /// The flash holds more items than the index of this queue; nothing was changed.
    IndexTooSmall,
    /// The item cannot fit, even into an empty queue, or its metadata or kind is beyond its bounds.
    TooLarge,
    /// An item with this id is there already.
    Duplicate,
    /// The queue is full of what is more important. This was counted.
    Refused,
    /// There is no such item.
    NotFound,
    /// More or fewer bytes were written than the header says.
    Length,
    /// The bytes that were written have another SHA-256 than the header says.
    Digest,
    /// An earlier write of this item failed, so it cannot be committed.
    Abandoned,
    /// The buffer is smaller than the metadata.
    BufferTooSmall,
    /// The item was there, but the flash no longer holds what was written; it was dropped and counted.
    Damaged,
    /// A counter reached its end: this flash has been written four thousand million times.
    Exhausted,
}

impl<E> Error<E> {
    /// What the flash reports, or else the error of a queue on another flash.
    pub(super) fn split<T>(self) -> Result<Error<T>, E> {
        Ok(match self {
            Self::Flash(error) => return Err(error),
            Self::Geometry => Error::Geometry,
            Self::IndexTooSmall => Error::IndexTooSmall,
            Self::TooLarge => Error::TooLarge,
            Self::Duplicate => Error::Duplicate,
            Self::Refused => Error::Refused,
            Self::NotFound => Error::NotFound,
            Self::Length => Error::Length,
            Self::Digest => Error::Digest,
            Self::Abandoned => Error::Abandoned,
            Self::BufferTooSmall => Error::BufferTooSmall,
            Self::Damaged => Error::Damaged,
            Self::Exhausted => Error::Exhausted,
        })
    }
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash of the queue failed: {error:?}"),
            Self::Geometry => f.write_str("the flash is too small for a queue, or its units do not fit"),
            Self::IndexTooSmall => f.write_str("the flash holds more items than this queue can index"),
            Self::TooLarge => f.write_str("the item is larger than the queue"),
            Self::Duplicate => f.write_str("an item with this id is in the queue already"),
            Self::Refused => f.write_str("the queue is full of more important items"),
            Self::NotFound => f.write_str("there is no such item in the queue"),
            Self::Length => f.write_str("the body has another length than its header says"),
            Self::Digest => f.write_str("the body has another digest than its header says"),
            Self::Abandoned => f.write_str("an earlier write of the item failed"),
            Self::BufferTooSmall => f.write_str("the buffer is smaller than the metadata"),
            Self::Damaged => f.write_str("the item was damaged in the flash, and is dropped"),
            Self::Exhausted => f.write_str("a counter of the queue reached its end"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}
