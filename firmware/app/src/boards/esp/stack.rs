//! How much of the main stack was ever used. The tasks and the executor run on it; the radio's own tasks have stacks
//! on its heap.

use core::ptr::addr_of;

use crate::board::Marks;

/// What unused stack is filled with.
const PAINT: u32 = 0x5AA5_C33C;

/// Room that is left unpainted below the caller, for the painting itself.
const OWN_WORDS: usize = 64;

unsafe extern "C" {
    /// The first address above the stack, and the guard word near its end, from the linker script of esp-hal.
    static _stack_start: u32;
    static __stack_chk_guard: u32;
}

/// The lowest word that is painted: beyond the guard, which a watchpoint protects.
fn bottom() -> *mut u32 {
    // SAFETY: only the address of the symbol is used, and the word after the guard is stack.
    unsafe { addr_of!(__stack_chk_guard).add(1).cast_mut() }
}

/// Fills what is unused; to be called once, early.
#[inline(never)]
pub(super) fn paint() {
    let here = 0_u32;
    let mut at = bottom();
    let end = addr_of!(here).cast_mut().wrapping_sub(OWN_WORDS);
    while at < end {
        // SAFETY: everything from the guard to here is stack that is not in use yet.
        unsafe {
            at.write_volatile(PAINT);
            at = at.add(1);
        }
    }
}

/// Its size, and the most that was used.
pub(super) fn marks() -> Marks {
    let top = addr_of!(_stack_start);
    let mut at = bottom().cast_const();
    // SAFETY: words of the stack, which is always there to be read.
    while at < top && unsafe { at.read_volatile() } == PAINT {
        at = at.wrapping_add(1);
    }
    let bytes = |from: *const u32| (top as usize).saturating_sub(from as usize);
    Marks { bytes: bytes(bottom()), used: bytes(at) }
}
