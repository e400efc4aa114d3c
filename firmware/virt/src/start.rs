//! From reset, or from the boot stage, to `main`.
//!
//! The linker script of each program gives the places. The stack is painted with a pattern first, so that the deepest
//! use can be found later. Interrupts stay masked for good: the executor polls what `wfi` woke it for, so a trap is
//! always a fault.

use core::{
    arch::{asm, global_asm},
    sync::atomic::{AtomicUsize, Ordering},
};

/// What unused stack holds.
pub const PAINT: u32 = 0x5741_4e54;

global_asm!(
    ".section .start, \"ax\"",
    ".globl _start",
    "_start:",
    "    csrw mie, zero",
    "    csrci mstatus, 8",
    "    la t0, _trap",
    "    csrw mtvec, t0",
    // A program in flash has its initialised data to copy; for one in RAM both places are the same.
    "    la t0, _data_source",
    "    la t1, _data_start",
    "    la t2, _data_end",
    "    beq t0, t1, 2f",
    "1:  bgeu t1, t2, 2f",
    "    lw t3, 0(t0)",
    "    sw t3, 0(t1)",
    "    addi t0, t0, 4",
    "    addi t1, t1, 4",
    "    j 1b",
    "2:  la t0, _bss_start",
    "    la t1, _bss_end",
    "3:  bgeu t0, t1, 4f",
    "    sw zero, 0(t0)",
    "    addi t0, t0, 4",
    "    j 3b",
    "4:  la t0, _stack_bottom",
    "    la sp, _stack_top",
    "    li t1, {paint}",
    "5:  bgeu t0, sp, 6f",
    "    sw t1, 0(t0)",
    "    addi t0, t0, 4",
    "    j 5b",
    "6:  call main",
    "    j 6b",
    ".balign 4",
    "_trap:",
    // A fault may have come from a stack that ran over: the report needs a sound one.
    "    la sp, _stack_top",
    "    csrr a0, mcause",
    "    csrr a1, mepc",
    "    csrr a2, mtval",
    "    j {fault}",
    paint = const PAINT,
    fault = sym fault,
);

unsafe extern "C" {
    static _stack_bottom: u32;
    static _stack_top: u32;
}

/// A fault of the processor: a panic with its registers.
extern "C" fn fault(cause: u32, at: u32, value: u32) -> ! {
    panic!("a fault of the processor: cause {cause} at {at:#010x}, value {value:#010x}");
}

/// The deepest that the stack was before it was last painted, in bytes.
static DEEPEST: AtomicUsize = AtomicUsize::new(0);

/// The lowest word of the stack that was used since it was painted.
fn lowest() -> usize {
    let top = (&raw const _stack_top).addr();
    let mut at = (&raw const _stack_bottom).addr();
    while at < top {
        // SAFETY: within the stack, which is readable, and aligned as the linker script places it.
        let word = unsafe { core::ptr::with_exposed_provenance::<u32>(at).read_volatile() };
        if word != PAINT {
            break;
        }
        at += 4;
    }
    at
}

/// Size of the stack and the most of it that was ever used, in bytes.
pub fn stack() -> (usize, usize) {
    let (bottom, top) = ((&raw const _stack_bottom).addr(), (&raw const _stack_top).addr());
    (top - bottom, DEEPEST.load(Ordering::Relaxed).max(top - lowest()))
}

/// Runs `work`, and says how many bytes of stack it used at most.
#[inline(never)]
pub fn depth(work: &mut dyn FnMut()) -> usize {
    DEEPEST.store(stack().1, Ordering::Relaxed);
    let here: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mv {here}, sp", here = out(reg) here, options(nomem, nostack, preserves_flags)) };
    let mut at = (&raw const _stack_bottom).addr();
    while at < here {
        // SAFETY: below the stack pointer, where nothing of this program's one thread lies; no call is made meanwhile, and
        // there are no interrupts.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(at).write_volatile(PAINT) };
        at += 4;
    }
    work();
    here - lowest()
}
