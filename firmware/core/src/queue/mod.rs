//! A durable queue of detections in NOR flash or on a card.
//!
//! After [`Writer::commit`] returned, an item survives a loss of power at any operation of the flash, until
//! [`Queue::remove`] (it was uploaded) or until the queue is full and drops it for one that is at least as
//! important. What was torn or damaged is never returned.
//!
//! # Layout
//! The first [`LOG_SECTORS`] sectors hold the log: the boot counter and the counts of what was dropped. All
//! others hold items. An item owns whole sectors and never shares one, so that its removal frees them and
//! nothing is ever copied to make room. Every sector in use begins with a record that carries a sequence number;
//! the numbers only rise, and those of one item follow each other:
//!
//! ```text
//! first sector:  head record | commit record | two removal marks | metadata | body ...
//! further ones:  continuation record | body ...
//! ```
//!
//! The commit record is programmed after everything else, and a removal mark before a sector of the item is
//! erased. A mark that a loss of power tore does not count, and the second one is there to repeat it; if both
//! are torn, the item was meant to go. An eviction is first recorded in the log together with its count, so it is
//! finished or repeated by the next mount, and counted once. Each unit is programmed once between two erases, so
//! the layout also fits flash that forbids a second program, and cards. Sectors are taken in turn around the
//! flash, which spreads the wear.
//!
//! RAM holds one number for each sector and one entry for each item; both are rebuilt at mount from the records.

mod carry;
mod filter;
mod item;
mod layout;
mod log;
mod mount;
mod rate;
mod seeded;
mod shelf;
mod store;
mod writer;

pub use carry::{Carried, CarryError, carry};
pub use filter::{Filter, MAX_EXCEPT, MAX_SPECIES};
pub use item::{Error, Header, Item, ItemId, MAX_KIND, MAX_METADATA, Priority, Stats};
pub use log::LOG_SECTORS;
pub use rate::TokenBucket;
#[cfg(feature = "mutants")]
pub use seeded::Mutant;
pub use shelf::{Place, Shelf, ShelfError, ShelfWriter};
pub use store::Queue;
pub use writer::Writer;

#[cfg(test)]
mod tests;
