use std::{sync::Arc, time::Duration};

use ed25519_dalek::{SigningKey, VerifyingKey};
use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use wildcam_core::{
    camera::{Camera, Error, Item, Outbox, Outcome, Settings, UploadError},
    cose::Endpoints,
    flash::{FileFlash, RecordsError},
    link::{Dial, Rng, Timer},
    queue::{self, Filter, Header, ItemId, LOG_SECTORS, Queue},
    wire::{
        CameraId, EVENT_MAX_BYTES, Event, Image, Place, Priority, QueueStatus, Sha256Hex, Status, Ulid, clipped, json,
    },
};

use super::config::Kept;
use crate::{
    clock::{Clock, Random},
    drill::{loss::hexadecimal, observation::Observation},
    lab::pictures::Pool,
};

const SECTORS: usize = 512;
/// The flash of a virtual camera: 2 MiB for pictures, as on a small module.
#[expect(clippy::cast_possible_truncation, reason = "some 2 MiB")]
pub const CAMERA_FLASH_BYTES: u32 = ((SECTORS + LOG_SECTORS) * 4096) as u32;
/// The queue of a virtual camera.
pub type CameraQueue<F> = Queue<F, 256, SECTORS>;

/// How soon a camera reports that has new settings on trial, and again when no gateway took it.
const TRIED_AGAIN: Duration = Duration::from_millis(500);

/// What a virtual camera is and does.
pub struct Plan {
    /// Its name.
    pub id: CameraId,
    /// Its key.
    pub key: SigningKey,
    /// Whose documents it believes.
    pub trusted: VerifyingKey,
    /// Where gateways are.
    pub endpoints: Endpoints,
    /// The number of that list.
    pub endpoints_seq: u64,
    /// What lets it register.
    pub token: String,
    /// How often it takes a picture; zero for never.
    pub upload_every: Duration,
    /// How often it says how it is.
    pub report_every: Duration,
    /// When it takes the first picture.
    pub first_upload: Duration,
}

/// Milliseconds of tokio's clock, which tests may pause or simulate.
#[derive(Clone, Copy, Debug)]
pub struct HostTimer(Instant);

impl HostTimer {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Timer for HostTimer {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// A host's randomness as the camera's logic takes it.
#[derive(Clone, Debug)]
pub struct HostRng(pub Random);

impl Rng for HostRng {
    fn next_u32(&mut self) -> u32 {
        (self.0.u64() >> 32) as u32
    }
}

/// A camera that takes pictures on a schedule, queues them, and sends what waits.
pub struct VirtualCamera<F: NorFlash, D: Dial, N> {
    plan: Plan,
    queue: CameraQueue<F>,
    camera: Box<Camera<D, HostTimer, HostRng>>,
    pool: Arc<Pool>,
    clock: Clock,
    random: Random,
    note: N,
    started: Instant,
    /// What the fleet set it to, where it asks for that.
    config: Option<Kept>,
}

/// The queue as the camera's uploader sees it; it notes each attempt.
struct NotingOutbox<'a, F, N> {
    queue: &'a mut CameraQueue<F>,
    id: &'a CameraId,
    note: &'a mut N,
    offered: Option<Ulid>,
}

impl<F: NorFlash, N: FnMut(Observation)> Outbox for NotingOutbox<'_, F, N> {
    type Error = queue::Error<F::Error>;

    async fn peek(&mut self, event: &mut [u8]) -> Result<Option<Item>, Self::Error> {
        let Some(item) = self.queue.next(&Filter::all())? else { return Ok(None) };
        let event_bytes = self.queue.read_metadata(item.header.id, event)?;
        let ulid = Ulid::from_bits(item.header.id.0);
        if self.offered != Some(ulid) {
            self.offered = Some(ulid);
            (self.note)(Observation::Attempted { camera: self.id.as_str().to_owned(), ulid: ulid.to_string() });
        }
        Ok(Some(Item { ulid, event_bytes, image_bytes: item.header.body_bytes, sha256: item.header.sha256 }))
    }

    async fn after(&mut self, ulid: Ulid, event: &mut [u8]) -> Result<Option<(Ulid, usize)>, Self::Error> {
        let found = self.queue.metadata_after(ItemId(ulid.bits()), event)?;
        Ok(found.map(|(id, bytes)| (Ulid::from_bits(id.0), bytes)))
    }

    async fn read(&mut self, ulid: Ulid, offset: u32, out: &mut [u8]) -> Result<usize, Self::Error> {
        self.queue.read_body(ItemId(ulid.bits()), offset, out)
    }

    async fn remove(&mut self, ulid: Ulid) -> Result<(), Self::Error> {
        self.queue.remove(ItemId(ulid.bits()))
    }
}

impl<F: NorFlash, D: Dial, N: FnMut(Observation)> VirtualCamera<F, D, N> {
    /// A camera that has just been switched on.
    pub fn new(
        plan: Plan,
        queue: CameraQueue<F>,
        dial: D,
        pool: Arc<Pool>,
        clock: Clock,
        random: Random,
        note: N,
    ) -> Self {
        let settings = Settings {
            camera: plan.id.clone(),
            key: plan.key.clone(),
            trusted: plan.trusted,
            endpoints: plan.endpoints.clone(),
            endpoints_seq: plan.endpoints_seq,
            boot_count: queue.boot(),
            unix_ms: clock.unix_ms(),
        };
        let camera = Box::new(Camera::new(settings, dial, HostTimer::start(), HostRng(random.fork())));
        Self { plan, queue, camera, pool, clock, random, note, started: Instant::now(), config: None }
    }

    /// The same camera that asks after its reports what it shall be set to, and keeps it in `flash`, which has
    /// [`super::CONFIG_FLASH_BYTES`].
    ///
    /// # Errors
    /// When the flash cannot be used.
    pub fn keeping(self, flash: FileFlash) -> Result<Self, RecordsError> {
        Ok(Self { config: Some(Kept::open(flash)?), ..self })
    }

    /// What it does by the clock: as it was planned, unless the fleet set it otherwise.
    fn every(&self) -> (Duration, Duration) {
        let settings = self.config.as_ref().map(|kept| *kept.settings()).unwrap_or_default();
        let set =
            |seconds: Option<u32>, planned| seconds.map_or(planned, |seconds| Duration::from_secs(seconds.into()));
        (set(settings.picture_every_s, self.plan.upload_every), set(settings.report_every_s, self.plan.report_every))
    }

    /// Registers, then takes pictures, sends them and reports, for ever. It returns only when its flash fails, as when
    /// the power goes.
    pub async fn live(mut self) {
        let token = std::mem::take(&mut self.plan.token);
        while let Err(error) = self.camera.enrol(&token).await {
            tracing::warn!(camera = %self.plan.id, %error, "not registered yet");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let mut next_picture = self.started + self.plan.first_upload;
        let mut next_report = Instant::now();
        let (mut upload_every, _) = self.every();
        loop {
            let now = Instant::now();
            if !upload_every.is_zero() {
                // Shutters do not wait for radios: what fell due during a long exchange is taken now.
                while next_picture <= now {
                    if !self.take_picture() {
                        return;
                    }
                    next_picture += upload_every;
                }
            }
            if next_report <= now {
                self.report().await;
                let before = upload_every;
                let report_every;
                (upload_every, report_every) = self.every();
                if upload_every != before {
                    next_picture = Instant::now() + upload_every;
                }
                let is_on_trial = self.config.as_ref().is_some_and(Kept::is_on_trial);
                let wait = if is_on_trial { report_every.min(TRIED_AGAIN) } else { report_every };
                // From the start of one to the start of the next, without catching up on missed ones.
                next_report = Instant::now().max(next_report + wait);
            }
            match self.send_next().await {
                Sent::One => {}
                Sent::Nothing => {
                    let until = if upload_every.is_zero() { next_report } else { next_report.min(next_picture) };
                    tokio::time::sleep_until(until).await;
                }
                Sent::Failed => tokio::time::sleep(Duration::from_millis(50)).await,
                Sent::FlashFailed => return,
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes a picture and queues it. Returns false when the flash failed.
    fn take_picture(&mut self) -> bool {
        let taken_at_ms = self.camera.unix_ms();
        let chosen = self.random.ulid(taken_at_ms);
        let ulid = Ulid::from_bits(chosen.into());
        let image = self.pool.picture(chosen, &self.random);
        let sha256: [u8; 32] = Sha256::digest(&image).into();
        let priority = if self.random.below(20) == 0 { Priority::Urgent } else { Priority::Normal };
        let Ok(bytes) = u32::try_from(image.len()) else { return true };
        let event = Event {
            ulid,
            camera: self.plan.id.clone(),
            taken_at_ms,
            trigger: clipped("motion"),
            priority,
            species: Some(clipped(SPECIES[usize::try_from(self.random.below(4)).unwrap_or(0)])),
            #[expect(clippy::cast_possible_truncation, reason = "a confidence needs no more than single precision")]
            confidence: Some((0.7 + 0.3 * self.random.unit()) as f32),
            place: Some(Place { lat: -2.3, lon: 34.8 }),
            model: None,
            firmware: clipped(concat!("virtual-", env!("CARGO_PKG_VERSION"))),
            image: Image { sha256: Sha256Hex(sha256), bytes, media_type: clipped("image/jpeg") },
        };
        let mut metadata = [0; EVENT_MAX_BYTES];
        let Ok(length) = json::to_slice(&event, &mut metadata) else { return true };
        let header = Header::of(&event);
        match self.queue.put(&header, &metadata[..length], &image) {
            Ok(()) => {
                (self.note)(Observation::Queued {
                    camera: self.plan.id.as_str().to_owned(),
                    ulid: ulid.to_string(),
                    image_sha256: hexadecimal(&sha256),
                    event_sha256: hexadecimal(&Sha256::digest(&metadata[..length])),
                    bytes,
                });
                true
            }
            Err(queue::Error::Flash(_)) => false,
            // Full of what is more important: counted by the queue, and reported.
            Err(_) => true,
        }
    }

    async fn report(&mut self) {
        let started_ms = self.now_ms();
        let stats = self.queue.stats();
        let status = Status {
            camera: self.plan.id.clone(),
            sent_at_ms: self.camera.unix_ms(),
            uptime_s: u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX),
            boot_cause: clipped("power-on"),
            queue: QueueStatus { waiting: stats.waiting, bytes: stats.waiting_bytes, evicted: stats.evicted },
            link: self.camera.link().status(),
            battery_mv: None,
            firmware: clipped(concat!("virtual-", env!("CARGO_PKG_VERSION"))),
            health: None,
            command: None,
            config: self.config.as_ref().map(Kept::status),
            update: None,
        };
        match self.camera.report_status(&status).await {
            Ok(()) => {
                let cloud = self.cloud();
                let camera = self.plan.id.as_str().to_owned();
                (self.note)(Observation::Reported { camera, cloud, started_ms });
                if let Some(kept) = &mut self.config {
                    kept.confirm();
                    kept.follow(&mut self.camera, &self.plan.id, &self.plan.trusted).await;
                }
            }
            Err(error) => {
                tracing::debug!(camera = %self.plan.id, %error, "the report did not go through");
                if let Some(kept) = &mut self.config {
                    kept.watch();
                }
            }
        }
    }

    async fn send_next(&mut self) -> Sent {
        let started_ms = self.now_ms();
        let mut outbox =
            NotingOutbox { queue: &mut self.queue, id: &self.plan.id, note: &mut self.note, offered: None };
        // Events first, when several pictures wait. One that a gateway refuses comes with its picture.
        match self.camera.announce_waiting(&mut outbox).await {
            Err(UploadError::Outbox(queue::Error::Flash(_))) => return Sent::FlashFailed,
            Err(UploadError::Call(error @ (Error::Connect(_) | Error::Exchange(_)))) => {
                tracing::debug!(camera = %self.plan.id, %error, "the events were not announced");
                return Sent::Failed;
            }
            Ok(_) | Err(_) => {}
        }
        let outcome = self.camera.upload_next(&mut outbox).await;
        match outcome {
            Ok(Outcome::Empty) => Sent::Nothing,
            Ok(Outcome::Stored(ack)) => {
                let cloud = self.cloud();
                (self.note)(Observation::Acked {
                    camera: self.plan.id.as_str().to_owned(),
                    ulid: ack.ulid.to_string(),
                    cloud,
                    copies: ack.copies,
                    started_ms,
                });
                Sent::One
            }
            Ok(Outcome::Refused { ulid, kind }) => {
                let kind = format!("{kind:?}").to_lowercase();
                (self.note)(Observation::Refused {
                    camera: self.plan.id.as_str().to_owned(),
                    ulid: ulid.to_string(),
                    kind,
                });
                self.set_aside(ulid)
            }
            Ok(Outcome::Damaged { ulid }) => self.set_aside(ulid),
            Err(UploadError::Outbox(queue::Error::Flash(_))) => Sent::FlashFailed,
            Err(error) => {
                tracing::debug!(camera = %self.plan.id, ?error, "the picture did not go through");
                Sent::Failed
            }
        }
    }

    /// What no gateway will ever take would block all that follows.
    fn set_aside(&mut self, ulid: Ulid) -> Sent {
        match self.queue.remove(ItemId(ulid.bits())) {
            Err(queue::Error::Flash(_)) => Sent::FlashFailed,
            _ => Sent::One,
        }
    }

    /// The cloud of the endpoint that worked last: endpoints of the lab are named `cloud/gateway`.
    fn cloud(&self) -> String {
        let status = self.camera.link().status();
        status.endpoint.split('/').next().unwrap_or_default().to_owned()
    }
}

enum Sent {
    One,
    Nothing,
    Failed,
    FlashFailed,
}

const SPECIES: [&str; 4] = ["Panthera leo", "Loxodonta africana", "Equus quagga", "Crocuta crocuta"];
