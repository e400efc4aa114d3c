//! Time from the CLINT: `mtime` counts at 10 MHz, and `mtimecmp` wakes the hart.

use core::{cell::RefCell, ptr::with_exposed_provenance_mut, task::Waker};

use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

const MTIMECMP: usize = 0x0200_4000;
const MTIME: usize = 0x0200_bff8;
const MTIME_HZ: u64 = 10_000_000;

struct Clint {
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLINT: Clint = Clint { queue: Mutex::new(RefCell::new(Queue::new())) });

impl Driver for Clint {
    fn now(&self) -> u64 {
        let low = with_exposed_provenance_mut::<u32>(MTIME);
        loop {
            // SAFETY: the two halves of the counter, which can be read at any time.
            let (before, ticks, after) =
                unsafe { (low.add(1).read_volatile(), low.read_volatile(), low.add(1).read_volatile()) };
            if before == after {
                return (u64::from(before) << 32 | u64::from(ticks)) / (MTIME_HZ / TICK_HZ);
            }
        }
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut queue = self.queue.borrow_ref_mut(cs);
            if queue.schedule_wake(at, waker) {
                let now = self.now();
                set_alarm(queue.next_expiration(now));
            }
        });
    }
}

/// Wakes what is due, and sets the alarm for what comes next.
pub(super) fn serve() {
    critical_section::with(|cs| {
        let next = CLINT.queue.borrow_ref_mut(cs).next_expiration(CLINT.now());
        set_alarm(next);
    });
}

fn set_alarm(at: u64) {
    let at = at.saturating_mul(MTIME_HZ / TICK_HZ);
    let low = with_exposed_provenance_mut::<u32>(MTIMECMP);
    // SAFETY: the two halves of the comparator; the upper one is at its end while the lower one changes.
    unsafe {
        low.add(1).write_volatile(u32::MAX);
        low.write_volatile(at as u32);
        low.add(1).write_volatile((at >> 32) as u32);
    }
}
