//! The index over the object stores, how it is rebuilt, and how stores are compared.
//!
//! Objects are the truth; everything here can be made again from them, except the list of what a gateway still has to
//! heal, which therefore is written before the objects are.

pub mod compare;
pub mod index;
pub mod reindex;

pub use index::Index;
