//! What must survive a crash or a lost cloud: atomic files, the intent log, and, decided in a majority of object
//! stores, registers with compare-and-swap, leases and sequence numbers.

pub mod atomic;
mod error;
#[cfg(test)]
pub(crate) mod faulty;
pub mod intent;
pub mod lease;
pub mod register;
pub mod sequence;

pub use error::Error;
