//! What a camera keeps of its config: what it is set to, what it goes back to, what it refused, and what it shall run.

use embedded_storage::nor_flash::NorFlash;

use super::{
    Abilities, ConfigBody, Refusal, Settings,
    record::{MAX_RECORD_BYTES, Numbered, Record, Trial},
};
use crate::{
    cose::{self, Document},
    flash::{
        RecordsError,
        records::{Bugs, HEAD_BYTES, Records},
    },
    layout::Region,
    wire::{CameraId, ConfigStatus, Refused},
};

/// How many starts new settings have to bring a report to a gateway; the next one goes back.
pub const TRIAL_STARTS: u8 = 3;

/// The largest record in whole units of every flash that is used.
const BUFFER: usize = (HEAD_BYTES + MAX_RECORD_BYTES).next_multiple_of(64);

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It is no news: its number is not above that of every document before.
    Unchanged,
    /// What it says counts from now on: the settings, the release, or both.
    Adopted,
    /// The camera keeps the settings that it has. The release counts.
    Refused(Refusal),
}

/// A camera's config. The flash is lent for each call; after an error of the flash what counted before counts.
///
/// New settings are on trial until a gateway takes a report ([`Keeper::confirm`]). Where none does within [`TRIAL_STARTS`]
/// starts, or within the time that the caller gives ([`Keeper::revert`]), the last confirmed ones count again, and the document
/// is not taken a second time. A start is each [`Keeper::open`]: a camera that sleeps deeply must try to report at each wake
/// while there is a trial.
///
/// No number is decided on twice, whatever becomes of its settings; a higher one is, also with settings that failed before.
#[derive(Debug, Clone)]
pub struct Keeper {
    records: Records,
    record: Record,
}

impl Keeper {
    /// One that read nothing yet: the board's own settings, which are on no trial.
    #[must_use]
    pub fn closed(region: Region) -> Self {
        Self { records: Records::closed(region, Bugs::default()), record: Record::default() }
    }

    /// Reads what `region` of `flash` holds, after any loss of power, at each start of the camera. While there is a trial the
    /// start is counted, durably, before anyone sees the settings.
    ///
    /// # Errors
    /// [`RecordsError`]. A caller that goes on with the board's own settings may open it again later.
    pub fn open<F: NorFlash>(flash: &mut F, region: Region) -> Result<Self, RecordsError> {
        let records = Records::open(flash, region)?;
        let mut bytes = [0; BUFFER];
        let record = records.latest(flash, &mut bytes)?.and_then(Record::decode).unwrap_or_default();
        let mut keeper = Self { records, record };
        match record.trial {
            Some(Trial { starts, .. }) if starts >= TRIAL_STARTS => keeper.revert(flash)?,
            Some(Trial { starts, back }) => {
                let trial = Some(Trial { starts: starts + 1, back });
                keeper.keep(flash, Record { trial, ..record })?;
            }
            None => {}
        }
        Ok(keeper)
    }

    /// Decides on a document whose signature and time were verified. `camera` is this one, and `board` says what it can do.
    ///
    /// # Errors
    /// [`OfferError::Document`] for one of another kind or camera, and for a malformed one: it is as if it had not come.
    /// [`OfferError::Flash`].
    pub fn offer<F: NorFlash>(
        &mut self,
        flash: &mut F,
        document: &Document<'_>,
        camera: &CameraId,
        board: &Abilities,
    ) -> Result<Offer, OfferError> {
        let (body, refusal) = ConfigBody::read(document)?;
        if body.camera != *camera {
            return Err(cose::Error::Kind.into());
        }
        if document.seq <= self.record.decided {
            return Ok(Offer::Unchanged);
        }
        let refusal = refusal.or_else(|| body.settings.check_for(board).err());
        let (decided, release) = (document.seq, body.release);
        let next = match refusal {
            Some(refusal) => Record { refused: Some((decided, refusal)), ..self.record },
            None => self.with(Numbered { number: decided, settings: body.settings }),
        };
        self.keep(flash, Record { decided, release, ..next })?;
        Ok(refusal.map_or(Offer::Adopted, Offer::Refused))
    }

    /// The record with these settings in place of what the camera has.
    fn with(&self, active: Numbered) -> Record {
        let Record { active: before, trial, .. } = self.record;
        // The last settings that were confirmed.
        let back = trial.map_or(before, |trial| trial.back);
        let trial = if active.settings == back.settings {
            None
        } else if active.settings == before.settings {
            trial
        } else {
            Some(Trial { starts: 0, back })
        };
        Record { active, trial, ..self.record }
    }

    /// A gateway took a report that was sent with these settings: a trial ends well. Without one nothing is written.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn confirm<F: NorFlash>(&mut self, flash: &mut F) -> Result<(), RecordsError> {
        match self.record.trial {
            Some(_) => self.keep(flash, Record { trial: None, ..self.record }),
            None => Ok(()),
        }
    }

    /// Ends a trial by going back; the caller does so when its time is over. Without a trial nothing is written.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn revert<F: NorFlash>(&mut self, flash: &mut F) -> Result<(), RecordsError> {
        let Record { active: failed, trial: Some(trial), refused: before, .. } = self.record else { return Ok(()) };
        // Of two that the camera does not have the later one is what its fleet waits for.
        let refused =
            before.filter(|(number, _)| *number > failed.number).or(Some((failed.number, Refusal::NoCheckIn)));
        self.keep(flash, Record { active: trial.back, trial: None, refused, ..self.record })
    }

    fn keep<F: NorFlash>(&mut self, flash: &mut F, record: Record) -> Result<(), RecordsError> {
        let mut payload = [0; MAX_RECORD_BYTES];
        let bytes = record.encode(&mut payload).ok_or(RecordsError::Geometry)?;
        let mut buffer = [0; BUFFER];
        buffer[HEAD_BYTES..HEAD_BYTES + bytes].copy_from_slice(&payload[..bytes]);
        self.records.append(flash, &mut buffer, bytes)?;
        self.record = record;
        Ok(())
    }

    /// What the camera is set to.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.record.active.settings
    }

    /// The number of the document that they come from; 0 for the board's own.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.record.active.number
    }

    /// The release that the camera shall run; `None` when none is wanted.
    #[must_use]
    pub fn release(&self) -> Option<u64> {
        self.record.release
    }

    /// The last document whose settings the camera does not have, and why.
    #[must_use]
    pub fn refused(&self) -> Option<(u64, Refusal)> {
        self.record.refused
    }

    /// Whether the settings are on trial: a report is due soon.
    #[must_use]
    pub fn is_on_trial(&self) -> bool {
        self.record.trial.is_some()
    }

    /// What a report says.
    #[must_use]
    pub fn status(&self) -> ConfigStatus {
        let refused = self.refused().map(|(number, refusal)| Refused { number, why: refusal.why() });
        ConfigStatus { number: self.number(), refused }
    }
}

/// Why a document could not be decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferError {
    /// It says nothing about this camera's config.
    Document(cose::Error),
    /// The flash cannot be used.
    Flash(RecordsError),
}

impl core::fmt::Display for OfferError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::Flash(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OfferError {}

impl From<cose::Error> for OfferError {
    fn from(error: cose::Error) -> Self {
        Self::Document(error)
    }
}

impl From<RecordsError> for OfferError {
    fn from(error: RecordsError) -> Self {
        Self::Flash(error)
    }
}
