//! What keeps a camera as the fleet wants it: its settings and its release.
//!
//! After each report that a gateway took, [`Agent::tend`] asks for the one document that says what this camera is set to and
//! which release it shall run ([`crate::config`]). Settings are on trial until the next report ([`Agent::reported`]). A release is
//! followed through the chain of trust ([`crate::trust`]), its gates are judged, and what it is made of is fetched into the slot
//! that does not run ([`crate::update`]), over as many wakes as it takes.
//!
//! ```text
//! config.cose -- names release 7 --> roots, timestamp: is 7 the newest of this class? --> manifest --> gates: link, battery
//!    --> download by Range, each sector compared --> gates: battery, survey --> activate --> the caller restarts
//! ```
//!
//! What was seen is durable before anything is done that builds on it. Everything lies in one flash, of which the agent takes
//! its own regions and the slot that does not run.

mod chain;
mod event;
mod order;
#[cfg(test)]
mod tests;

use core::fmt;

use embedded_storage::nor_flash::NorFlash;
use order::Sources;

pub use event::{Event, Gate};

use crate::{
    boot::Slot,
    camera::{self, Camera, DownloadError, Downloaded},
    config::{Abilities, Keeper, Offer, OfferError, Settings},
    cose,
    layout::Layout,
    link::{Dial, Rng, Timer, UpdateError},
    trust::{Gates, Link, SCRATCH_BYTES, Store, Trust},
    update::{self, Status, Update, What, Why},
    wire::{ConfigStatus, UpdateStatus, clipped},
};

/// How long a download goes on before pictures have their turn again, in milliseconds.
const LONGEST_DOWNLOAD_MS: u64 = 120_000;

/// What a camera is, as far as updates and settings go.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Its class of boards.
    pub class: &'static str,
    /// The signed root that came with its identity; empty when none did: then it is never updated.
    pub root: &'a [u8],
    /// What its board can do.
    pub abilities: Abilities,
    /// What its network costs, unless it is set to something else.
    pub link: Link,
    /// Runs what works on an image, which is given to it: a board may measure the stack that this takes.
    pub around: fn(&mut dyn FnMut()),
}

/// How things are at the moment.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Seconds since 1970, if a gateway agreed with them since the start.
    pub unix_s: Option<u64>,
    /// The battery in millivolts, where it can be measured.
    pub battery_mv: Option<u16>,
}

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Rest,
    /// More of the release can be had at once: call again when what is more urgent is done.
    More,
    /// Obey the new [settings](Agent::settings).
    Changed,
    /// Start anew, soon: another image is to be tried.
    Restart,
}

/// Why the agent cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The region of the settings cannot be used.
    Config,
    /// The region of the update cannot be used.
    Update(update::Error),
    /// The region of the trust cannot be used.
    Trust,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("the settings of the fleet cannot be used"),
            Self::Update(error) => write!(f, "the update cannot be used: {error}"),
            Self::Trust => f.write_str("the trusted root cannot be used"),
        }
    }
}

impl core::error::Error for Error {}

/// Keeps a camera as the fleet wants it. It is large, about 14 KB, and to be made in its place: first [closed](Agent::closed), then
/// [opened](Agent::open).
pub struct Agent<F> {
    flash: F,
    layout: Layout,
    site: Site<'static>,
    update: Update<F>,
    store: Option<Store>,
    trust: Option<Trust>,
    keeper: Keeper,
    /// What the wanted release waits for.
    gate: Option<Gate>,
    scratch: [u8; SCRATCH_BYTES],
}

impl<F> fmt::Debug for Agent<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("update", &self.update).finish_non_exhaustive()
    }
}

impl<F: NorFlash + Clone> Agent<F> {
    /// One that knows nothing yet. `running` is the slot that was started, `fallen` why an image that is given up at this start
    /// did not work.
    pub fn closed(flash: F, layout: Layout, running: Slot, fallen: Why, site: Site<'static>) -> Self {
        Self {
            update: Update::closed(flash.clone(), layout, running, fallen),
            flash,
            layout,
            site,
            store: None,
            trust: None,
            keeper: Keeper::closed(layout.config),
            gate: None,
            scratch: [0; SCRATCH_BYTES],
        }
    }

    /// Looks at what the flash holds after any loss of power. A start with settings on trial is counted.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(&mut self) -> Result<(), Error> {
        self.keeper = Keeper::open(&mut self.flash, self.layout.config).map_err(|_| Error::Config)?;
        self.store = Some(Store::open(&mut self.flash, self.layout.trust).map_err(|_| Error::Trust)?);
        self.update.read().map_err(Error::Update)
    }

    /// What the camera is set to.
    pub fn settings(&self) -> &Settings {
        self.keeper.settings()
    }

    /// Whether the settings are on trial: no report was taken since they are in use.
    pub fn is_on_trial(&self) -> bool {
        self.keeper.is_on_trial()
    }

    /// Goes back to the settings before those on trial: no report was taken in their time.
    ///
    /// # Errors
    /// [`Error::Config`]
    pub fn revert(&mut self) -> Result<(), Error> {
        self.keeper.revert(&mut self.flash).map_err(|_| Error::Config)
    }

    /// A gateway took a report: settings on trial are kept, and an image on trial is by now confirmed in the boot journal.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Update`].
    pub fn reported(&mut self) -> Result<(), Error> {
        self.keeper.confirm(&mut self.flash).map_err(|_| Error::Config)?;
        self.update.look_again().map_err(Error::Update)
    }

    /// What a report says of the settings; `None` before the first document.
    pub fn config_status(&self) -> Option<ConfigStatus> {
        Some(self.keeper.status()).filter(|status| status.number > 0 || status.refused.is_some())
    }

    /// What a report says of the update; `None` before the first.
    pub fn update_status(&self) -> Option<UpdateStatus> {
        let order = self.update.order()?;
        let (state, why) = match self.update.status() {
            Status::Idle => return None,
            Status::Downloading => ("downloading", None),
            Status::Complete => ("complete", None),
            Status::Activated => ("activated", None),
            Status::OnTrial => ("on-trial", None),
            Status::Confirmed => ("confirmed", None),
            Status::GivenUp(why) => ("given-up", Some(why.word())),
        };
        let why = why.or(self.gate.map(Gate::word)).map(clipped);
        let of = order.image_bytes;
        let bytes = if matches!(self.update.status(), Status::Downloading | Status::GivenUp(_)) {
            self.update.durable()
        } else {
            of
        };
        Some(UpdateStatus { release: order.sequence, state: clipped(state), bytes, of, why })
    }

    /// Asks what is wanted, and does as much of it as the gates allow. To be called after each report that was taken, and
    /// [`Agent::reported`].
    ///
    /// # Errors
    /// Those of the network: the next round goes on where this one ended. What is wrong with a document is told, and
    /// nothing else is.
    pub async fn tend<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        camera: &mut Camera<D, T, R, N>,
        now: &Now,
        tell: &mut impl FnMut(Event),
    ) -> Result<Next, camera::Error> {
        let changed = self.learn(camera, now, tell).await?;
        // New settings first: an update would restart the camera before they are known to work.
        if changed || self.keeper.is_on_trial() {
            return Ok(if changed { Next::Changed } else { Next::Rest });
        }
        let Some(release) = self.keeper.release() else { return Ok(Next::Rest) };
        self.gate = None;
        let durable = self.update.durable();
        match self.follow(release, camera, now, tell).await {
            Ok(()) => {}
            Err(Stop::Call(error)) => return Err(error),
            Err(Stop::Waits(gate)) => {
                self.gate = Some(gate);
                tell(Event::Waits(gate));
            }
            Err(Stop::Told) => {}
        }
        Ok(match self.update.status() {
            Status::Activated => Next::Restart,
            Status::Downloading if self.update.durable() > durable => Next::More,
            _ => Next::Rest,
        })
    }

    /// Takes the document of this camera on, if there is a new one; whether the settings changed.
    async fn learn<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        camera: &mut Camera<D, T, R, N>,
        now: &Now,
        tell: &mut impl FnMut(Event),
    ) -> Result<bool, camera::Error> {
        let id = camera.id().clone();
        let trusted = *camera.link().trusted();
        let document = match camera.fetch_config().await {
            Ok(Some(document)) => document,
            // One that knows nothing of settings, or none of this camera's.
            Ok(None) | Err(camera::Error::Refused { .. } | camera::Error::Answer) => return Ok(false),
            Err(error) => return Err(error),
        };
        let invalid = |error| camera::Error::Document(UpdateError::Document(error));
        let document = cose::verify(document, &trusted).map_err(invalid);
        let document = document.and_then(|document| match now.unix_s {
            Some(unix_s) => document.check_time(unix_s).map(|()| document).map_err(invalid),
            None => Ok(document),
        });
        let before = *self.keeper.settings();
        let offered = document.and_then(|document| {
            let number = document.seq;
            match self.keeper.offer(&mut self.flash, &document, &id, &self.site.abilities) {
                Ok(offer) => Ok(Some((number, offer))),
                Err(OfferError::Document(error)) => Err(invalid(error)),
                Err(OfferError::Flash(_)) => Ok(None),
            }
        });
        match offered {
            Ok(Some((number, offer))) => {
                match offer {
                    Offer::Adopted if before != *self.keeper.settings() => tell(Event::Settings(number)),
                    Offer::Refused(why) => tell(Event::Refused(number, why)),
                    Offer::Adopted | Offer::Unchanged => {}
                }
                camera.accept_config_tag();
            }
            Ok(None) => tell(Event::Failed("the settings cannot be kept")),
            Err(_) => {
                tell(Event::Failed("the document with the settings is not valid"));
                camera.doubt();
            }
        }
        Ok(before != *self.keeper.settings())
    }

    /// Brings the wanted release nearer.
    async fn follow<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        wanted: u64,
        camera: &mut Camera<D, T, R, N>,
        now: &Now,
        tell: &mut impl FnMut(Event),
    ) -> Result<(), Stop> {
        let known = self.update.order().filter(|order| order.sequence == wanted).is_some();
        // So it is after a flash operation that failed: what the flash holds counts.
        if known && self.update.status() == Status::Idle {
            self.update.read().map_err(|_| Self::failed("what is kept of the update cannot be read", tell))?;
        }
        match self.update.status() {
            Status::Confirmed | Status::GivenUp(_) | Status::Activated if known => return Ok(()),
            // An image on trial is to check in, or fall back, before anything else is done.
            Status::OnTrial | Status::Activated => return Ok(()),
            _ => {}
        }
        self.load_trust(tell)?;
        // Also while a release is being fetched: its keys may have been given up since.
        self.roots(camera, tell).await?;
        let sources = if known && self.update.status() != Status::Idle {
            self.manifest_again(wanted, camera, now, tell).await?
        } else {
            self.newest(wanted, camera, now, tell).await?
        };
        self.judge_fetch(&sources.gates, now)?;
        self.begin(&sources, tell)?;
        self.download(&sources, camera, tell).await?;
        // Meanwhile the hours of the survey may have begun.
        let now = Now { unix_s: now.unix_s.map(|_| camera.unix_ms() / 1000), ..*now };
        self.put_in_place(&sources.gates, &now, tell)
    }

    fn failed(why: &'static str, tell: &mut impl FnMut(Event)) -> Stop {
        tell(Event::Failed(why));
        Stop::Told
    }

    fn battery_allows(&self, now: &Now) -> bool {
        let least = self.keeper.settings().least_battery_mv;
        least.zip(now.battery_mv).is_none_or(|(least, battery)| battery >= least)
    }

    fn judge_fetch(&self, gates: &Gates, now: &Now) -> Result<(), Stop> {
        let link = self.keeper.settings().link.unwrap_or(self.site.link);
        if !gates.allow_fetch(None, link) {
            return Err(Stop::Waits(Gate::Link));
        }
        if !gates.allow_fetch(now.battery_mv, link) || !self.battery_allows(now) {
            return Err(Stop::Waits(Gate::Battery));
        }
        Ok(())
    }

    fn begin(&mut self, sources: &Sources, tell: &mut impl FnMut(Event)) -> Result<(), Stop> {
        let runs = if sources.patches.is_empty() { None } else { self.update.running_sha256().ok().flatten() };
        let order = sources.order(runs.as_ref());
        let before = self.update.order().map(|order| order.sequence);
        match self.update.begin(&order) {
            Ok(Status::Downloading) if before != Some(order.sequence) => {
                let (bytes, patch) = match order.source {
                    update::Source::Full => (order.image_bytes, false),
                    update::Source::Delta { patch_bytes, .. } => (patch_bytes, true),
                };
                tell(Event::Begun { release: order.sequence, bytes, patch });
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(update::Error::GivenUp(why)) => {
                tell(Event::GivenUp(order.sequence, why));
                Err(Stop::Told)
            }
            Err(update::Error::Older) => Err(Self::failed("a newer release was begun before", tell)),
            Err(update::Error::Size) => Err(Self::failed("the release does not fit into a slot", tell)),
            Err(update::Error::OnTrial) => Err(Self::failed("the image that runs did not check in yet", tell)),
            Err(_) => Err(Self::failed("the update cannot be kept", tell)),
        }
    }

    async fn download<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        sources: &Sources,
        camera: &mut Camera<D, T, R, N>,
        tell: &mut impl FnMut(Event),
    ) -> Result<(), Stop> {
        if self.update.status() != Status::Downloading {
            return Ok(());
        }
        let before = camera.counts().downloaded;
        let mut result = self.fill(sources, camera).await;
        // Digests of sectors find bad mirrors early; an update is not to fail for the want of them.
        let nobody_has = matches!(
            result,
            Err(DownloadError::Wrong | DownloadError::Call(camera::Error::Refused { .. } | camera::Error::Answer))
        );
        if nobody_has && self.update.wants().is_some_and(|wanted| wanted.what == What::Sums) {
            self.update.go_without_sums().map_err(|_| Self::failed("the update cannot be kept", tell))?;
            result = self.fill(sources, camera).await;
        }
        let Downloaded { received, connections } = camera.counts().downloaded;
        let durable = (self.update.durable(), sources.image.bytes);
        let (received, connections) = (received - before.received, connections - before.connections);
        tell(Event::Downloaded { received, connections, durable });
        if let Status::GivenUp(why) = self.update.status() {
            tell(Event::GivenUp(sources.sequence, why));
            return Err(Stop::Told);
        }
        match result {
            Ok(_) => Ok(()),
            Err(DownloadError::Call(error @ (camera::Error::Connect(_) | camera::Error::Exchange(_)))) => {
                Err(Stop::Call(error))
            }
            Err(DownloadError::Call(_) | DownloadError::TimeUp) => Err(Stop::Told),
            Err(DownloadError::Wrong) => {
                Err(Self::failed("every gateway gave bytes that the release does not have", tell))
            }
            Err(DownloadError::Stopped) => Err(Self::failed("what was downloaded cannot be kept", tell)),
        }
    }

    async fn fill<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        sources: &Sources,
        camera: &mut Camera<D, T, R, N>,
    ) -> Result<Downloaded, DownloadError> {
        let mut sink = order::Filled { update: &mut self.update, sources, around: self.site.around };
        camera.download(&mut sink, LONGEST_DOWNLOAD_MS).await
    }

    fn put_in_place(&mut self, gates: &Gates, now: &Now, tell: &mut impl FnMut(Event)) -> Result<(), Stop> {
        if self.update.status() != Status::Complete {
            return Ok(());
        }
        let own = self.keeper.settings().survey;
        if !gates.allow_activation(None, now.unix_s) || own.zip(now.unix_s).is_some_and(|(hours, now)| hours.hold(now))
        {
            return Err(Stop::Waits(Gate::Survey));
        }
        if !gates.allow_activation(now.battery_mv, None) || !self.battery_allows(now) {
            return Err(Stop::Waits(Gate::Battery));
        }
        let release = self.update.order().map_or(0, |order| order.sequence);
        let mut finished = Ok(Status::Idle);
        (self.site.around)(&mut || finished = self.update.finish());
        match finished {
            Ok(Status::Activated) => tell(Event::Activated(release)),
            Ok(Status::GivenUp(why)) => tell(Event::GivenUp(release, why)),
            // It was not what was ordered, and comes again: the next round fetches it.
            Ok(_) | Err(update::Error::Wrong) => {}
            Err(_) => return Err(Self::failed("the image cannot be put in place", tell)),
        }
        Ok(())
    }
}

/// Why nothing more is done for now.
enum Stop {
    /// The network.
    Call(camera::Error),
    /// A gate.
    Waits(Gate),
    /// Something that was told.
    Told,
}

impl From<camera::Error> for Stop {
    fn from(error: camera::Error) -> Self {
        match error {
            // What a gateway refuses, or answers wrongly, it may give another time.
            camera::Error::Refused { .. } | camera::Error::Answer | camera::Error::Request | camera::Error::Body => {
                Self::Told
            }
            error => Self::Call(error),
        }
    }
}
