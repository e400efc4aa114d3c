//! The camera's logic: what runs the same on a chip, on the emulated board, in the lab and in host tests.
//!
//! Without the `std` feature the crate needs neither the standard library nor an allocator.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

pub mod flash;
pub mod queue;
