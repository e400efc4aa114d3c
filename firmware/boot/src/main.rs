//! The stage that no update replaces: it chooses a slot, counts the attempt, and starts the app in it.
//!
//! What is decided, and how the journal survives a loss of power, is in `wildcam_core::boot` and tested on a host; here is
//! what a board needs to start a program.

#![no_std]
#![no_main]

mod choose;
#[cfg(any(feature = "esp32c3", feature = "esp32c6", feature = "esp32s3"))]
#[path = "../../app/src/description.rs"]
mod description;
#[cfg(any(feature = "esp32c3", feature = "esp32c6", feature = "esp32s3"))]
mod esp;
#[cfg(feature = "qemu-virt")]
mod qemu_virt;

#[cfg(not(any(feature = "esp32c3", feature = "esp32c6", feature = "esp32s3", feature = "qemu-virt")))]
compile_error!("choose a board: --features esp32c3, esp32c6, esp32s3 or qemu-virt");
