//! A camera that gets updates, on a flash that can lose power, and what must hold of it at each start.
#![allow(dead_code, reason = "each test uses a part of it")]

mod offers;

pub(crate) use offers::lives;
use offers::{CHIP, Ends, LIES, Offer, image};
use wildcam_core::{
    boot::{self, Entry, MAX_ATTEMPTS, State},
    flash::powercut::{PowerCutFlash, Scenario, Stop},
    image,
    layout::{Layout, Region, SECTOR_BYTES},
    update::{Error, Order, SECTORS, Source, Status, Update, What, Why},
};

pub(crate) const SECTOR: usize = SECTOR_BYTES as usize;
pub(crate) type Flash<const W: usize> = PowerCutFlash<W, SECTOR>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bugs {
    #[cfg(feature = "mutants")]
    pub(crate) boot: Option<boot::Mutant>,
    #[cfg(feature = "mutants")]
    pub(crate) update: Option<wildcam_core::update::Mutant>,
}

/// A camera with its first image, and the offers that it gets.
#[derive(Debug, Clone)]
pub(crate) struct Life<const W: usize> {
    pub(crate) name: &'static str,
    first: Vec<u8>,
    offers: Vec<Offer>,
    slot_sectors: usize,
    /// Bytes that are fed at once, and in one wake.
    piece: usize,
    wake: usize,
    pub(crate) bugs: Bugs,
}

/// What the world knows.
#[derive(Debug, Clone, Default, Hash, PartialEq, Eq)]
pub(crate) struct Known {
    /// The offer that is made now.
    pub(crate) offer: usize,
    /// Bytes that were fetched of it.
    fetched: u32,
    /// How many of its tries failed, and what is durable of this one.
    failed: u8,
    durable: u32,
    /// How often each lie was told, and whether there was one that may still turn out.
    told: [u8; LIES],
    lied: bool,
    /// How often bytes were refused.
    wrongs: u8,
    /// Starts of its image on trial.
    starts: u8,
    /// It was activated, and must be started next.
    promised: bool,
    /// Its confirmation has returned.
    confirmed: bool,
    /// The image that is fallen back to, by its offer; the first one at 0.
    stable: usize,
}

enum Trouble {
    Update(Error),
    Broken(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Update(error)
    }
}

fn broken<T>(what: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Broken(what.into()))
}

fn region(from: usize, sectors: usize) -> Region {
    Region { offset: (from * SECTOR) as u32, bytes: (sectors * SECTOR) as u32 }
}

fn holds<const W: usize>(flash: &Flash<W>, region: Region, image: &[u8]) -> bool {
    flash.bytes()[region.offset as usize..].starts_with(image)
}

const GUARD: u8 = 0xA7;
/// Records that lie in the boot journal and orders that were begun before, so that both logs go around.
const BOOT_RECORDS: usize = 60;
const ORDERS: u64 = 14;

impl<const W: usize> Life<W> {
    /// The parts that count, each with a sector before it that nobody may touch.
    fn layout(&self) -> Layout {
        let slots = self.slot_sectors;
        let none = region(0, 0);
        Layout {
            bootloader: none,
            table: none,
            journal: region(1, 2),
            identity: region(0, 1),
            settings: region(3, 1),
            launcher: none,
            slots: [region(4, slots), region(5 + slots, slots)],
            update: region(6 + 2 * slots, SECTORS),
            trust: none,
            config: none,
            queue: region(6 + 2 * slots + SECTORS, 1),
        }
    }

    fn guards(&self) -> [usize; 5] {
        let slots = self.slot_sectors;
        [0, 3, 4 + slots, 5 + 2 * slots, 6 + 2 * slots + SECTORS]
    }

    fn stable<'l>(&'l self, known: &Known) -> &'l [u8] {
        known.stable.checked_sub(1).map_or(&self.first, |offer| &self.offers[offer].image)
    }

    fn decide(&self, flash: &mut Flash<W>) -> Result<Entry, boot::Error> {
        let layout = self.layout();
        let verify = |flash: &mut Flash<W>, slot: boot::Slot| match image::verify(flash, layout.slots[slot.index()]) {
            Ok(image) if image.chip == CHIP => Ok(Some(image.mark())),
            Err(image::Error::Flash(kind)) => Err(boot::Error::Flash(kind)),
            Ok(_) | Err(_) => Ok(None),
        };
        #[cfg(feature = "mutants")]
        if let Some(mutant) = self.bugs.boot {
            return boot::decide_mutant(flash, layout.journal, verify, mutant);
        }
        boot::decide(flash, layout.journal, verify)
    }

    fn open<'f>(&self, flash: &'f mut Flash<W>, running: boot::Slot) -> Result<Update<&'f mut Flash<W>>, Error> {
        #[cfg(feature = "mutants")]
        if let Some(mutant) = self.bugs.update {
            return Update::open_mutant(flash, self.layout(), running, mutant);
        }
        Update::open(flash, self.layout(), running)
    }

    /// A start of the machine: the boot stage, and what the application does in one wake.
    pub(crate) fn wake(&self, flash: &mut Flash<W>, known: &mut Known, limit: usize) -> Result<(), Stop> {
        let entry = match self.decide(flash) {
            Ok(entry) => entry,
            Err(_) if !flash.is_powered() => return Err(Stop::PowerLost),
            Err(error) => return Err(Stop::Broken(format!("the boot stage: {error}"))),
        };
        let is_new = self.check(flash, known, entry)?;
        let on_trial = is_new && entry.state == State::Trying;
        let result = if on_trial { self.trial(flash, known, entry) } else { Ok(true) };
        let result = result.and_then(|goes_on| if goes_on { self.session(flash, known, entry, limit) } else { Ok(()) });
        match result {
            Ok(()) if flash.is_powered() => self.check_untouched(flash, known),
            Err(Trouble::Broken(what)) => Err(Stop::Broken(what)),
            Err(Trouble::Update(error)) if flash.is_powered() => Err(Stop::Broken(format!("the update: {error}"))),
            Ok(()) | Err(Trouble::Update(_)) => Err(Stop::PowerLost),
        }
    }

    /// What the boot stage chose must be whole, and one of two; whether it is the new one.
    fn check(&self, flash: &Flash<W>, known: &mut Known, entry: Entry) -> Result<bool, Stop> {
        let broken = |what: &str| Err(Stop::Broken(what.into()));
        self.check_untouched(flash, known)?;
        let slot = self.layout().slots[entry.slot.index()];
        let offered = self.offers.get(known.offer);
        let is_stable = holds(flash, slot, self.stable(known));
        let is_new = !is_stable && offered.is_some_and(|offer| holds(flash, slot, &offer.image));
        if !is_stable && !is_new {
            return broken("the boot stage starts what is neither the old image nor the new one");
        }
        if known.confirmed && !is_new {
            return broken("an image that checked in is not started any more");
        }
        // One that the boot stage cannot start is fallen back from at once.
        let startable = offered.is_some_and(|offer| offer.ends != Ends::GivenUp(Why::Damaged));
        if is_new && !startable {
            return broken("the boot stage starts an image for another chip");
        }
        if std::mem::take(&mut known.promised) && !is_new && startable {
            return broken("an image was activated, and another one is started");
        }
        if is_new && entry.state != State::Trying {
            if !offered.is_some_and(|offer| offer.checks_in) {
                return broken("an image is trusted that never checked in");
            }
            // The power went when that was written down already.
            known.confirmed = true;
        }
        if is_new && entry.state == State::Trying {
            known.starts += 1;
            if known.starts > MAX_ATTEMPTS {
                return broken("an image on trial is started too often");
            }
        }
        Ok(is_new)
    }

    /// Nothing outside of the slot that does not run, the journal and the region of the update is written.
    fn check_untouched(&self, flash: &Flash<W>, known: &Known) -> Result<(), Stop> {
        let stable = self.stable(known);
        if !self.layout().slots.into_iter().any(|slot| holds(flash, slot, stable)) && !known.confirmed {
            return Err(Stop::Broken("the image that is fallen back to was written over".into()));
        }
        for sector in self.guards() {
            if flash.bytes()[sector * SECTOR..][..SECTOR].iter().any(|byte| *byte != GUARD) {
                return Err(Stop::Broken(format!("sector {sector} was written, which belongs to another part")));
            }
        }
        Ok(())
    }

    /// A start on trial; whether it goes on.
    fn trial(&self, flash: &mut Flash<W>, known: &mut Known, entry: Entry) -> Result<bool, Trouble> {
        let offer = &self.offers[known.offer];
        let mut update = self.open(flash, entry.slot)?;
        if update.status() != Status::OnTrial {
            return broken(format!("the image is on trial, and its update is {:?}", update.status()));
        }
        let newer = Order { sequence: 1000, image_sha256: [1; 32], source: Source::Full, ..offer.order };
        match update.begin(&newer) {
            Err(Error::OnTrial) => {}
            other => return broken(format!("a newer order on a trial gives {other:?}")),
        }
        if offer.checks_in {
            boot::confirm(flash, self.layout().journal).map_err(Error::from)?;
            known.confirmed = true;
        }
        Ok(offer.checks_in)
    }

    /// What the application does for the update.
    fn session(&self, flash: &mut Flash<W>, known: &mut Known, entry: Entry, limit: usize) -> Result<(), Trouble> {
        let offer = self.offers.get(known.offer);
        let is_compared = offer.is_some_and(|offer| !offer.sums.is_empty() && !offer.is_short_patch(known.failed));
        let slot = self.layout().slots[entry.slot.other().index()];
        let slot = slot.offset as usize..slot.end() as usize;
        let before = is_compared.then(|| flash.bytes()[slot.clone()].to_vec());
        // What was held in memory is gone, and with it the lies; but nobody knows yet of those that a short patch told.
        known.lied &= offer.is_some_and(|offer| offer.is_short_patch(known.failed));
        self.download(flash, known, entry, limit)?;
        if let (Some(before), Some(offer)) = (before, offer) {
            let ordered = offer.image.chunks(SECTOR).map(Some).chain(std::iter::repeat(None));
            let sectors = flash.bytes()[slot].chunks(SECTOR).zip(before.chunks(SECTOR));
            for ((now, before), ordered) in sectors.zip(ordered) {
                if now != before && !ordered.is_some_and(|ordered| now.starts_with(ordered)) {
                    return broken("a sector was written that is not the image's");
                }
            }
        }
        Ok(())
    }

    fn download(&self, flash: &mut Flash<W>, known: &mut Known, entry: Entry, limit: usize) -> Result<(), Trouble> {
        let Some(offer) = self.offers.get(known.offer) else {
            let update = self.open(flash, entry.slot)?;
            return match update.wants() {
                None => Ok(()),
                wanted => broken(format!("all is done, and {wanted:?} is wanted")),
            };
        };
        let mut update = self.open(flash, entry.slot)?;
        let is_known = update.order().is_some_and(|order| order.sequence == offer.order.sequence);
        let goes_on = is_known && update.failed_tries() == known.failed;
        let begins_anew = offer.is_short_patch(known.failed) && known.lied;
        if goes_on && update.status() == Status::Downloading && update.durable() < known.durable && !begins_anew {
            return broken(format!("{} bytes were durable, and {} are", known.durable, update.durable()));
        }
        let mut status = match update.begin(&offer.order) {
            Ok(status) => status,
            Err(Error::GivenUp(why)) => Status::GivenUp(why),
            Err(error) => return Err(error.into()),
        };
        let mut budget = limit;
        loop {
            if update.failed_tries() > offer.spoiled {
                return broken("a try failed, and nobody spoiled it");
            }
            if (known.failed, known.durable) != (update.failed_tries(), update.durable()) {
                (known.failed, known.durable) = (update.failed_tries(), update.durable());
            }
            if let Ends::Left(most) = offer.ends
                && (known.fetched >= most || status == Status::Complete)
            {
                self.next(known);
                return Ok(());
            }
            status = match status {
                Status::Downloading => {
                    let Some(wanted) = update.wants() else { return broken("nothing is wanted, and it is not whole") };
                    if budget == 0 {
                        return Ok(());
                    }
                    if wanted.what == What::Sums && offer.sums.is_empty() {
                        update.go_without_sums()?;
                        continue;
                    }
                    let bytes = offer.give(wanted, self.piece, known);
                    budget = budget.saturating_sub(bytes.len());
                    known.fetched += bytes.len() as u32;
                    match update.feed(wanted.what, wanted.offset, &bytes) {
                        Err(Error::Wrong) => match self.blame(&update, wanted.what, known)? {
                            Some(status) => status,
                            None => return Ok(()),
                        },
                        other => other?,
                    }
                }
                Status::Complete => match update.finish() {
                    Err(Error::Wrong) => match self.blame(&update, What::Patch, known)? {
                        Some(status) => status,
                        None => return Ok(()),
                    },
                    other => other?,
                },
                Status::Activated => {
                    known.promised = true;
                    return Ok(());
                }
                Status::Confirmed if known.confirmed && offer.ends == Ends::Confirmed => {
                    known.stable = known.offer + 1;
                    self.next(known);
                    return Ok(());
                }
                Status::GivenUp(why) if offer.ends == Ends::GivenUp(why) => {
                    self.next(known);
                    return Ok(());
                }
                other => return broken(format!("it is {other:?}, and was to end as {:?}", offer.ends)),
            };
        }
    }

    /// After bytes that were refused: what the update wants now. Every second time the wake ends there.
    fn blame(&self, update: &Update<&mut Flash<W>>, what: What, known: &mut Known) -> Result<Option<Status>, Trouble> {
        let offer = &self.offers[known.offer];
        if !std::mem::take(&mut known.lied) {
            return broken("bytes were refused, and nobody lied");
        }
        let (failed, durable) = (update.failed_tries(), update.durable());
        if failed > offer.spoiled {
            return broken("a try failed for lies of mirrors");
        }
        if failed == known.failed {
            let stands = match what {
                What::Patch if offer.is_short_patch(failed) => durable == 0,
                // A piece of a patch may make several sectors before the wrong one.
                What::Patch => durable >= known.durable,
                What::Image | What::Sums => durable == known.durable,
            };
            if !stands {
                return broken(format!("{} bytes were durable before a lie, and {durable} are", known.durable));
            }
            let wanted = update.wants().map(|wanted| (wanted.what, wanted.offset));
            let is_there = match (what, wanted) {
                (What::Patch, Some((What::Patch, offset))) => (offset == 0) == (durable == 0),
                (What::Image, Some((What::Image, offset))) => offset == durable,
                (What::Sums, Some((What::Sums, offset))) => offset == 0,
                _ => false,
            };
            if !is_there {
                return broken(format!("{what:?} was refused with {durable} bytes durable, and {wanted:?} is wanted"));
            }
        }
        (known.failed, known.durable) = (failed, durable);
        known.wrongs += 1;
        Ok(known.wrongs.is_multiple_of(2).then(|| update.status()))
    }

    fn next(&self, known: &mut Known) {
        let Known { offer, stable, .. } = *known;
        *known = Known { offer: offer + 1, stable, ..Known::default() };
    }

    /// Starts until all offers have ended, and twice more.
    fn live(&self, flash: &mut Flash<W>, known: &mut Known, limit: usize) -> Result<(), Stop> {
        const MOST: usize = 200;
        for _ in 0..MOST {
            if known.offer == self.offers.len() {
                self.wake(flash, known, limit)?;
                return self.wake(flash, known, limit);
            }
            self.wake(flash, known, limit)?;
        }
        Err(Stop::Broken("the update never ends".into()))
    }
}

impl<const W: usize> Scenario<W, SECTOR> for Life<W> {
    type Known = Known;

    /// The first image runs from slot A and has checked in; an older one lies in slot B. An order was begun and left.
    fn start(&self) -> (Flash<W>, Known) {
        let layout = self.layout();
        let mut bytes = vec![0xFF; layout.queue.end() as usize];
        for sector in self.guards() {
            bytes[sector * SECTOR..][..SECTOR].fill(GUARD);
        }
        let older = image(9, self.slot_sectors * SECTOR - 10);
        for (slot, image) in layout.slots.into_iter().zip([&self.first, &older]) {
            bytes[slot.offset as usize..][..image.len()].copy_from_slice(image);
        }
        let mut flash = Flash::from_bytes(bytes).write_once();
        let honest = Self { bugs: Bugs::default(), ..self.clone() };
        let entry = honest.decide(&mut flash).expect("the first image is whole");
        boot::confirm(&mut flash, layout.journal).expect("the first image runs");
        for _ in 0..BOOT_RECORDS / 2 {
            boot::activate(&mut flash, layout.journal, entry.slot, entry.mark).expect("it was never given up");
            boot::confirm(&mut flash, layout.journal).expect("the first image runs");
        }
        let mut update = honest.open(&mut flash, entry.slot).expect("the regions fit");
        for sequence in 0..ORDERS {
            let order = Order { sequence, image_sha256: [sequence as u8; 32], ..self.offers[0].order };
            update.begin(&Order { source: Source::Full, ..order }).expect("it is newer");
        }
        flash.power_on();
        (flash, Known::default())
    }

    fn run(&self, flash: &mut Flash<W>, known: &mut Known) -> Result<(), Stop> {
        self.live(flash, known, self.wake)
    }

    fn recover(&self, flash: &mut Flash<W>, known: &mut Known) -> Result<(), Stop> {
        self.live(flash, known, usize::MAX)
    }
}
