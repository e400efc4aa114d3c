//! What the boards with a chip of the ESP32 family share. The file of a board says what is wired to what.
//!
//! Nothing here was run on a chip yet: it compiles and links for esp32c3 and esp32c6, its types were checked for esp32s3, and
//! what has logic of its own (the camera's registers, the search for a picture's end) is tested in `wildcam-core`.

mod clock;
#[cfg(feature = "esp32s3")]
mod dvp;
mod entropy;
mod flash;
mod power;
mod radio;
mod retained;
#[cfg(any(feature = "esp32c3", feature = "esp32c6"))]
mod sd;
mod seal;
#[cfg(any(feature = "esp32c3", feature = "esp32c6"))]
mod spi_bus;
#[cfg(any(feature = "esp32c3", feature = "esp32c6"))]
mod spi_eye;
mod stack;

use core::mem::MaybeUninit;

use esp_hal::{
    clock::CpuClock,
    peripherals::{FROM_CPU_INTR0, Peripherals, RTC_TIMER, TIMG0},
    rtc_cntl::{Rtc, RwdtStage},
    time::Duration,
    timer::timg::TimerGroup,
};

use super::chip;
use crate::board::{Board, Marks};
use wildcam_core::{
    config::Abilities,
    trust::{Link, Links},
};

#[cfg(feature = "esp32s3")]
pub(crate) use dvp::{Dvp, Lines};
pub(crate) use entropy::Entropy;
pub(crate) use flash::Flash;
pub(crate) use power::Supply;
pub(crate) use radio::Station;
#[cfg(any(feature = "esp32c3", feature = "esp32c6"))]
pub(crate) use sd::Sd;
pub(crate) use seal::sealing_key;
#[cfg(any(feature = "esp32c3", feature = "esp32c6"))]
pub(crate) use spi_bus::{BusWires, SharedBus};
#[cfg(any(feature = "esp32c3", feature = "esp32c6"))]
pub(crate) use spi_eye::{SpiEye, Wires};

/// How long the program may go without feeding the watchdog. The launcher armed it with the same time.
const WATCHDOG: Duration = Duration::from_secs(20);

/// The radio's heap lies where the second-stage loader and the launcher were, which no image can load anything into;
/// 64 KiB on every chip. It needs about 57 KB as a station (esp-radio's own figure), and more while it scans.
const RADIO_HEAP_BYTES: usize = 64 * 1024;

/// What the heap has beyond that, so that a scan in a place with many networks does not fail.
const SPARE_HEAP_BYTES: usize = 16 * 1024;

#[unsafe(link_section = ".dram2_uninit")]
static mut RADIO_HEAP: MaybeUninit<[u8; RADIO_HEAP_BYTES]> = MaybeUninit::uninit();

static mut SPARE_HEAP: MaybeUninit<[u8; SPARE_HEAP_BYTES]> = MaybeUninit::uninit();

/// The board that was chosen.
pub(crate) struct Esp;

impl Board for Esp {
    const NAME: &'static str = chip::NAME;
    const FLASH_BYTES: u32 = chip::FLASH_BYTES;
    const LINK: Link = Link::Wifi;
    const ABILITIES: Abilities =
        Abilities { deep_sleep: true, battery: true, links: Links::of(&[Link::Wifi, Link::Cellular, Link::Satellite]) };

    type Flash = Flash;
    type Card = chip::Card;
    type Network = esp_radio::wifi::Interface;
    type Radio = Station;
    type Eye = chip::Eye;
    type Entropy = Entropy;
    type Power = Supply;

    fn print(bytes: &[u8]) {
        esp_println::Printer::write_bytes(bytes);
    }

    fn reset(panicked: bool) -> ! {
        retained::leave(if panicked { retained::Note::Panic } else { retained::Note::Restart });
        esp_hal::system::software_reset()
    }

    fn feed() {
        watchdog().rwdt.feed();
    }

    fn stack() -> Option<Marks> {
        Some(stack::marks())
    }

    fn radio_heap() -> Option<Marks> {
        let stats = esp_alloc::HEAP.stats();
        Some(Marks { bytes: stats.size, used: stats.max_usage })
    }
}

fn watchdog() -> Rtc<'static> {
    // SAFETY: nothing else in the program uses the RTC's watchdog, and each use is a few register writes that may be
    // repeated.
    Rtc::new(unsafe { RTC_TIMER::steal() })
}

/// Sets up what all boards need first: clocks, watchdog, heap. To be called once.
pub(crate) fn init() -> Peripherals {
    stack::paint();
    let peripherals = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    // `init` stops every watchdog; a moment later this one runs again.
    let mut rtc = watchdog();
    rtc.rwdt.enable();
    rtc.rwdt.set_timeout(RwdtStage::Stage0, WATCHDOG);
    rtc.rwdt.feed();
    // SAFETY: the two regions are used by nothing else, for as long as the program runs, and this is called once.
    unsafe {
        for (start, bytes) in
            [((&raw mut RADIO_HEAP).cast(), RADIO_HEAP_BYTES), ((&raw mut SPARE_HEAP).cast(), SPARE_HEAP_BYTES)]
        {
            esp_alloc::HEAP.add_region(esp_alloc::HeapRegion::new(
                start,
                bytes,
                esp_alloc::MemoryCapability::Internal.into(),
            ));
        }
    }
    peripherals
}

/// Starts the scheduler that embassy's executor, its time and the radio run on.
pub(crate) fn start(timer: TIMG0<'static>, interrupt: FROM_CPU_INTR0<'static>) {
    esp_rtos::start(TimerGroup::new(timer).timer0, interrupt);
}
