//! Boot cause, a battery that never changes, and motion on a schedule.

use embassy_time::Timer;
use wildcam_virt::{retained, watchdog::Watchdog};

use crate::board::{BootCause, Power, Wake};

/// What a full cell of 18650 shows.
const BATTERY_MV: u16 = 3970;

/// The power of a machine that has no battery and sees nothing move.
pub(crate) struct Emulated {
    cause: BootCause,
}

impl Emulated {
    /// Finds out why the machine started.
    pub(super) fn begin() -> Self {
        let bitten = Watchdog::find().is_some_and(Watchdog::take_timed_out);
        let cause = match retained::take() {
            Some(retained::Note::Panic) => BootCause::Panic,
            Some(retained::Note::Restart) => BootCause::Restart,
            None if bitten => BootCause::Watchdog,
            None => BootCause::PowerOn,
        };
        Self { cause }
    }
}

impl Power for Emulated {
    fn boot_cause(&self) -> BootCause {
        self.cause
    }

    fn battery_mv(&mut self) -> Option<u16> {
        Some(BATTERY_MV)
    }

    async fn wait(&mut self, ms: u64) -> Wake {
        Timer::after_millis(ms).await;
        Wake::Timer
    }

    async fn sleep(&mut self, ms: u64, _unix_ms: u64) -> Wake {
        self.wait(ms).await
    }
}
