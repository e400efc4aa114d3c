//! What a board gives to the tasks, which are the same on all of them.
//!
//! A board file (`boards/<name>`) holds start-up, pins and drivers and nothing else. It
//!
//! 1. owns the machine's entry point, sets the clock, the executor and embassy's time driver up,
//! 2. implements [`Board`] and makes itself `boards::Chosen` under its cargo feature,
//! 3. builds [`Parts`] and awaits [`crate::run`] in its first task, which never returns.
//!
//! Everything runs in one executor of thread mode on one core, so nothing here needs to be `Send`. Nothing may be
//! allocated after start-up but by a radio's own driver.

use core::fmt::Debug;

use embassy_net::driver::Driver;
use embedded_storage::nor_flash::NorFlash;
use rand_core::{CryptoRng, RngCore};
use wildcam_core::{
    boot::Slot,
    config::Abilities,
    flash::{BLOCK, BlockDevice},
    identity::Wifi,
    trust,
};

use crate::plan::Plan;

/// A board.
pub(crate) trait Board: Sized + 'static {
    /// Its name, that of its cargo feature and of `wildcam build --board`.
    const NAME: &'static str;

    /// What it can do, as far as the fleet may ask for it.
    const ABILITIES: Abilities;

    /// What its network costs, unless the fleet says something else.
    const LINK: trust::Link;

    /// Its flash in bytes: what `wildcam_core::layout::Layout::of` takes.
    const FLASH_BYTES: u32;

    /// Its flash from address 0, blocking. Erase unit 4096, program unit 4, reads at any multiple of 4: the queue, the
    /// boot journal, the settings and the identity all lie in it. A driver returns when the flash is no longer busy.
    type Flash: NorFlash + 'static;

    /// Its memory card, blocking; [`NoCard`] where it has no place for one. A write returns when what was written survives
    /// a loss of power, and each operation ends within a second, whatever the card does.
    type Card: BlockDevice + 'static;

    /// Its network driver, Ethernet frames. The tasks run embassy-net over it, with DHCP.
    type Network: Driver + 'static;

    /// What brings the network up and down.
    type Radio: Radio;

    /// Its camera.
    type Eye: PictureSource;

    /// A true random source. It seeds the ChaCha that TLS and jitter draw from, so that it may be slow; on the ESP32
    /// family it must have an entropy source on (radio or SAR ADC) when it is read.
    type Entropy: RngCore + CryptoRng;

    /// Waking, sleeping and measuring.
    type Power: Power;

    /// Writes bytes to the console and returns when they are on their way. It must work at any time after the entry
    /// point, in the panic handler too, and must not panic.
    fn print(bytes: &[u8]);

    /// Starts the machine anew. It must work at any time after the entry point, in the panic handler too. The boot
    /// cause of the next start is [`BootCause::Panic`] when `panicked`, else [`BootCause::Restart`].
    fn reset(panicked: bool) -> !;

    /// Feeds the watchdog that the boot stage armed before it started the app. The tasks call it each second at
    /// least; a board that could not be armed does nothing.
    fn feed();

    /// Size of the stack and the most of it that was ever used, if the board painted it at its start.
    fn stack() -> Option<Marks>;

    /// Runs `work`, and says how many bytes of stack it took at most, where the board can tell.
    fn measured(work: &mut dyn FnMut()) -> Option<usize> {
        work();
        None
    }

    /// Size of the radio's heap and the most of it that was ever used, on boards whose radio needs one.
    fn radio_heap() -> Option<Marks> {
        None
    }

    /// How often things happen on it.
    fn plan() -> Plan {
        Plan::DEFAULT
    }

    /// What this run shall do wrong, to show that the boot stage notices. Only an emulated board can be told.
    fn fault(_slot: Slot) -> Option<Fault> {
        None
    }

    /// Where a connection to `host` goes. Only an emulated board differs: its host's loopback has another address.
    fn route(host: &str) -> &str {
        host
    }
}

/// The parts of a board, built by its entry point and handed to [`crate::run`].
pub(crate) struct Parts<B: Board> {
    /// The whole flash.
    pub(crate) flash: B::Flash,
    /// The card, if there is one that answers.
    pub(crate) card: Option<B::Card>,
    /// The network driver.
    pub(crate) network: B::Network,
    /// What brings it up.
    pub(crate) radio: B::Radio,
    /// The camera.
    pub(crate) eye: B::Eye,
    /// True randomness.
    pub(crate) entropy: B::Entropy,
    /// Waking, sleeping and measuring.
    pub(crate) power: B::Power,
    /// A key that only this chip has: the HMAC-SHA-256 of the text `wildcam identity 1` under a key in eFuse. `None`
    /// where no such key was burnt; the identity then stays in clear.
    pub(crate) sealing_key: Option<[u8; 32]>,
}

/// The card of a board that has no place for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "esp32s3"), expect(dead_code, reason = "the other boards have a place for a card"))]
pub(crate) enum NoCard {}

impl BlockDevice for NoCard {
    type Error = Self;

    fn blocks(&self) -> u32 {
        match *self {}
    }

    fn read_block(&mut self, _: u32, _: &mut [u8; BLOCK]) -> Result<(), Self> {
        match *self {}
    }

    fn write_block(&mut self, _: u32, _: &[u8; BLOCK]) -> Result<(), Self> {
        match *self {}
    }
}

/// What a run does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "qemu-virt"), expect(dead_code, reason = "only an emulated board can be told"))]
pub(crate) enum Fault {
    /// It panics after its start.
    Panic,
    /// It stops with everything standing still.
    Hang,
    /// It runs and never checks in.
    Silent,
}

/// A size and the most of it that was used, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// How much there is.
    pub(crate) bytes: usize,
    /// The most that was ever used.
    pub(crate) used: usize,
}

/// Brings the network up and down.
#[allow(async_fn_in_trait, reason = "there is one executor, and it is of one thread")]
pub(crate) trait Radio {
    /// Why there is no network.
    type Error: Debug;

    /// Joins the network of the identity, `None` where there is a cable. Returns when the link is up, at once when it
    /// was up already; IP comes after it and is not awaited here. The caller limits the time and drops the future
    /// when it is over: a later call must work.
    async fn join(&mut self, wifi: Option<Wifi<'_>>) -> Result<(), Self::Error>;

    /// Switches the radio off; [`Radio::join`] switches it on again.
    async fn off(&mut self);
}

/// A camera that holds one picture at a time: in its own FIFO, in PSRAM, or in the program.
#[allow(async_fn_in_trait, reason = "there is one executor, and it is of one thread")]
pub(crate) trait PictureSource {
    /// Why there is no picture.
    type Error: Debug;

    /// Takes a picture and returns the length of its JPEG in bytes. It replaces the one before.
    async fn capture(&mut self) -> Result<u32, Self::Error>;

    /// Goes back to the first byte of the picture: it is read once for its digest and once to be stored.
    fn rewind(&mut self) -> Result<(), Self::Error>;

    /// Reads the next bytes into `out`, at least one unless the end is reached.
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error>;

    /// Switches the sensor off until the next picture.
    async fn off(&mut self);
}

/// Waking, sleeping and measuring.
#[allow(async_fn_in_trait, reason = "there is one executor, and it is of one thread")]
pub(crate) trait Power {
    /// Why the machine started.
    fn boot_cause(&self) -> BootCause;

    /// The battery in millivolts, where it can be measured.
    fn battery_mv(&mut self) -> Option<u16>;

    /// The solar panel in millivolts, where there is one.
    fn solar_mv(&mut self) -> Option<u16> {
        None
    }

    /// Waits with everything running until motion is seen or `ms` have passed; to be dropped at any time.
    async fn wait(&mut self, ms: u64) -> Wake;

    /// Sleeps as deeply as the board can until motion is seen or `ms` have passed. A chip loses its memory and starts
    /// anew, with [`BootCause::Motion`] or [`BootCause::Timer`]: then this does not return, and [`Power::slept`] tells the
    /// next start that the sleep began at `unix_ms`. A board without deep sleep returns.
    async fn sleep(&mut self, ms: u64, unix_ms: u64) -> Wake;

    /// How far a sleep was that this start ended; `None` after every other start.
    fn slept(&self) -> Option<Slept> {
        None
    }
}

/// A deep sleep that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slept {
    /// What the time is now: that at its beginning and what passed since, milliseconds since 1970.
    pub(crate) unix_ms: u64,
    /// What is left of the time that it was meant to last; 0 when that is over.
    pub(crate) left_ms: u64,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something moved.
    Motion,
    /// The time is over.
    Timer,
    /// The fleet asks for a picture.
    Command,
}

/// Why the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "qemu-virt", allow(dead_code, reason = "an emulated supply never falls, and nothing there moves"))]
pub(crate) enum BootCause {
    /// Power came.
    PowerOn,
    /// The supply fell too low, and came back.
    Brownout,
    /// A watchdog bit.
    Watchdog,
    /// The program panicked and reset itself.
    Panic,
    /// The program reset itself on purpose.
    Restart,
    /// The end of a deep sleep: its time was over.
    Timer,
    /// The end of a deep sleep: something moved.
    Motion,
}

impl BootCause {
    /// The word in reports.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::PowerOn => "power-on",
            Self::Brownout => "brownout",
            Self::Watchdog => "watchdog",
            Self::Panic => "panic",
            Self::Restart => "restart",
            Self::Timer => "timer",
            Self::Motion => "motion",
        }
    }
}
