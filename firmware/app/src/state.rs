//! What the tasks share.

use core::cell::{Cell, RefCell};

use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex, signal::Signal};
use embassy_time::{Instant, Timer};
use wildcam_core::{
    boot::Entry,
    flash::{BLOCK, Card, Claimed, Part},
    layout::Layout,
    queue::{ItemId, LOG_SECTORS, MAX_EXCEPT, Queue, Shelf},
    settings::Settings,
    wire::CameraId,
};

use crate::{
    board::{Board, BootCause},
    boards::Chosen,
    plan::Plan,
};

/// Where things lie in this board's flash.
pub(crate) const LAYOUT: Layout = match Layout::of(Chosen::FLASH_BYTES) {
    Some(layout) => layout,
    None => panic!("the flash of the board is too small"),
};

/// Pictures that can wait.
const ITEMS: usize = 256;
const SECTORS: usize = LAYOUT.queue.bytes as usize / wildcam_core::layout::SECTOR_BYTES as usize - LOG_SECTORS;

/// The flash of the board.
pub(crate) type Flash = <Chosen as Board>::Flash;
/// The part of the flash that a queue lies in.
pub(crate) type Store = Part<'static, Flash>;
/// The queue in its part of the flash.
pub(crate) type Pictures = Queue<Store, ITEMS, SECTORS>;

/// Sectors of the queue on a card, and their size: 8 MiB, some of them for the log. A sector is erased in one go, while
/// nothing else runs: its 64 blocks take a tenth of a second, and 16 at a card's slowest (250 ms for each, SD Physical
/// Layer Simplified Specification 9.00, section 4.6.2.2), which the watchdog still allows.
const CARD_SECTORS: usize = 256 - LOG_SECTORS;
const CARD_SECTOR_BYTES: usize = 32 * 1024;

/// The card of this camera.
pub(crate) type OwnCard = Claimed<<Chosen as Board>::Card>;
/// What waits: on the card if there is one, else in the flash.
pub(crate) type Shelved = Shelf<Store, Card<OwnCard, BLOCK, CARD_SECTOR_BYTES>, ITEMS, SECTORS, CARD_SECTORS>;

const _: () = assert!(size_of::<Shelved>() < size_of::<Pictures>() + 1800, "a card takes more RAM than it may");

/// The queue as the tasks share it.
pub(crate) type SharedQueue = Mutex<NoopRawMutex, Shelved>;

/// What the tasks share. All run in one thread.
pub(crate) struct State {
    /// Who the camera is.
    pub(crate) camera: CameraId,
    /// The whole flash; its parts are borrowed for single operations.
    pub(crate) flash: &'static RefCell<Flash>,
    /// What waits.
    pub(crate) queue: &'static SharedQueue,
    /// What is kept between starts.
    pub(crate) settings: RefCell<Settings<Part<'static, Flash>>>,
    /// How often things happen; the fleet may change it.
    pub(crate) plan: Cell<Plan>,
    /// Why the machine started.
    pub(crate) cause: BootCause,
    /// What the boot stage decided; `None` when none started this program.
    pub(crate) boot: Option<Entry>,
    /// Unix time at the start of the program, as far as it is known.
    pub(crate) epoch_ms: Cell<u64>,
    /// The battery when it was last measured.
    pub(crate) battery_mv: Cell<Option<u16>>,
    /// The solar panel when it was last measured.
    pub(crate) solar_mv: Cell<Option<u16>>,
    /// Whether a gateway took a report since the start.
    pub(crate) checked_in: Cell<bool>,
    /// Whether the boot journal knows that this image works.
    pub(crate) confirmed: Cell<bool>,
    /// What one gateway will never take, while no other could be asked: it waits, and the others go before it.
    pub(crate) passed_over: RefCell<heapless::Vec<ItemId, MAX_EXCEPT>>,
    /// Something was put into the queue.
    pub(crate) queued: Signal<NoopRawMutex, ()>,
    /// Things happen at other times from now on.
    pub(crate) replanned: Signal<NoopRawMutex, ()>,
    /// The fleet asks for a picture.
    pub(crate) wanted: Signal<NoopRawMutex, ()>,
    /// Nothing is left to send.
    pub(crate) idle: Signal<NoopRawMutex, ()>,
}

impl State {
    /// What the time is, as far as it is known.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.epoch_ms.get() + Instant::now().as_millis()
    }

    /// Sets the time.
    pub(crate) fn set_unix_ms(&self, unix_ms: u64) {
        self.epoch_ms.set(unix_ms.saturating_sub(Instant::now().as_millis()));
    }
}

/// Embassy's time as the camera's logic takes it.
#[derive(Clone, Copy)]
pub(crate) struct DeviceTimer;

impl wildcam_core::link::Timer for DeviceTimer {
    fn now_ms(&self) -> u64 {
        Instant::now().as_millis()
    }

    async fn sleep_ms(&self, ms: u64) {
        Timer::after_millis(ms).await;
    }
}
