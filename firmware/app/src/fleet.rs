//! What the fleet wants of this camera: settings and releases, as `wildcam_core::agent` follows them.

use core::{
    cell::RefCell,
    sync::atomic::{AtomicUsize, Ordering},
};

use embassy_time::Instant;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use static_cell::StaticCell;
use wildcam_core::{
    agent::{Agent, Event, Now, Site},
    boot::Entry,
    config::Settings,
    flash::Part,
    layout::Region,
    update::Why,
};

use crate::{
    board::{Board, BootCause},
    boards::Chosen,
    marks,
    plan::Plan,
    state::{Flash, LAYOUT, State},
};

/// The whole flash of the board.
const WHOLE: Region = Region { offset: 0, bytes: LAYOUT.queue.offset };

/// The flash before the queue, whose every erase feeds the watchdog: a patch of a few bytes may make a hundred sectors, in one
/// go.
#[derive(Clone)]
pub(crate) struct Fed(Part<'static, Flash>);

impl ErrorType for Fed {
    type Error = <Part<'static, Flash> as ErrorType>::Error;
}

impl ReadNorFlash for Fed {
    const READ_SIZE: usize = <Part<'static, Flash> as ReadNorFlash>::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Fed {
    const WRITE_SIZE: usize = <Part<'static, Flash> as NorFlash>::WRITE_SIZE;
    const ERASE_SIZE: usize = <Part<'static, Flash> as NorFlash>::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        Chosen::feed();
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.write(offset, bytes)
    }
}

/// What follows the fleet's wishes on this board.
pub(crate) type Follower = Agent<Fed>;

/// Runs what works on an image, and prints when it takes more stack than it ever did.
fn around(work: &mut dyn FnMut()) {
    static MOST: AtomicUsize = AtomicUsize::new(0);
    if let Some(used) = Chosen::measured(work)
        && used > MOST.load(Ordering::Relaxed)
    {
        MOST.store(used, Ordering::Relaxed);
        marks::print("update-stack", used);
    }
}

/// Opens what is kept of settings and updates; `None` on a machine that no boot stage started, which cannot be updated, and
/// when the flash cannot be used.
#[inline(never)]
pub(crate) fn open(
    flash: &'static RefCell<Flash>,
    boot: Option<Entry>,
    cause: BootCause,
    root: &'static [u8],
) -> Option<&'static mut Follower> {
    static FOLLOWER: StaticCell<Follower> = StaticCell::new();
    let running = boot?.slot;
    let site = Site { class: Chosen::NAME, root, abilities: Chosen::ABILITIES, link: Chosen::LINK, around };
    let follower =
        FOLLOWER.init_with(|| Follower::closed(Fed(Part::new(flash, WHOLE)), LAYOUT, running, fallen(cause), site));
    match follower.open() {
        Ok(()) => {
            marks::print("update", size_of::<wildcam_core::update::Update<Fed>>());
            marks::print("agent", size_of::<Follower>());
            if let Some(update) = follower.update_status() {
                log::info!(
                    "update: release={} state={} why={}",
                    update.release,
                    update.state,
                    update.why.unwrap_or_default()
                );
            }
            Some(follower)
        }
        Err(error) => {
            log::error!("updates: {error}");
            None
        }
    }
}

/// Why an image that ran on trial before this start did not check in, as far as the machine can tell.
const fn fallen(cause: BootCause) -> Why {
    match cause {
        BootCause::Brownout => Why::Brownout,
        BootCause::Watchdog => Why::Watchdog,
        BootCause::Panic => Why::Panic,
        BootCause::PowerOn | BootCause::Restart | BootCause::Timer | BootCause::Motion => Why::NoCheckIn,
    }
}

/// How things are now.
pub(crate) fn now(state: &State) -> Now {
    let unix_s = state.checked_in.get().then(|| state.unix_ms() / 1000);
    Now { unix_s, battery_mv: state.battery_mv.get() }
}

/// The board's own plan with what the fleet set.
pub(crate) fn plan(settings: &Settings) -> Plan {
    let mut plan = Chosen::plan();
    let ms = |seconds: u32| u64::from(seconds) * 1000;
    plan.picture_every_ms = settings.picture_every_s.map_or(plan.picture_every_ms, ms);
    plan.report_every_ms = settings.report_every_s.map_or(plan.report_every_ms, ms);
    plan.deep_sleep = settings.deep_sleep.unwrap_or(plan.deep_sleep);
    plan
}

/// Goes back to the settings before, when the time for a report under the new ones is over.
pub(crate) fn watch_trial(state: &State, follower: &mut Follower, since_ms: u64) {
    let waited_ms = Instant::now().as_millis().saturating_sub(since_ms);
    if !follower.is_on_trial() || waited_ms < state.plan.get().trial_ms {
        return;
    }
    match follower.revert() {
        Ok(()) => {
            log::warn!("settings: no report was taken for {waited_ms} ms; the ones before are back");
            obey(state, follower);
        }
        Err(error) => log::warn!("settings: {error}"),
    }
}

/// Does as the settings say from now on.
pub(crate) fn obey(state: &State, follower: &Follower) {
    state.plan.set(plan(follower.settings()));
    state.replanned.signal(());
}

/// The line of an event.
pub(crate) fn tell(event: Event) {
    match event {
        Event::Settings(number) => log::info!("settings {number}: on trial until the next report"),
        Event::Refused(number, why) => log::warn!("settings {number}: refused, {}", why.why()),
        Event::Untrusted(error) => log::warn!("update: {error}"),
        Event::NotNewest { wanted, newest } => {
            log::warn!("update: release={wanted} is wanted, and the newest is {newest}");
        }
        Event::Waits(gate) => log::info!("update: waits for={}", gate.word()),
        Event::Begun { release, bytes, patch } => {
            log::info!("update: begun release={release} bytes={bytes} form={}", if patch { "patch" } else { "image" });
        }
        Event::Downloaded { received, connections, durable: (durable, of) } => {
            log::info!("update: downloaded received={received} connections={connections} durable={durable} of={of}");
        }
        Event::Activated(release) => log::info!("update: release={release} runs from the next start on"),
        Event::GivenUp(release, why) => log::warn!("update: release={release} is given up, {}", why.word()),
        Event::Failed(why) => log::warn!("update: {why}"),
    }
}
