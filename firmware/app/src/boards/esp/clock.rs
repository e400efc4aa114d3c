//! The clock that goes on in a deep sleep.

#[cfg(feature = "esp32c6")]
use esp_hal::peripherals::LP_AON as Keeper;
#[cfg(not(feature = "esp32c6"))]
use esp_hal::peripherals::LPWR as Keeper;
use wildcam_core::sleep;

/// Its period, as esp-hal measured it at this start and keeps it for the chip's own use.
pub(super) fn period() -> u32 {
    Keeper::regs().store1().read().bits()
}

/// What its timer shows, in ticks since power came; `None` when its period was not measured.
pub(super) fn ticks() -> Option<u64> {
    sleep::ticks(super::watchdog().time_since_power_up().as_micros(), period())
}
