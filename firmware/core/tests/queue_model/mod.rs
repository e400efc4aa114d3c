//! A simple model of the queue, and the life of a queue that is compared with it at every step.
#![allow(missing_docs, unreachable_pub, dead_code)]

use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};
use wildcam_core::flash::powercut::{PowerCutError, PowerCutFlash, Scenario, Stop};
use wildcam_core::queue::{Error, Filter, Header, ItemId, Priority, Queue};

pub const ITEMS: usize = 5;
pub const SECTORS: usize = 9;
pub const LOG: usize = wildcam_core::queue::LOG_SECTORS;

pub type Flash<const W: usize, const S: usize> = PowerCutFlash<W, S>;
pub type Store<'a, const W: usize, const S: usize> = Queue<&'a mut Flash<W, S>, ITEMS, SECTORS>;
pub type StoreError = Error<PowerCutError>;

/// An item as the world outside the flash remembers it. Its bytes follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub id: u128,
    pub priority: Priority,
    pub metadata_bytes: usize,
    pub body_bytes: usize,
}

impl Wanted {
    fn bytes(&self, salt: u32, length: usize) -> Vec<u8> {
        let mut state = (self.id as u32).wrapping_mul(0x9E37_79B9) ^ salt | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    pub fn metadata(&self) -> Vec<u8> {
        self.bytes(0x5EED, self.metadata_bytes)
    }

    pub fn body(&self) -> Vec<u8> {
        self.bytes(0xB0D1, self.body_bytes)
    }

    pub fn kind(&self) -> u8 {
        (self.id % 3) as u8
    }

    pub fn species(&self) -> u16 {
        (self.id % 5) as u16
    }

    pub fn header(&self, body: &[u8]) -> Header {
        Header {
            id: ItemId(self.id),
            priority: self.priority,
            kind: self.kind(),
            species: self.species(),
            // Not in the order of arrival: the queue must not rely on a camera's clock.
            taken_at_ms: (self.id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20,
            body_bytes: body.len() as u32,
            sha256: Sha256::digest(body).into(),
        }
    }
}

/// What was asked for and not answered when the power went.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pending {
    Nothing,
    Put { item: Wanted, victims: Vec<u128>, commits: bool },
    Refusal,
    Removal(u128),
}

/// What the queue has promised.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Known {
    /// In the order of arrival.
    pub live: Vec<Wanted>,
    pub pending: Pending,
    pub boot: u32,
    pub evicted: u32,
    pub refused: u32,
    pub next_id: u128,
}

impl Known {
    pub fn new() -> Self {
        Self { live: Vec::new(), pending: Pending::Nothing, boot: 0, evicted: 0, refused: 0, next_id: 1 }
    }

    /// The item that must go first.
    pub fn first(&self, filter: &Filter) -> Option<Wanted> {
        let mut matching: Vec<_> = self
            .live
            .iter()
            .filter(|item| filter.lets_through(item.priority, item.kind(), item.species(), item.body_bytes as u32))
            .collect();
        matching.sort_by_key(|item| std::cmp::Reverse(item.priority));
        matching.first().map(|item| **item)
    }

    /// The ids that make room for `newcomer`, in their order; `None` if it is to be refused.
    fn victims(&self, newcomer: &Wanted, sectors: u64, size: impl Fn(&Wanted) -> u64) -> Option<Vec<u128>> {
        let mut droppable: Vec<_> = self.live.iter().filter(|item| item.priority <= newcomer.priority).collect();
        droppable.sort_by_key(|item| item.priority);
        let mut used: u64 = self.live.iter().map(&size).sum();
        let mut count = self.live.len();
        let mut victims = Vec::new();
        for item in droppable {
            if used + size(newcomer) <= sectors && count < ITEMS {
                break;
            }
            used -= size(item);
            count -= 1;
            victims.push(item.id);
        }
        (used + size(newcomer) <= sectors && count < ITEMS).then_some(victims)
    }
}

fn broken(what: impl Into<String>) -> Stop {
    Stop::Broken(what.into())
}

/// A queue of the model's size on any flash.
pub type On<F> = Queue<F, ITEMS, SECTORS>;

pub fn stop<E: std::fmt::Debug + Into<Stop>>(error: Error<E>) -> Stop {
    match error {
        Error::Flash(error) => error.into(),
        other => broken(format!("unexpected answer: {other}")),
    }
}

macro_rules! promise {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(broken(format!($($what)*)));
        }
    };
}

/// Settles what was pending by what the mounted queue shows, and then compares everything.
pub fn check_mounted<F: NorFlash<Error: Into<Stop> + PartialEq>>(
    queue: &mut On<F>,
    known: &mut Known,
) -> Result<(), Stop> {
    promise!(queue.boot() > known.boot, "the boot counter is {} after {}", queue.boot(), known.boot);
    known.boot = queue.boot();
    let stats = queue.stats();
    let there = |id: u128| queue.ids().any(|(found, _)| found.0 == id);
    match std::mem::replace(&mut known.pending, Pending::Nothing) {
        Pending::Nothing => {}
        Pending::Refusal => {
            promise!(stats.refused - known.refused <= 1, "a refusal counted {} times", stats.refused - known.refused);
            known.refused = stats.refused;
        }
        Pending::Removal(id) => {
            if !there(id) {
                known.live.retain(|item| item.id != id);
            }
        }
        Pending::Put { item, victims, commits } => {
            let evicted = stats.evicted.wrapping_sub(known.evicted) as usize;
            promise!(evicted <= victims.len(), "{evicted} evictions counted, at most {} took place", victims.len());
            known.evicted = stats.evicted;
            known.live.retain(|item| !victims[..evicted].contains(&item.id));
            if there(item.id) {
                promise!(commits && evicted == victims.len(), "an item is there that was not committed");
                known.live.push(item);
            }
        }
    }
    check(queue, known)
}

/// Compares the queue with what it promised, byte by byte.
pub fn check<F: NorFlash<Error: Into<Stop> + PartialEq>>(queue: &mut On<F>, known: &Known) -> Result<(), Stop> {
    for item in &known.live {
        let id = ItemId(item.id);
        let found = match queue.get(id) {
            Ok(found) => found,
            Err(Error::NotFound) => return Err(broken(format!("item {} is lost", item.id))),
            Err(Error::Damaged) => return Err(broken(format!("item {} is damaged", item.id))),
            Err(other) => return Err(stop(other)),
        };
        let wanted = item.body();
        promise!(found.header == item.header(&wanted), "the header of item {} is altered", item.id);
        let mut metadata = vec![0; item.metadata_bytes + 1];
        let length = queue.read_metadata(id, &mut metadata).map_err(stop)?;
        promise!(metadata[..length] == item.metadata(), "the metadata of item {} are altered", item.id);
        let mut sha = Sha256::new();
        let mut piece = [0; 61];
        let mut offset = 0;
        loop {
            let length = queue.read_body(id, offset, &mut piece).map_err(stop)?;
            if length == 0 {
                break;
            }
            sha.update(&piece[..length]);
            offset += length as u32;
        }
        promise!(sha.finalize()[..] == Sha256::digest(&wanted)[..], "the body of item {} is altered", item.id);
    }
    let stats = queue.stats();
    promise!(stats.waiting as usize == known.live.len(), "{} items wait of {}", stats.waiting, known.live.len());
    let bytes: usize = known.live.iter().map(|item| item.metadata_bytes + item.body_bytes).sum();
    promise!(stats.waiting_bytes == bytes as u64, "{} bytes wait of {bytes}", stats.waiting_bytes);
    promise!(stats.evicted == known.evicted, "{} evictions are counted of {}", stats.evicted, known.evicted);
    promise!(stats.refused == known.refused, "{} refusals are counted of {}", stats.refused, known.refused);
    promise!(stats.damaged == 0, "a loss of power alone damaged {} items", stats.damaged);
    for filter in [Filter::all(), Filter::all().kinds(&[0, 2]), Filter::all().at_least(Priority::High)] {
        let next = queue.next(&filter).map_err(stop)?.map(|item| item.header.id.0);
        promise!(next == known.first(&filter).map(|item| item.id), "item {next:?} is not the one to go first");
    }
    Ok(())
}

/// One thing that happens to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Put(Priority, usize, usize),
    /// Begin an item, write most of it, and forget it.
    Abandon(Priority, usize, usize),
    /// The item that goes first was uploaded.
    Upload,
    /// The item at this place in the order of arrival was uploaded.
    Remove(usize),
}

pub fn take<F: NorFlash<Error: Into<Stop> + PartialEq>>(
    queue: &mut On<F>,
    known: &mut Known,
    step: Step,
) -> Result<(), Stop> {
    match step {
        Step::Put(priority, metadata_bytes, body_bytes) => {
            put(queue, known, priority, metadata_bytes, body_bytes, true)
        }
        Step::Abandon(priority, metadata_bytes, body_bytes) => {
            put(queue, known, priority, metadata_bytes, body_bytes, false)
        }
        Step::Upload => {
            let first = queue.next(&Filter::all()).map_err(stop)?.map(|item| item.header.id.0);
            promise!(first == known.first(&Filter::all()).map(|item| item.id), "the wrong item goes first");
            first.map_or(Ok(()), |id| remove(queue, known, id))
        }
        Step::Remove(place) => {
            let count = known.live.len().max(1);
            known.live.get(place % count).copied().map_or(Ok(()), |item| remove(queue, known, item.id))
        }
    }
}

fn remove<F: NorFlash<Error: Into<Stop> + PartialEq>>(
    queue: &mut On<F>,
    known: &mut Known,
    id: u128,
) -> Result<(), Stop> {
    known.pending = Pending::Removal(id);
    queue.remove(ItemId(id)).map_err(stop)?;
    known.live.retain(|item| item.id != id);
    known.pending = Pending::Nothing;
    promise!(queue.get(ItemId(id)) == Err(Error::NotFound), "a removed item is there");
    Ok(())
}

fn put<F: NorFlash<Error: Into<Stop> + PartialEq>>(
    queue: &mut On<F>,
    known: &mut Known,
    priority: Priority,
    metadata_bytes: usize,
    body_bytes: usize,
    commits: bool,
) -> Result<(), Stop> {
    let item = Wanted { id: known.next_id, priority, metadata_bytes, body_bytes };
    known.next_id += 1;
    let size = |item: &Wanted| On::<F>::sectors_for(item.metadata_bytes, item.body_bytes as u32);
    let sectors = u64::from(queue.stats().sectors);
    let (metadata, body) = (item.metadata(), item.body());
    let header = item.header(&body);
    let refused = if size(&item) > sectors {
        Some(Error::TooLarge)
    } else if let Some(victims) = known.victims(&item, sectors, size) {
        known.pending = Pending::Put { item, victims, commits };
        None
    } else {
        known.pending = Pending::Refusal;
        Some(Error::Refused)
    };
    match (queue.begin(&header, &metadata), refused) {
        (Err(Error::Flash(error)), _) => return Err(error.into()),
        (Err(error), Some(expected)) => {
            promise!(error == expected, "refused with {error}, not with {expected}");
            known.refused += u32::from(error == Error::Refused);
        }
        (Err(error), None) => return Err(stop(error)),
        (Ok(_), Some(expected)) => return Err(broken(format!("accepted, and not refused with {expected}"))),
        (Ok(mut writer), None) => {
            let length = if commits { body.len() } else { body.len() * 4 / 5 };
            for piece in body[..length].chunks(97) {
                writer.write(piece).map_err(stop)?;
            }
            if commits {
                writer.commit().map_err(stop)?;
            }
        }
    }
    if let Pending::Put { victims, .. } = &known.pending {
        known.evicted += victims.len() as u32;
        known.live.retain(|item| !victims.contains(&item.id));
        if commits {
            known.live.push(item);
        }
    }
    known.pending = Pending::Nothing;
    Ok(())
}

/// The life of a queue: steps between two mounts, and what it does after a loss of power.
pub struct Life<const W: usize, const S: usize, M> {
    pub mount: M,
    /// What lies in the flash before, and what is known of it.
    pub start: (Flash<W, S>, Known),
    pub boots: Vec<Vec<Step>>,
    pub recovery: Vec<Step>,
}

impl<const W: usize, const S: usize, M> Life<W, S, M>
where
    M: for<'a> Fn(&'a mut Flash<W, S>) -> Result<Store<'a, W, S>, StoreError>,
{
    /// A life that begins with flash that was erased, and then mounted so many times by a queue without bugs.
    pub fn new(mount: M, mounts_before: u32, boots: Vec<Vec<Step>>, recovery: Vec<Step>) -> Self {
        let (mut flash, mut known) = empty();
        for _ in 0..mounts_before {
            known.boot = Store::mount(&mut flash).expect("a queue on flash with power").boot();
        }
        Self { mount, start: (flash, known), boots, recovery }
    }
}

pub fn empty<const W: usize, const S: usize>() -> (Flash<W, S>, Known) {
    (Flash::new(LOG + SECTORS).write_once(), Known::new())
}

impl<const W: usize, const S: usize, M> Scenario<W, S> for Life<W, S, M>
where
    M: for<'a> Fn(&'a mut Flash<W, S>) -> Result<Store<'a, W, S>, StoreError>,
{
    type Known = Known;

    fn start(&self) -> (Flash<W, S>, Known) {
        self.start.clone()
    }

    fn run(&self, flash: &mut Flash<W, S>, known: &mut Known) -> Result<(), Stop> {
        for steps in &self.boots {
            let mut queue = (self.mount)(flash).map_err(stop)?;
            check_mounted(&mut queue, known)?;
            for step in steps {
                take(&mut queue, known, *step)?;
            }
        }
        Ok(())
    }

    fn recover(&self, flash: &mut Flash<W, S>, known: &mut Known) -> Result<(), Stop> {
        let mut queue = (self.mount)(flash).map_err(stop)?;
        check_mounted(&mut queue, known)?;
        for step in &self.recovery {
            take(&mut queue, known, *step)?;
        }
        check(&mut queue, known)
    }
}
