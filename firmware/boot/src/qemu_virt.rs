//! `qemu-virt`: this stage runs from pflash unit 0, and copies the app from its slot in unit 1 into RAM.

use core::fmt::Write as _;

use embedded_storage::nor_flash::ReadNorFlash as _;
use wildcam_core::{
    boot::Error,
    image::{CHIP_QEMU_VIRT, Image},
    layout::Layout,
};
use wildcam_virt::{
    APP_RAM_BYTES, RAM, config, finisher,
    flash::{FLASH_BYTES, Flash},
    retained,
    uart::Console,
    watchdog::Watchdog,
};

use crate::choose::choose;

/// How long an app may take to feed the watchdog, unless the option `watchdog-ms` says otherwise.
const WATCHDOG_MS: u32 = 30_000;

/// Whether every segment lies in the app's RAM, and the entry in one of them.
fn fits(image: &Image) -> bool {
    let (first, end) = (RAM as u64, (RAM + APP_RAM_BYTES) as u64);
    let inside = image
        .segments()
        .iter()
        .all(|segment| u64::from(segment.load) >= first && u64::from(segment.load) + u64::from(segment.bytes) <= end);
    let entered = image.segments().iter().any(|segment| {
        image.entry >= segment.load && image.entry - segment.load < segment.bytes && image.entry.is_multiple_of(2)
    });
    inside && entered
}

fn watchdog_ms() -> u32 {
    config::read("watchdog-ms").and_then(|text| text.parse().ok()).unwrap_or(WATCHDOG_MS)
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    // SAFETY: the only one that this program makes.
    let mut flash = unsafe { Flash::take() };
    let layout = const {
        match Layout::of(FLASH_BYTES) {
            Some(layout) => layout,
            None => panic!("the flash has a layout"),
        }
    };
    let (entry, image) = match choose(&mut flash, &layout, CHIP_QEMU_VIRT, fits) {
        Ok(chosen) => chosen,
        Err(Error::NoImage) => {
            let _ = write!(Console, "wildcam error boot: no slot holds an image; `wildcam flash` writes one\r\n");
            finisher::fail(1)
        }
        Err(error) => {
            let _ = write!(Console, "wildcam error boot: {error}\r\n");
            finisher::reset()
        }
    };
    let _ = write!(
        Console,
        "wildcam info boot: slot={} state={:?} attempts={} reason={} version={}\r\n",
        entry.slot.letter(),
        entry.state,
        entry.attempts,
        entry.reason.word(),
        image.description.as_ref().map_or("?", |description| description.version()),
    );
    // Armed before anything of the app runs: one that hangs before its main is reset as well.
    match Watchdog::find() {
        Some(watchdog) => watchdog.arm(watchdog_ms()),
        None => {
            let _ = write!(Console, "wildcam warn boot: no watchdog, `-device i6300esb` adds one\r\n");
        }
    }
    for segment in image.segments() {
        // SAFETY: `fits` has seen that it lies in the app's RAM, which nothing of this stage uses.
        let target = unsafe {
            core::slice::from_raw_parts_mut(
                core::ptr::with_exposed_provenance_mut::<u8>(segment.load as usize),
                segment.bytes as usize,
            )
        };
        if let Err(error) = flash.read(segment.offset, target) {
            let _ = write!(Console, "wildcam error boot: the image cannot be read: {error:?}\r\n");
            finisher::reset()
        }
    }
    // SAFETY: the segments are verified and in place, and the entry is in one of them.
    unsafe {
        core::arch::asm!("fence.i", "jr {entry}", entry = in(reg) image.entry, options(noreturn));
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = write!(Console, "wildcam error boot: {info}\r\n");
    retained::leave(retained::Note::Panic);
    finisher::reset()
}
