//! The launcher of the ESP32 family: the factory application that the chip maker's second-stage loader starts from
//! 0x10000.
//!
//! It has to be an ordinary application for that loader (a descriptor, one segment of data and one of code in flash),
//! but nothing of it runs from flash except, on RISC-V, its first instructions: while it changes the table of pages,
//! the pages that it came from may disappear. It lies at the upper end of the RAM that applications may use for static
//! data; images that want to be loaded there are refused, and an application may use it for its stack and zeroed data,
//! because the launcher is gone by then.
//!
//! What was seen: it compiles and links for the ESP32-C3 and C6, esptool accepts the image, and on an emulated RISC-V
//! core with the ROM's functions, the page table and the watchdog simulated it loads, maps and enters an application,
//! counts attempts and rolls back. For the ESP32-S3 it was checked and compiled to object code, and never linked, because
//! that takes Espressif's tools. **Nothing of it has run on a chip.** In particular these are unproven: that reading
//! flash through the ROM works in the state in which the second-stage loader leaves the controller, that the cache
//! needs no more than what [`rom::without_cache`] does, and the time that the watchdog takes. Flash encryption is not
//! supported: pages are mapped in clear.

#[cfg_attr(feature = "esp32c3", path = "c3.rs")]
#[cfg_attr(feature = "esp32c6", path = "c6.rs")]
#[cfg_attr(feature = "esp32s3", path = "s3.rs")]
mod chip;
mod console;
mod flash;
mod rom;
#[cfg_attr(any(feature = "esp32c3", feature = "esp32c6"), path = "riscv.rs")]
#[cfg_attr(feature = "esp32s3", path = "xtensa.rs")]
mod start;
mod watchdog;

use embedded_storage::nor_flash::ReadNorFlash as _;
use wildcam_core::{
    image::Image,
    launch::{Pages, Step},
    layout::Layout,
};

use crate::choose::choose;
use console::say;
use flash::RomFlash;

/// How long nothing is done when no slot can be started: time to connect a cable, and not to empty a battery.
const NOTHING_TO_START_US: u32 = 30_000_000;

/// `rtc_get_reset_reason`: the end of a deep sleep.
const DEEP_SLEEP: u32 = 5;

/// What runs after [`start`] has made room for it.
fn launch() -> ! {
    watchdog::arm();
    let mut flash = RomFlash::new(chip::FLASH_BYTES);
    let layout = const {
        match Layout::of(chip::FLASH_BYTES) {
            Some(layout) => layout,
            None => panic!("the flash has a layout"),
        }
    };
    let fits = |image: &Image| match chip::MEMORY.check(image.chip, image.entry, image.segments()) {
        Ok(()) => true,
        Err(error) => {
            say!("warn boot: {}", error);
            false
        }
    };
    let (entry, image) = match choose(&mut flash, &layout, chip::MEMORY.chip, fits) {
        Ok(chosen) => chosen,
        Err(error) => give_up(&error),
    };
    say!(
        "info boot: slot={} state={:?} attempts={} reason={} version={}",
        entry.slot.letter(),
        entry.state,
        entry.attempts,
        entry.reason.word(),
        image.description.as_ref().map_or("?", |description| description.version()),
    );
    enter(&mut flash, &image)
}

fn enter(flash: &mut RomFlash, image: &Image) -> ! {
    let slept = rom::reset_reason() == DEEP_SLEEP;
    for segment in image.segments() {
        if let Ok(Step::Copy { retained }) = chip::MEMORY.step(segment)
            && !(retained && slept)
        {
            let address = chip::MEMORY.data_address(segment.load) as *mut u8;
            // SAFETY: `check` found that the segment lies in RAM that is not the launcher's, at a multiple of 4;
            // nothing else runs, and the stages before are over.
            let target = unsafe { core::slice::from_raw_parts_mut(address, segment.bytes as usize) };
            if flash.read(segment.offset, target).is_err() {
                give_up(&"the flash could not be read");
            }
        }
    }
    let pages = image.segments().iter().filter_map(|segment| match chip::MEMORY.step(segment) {
        Ok(Step::Map(pages)) => Some(pages),
        _ => None,
    });
    map(pages);
    watchdog::feed();
    start::enter(image.entry)
}

/// Maps these pages and nothing else.
fn map(pages: impl Iterator<Item = Pages>) {
    rom::without_cache(|| {
        for entry in 0..chip::ENTRIES {
            chip::set(entry, chip::INVALID);
        }
        for Pages { entry, page, count } in pages {
            for step in 0..count {
                chip::set(entry + step, chip::VALID | page + step);
            }
        }
    });
}

/// Says why, waits, and starts the chip anew: what cannot be read now may be readable later.
fn give_up(why: &dyn core::fmt::Display) -> ! {
    say!("error boot: {}", why);
    watchdog::hold_off(NOTHING_TO_START_US);
    rom::reset()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    give_up(&"the launcher panicked")
}
