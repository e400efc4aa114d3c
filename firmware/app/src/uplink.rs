//! The way to the fleet: enrol once, report, learn what is wanted, and send what waits.

use embassy_futures::select::select;
use embassy_net::Stack;
use embassy_time::{Duration, Instant, Timer, with_timeout};
use wildcam_core::{
    agent::Next,
    boot,
    camera::{Announced, Camera, Desired, Error, Item, Outbox, Outcome, UploadError},
    cose::Action,
    identity::Wifi,
    layout::SECTOR_BYTES,
    link::ConnectError,
    queue::{self, Filter, ItemId},
    wire::{Health, QueueStatus, Status, Ulid, clipped},
};

use crate::{
    board::{Board, Radio},
    boards::Chosen,
    capture::Hexadecimal,
    description,
    fleet::{self, Follower},
    marks,
    random::Random,
    state::{DeviceTimer, LAYOUT, Pictures, State},
    tls::{self, CONNECTIONS, Dialer},
};

/// The camera's side of the gateway API on this board.
pub(crate) type Uplink = Camera<Dialer, DeviceTimer, Random, CONNECTIONS>;

const JOIN: Duration = Duration::from_secs(30);
/// The first wait after a failure; it doubles up to the longest, and half of it is jitter.
const FIRST_WAIT_MS: u64 = 500;
const LONGEST_WAIT_MS: u64 = 60_000;
/// After so many failures one after the other, a camera that sleeps deeply sleeps until its next picture: a radio that
/// looks for a network for ever empties the battery, and then nothing is taken at all.
const FAILURES_TO_SLEEP: u32 = 4;
/// How often the time is kept in flash at most.
const KEEP_TIME_MS: u64 = 600_000;

type FlashError = <Pictures as Fails>::Error;

/// Names the error of the queue's flash.
trait Fails {
    type Error: core::fmt::Debug;
}

impl<F: embedded_storage::nor_flash::NorFlash, const I: usize, const S: usize> Fails for queue::Queue<F, I, S> {
    type Error = F::Error;
}

/// The queue as the uploader sees it; it remembers what it offered last.
struct Waiting<'s> {
    state: &'s State,
    offered: Option<(Ulid, [u8; 32])>,
}

impl Outbox for Waiting<'_> {
    type Error = queue::Error<FlashError>;

    async fn peek(&mut self, event: &mut [u8]) -> Result<Option<Item>, Self::Error> {
        let mut queue = self.state.queue.lock().await;
        let filter = Filter::all().except(&self.state.passed_over.borrow());
        let Some(item) = queue.next(&filter)? else { return Ok(None) };
        let event_bytes = queue.read_metadata(item.header.id, event)?;
        let ulid = Ulid::from_bits(item.header.id.0);
        if self.offered.is_none_or(|(before, _)| before != ulid) {
            log::info!("attempted {ulid}");
        }
        self.offered = Some((ulid, item.header.sha256));
        Ok(Some(Item { ulid, event_bytes, image_bytes: item.header.body_bytes, sha256: item.header.sha256 }))
    }

    async fn after(&mut self, ulid: Ulid, event: &mut [u8]) -> Result<Option<(Ulid, usize)>, Self::Error> {
        let found = self.state.queue.lock().await.metadata_after(ItemId(ulid.bits()), event)?;
        Ok(found.map(|(id, bytes)| (Ulid::from_bits(id.0), bytes)))
    }

    async fn read(&mut self, ulid: Ulid, offset: u32, out: &mut [u8]) -> Result<usize, Self::Error> {
        self.state.queue.lock().await.read_body(ItemId(ulid.bits()), offset, out)
    }

    async fn remove(&mut self, ulid: Ulid) -> Result<(), Self::Error> {
        match self.state.queue.lock().await.remove(ItemId(ulid.bits())) {
            // A full queue may have dropped it for a newer one while its gateway wrote it.
            Err(queue::Error::NotFound) => Ok(()),
            result => result,
        }
    }
}

/// The wait after a failure.
struct Patience {
    wait_ms: u64,
    random: Random,
}

impl Patience {
    fn reset(&mut self) {
        self.wait_ms = FIRST_WAIT_MS;
    }

    /// Waits longer each time, or as long as the link says.
    async fn wait(&mut self, error: &Error) {
        let ms = match error {
            Error::Connect(ConnectError::AllOpen { retry_in_ms }) => (*retry_in_ms).clamp(100, LONGEST_WAIT_MS),
            _ => self.wait_ms / 2 + self.random.u64() % (self.wait_ms / 2 + 1),
        };
        self.wait_ms = (self.wait_ms * 2).min(LONGEST_WAIT_MS);
        Timer::after_millis(ms).await;
    }
}

/// What the link needs beside what all tasks share.
pub(crate) struct Link {
    /// The camera's side of the API.
    pub(crate) camera: &'static mut Uplink,
    /// What follows the fleet's wishes, where the machine can be updated.
    pub(crate) follower: Option<&'static mut Follower>,
    /// What brings the network up.
    pub(crate) radio: <Chosen as Board>::Radio,
    /// TCP/IP.
    pub(crate) stack: Stack<'static>,
    /// The network to join.
    pub(crate) wifi: Option<Wifi<'static>>,
    /// What lets the camera register.
    pub(crate) token: &'static str,
    /// For jitter.
    pub(crate) random: Random,
}

/// What is due next.
struct Due {
    /// When the next report is due, in milliseconds since the start.
    report_ms: u64,
    /// When the time was last kept, in the same; 0 for not yet.
    kept_ms: u64,
    /// Whether a gateway took a report since the fleet's wishes were last followed.
    tend: bool,
}

/// Talks to the fleet for ever.
pub(crate) async fn run(state: &'static State, mut link: Link) -> ! {
    let mut patience = Patience { wait_ms: FIRST_WAIT_MS, random: link.random };
    let mut due = Due { report_ms: 0, kept_ms: 0, tend: false };
    // Settings on trial have the time from here on, or from when they came.
    let mut trial_ms = Instant::now().as_millis();
    let mut failures = 0;
    loop {
        let result = match join(&mut link).await {
            Ok(()) => round(state, &mut link, &mut due, &mut trial_ms).await,
            Err(error) => {
                log::warn!("no network: {error:?}");
                Err(Error::Connect(ConnectError::Failed))
            }
        };
        match result {
            Ok(()) => {
                failures = 0;
                patience.reset();
                let left_ms = due.report_ms.saturating_sub(Instant::now().as_millis());
                rest(state, &mut link, left_ms).await;
            }
            Err(error) => {
                log::info!("not sent: {error:?}");
                failures += 1;
                if let Some(follower) = &mut link.follower {
                    fleet::watch_trial(state, follower, trial_ms);
                }
                if failures >= FAILURES_TO_SLEEP && state.plan.get().deep_sleep {
                    failures = 0;
                    rest(state, &mut link, LONGEST_WAIT_MS).await;
                } else {
                    patience.wait(&error).await;
                }
            }
        }
    }
}

/// Says that there is nothing to do, and waits for at most `ms` for something to send.
async fn rest(state: &State, link: &mut Link, ms: u64) {
    if state.plan.get().deep_sleep && !is_on_trial(state) {
        // The chip sleeps as soon as the other task hears of it, with the radio off.
        link.camera.disconnect();
        link.radio.off().await;
        state.idle.signal(());
    }
    select(Timer::after_millis(ms), state.queued.wait()).await;
}

/// Whether this image has a time within which it must check in, or another takes its place. It stays awake for it: each
/// wake from a deep sleep is a start, of which it has few.
fn is_on_trial(state: &State) -> bool {
    let trial = |entry: boot::Entry| entry.state == boot::State::Trying && entry.reason != boot::Reason::Only;
    !state.checked_in.get() && state.boot.is_some_and(trial)
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by Debug, in a line of the log")]
enum NoNetwork<E> {
    Radio(E),
    Late,
}

async fn join(link: &mut Link) -> Result<(), NoNetwork<<<Chosen as Board>::Radio as Radio>::Error>> {
    if link.stack.is_link_up() && link.stack.is_config_up() {
        return Ok(());
    }
    with_timeout(JOIN, link.radio.join(link.wifi)).await.map_err(|_| NoNetwork::Late)?.map_err(NoNetwork::Radio)?;
    with_timeout(JOIN, link.stack.wait_config_up()).await.map_err(|_| NoNetwork::Late)?;
    if let Some(config) = link.stack.config_v4() {
        log::info!("network: address={}", config.address.address());
    }
    Ok(())
}

/// Enrols if need be, reports if it is time, and sends all that waits.
async fn round(state: &State, link: &mut Link, due: &mut Due, trial_ms: &mut u64) -> Result<(), Error> {
    let Link { camera, follower, .. } = link;
    if !state.settings.borrow().counters().enrolled {
        match camera.enrol(link.token).await {
            Ok(enrolled) => {
                log::info!("enrolled: {enrolled:?}");
                if let Err(error) = state.settings.borrow_mut().set_enrolled() {
                    log::warn!("settings: {error}");
                }
            }
            // Someone may have registered it already, and the token be of no use any more: then its pictures are taken.
            Err(error) if error.is_unwanted() => log::warn!("not enrolled: {error:?}"),
            Err(error) => return Err(error),
        }
    }
    loop {
        let now_ms = Instant::now().as_millis();
        if due.report_ms <= now_ms {
            match report(state, camera, follower.as_deref()).await {
                Ok(()) => {
                    agree(state, camera);
                    check_in(state);
                    if let Some(follower) = follower {
                        if let Err(error) = follower.reported() {
                            log::warn!("updates: {error}");
                        }
                        due.tend = true;
                    }
                    // Once in a while it is asked again.
                    state.passed_over.borrow_mut().clear();
                    due.report_ms = now_ms + state.plan.get().report_every_ms;
                }
                // A gateway that does not want to know how the camera is may still take its pictures.
                Err(error) if error.is_unwanted() => {
                    log::warn!("not reported: {error:?}");
                    due.report_ms = now_ms + state.plan.get().report_every_ms.min(LONGEST_WAIT_MS);
                }
                Err(error) => return Err(error),
            }
            if due.kept_ms == 0 || now_ms - due.kept_ms >= KEEP_TIME_MS {
                due.kept_ms = now_ms.max(1);
                if let Err(error) = state.settings.borrow_mut().set_time(state.unix_ms()) {
                    log::warn!("settings: {error}");
                }
            }
            learn(state, camera).await?;
            if obey(state, camera, follower.as_deref()).await? {
                // The next report says that it was taken on.
                due.report_ms = now_ms;
                continue;
            }
        }
        tell(state, camera).await?;
        if send(state, camera).await? {
            continue;
        }
        // What the fleet wants comes after the pictures.
        let Some(follower) = follower else { return Ok(()) };
        if !core::mem::take(&mut due.tend) {
            return Ok(());
        }
        let next = follower.tend(camera, &fleet::now(state), &mut fleet::tell).await;
        // What the network cut off goes on with the next round.
        due.tend = next.is_err();
        match next? {
            Next::Rest => return Ok(()),
            // A camera that sleeps does the rest in its next wakes: what its battery has was measured at the start of this one.
            Next::More => due.tend = !state.plan.get().deep_sleep,
            Next::Changed => {
                fleet::obey(state, follower);
                // What shows that they work is a report that is sent with them, over a connection that is made with them.
                camera.disconnect();
                let plan = state.plan.get();
                *trial_ms = Instant::now().as_millis();
                due.report_ms = *trial_ms + plan.report_every_ms.min(plan.trial_ms / 2);
                return Ok(());
            }
            Next::Restart => {
                let _ = report(state, camera, Some(follower)).await;
                let _queue = state.queue.lock().await;
                Chosen::reset(false)
            }
        }
    }
}

/// A gateway took a signed request, so it agrees with the time.
fn agree(state: &State, camera: &Uplink) {
    let unix_ms = camera.unix_ms();
    state.set_unix_ms(unix_ms);
    tls::set_time(unix_ms);
}

async fn report(state: &State, camera: &mut Uplink, follower: Option<&Follower>) -> Result<(), Error> {
    let stats = state.queue.lock().await.stats();
    let status = Status {
        camera: state.camera.clone(),
        sent_at_ms: camera.unix_ms(),
        uptime_s: u32::try_from(Instant::now().as_secs()).unwrap_or(u32::MAX),
        boot_cause: clipped(cause(state)),
        queue: QueueStatus { waiting: stats.waiting, bytes: stats.waiting_bytes, evicted: stats.evicted },
        link: camera.link().status(),
        battery_mv: state.battery_mv.get(),
        firmware: clipped(description::VERSION),
        health: Some(Health {
            storage_bytes: stats.sectors.saturating_mul(SECTOR_BYTES),
            storage_free_bytes: stats.free_sectors.saturating_mul(SECTOR_BYTES),
            damaged: stats.damaged,
            solar_mv: state.solar_mv.get(),
            stack_used_bytes: Chosen::stack().map(|marks| marks.used as u32),
            heap_used_bytes: Chosen::radio_heap().map(|marks| marks.used as u32),
        }),
        command: Some(state.settings.borrow().counters().command).filter(|command| *command > 0),
        config: follower.and_then(Follower::config_status),
        update: follower.and_then(Follower::update_status),
    };
    let began = Instant::now();
    camera.report_status(&status).await?;
    log::info!(
        "reported via={} ms={} waiting={} free_sectors={} damaged={} refused={}",
        camera.link().status().endpoint,
        began.elapsed().as_millis(),
        stats.waiting,
        stats.free_sectors,
        stats.damaged,
        stats.refused
    );
    marks::print_stack();
    Ok(())
}

/// Why it runs: a rollback counts for more than how the machine started.
fn cause(state: &State) -> &'static str {
    match state.boot {
        Some(entry) if entry.state == boot::State::RolledBack => "rolled-back",
        // One before it has checked in; the first that a cable wrote has nobody before it.
        Some(entry) if entry.state == boot::State::Trying && entry.confirmed != [0; 8] => "update",
        _ => state.cause.word(),
    }
}

/// A gateway took a report: the image works.
fn check_in(state: &State) {
    state.checked_in.set(true);
    if state.confirmed.get() {
        return;
    }
    match boot::confirm(&mut *state.flash.borrow_mut(), LAYOUT.journal) {
        Ok(()) => {
            state.confirmed.set(true);
            log::info!("confirmed: this image works");
        }
        // The next report tries again.
        Err(error) => log::warn!("boot journal: {error}"),
    }
}

async fn learn(state: &State, camera: &mut Uplink) -> Result<(), Error> {
    match camera.fetch_desired().await {
        Ok(Desired::Endpoints { seq, changed: true, document }) => {
            log::info!("endpoints: list {seq}");
            // What the next start begins with.
            if let Err(error) = state.settings.borrow_mut().set_endpoints(document) {
                log::warn!("settings: {error}");
            }
            Ok(())
        }
        Ok(_) => Ok(()),
        // What is wanted may be meant for a newer build, or be signed by nobody we know; pictures go on.
        Err(error @ (Error::Document(_) | Error::Refused { .. } | Error::Answer)) => {
            log::warn!("what is wanted: {error:?}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Takes a command on, if there is one that is new.
///
/// It is noted before anything is done: it is done once at most, whenever the power fails.
async fn obey(state: &State, camera: &mut Uplink, follower: Option<&Follower>) -> Result<bool, Error> {
    let last = state.settings.borrow().counters().command;
    let command = match camera.fetch_command(last).await {
        Ok(Some(command)) => command,
        Ok(None) => return Ok(false),
        Err(error @ (Error::Document(_) | Error::Refused { .. } | Error::Answer)) => {
            log::warn!("command: {error:?}");
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    if let Err(error) = state.settings.borrow_mut().set_command(command.seq) {
        log::warn!("settings: {error}");
        return Ok(false);
    }
    log::info!("command {}: {}", command.seq, command.action.as_str());
    match command.action {
        Action::Picture => state.wanted.signal(()),
        // One follows every command.
        Action::Report => {}
        Action::Restart => {
            // So that whoever asked hears of it before the next start does; if not, that one tells.
            let _ = report(state, camera, follower).await;
            let _queue = state.queue.lock().await;
            Chosen::reset(false)
        }
    }
    Ok(true)
}

/// Tells what was seen, when several pictures wait. What a gateway does not want to hear now comes with the pictures.
async fn tell(state: &State, camera: &mut Uplink) -> Result<(), Error> {
    match camera.announce_waiting(&mut Waiting { state, offered: None }).await {
        Ok(Announced { events: 0, .. }) => Ok(()),
        Ok(Announced { events, json_bytes, sent_bytes }) => {
            log::info!("announced {events} events bytes={sent_bytes} of={json_bytes}");
            Ok(())
        }
        Err(UploadError::Call(error @ (Error::Connect(_) | Error::Exchange(_)))) => Err(error),
        Err(error) => {
            log::warn!("not announced: {error:?}");
            Ok(())
        }
    }
}

/// Sends the next picture; false when nothing waits.
async fn send(state: &State, camera: &mut Uplink) -> Result<bool, Error> {
    let mut waiting = Waiting { state, offered: None };
    let began = Instant::now();
    let outcome = camera.upload_next(&mut waiting).await;
    let set_aside = match outcome {
        Ok(Outcome::Empty) => return Ok(false),
        Ok(Outcome::Stored(ack)) => {
            agree(state, camera);
            let sha256 = waiting.offered.map(|(_, sha256)| sha256).unwrap_or_default();
            let endpoint = camera.link().status().endpoint;
            let ms = began.elapsed().as_millis();
            log::info!("acked {} {} copies={} via={endpoint} ms={ms}", ack.ulid, Hexadecimal(&sha256), ack.copies);
            return Ok(true);
        }
        Ok(Outcome::Refused { ulid, kind }) => {
            log::warn!("refused {ulid}: {kind:?}");
            ulid
        }
        Ok(Outcome::Damaged { ulid }) => {
            log::warn!("damaged {ulid}");
            ulid
        }
        Err(UploadError::Call(error)) if error.is_final() => {
            let Some((ulid, _)) = waiting.offered else { return Err(error) };
            log::warn!("passed over {ulid}: {error:?}");
            let mut passed_over = state.passed_over.borrow_mut();
            if passed_over.is_full() {
                passed_over.remove(0);
            }
            let _ = passed_over.push(ItemId(ulid.bits()));
            return Ok(true);
        }
        Err(UploadError::Call(error)) => return Err(error),
        Err(UploadError::NotAcknowledged) => return Err(Error::Answer),
        Err(UploadError::Outbox(error)) => panic!("the queue failed: {error:?}"),
    };
    // What no gateway will ever take would block all that follows.
    match waiting.remove(set_aside).await {
        Ok(()) => Ok(true),
        Err(error) => panic!("the queue failed: {error:?}"),
    }
}
