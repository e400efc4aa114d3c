//! The camera's logic, the same on the chip, in the lab's virtual cameras and in host tests.
//!
//! Nothing here needs an operating system or an allocator. What differs between a chip and a laptop (sockets, time,
//! randomness, flash) comes in through small traits; everything else is plain Rust over `embedded-io-async`.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "std", test))]
extern crate std;

pub mod agent;
pub mod boot;
pub mod camera;
pub mod checksum;
pub mod config;
pub mod cose;
pub mod deflate;
pub mod delta;
pub mod flash;
pub mod http;
pub mod httpsig;
pub mod identity;
pub mod image;
pub mod launch;
pub mod layout;
pub mod link;
pub mod queue;
pub mod sensor;
pub mod settings;
pub mod sleep;
pub mod tls;
pub mod trace;
pub mod trust;
pub mod update;
pub mod wire;
pub mod x509;
