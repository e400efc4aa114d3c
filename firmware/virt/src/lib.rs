//! The machine `qemu-system-riscv32 -M virt`, as far as the boot stage and the app both need it.
//!
//! Addresses are those of `hw/riscv/virt.c` of QEMU, which also describes them in the device tree that it hands over. RAM
//! is 8 MiB (`-m 8M`): the app has all but the last 128 KiB, the boot stage those, and the last page keeps a few words
//! through resets.

#![no_std]

pub mod config;
pub mod finisher;
pub mod flash;
mod mmio;
pub mod retained;
pub mod start;
pub mod uart;
pub mod watchdog;

/// First byte of RAM.
pub const RAM: usize = 0x8000_0000;

/// Bytes of RAM.
pub const RAM_BYTES: usize = 8 << 20;

/// Bytes of RAM for the app, from its start.
pub const APP_RAM_BYTES: usize = RAM_BYTES - (128 << 10);
