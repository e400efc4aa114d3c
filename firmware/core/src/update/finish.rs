//! A slot that is read back, and put on trial.

use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest as _, Sha256};

use super::{
    Error, Status, Update, Why, Work, failed,
    record::{Record, Stage},
    seeded::seeded,
};
use crate::{
    boot::{self, Slot},
    image,
};

/// Bytes read at a time.
const CHUNK: usize = 512;

impl<F: NorFlash> Update<F> {
    /// Reads the slot back; puts its image on trial from the next start on, if it is the one of the order. Anything else
    /// costs a try, and more may be wanted then.
    ///
    /// # Errors
    /// [`Error::NotWanted`] unless the status is [`Status::Complete`], [`Error::OnTrial`] when an image is on trial,
    /// [`Error::Wrong`] when more is wanted because what came was not what was ordered, [`Error::Flash`].
    pub fn finish(&mut self) -> Result<Status, Error> {
        let Some(record) = self.record.clone().filter(|_| self.status == Status::Complete) else {
            return Err(Error::NotWanted);
        };
        self.is_before(&record)?.ok_or(Error::OnTrial)?;
        let made = if self.work == Work::Patch { self.apply() } else { Ok(()) };
        let is_whole = made.is_ok() && self.status == Status::Complete;
        let result = if is_whole { self.check_and_activate(record) } else { made };
        let result = result.or_else(|error| self.strike(error));
        self.settled(result)
    }

    fn check_and_activate(&mut self, record: Record) -> Result<(), Error> {
        let slot = self.slot(record.slot);
        if seeded!(self.seed, ActivatedFirst)
            && let Ok(image) = image::verify(&mut self.flash, slot)
        {
            boot::activate(&mut self.flash, self.layout.journal, record.slot, image.mark())?;
        }
        let digest = self.digest(record.slot, record.order.image_bytes)?;
        if digest != record.order.image_sha256 && !seeded!(self.seed, DigestIgnored) {
            return if record.is_short_patch() { self.refuse() } else { self.fail() };
        }
        let mark = match image::verify(&mut self.flash, slot) {
            Ok(image) if image.bytes == record.order.image_bytes => image.mark(),
            Err(image::Error::Flash(kind)) => return Err(Error::Flash(kind)),
            Ok(_) | Err(_) => return self.give_up(record, Why::NotAnImage),
        };
        self.activate(Record { stage: Stage::Ready, mark, activations: record.activations.saturating_add(1), ..record })
    }

    /// Writes down that the image is ready before the boot journal says so: the image that is started next then finds its
    /// order.
    fn activate(&mut self, record: Record) -> Result<(), Error> {
        let (slot, mark) = (record.slot, record.mark);
        let journal = self.layout.journal;
        if record.given_up == record.order.image_sha256 {
            boot::forgive(&mut self.flash, journal, mark)?;
        }
        if seeded!(self.seed, ReadyLate) {
            boot::activate(&mut self.flash, journal, slot, mark)?;
        }
        self.keep(record.clone())?;
        match boot::activate(&mut self.flash, journal, slot, mark) {
            Ok(()) => {
                self.status = Status::Activated;
                Ok(())
            }
            Err(boot::Error::GivenUp) => self.give_up(record, Why::NoCheckIn),
            Err(error) => Err(error.into()),
        }
    }

    /// SHA-256 of so many bytes at the start of a slot.
    fn digest(&mut self, slot: Slot, bytes: u32) -> Result<[u8; 32], Error> {
        let region = self.slot(slot);
        if bytes > region.bytes {
            return Err(Error::Size);
        }
        let mut hasher = Sha256::new();
        let mut chunk = [0; CHUNK];
        let mut at = 0;
        while at < bytes {
            let now = (bytes - at).min(CHUNK as u32) as usize;
            // A slot has whole chunks, whatever the image's length.
            self.flash.read(region.offset + at, &mut chunk).map_err(failed)?;
            hasher.update(&chunk[..now]);
            at += now as u32;
        }
        Ok(hasher.finalize().into())
    }

    /// SHA-256 of the image that runs; `None` when its slot holds none, as that of a program run from elsewhere.
    pub(super) fn running_digest(&mut self) -> Result<Option<[u8; 32]>, Error> {
        let slot = self.slot(self.running);
        match image::verify(&mut self.flash, slot) {
            Ok(image) => self.digest(self.running, image.bytes).map(Some),
            Err(image::Error::Flash(kind)) => Err(Error::Flash(kind)),
            Err(_) => Ok(None),
        }
    }
}
