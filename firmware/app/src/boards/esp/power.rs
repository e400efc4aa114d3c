//! Why the chip started, what it runs on, and its sleep.

use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Timer, with_timeout};
use esp_hal::{
    analog::adc::{Adc, AdcCalCurve, AdcConfig, Attenuation},
    gpio::{Event, Input, WakeupConfig},
    peripherals::{ADC1, LPWR},
    rtc_cntl::{
        SocResetReason, WakeupSource,
        sleep::{LowPower, RtcSleepConfig},
    },
    system::{reset_reason, wakeup_cause},
    time::Instant,
};

use wildcam_core::sleep;

use super::{Esp, chip, clock, retained};
use crate::board::{Board as _, BootCause, Power, Slept, Wake};

/// Below this there is nothing at the pin, millivolts.
const NOTHING_MV: u16 = 100;

/// Readings for one figure: the converter's noise is more than what a battery loses in an hour.
const READINGS: u32 = 16;

/// How long a motion sensor may hold its line after a motion before it counts as a new one.
const SENSOR_HOLD: Duration = Duration::from_secs(5);

type Curve = AdcCalCurve<ADC1<'static>>;

/// The supply and what wakes the chip.
pub(crate) struct Supply {
    cause: BootCause,
    adc: ADC1<'static>,
    battery: chip::Battery,
    solar: chip::Solar,
    motion: Input<'static>,
    low_power: LowPower<'static>,
    slept: Option<Slept>,
}

/// The sleep that this start ended. The RTC's timer goes on through it.
fn slept(cause: BootCause) -> Option<Slept> {
    let bedtime = retained::bedtime()?;
    if !matches!(cause, BootCause::Timer | BootCause::Motion) {
        return None;
    }
    let past_ms = sleep::ms_between(bedtime.ticks, clock::ticks()?, clock::period())?;
    let unix_ms = bedtime.unix_ms.checked_add(past_ms)?;
    Some(Slept { unix_ms, left_ms: bedtime.ms.saturating_sub(past_ms) })
}

fn cause() -> BootCause {
    // The ESP32-S3 has two cores, and one number for a reset of either.
    #[cfg(not(feature = "esp32s3"))]
    use SocResetReason::{Cpu0Mwdt0 as CpuMwdt0, Cpu0Mwdt1 as CpuMwdt1, Cpu0RtcWdt as CpuRtcWdt, Cpu0Sw as CpuSw};
    #[cfg(feature = "esp32s3")]
    use SocResetReason::{CpuMwdt0, CpuMwdt1, CpuRtcWdt, CpuSw};

    let note = retained::take();
    match reset_reason() {
        Some(SocResetReason::CoreDeepSleep) => {
            if wakeup_cause().contains(WakeupSource::Timer) {
                BootCause::Timer
            } else {
                BootCause::Motion
            }
        }
        Some(SocResetReason::SysBrownOut) => BootCause::Brownout,
        Some(
            SocResetReason::CoreMwdt0
            | SocResetReason::CoreMwdt1
            | SocResetReason::CoreRtcWdt
            | CpuMwdt0
            | CpuMwdt1
            | CpuRtcWdt
            | SocResetReason::SysRtcWdt
            | SocResetReason::SysSuperWdt,
        ) => BootCause::Watchdog,
        Some(SocResetReason::CoreSw | CpuSw) => match note {
            Some(retained::Note::Panic) => BootCause::Panic,
            Some(retained::Note::Motion) => BootCause::Motion,
            Some(retained::Note::Restart) | None => BootCause::Restart,
        },
        // The reset that a flashing tool makes, over USB or the debug port.
        Some(SocResetReason::CoreUsbUart | SocResetReason::CoreUsbJtag) => BootCause::Restart,
        _ => BootCause::PowerOn,
    }
}

macro_rules! millivolts {
    ($supply:expr, $pin:ident, $divider:expr) => {{
        let mut config = AdcConfig::new();
        // SAFETY: the pin belongs to this supply alone; it is borrowed for this reading.
        let pin = unsafe { $supply.$pin.clone_unchecked() };
        let mut pin = config.enable_pin_with_cal::<_, Curve>(pin, Attenuation::_11dB);
        // SAFETY: as above; randomness is drawn from the converter in the same thread, never in the middle of this.
        let mut adc = Adc::new(unsafe { $supply.adc.clone_unchecked() }, config);
        let mut sum = 0;
        for _ in 0..READINGS {
            sum += u32::from(nb::block!(adc.read_oneshot(&mut pin)).unwrap_or(0));
        }
        let at_pin = (sum / READINGS) as u16;
        (at_pin >= NOTHING_MV).then(|| at_pin.saturating_mul($divider))
    }};
}

impl Supply {
    /// Reads why the chip started. `motion` is high while something moves.
    pub(crate) fn new(
        adc: ADC1<'static>,
        battery: chip::Battery,
        solar: chip::Solar,
        motion: Input<'static>,
        low_power: LPWR<'static>,
    ) -> Self {
        let cause = cause();
        Self { cause, adc, battery, solar, motion, low_power: LowPower::new(low_power), slept: slept(cause) }
    }
}

impl Power for Supply {
    fn boot_cause(&self) -> BootCause {
        self.cause
    }

    fn battery_mv(&mut self) -> Option<u16> {
        millivolts!(self, battery, chip::BATTERY_DIVIDER)
    }

    fn solar_mv(&mut self) -> Option<u16> {
        millivolts!(self, solar, chip::SOLAR_DIVIDER)
    }

    async fn wait(&mut self, ms: u64) -> Wake {
        match select(self.motion.wait_for_rising_edge(), Timer::after_millis(ms)).await {
            Either::First(()) => Wake::Motion,
            Either::Second(()) => Wake::Timer,
        }
    }

    fn slept(&self) -> Option<Slept> {
        self.slept
    }

    async fn sleep(&mut self, ms: u64, unix_ms: u64) -> Wake {
        let began = embassy_time::Instant::now();
        // The pin wakes the chip by its level. While the sensor still holds its line there is nothing new to wake for.
        let hold = SENSOR_HOLD.min(Duration::from_millis(ms));
        if with_timeout(hold, self.motion.wait_for_low()).await.is_err() {
            return if hold.as_millis() < ms { Wake::Motion } else { Wake::Timer };
        }
        let left = ms.saturating_sub(began.elapsed().as_millis()).max(1);
        let unix_ms = unix_ms + began.elapsed().as_millis();
        if let Some(ticks) = clock::ticks() {
            retained::keep(retained::Bedtime { unix_ms, ticks, ms: left });
        }
        self.motion.listen(Event::HighLevel);
        if self.motion.apply_wakeup_config(&WakeupConfig::default().with_low_power_path(true)).is_ok() {
            Esp::feed();
            self.low_power.set_wakeup_deadline(Instant::now() + esp_hal::time::Duration::from_millis(left));
            self.low_power.sleep_deep_with_rejection(RtcSleepConfig::deep());
        }
        // Something moved between the last look and the sleep. The pads are no longer what they were: start anew.
        retained::leave(retained::Note::Motion);
        esp_hal::system::software_reset()
    }
}
