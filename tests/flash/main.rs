//! Flashing: against esp32-mock-bootloader behind serial lines that are as fast as real ones and are broken on order, beside
//! esptool on the same lines, and against the flash files of emulated boards.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

mod boards;
mod consents;
mod efuses;
mod emulated;
mod faults;
#[allow(unreachable_pub, reason = "the bench has it as well")]
mod firmware;
mod flashing;
mod guards;
mod monitoring;
mod packing;
mod registering;
#[allow(unreachable_pub, reason = "the bench has it as well")]
mod relay;
mod settings;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;
