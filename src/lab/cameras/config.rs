//! What a virtual camera is set to, kept by the camera's own code in a file as its flash.

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use tokio::time::Instant;
use wildcam_core::{
    camera::Camera,
    config::{Abilities, Keeper, Offer, OfferError, Settings},
    cose,
    flash::{FileFlash, RecordsError},
    layout::{Region, SECTOR_BYTES},
    link::{Dial, Rng, Timer},
    trust::{Link, Links},
    wire::{CameraId, ConfigStatus},
};

/// The flash of what a camera is set to: the two sectors that boards have for it.
pub const CONFIG_FLASH_BYTES: u32 = 2 * SECTOR_BYTES;

const REGION: Region = Region { offset: 0, bytes: CONFIG_FLASH_BYTES };

/// How often it asks at most: cameras of a lab report far more often than those in a forest.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// How long new settings have to bring a report to a gateway.
const TRIAL: Duration = Duration::from_secs(30);

/// It runs on a cable, and never sleeps.
fn abilities() -> Abilities {
    Abilities { deep_sleep: false, battery: false, links: Links::of(&[Link::Ethernet]) }
}

/// What a virtual camera keeps of its settings.
pub(super) struct Kept {
    flash: FileFlash,
    keeper: Keeper,
    ask_at: Instant,
    trial_until: Instant,
}

impl Kept {
    /// What `flash` holds: a start of the camera.
    pub(super) fn open(mut flash: FileFlash) -> Result<Self, RecordsError> {
        let keeper = Keeper::open(&mut flash, REGION)?;
        let now = Instant::now();
        Ok(Self { flash, keeper, ask_at: now, trial_until: now + TRIAL })
    }

    pub(super) fn settings(&self) -> &Settings {
        self.keeper.settings()
    }

    pub(super) fn status(&self) -> ConfigStatus {
        self.keeper.status()
    }

    /// Whether a report is due, because what it was set to last is on trial.
    pub(super) fn is_on_trial(&self) -> bool {
        self.keeper.is_on_trial()
    }

    /// A gateway took a report.
    pub(super) fn confirm(&mut self) {
        if let Err(error) = self.keeper.confirm(&mut self.flash) {
            tracing::warn!(%error, "a trial of settings could not be ended");
        }
    }

    /// No gateway took a report: goes back when the time of a trial is over.
    pub(super) fn watch(&mut self) {
        if self.keeper.is_on_trial() && Instant::now() >= self.trial_until {
            match self.keeper.revert(&mut self.flash) {
                Ok(()) => tracing::warn!("no report came through under new settings; the ones before are back"),
                Err(error) => tracing::warn!(%error, "settings could not be taken back"),
            }
        }
    }

    /// Asks what the camera shall be set to, and takes it on or refuses it.
    pub(super) async fn follow<D: Dial, T: Timer, R: Rng>(
        &mut self,
        camera: &mut Camera<D, T, R>,
        id: &CameraId,
        trusted: &VerifyingKey,
    ) {
        let now = Instant::now();
        if now < self.ask_at {
            return;
        }
        self.ask_at = now + ASK_EVERY;
        let now_s = camera.unix_ms() / 1000;
        let offer = match camera.fetch_config().await {
            Ok(Some(bytes)) => self.offer(bytes, id, trusted, now_s),
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(camera = %id, %error, "nobody said what the camera shall be set to");
                return;
            }
        };
        match offer {
            Ok(offer) => {
                camera.accept_config_tag();
                if offer == Offer::Adopted {
                    self.trial_until = Instant::now() + TRIAL;
                }
                tracing::info!(camera = %id, ?offer, number = self.keeper.number(), "settings came");
            }
            Err(error) => tracing::warn!(camera = %id, %error, "what came does not say what the camera is set to"),
        }
    }

    fn offer(&mut self, bytes: &[u8], id: &CameraId, trusted: &VerifyingKey, now_s: u64) -> Result<Offer, OfferError> {
        let document = cose::verify(bytes, trusted)?;
        document.check_time(now_s)?;
        self.keeper.offer(&mut self.flash, &document, id, &abilities())
    }
}
