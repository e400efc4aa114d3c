//! Runs the tasks, and waits for an interrupt when there is nothing to run.
//!
//! Interrupts stay masked: `wfi` returns when one is pending all the same, and then the loop looks at what can have
//! happened. So no code of ours ever runs inside an interrupt.

use core::sync::atomic::{AtomicBool, Ordering};

use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

use super::{net, time};

static WORK: AtomicBool = AtomicBool::new(false);

#[unsafe(export_name = "__pender")]
fn pend(_context: *mut ()) {
    WORK.store(true, Ordering::Relaxed);
}

/// Timer and external interrupts of machine mode.
const WAKING: usize = 1 << 7 | 1 << 11;

pub(super) fn run(begin: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();
    let executor: &'static raw::Executor = EXECUTOR.init(raw::Executor::new(core::ptr::null_mut()));
    // SAFETY: with `mstatus.MIE` clear, an enabled interrupt only ends `wfi`.
    unsafe { core::arch::asm!("csrw mie, {}", in(reg) WAKING) };
    begin(executor.spawner());
    loop {
        time::serve();
        net::serve();
        // SAFETY: this is the only place that polls it, and it is not polled from within itself.
        unsafe { executor.poll() };
        if !WORK.swap(false, Ordering::Relaxed) {
            // SAFETY: waits, and nothing else.
            unsafe { core::arch::asm!("wfi") };
        }
    }
}

/// One hart, and code of ours in no interrupt: whatever runs is alone.
struct Alone;

critical_section::set_impl!(Alone);

// SAFETY: nothing can come between, as said above.
unsafe impl critical_section::Impl for Alone {
    unsafe fn acquire() -> critical_section::RawRestoreState {}

    unsafe fn release(_: critical_section::RawRestoreState) {}
}
