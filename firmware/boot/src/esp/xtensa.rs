//! The first and the last steps on Xtensa, without assembly: upstream's compiler, which checks this file in CI, has none
//! for Xtensa.
//!
//! The second-stage loader calls our entry as a C function that does not return (ESP-IDF, `bootloader_utility.c`), and
//! we call the application's in the same way. esp-hal's reset code expects just that: it begins as a function that was
//! called, and sets interrupts, stack, zeroed data and vectors itself (xtensa-lx-rt, `Reset`).
//!
//! **The stack is the loader's**, which is the ROM's for the first core (0x3FCE_9710 to 0x3FCE_B710, by ESP-IDF's
//! `bootloader.memory.ld.in`), and below it lie the loader's own data and code, which nobody uses any more: 60 KiB in
//! all. `wildcam_core::launch` refuses images that would be loaded there. **The vectors are the ROM's**, as the loader
//! leaves them; they save and restore the windows of registers.

use core::{
    hint::black_box,
    sync::atomic::{Ordering, fence},
};

/// A core has 64 registers, and a call moves on by four at least.
const WINDOWS: u32 = 64 / 4;

unsafe extern "C" {
    static mut _launcher_bss_start: u32;
    static mut _launcher_bss_end: u32;
}

/// What makes the loader map a page for code, as it does for every application. Nothing is in it that anybody needs.
#[used]
#[unsafe(link_section = ".irom.start")]
static MAPPED: [u32; 4] = [0; 4];

/// What the loader calls, in RAM as all of the code: a constant that Xtensa's code loads must lie near it, and which
/// section a compiler puts it into is the compiler's choice.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let (mut at, end) = (&raw mut _launcher_bss_start, &raw mut _launcher_bss_end);
    while at < end {
        // SAFETY: the linker script keeps what is between the two marks for zeroed data, of which nothing was used yet.
        unsafe {
            at.write_volatile(0);
            at = at.add(1);
        }
    }
    super::launch()
}

/// What upstream's compiler calls where no instruction of Xtensa stops a program: behind branches that are never taken.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    super::give_up(&"the launcher stopped itself")
}

/// Calls itself, so that each window of registers is needed once, and what the functions before had in theirs is written
/// to the stack now, and not when the application has another use for that memory.
#[inline(never)]
fn save_windows(calls: u32) -> u32 {
    if calls == 0 { 0 } else { black_box(save_windows(black_box(calls - 1))) + 1 }
}

/// Enters an application as the second-stage loader would. One window stays in the registers, this function's; it is
/// saved when the application's calls are deep enough, as that of the loader is when there is no launcher.
pub(super) fn enter(entry: u32) -> ! {
    save_windows(WINDOWS);
    // Everything that was loaded is in memory (MEMW) before anything of it runs; RAM has no cache.
    fence(Ordering::SeqCst);
    // SAFETY: `entry` lies in what was just loaded or mapped, and is a function that does not return; nothing of the
    // launcher is used any more.
    let entry = unsafe { core::mem::transmute::<*const (), extern "C" fn() -> !>(entry as *const ()) };
    entry()
}
