//! Where the program was when it panicked, from what lies on its stack.

use core::ops::Range;

use wildcam_core::trace::MAX_CALLS;
#[cfg(target_arch = "riscv32")]
use wildcam_core::trace::riscv_call as call;
#[cfg(target_arch = "xtensa")]
use wildcam_core::trace::xtensa_call as call;

/// What is looked at of a stack that is not the main one: tasks of the radio have theirs on a heap.
const OTHER_STACK_BYTES: usize = 1024;

unsafe extern "C" {
    // From `trace.x` or the board's own linker script; only their addresses count.
    static _trace_flash_start: u8;
    static _trace_flash_end: u8;
    static _trace_ram_start: u8;
    static _trace_ram_end: u8;
    static _trace_stack_bottom: u8;
    static _trace_stack_top: u8;
}

fn code() -> [Range<usize>; 2] {
    [
        (&raw const _trace_flash_start).addr()..(&raw const _trace_flash_end).addr(),
        (&raw const _trace_ram_start).addr()..(&raw const _trace_ram_end).addr(),
    ]
}

/// A word of memory.
///
/// # Safety
/// The address is a multiple of 4, and there is memory that can be read.
unsafe fn word(at: usize) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { core::ptr::with_exposed_provenance::<u32>(at).read_volatile() }
}

/// A byte of the code. Chips read code by whole words only.
fn byte(at: u32) -> Option<u8> {
    let at = at as usize;
    if !code().iter().any(|range| range.contains(&at)) {
        return None;
    }
    // SAFETY: within the code, which begins and ends at multiples of 4.
    let word = unsafe { word(at & !3) };
    Some(word.to_le_bytes()[at & 3])
}

/// The places that called, the innermost first.
#[inline(never)]
pub(crate) fn calls() -> heapless::Vec<u32, MAX_CALLS> {
    let here = 0_u32;
    let from = (&raw const here).addr();
    let main = (&raw const _trace_stack_bottom).addr()..(&raw const _trace_stack_top).addr();
    let end = if main.contains(&from) { main.end } else { from.saturating_add(OTHER_STACK_BYTES) };
    let mut found = heapless::Vec::new();
    for at in (from..end & !3).step_by(4) {
        // SAFETY: above the top of a stack there is more of it, and beyond a small one the heap that it lies on.
        if let Some(place) = call(unsafe { word(at) }, byte)
            && found.push(place).is_err()
        {
            break;
        }
    }
    found
}
