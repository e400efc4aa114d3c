//! The first and the last instructions.

use core::arch::{asm, global_asm};

// The second-stage loader jumps here, into a mapped page of the flash; that proves to it and to us that the page is
// mapped, and is all that runs there. The stack of the loader is left for our own, and zeroed data is zeroed.
global_asm!(
    ".section .irom.start, \"ax\"",
    ".global _start",
    "_start:",
    "    csrci mstatus, 8",
    "    la sp, _launcher_stack_top",
    "    la t0, _launcher_bss_start",
    "    la t1, _launcher_bss_end",
    "0:  bgeu t0, t1, 1f",
    "    sw zero, 0(t0)",
    "    addi t0, t0, 4",
    "    j 0b",
    "1:  la t0, {launch}",
    "    jr t0",
    launch = sym launch,
);

extern "C" fn launch() -> ! {
    super::launch()
}

/// Enters an application as the second-stage loader would.
pub(super) fn enter(entry: u32) -> ! {
    // SAFETY: `entry` lies in what was just loaded or mapped; nothing of the launcher is used any more.
    unsafe {
        asm!(
            "fence rw, rw",
            "fence.i",
            "jr {entry}",
            entry = in(reg) entry,
            options(noreturn),
        )
    }
}
