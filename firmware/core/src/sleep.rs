//! How long a sleep was, by a slow clock whose pace is measured anew at each start.
//!
//! The timers of the ESP32 family that go on in a deep sleep are driven by an RC oscillator. Its period is measured at each
//! start and kept as microseconds with 19 fractional bits (esp-idf, `RTC_CLK_CAL_FRACT`). Two readings in microseconds that
//! were made with two periods differ by all that the clock ever ran times the change of the period; readings in ticks do
//! not.

/// Fractional bits of a period.
const FRACTION: u32 = 19;

/// The ticks of a reading of `us` microseconds that was made with `period`; `None` for a period of 0.
#[must_use]
pub fn ticks(us: u64, period: u32) -> Option<u64> {
    // Rounded up, as the reading was rounded down.
    let ticks = (u128::from(us) << FRACTION).checked_add(u128::from(period) - u128::from(period.min(1)))?;
    u64::try_from(ticks.checked_div(u128::from(period))?).ok()
}

/// Milliseconds between two readings in ticks, by the period of now; `None` when the clock began anew between them.
#[must_use]
pub fn ms_between(then: u64, now: u64, period: u32) -> Option<u64> {
    let us = (u128::from(now.checked_sub(then)?) * u128::from(period)) >> FRACTION;
    u64::try_from(us / 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As esp-hal converts.
    fn us(ticks: u64, period: u32) -> u64 {
        ((u128::from(ticks) * u128::from(period)) >> FRACTION) as u64
    }

    #[test]
    fn a_sleep_is_as_long_as_it_was_whatever_the_clock_did_before() {
        // 136 kHz, and the same a hundredth slower.
        let (cold, warm) = (3_855_059, 3_893_610);
        let month = 30 * 86_400 * 136_000_u64;
        for (before, after) in [(cold, cold), (cold, warm), (warm, cold)] {
            for slept_s in [1, 3600, 86_400] {
                let (then, now) = (month, month + slept_s * 136_000);
                let then = ticks(us(then, before), before).unwrap();
                let now = ticks(us(now, after), after).unwrap();
                let ms = ms_between(then, now, after).unwrap();
                let true_ms = us(slept_s * 136_000, after) / 1000;
                assert!(ms.abs_diff(true_ms) <= 1, "{ms} ms of {true_ms}");
            }
        }
    }

    #[test]
    fn a_clock_that_began_anew_or_was_never_measured_tells_nothing() {
        assert_eq!(ms_between(5, 4, 1 << 22), None);
        assert_eq!(ticks(1, 0), None);
        assert_eq!(ticks(u64::MAX, 1), None);
    }
}
