//! What must survive a crash or a lost cloud: atomic files, the intent log, and, decided in a majority of object
//! stores, registers with compare-and-swap, leases and sequence numbers.

pub mod atomic;
mod error;
pub mod intent;

pub use error::Error;
