//! `wildcam build`: images, sizes, energy, and the command itself.

mod command;
mod elf;
mod energy;
mod images;
mod sizes;
#[cfg(unix)]
mod stand_in;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../support/mod.rs"]
mod support;
