//! Motion, the timer or the fleet wakes; a picture is taken, looked at and queued.

use core::fmt::Debug;

use embassy_futures::{
    select::{Either4, select4},
    yield_now,
};
use embassy_time::Instant;
use embedded_storage::nor_flash::ErrorType;
use sha2::{Digest as _, Sha256};
use wildcam_core::{
    queue::{Header, ShelfError},
    wire::{EVENT_MAX_BYTES, Event, Image, Priority, Sha256Hex, Ulid, clipped, json},
};

use crate::{
    board::{Board, BootCause, PictureSource, Power, Wake},
    boards::Chosen,
    description, infer,
    random::Random,
    state::{Shelved, State, Store},
};

/// Bytes of a picture that are in RAM at a time.
const CHUNK: usize = 1024;

/// Why a picture did not come into the queue.
#[derive(Debug)]
#[allow(dead_code, reason = "read by Debug, in a line of the log")]
enum Error<E, F> {
    Eye(E),
    /// The source gave another length than it said.
    Length,
    Event,
    Queue(ShelfError<F>),
}

/// Takes pictures for ever.
pub(crate) async fn run(
    state: &'static State,
    mut eye: <Chosen as Board>::Eye,
    mut power: <Chosen as Board>::Power,
    random: Random,
) -> ! {
    measure(state, &mut power);
    // A chip that motion woke has its picture to take before all else.
    if state.cause == BootCause::Motion {
        picture(state, &mut eye, random, Wake::Motion).await;
    } else if state.cause == BootCause::Timer {
        picture(state, &mut eye, random, Wake::Timer).await;
    }
    let mut far_ms = far(state);
    // A sleep that motion ended leaves the next picture where it was.
    let left_ms = power.slept().filter(|_| state.cause == BootCause::Motion).map(|slept| slept.left_ms);
    let mut due_ms = Instant::now().as_millis() + left_ms.unwrap_or(far_ms).min(far_ms);
    loop {
        let left_ms = due_ms.saturating_sub(Instant::now().as_millis());
        // A picture that is asked for comes before sleep.
        let woken = select4(power.wait(left_ms), state.wanted.wait(), state.idle.wait(), state.replanned.wait()).await;
        let wake = match woken {
            Either4::First(wake) => wake,
            Either4::Second(()) => Wake::Command,
            Either4::Third(()) if state.plan.get().deep_sleep => {
                eye.off().await;
                log::info!("sleep: {left_ms} ms");
                power.sleep(left_ms, state.unix_ms()).await
            }
            Either4::Third(()) => continue,
            Either4::Fourth(()) => {
                far_ms = far(state);
                due_ms = Instant::now().as_millis() + far_ms;
                continue;
            }
        };
        measure(state, &mut power);
        if wake == Wake::Timer {
            due_ms += far_ms;
            if state.plan.get().picture_every_ms == 0 {
                continue;
            }
        }
        picture(state, &mut eye, random, wake).await;
    }
}

/// How long it is from one picture to the next. Where none is wanted, nothing is taken then and the battery is measured: a
/// camera that sleeps does so at each waking.
fn far(state: &State) -> u64 {
    const HOUR_MS: u64 = 3_600_000;
    let plan = state.plan.get();
    match plan.picture_every_ms {
        0 if plan.deep_sleep => 24 * HOUR_MS,
        0 => HOUR_MS,
        every_ms => every_ms,
    }
}

fn measure(state: &State, power: &mut impl Power) {
    state.battery_mv.set(power.battery_mv());
    state.solar_mv.set(power.solar_mv());
}

async fn picture(state: &State, eye: &mut impl PictureSource, random: Random, wake: Wake) {
    match take(state, eye, random, wake).await {
        Ok(taken) => {
            let (image, event) = (Hexadecimal(&taken.image_sha256), Hexadecimal(&taken.event_sha256));
            log::info!("captured {} {image} {event} {}", taken.ulid, taken.bytes);
        }
        Err(error) => log::warn!("no picture: {error:?}"),
    }
    // What was said while it was taken does not hold any more: it has to be sent first.
    state.idle.reset();
    state.queued.signal(());
}

/// A picture that is durable in the queue.
struct Taken {
    ulid: Ulid,
    image_sha256: [u8; 32],
    event_sha256: [u8; 32],
    bytes: u32,
}

async fn take<E: PictureSource>(
    state: &State,
    eye: &mut E,
    random: Random,
    wake: Wake,
) -> Result<Taken, Error<E::Error, impl Debug + use<E>>> {
    let bytes = eye.capture().await.map_err(Error::Eye)?;
    let taken_at_ms = state.unix_ms();
    let seen = infer::look().await;
    let mut hasher = Sha256::new();
    read_through(eye, bytes, |piece| {
        hasher.update(piece);
        Ok(())
    })
    .await?;
    let sha256: [u8; 32] = hasher.finalize().into();
    let ulid = Ulid::new(taken_at_ms, random.u128());
    let (trigger, priority) = match wake {
        Wake::Motion => ("motion", Priority::Normal),
        Wake::Timer => ("timelapse", Priority::Low),
        Wake::Command => ("command", Priority::Urgent),
    };
    let event = Event {
        ulid,
        camera: state.camera.clone(),
        taken_at_ms,
        trigger: clipped(trigger),
        priority,
        species: seen.species,
        confidence: seen.confidence,
        place: None,
        model: Some(seen.model),
        firmware: clipped(description::VERSION),
        image: Image { sha256: Sha256Hex(sha256), bytes, media_type: clipped("image/jpeg") },
    };
    let mut metadata = [0; EVENT_MAX_BYTES];
    let length = json::to_slice(&event, &mut metadata).map_err(|_| Error::Event)?;
    let header = Header::of(&event);
    store(&mut *state.queue.lock().await, eye, &header, &metadata[..length]).await?;
    let event_sha256 = Sha256::digest(&metadata[..length]).into();
    Ok(Taken { ulid, image_sha256: sha256, event_sha256, bytes })
}

/// Makes the picture durable: on the card, and when that fails in the flash.
async fn store<E: PictureSource>(
    queue: &mut Shelved,
    eye: &mut E,
    header: &Header,
    metadata: &[u8],
) -> Result<(), Error<E::Error, <Store as ErrorType>::Error>> {
    match put(queue, eye, header, metadata).await {
        Err(Error::Queue(ShelfError::CardFailed)) => {
            queue.leave_card().map_err(|error| Error::Queue(ShelfError::Queue(error)))?;
            put(queue, eye, header, metadata).await
        }
        done => done,
    }
}

async fn put<E: PictureSource>(
    queue: &mut Shelved,
    eye: &mut E,
    header: &Header,
    metadata: &[u8],
) -> Result<(), Error<E::Error, <Store as ErrorType>::Error>> {
    let mut writer = queue.begin(header, metadata).map_err(Error::Queue)?;
    read_through(eye, header.body_bytes, |piece| writer.write(piece).map_err(Error::Queue)).await?;
    writer.commit().map_err(Error::Queue)
}

/// Reads the picture from its first byte to its last, and gives each piece to `take`.
async fn read_through<E: PictureSource, F>(
    eye: &mut E,
    bytes: u32,
    mut take: impl FnMut(&[u8]) -> Result<(), Error<E::Error, F>>,
) -> Result<(), Error<E::Error, F>> {
    eye.rewind().map_err(Error::Eye)?;
    let mut chunk = [0; CHUNK];
    let mut left = bytes as usize;
    while left > 0 {
        let room = left.min(CHUNK);
        let n = eye.read(&mut chunk[..room]).await.map_err(Error::Eye)?;
        if n == 0 || n > room {
            return Err(Error::Length);
        }
        take(&chunk[..n])?;
        left -= n;
        // An erase holds everything up, and a large picture is many of them: others must have their turn between them,
        // the watchdog's feeder above all.
        yield_now().await;
    }
    Ok(())
}

/// Bytes as hexadecimal text.
pub(crate) struct Hexadecimal<'b>(pub(crate) &'b [u8]);

impl core::fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
