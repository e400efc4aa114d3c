//! From the parts of a board to running tasks.

use core::{
    cell::{Cell, RefCell},
    fmt::Debug,
};

use ed25519_dalek::{SigningKey, VerifyingKey};
use embassy_executor::Spawner;
use embassy_net::{Config, Runner, Stack, StackResources};
use embassy_sync::{mutex::Mutex, signal::Signal};
use embassy_time::Timer;
use static_cell::{ConstStaticCell, StaticCell};
use wildcam_core::{
    boot,
    camera::Settings as CameraSettings,
    cose::{self, Endpoints, MAX_DOCUMENT},
    flash::{BlockDevice as _, Card, Claimed, Part},
    identity::Identity,
    queue::{Carried, Place, Shelf},
    settings::Settings,
};

use crate::{
    board::{Board, Fault, Parts, Power as _},
    boards::Chosen,
    capture, console, description, fleet, marks,
    random::Random,
    state::{DeviceTimer, Flash, LAYOUT, OwnCard, SharedQueue, Shelved, State},
    tls::{CONNECTIONS, Dialer, Slot},
    uplink::{self, Link, Uplink},
    watch, who,
};

/// DHCP and DNS besides the connections.
const SOCKETS: usize = CONNECTIONS + 2;

/// Seconds for which a start that failed stays as it is, so that its words can be read.
const FAILED_START_S: u32 = 60;

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, <Chosen as Board>::Network>) {
    runner.run().await
}

#[embassy_executor::task]
async fn linking(state: &'static State, link: Link) {
    let task = uplink::run(state, link);
    marks::print("task-uplink", size_of_val(&task));
    task.await
}

#[embassy_executor::task]
async fn watching(state: &'static State) {
    watch::run(state).await
}

/// Runs the camera on the parts of its board.
pub(crate) async fn run(spawner: Spawner, parts: Parts<Chosen>) -> ! {
    console::start();
    let cause = parts.power.boot_cause();
    log::info!("start: board={} firmware={} cause={}", Chosen::NAME, description::VERSION, cause.word());
    match begin(spawner, parts) {
        Ok((state, eye, power, random)) => {
            let task = capture::run(state, eye, power, random);
            marks::print("task-capture", size_of_val(&task));
            task.await
        }
        Err(why) => {
            log::error!("not started: {why}");
            // It may have been for this once, and an image on trial has had its chance: the next start counts it.
            for _ in 0..FAILED_START_S {
                Chosen::feed();
                Timer::after_secs(1).await;
            }
            Chosen::reset(false)
        }
    }
}

type Begun = (&'static State, <Chosen as Board>::Eye, <Chosen as Board>::Power, Random);

#[inline(never)]
fn begin(spawner: Spawner, parts: Parts<Chosen>) -> Result<Begun, &'static str> {
    static FLASH: StaticCell<RefCell<Flash>> = StaticCell::new();
    static STATE: StaticCell<State> = StaticCell::new();
    let Parts { flash, card, network: interface, radio, eye, mut entropy, power, sealing_key } = parts;
    let random = Random::seed(&mut entropy);
    let flash: &'static RefCell<Flash> = FLASH.init(RefCell::new(flash));

    let boot =
        boot::current(&mut *flash.borrow_mut(), LAYOUT.journal).map_err(|_| "the boot journal cannot be read")?;
    let fault = boot.and_then(|entry| {
        log::info!(
            "slot: {} state={:?} attempts={} reason={}",
            entry.slot.letter(),
            entry.state,
            entry.attempts,
            entry.reason.word()
        );
        Chosen::fault(entry.slot)
    });
    match fault {
        Some(Fault::Panic) => panic!("the rehearsed panic of this slot"),
        Some(Fault::Hang) => loop {
            core::hint::spin_loop();
        },
        Some(Fault::Silent) | None => {}
    }

    let identity = who::load(flash, sealing_key, random).map_err(|error| {
        log::error!("identity: {error}");
        "the camera has no identity; `wildcam flash` gives it one"
    })?;
    let cause = power.boot_cause();
    let mut settings = Settings::mount(Part::new(flash, LAYOUT.settings)).map_err(|_| "the settings cannot be read")?;
    // Without settings the count begins at the minute in which the identity was written: a camera that is flashed again is
    // ahead of all it ever counted, unless it started more than once a minute for all its life.
    let least = u32::try_from(identity.set_at_ms / 60_000).unwrap_or(0);
    let boot_count = settings.count_boot(cause as u8, least).map_err(|_| "the start cannot be counted")?;
    // A camera that slept knows the time better than what it kept: its clock went on.
    let slept_ms = power.slept().map_or(0, |slept| slept.unix_ms);
    let unix_ms = identity.set_at_ms.max(settings.counters().unix_ms).max(slept_ms);
    let queue = mount(flash, own(card, &identity.card_key))?;
    log::info!("camera: {} start={boot_count} waiting={}", identity.camera.as_str(), waiting(queue)?);

    let follower = fleet::open(flash, boot, cause, identity.root);
    let plan = follower.as_ref().map_or_else(Chosen::plan, |follower| fleet::plan(follower.settings()));
    let list = endpoints(&identity, &mut settings)?;
    let state: &'static State = STATE.init(State {
        camera: identity.camera.clone(),
        flash,
        queue,
        settings: RefCell::new(settings),
        plan: Cell::new(plan),
        cause,
        boot,
        epoch_ms: Cell::new(0),
        battery_mv: Cell::new(None),
        solar_mv: Cell::new(None),
        checked_in: Cell::new(false),
        confirmed: Cell::new(boot.is_none_or(|entry| entry.state != wildcam_core::boot::State::Trying)),
        passed_over: RefCell::new(heapless::Vec::new()),
        queued: Signal::new(),
        replanned: Signal::new(),
        wanted: Signal::new(),
        idle: Signal::new(),
    });
    state.set_unix_ms(unix_ms);

    let stack = connect(spawner, interface, random)?;
    spawner.spawn(watching(state).map_err(|_| "a task has no room")?);
    if fault != Some(Fault::Silent) {
        let camera = camera(&identity, list, boot_count, state, stack, random);
        let link = Link { camera, follower, radio, stack, wifi: identity.wifi, token: identity.token, random };
        spawner.spawn(linking(state, link).map_err(|_| "a task has no room")?);
    }
    report_sizes();
    Ok((state, eye, power, random))
}

/// A list of endpoints, its number, and the key that signs such lists.
type List = (Endpoints, u64, VerifyingKey);

/// The list that was kept last if it is valid and newer, else that of the identity.
#[inline(never)]
fn endpoints(identity: &Identity<'_>, settings: &mut Settings<Part<'static, Flash>>) -> Result<List, &'static str> {
    let trusted = VerifyingKey::from_bytes(&identity.trusted).map_err(|_| "the fleet's key is no key")?;
    let mut buffer = [0; MAX_DOCUMENT];
    let kept = settings.endpoints(&mut buffer).ok().flatten().unwrap_or_default();
    // Each is verified and thrown away, and the better one verified again: one parsed list is on the stack, not three.
    let chosen = match (number(kept, &trusted), number(identity.endpoints, &trusted)) {
        (Some(kept), Some(given)) if given > kept => identity.endpoints,
        (Some(_), _) => kept,
        (None, _) => identity.endpoints,
    };
    let document = cose::verify(chosen, &trusted).map_err(|_| "the identity has no valid endpoint list")?;
    let list = Endpoints::from_document(&document).map_err(|_| "the identity has no valid endpoint list")?;
    Ok((list, document.seq, trusted))
}

/// The number of a list that can be used.
#[inline(never)]
fn number(document: &[u8], trusted: &VerifyingKey) -> Option<u64> {
    let document = cose::verify(document, trusted).ok()?;
    Endpoints::from_document(&document).ok().map(|_| document.seq)
}

#[inline(never)]
fn connect(spawner: Spawner, card: <Chosen as Board>::Network, random: Random) -> Result<Stack<'static>, &'static str> {
    static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> = ConstStaticCell::new(StackResources::new());
    let config = Config::dhcpv4(embassy_net::DhcpConfig::default());
    let (stack, runner) = embassy_net::new(card, config, RESOURCES.take(), random.u64());
    spawner.spawn(network(runner).map_err(|_| "a task has no room")?);
    Ok(stack)
}

struct Slots([Slot; CONNECTIONS]);

// SAFETY: one thread runs everything, and a slot guards its buffers by itself.
unsafe impl Sync for Slots {}

static SLOTS: Slots = Slots([const { Slot::new() }; CONNECTIONS]);

// The functions that build something large are not inlined: else the frame of the first task would hold all of it at once.
#[inline(never)]
fn camera(
    identity: &Identity<'static>,
    (endpoints, endpoints_seq, trusted): List,
    boot_count: u32,
    state: &State,
    stack: Stack<'static>,
    random: Random,
) -> &'static mut Uplink {
    static CAMERA: StaticCell<Uplink> = StaticCell::new();
    let settings = CameraSettings {
        camera: identity.camera.clone(),
        key: SigningKey::from_bytes(&identity.key),
        trusted,
        endpoints,
        endpoints_seq,
        boot_count,
        unix_ms: state.unix_ms(),
    };
    let dialer = Dialer::new(stack, &SLOTS.0, identity.authority, random);
    CAMERA.init_with(|| Uplink::new(settings, dialer, DeviceTimer, random))
}

/// The card, if it is this camera's.
#[inline(never)]
fn own(card: Option<<Chosen as Board>::Card>, key: &[u8; 32]) -> Option<OwnCard> {
    let Some(card) = card else {
        log::info!("card: none");
        return None;
    };
    match Claimed::open(card, key) {
        Ok(card) => Some(card),
        Err(error) => {
            log::warn!("card: not used: {error}");
            None
        }
    }
}

/// Said when the card fails in the middle of something.
fn card_failed(error: &dyn Debug) {
    log::warn!("card: failed, and the flash is used until the next start: {error:?}");
}

#[inline(never)]
fn mount(flash: &'static RefCell<Flash>, card: Option<OwnCard>) -> Result<&'static SharedQueue, &'static str> {
    static QUEUE: StaticCell<SharedQueue> = StaticCell::new();
    let blocks = card.as_ref().map_or(0, OwnCard::blocks);
    let part = Part::new(flash, LAYOUT.queue);
    let queue = QUEUE.init_with(|| Mutex::new(Shelf::closed(part, card.map(Card::new), card_failed)));
    let shelf = queue.get_mut();
    let Carried { items, more } = shelf.open(Chosen::feed).map_err(|_| "the queue cannot be mounted")?;
    if shelf.place() == Place::Card {
        log::info!("card: in use, blocks={blocks} carried={items}");
        if more {
            log::warn!("card: no room for all that waits in the flash; the rest of it stays there until a later start");
        }
    }
    Ok(queue)
}

fn waiting(queue: &SharedQueue) -> Result<u32, &'static str> {
    Ok(queue.try_lock().map_err(|_| "the queue is in use")?.stats().waiting)
}

fn report_sizes() {
    marks::print("queue", size_of::<Shelved>());
    marks::print("link", size_of::<Uplink>());
    marks::print("connections", size_of::<[Slot; CONNECTIONS]>());
    marks::print("network", size_of::<StackResources<SOCKETS>>());
    marks::print("identity", wildcam_core::identity::MAX_RECORD);
    marks::print_stack();
}
