//! A camera with a card: what waits in its flash is carried to the card, a card that fails or is taken out costs nothing,
//! and a loss of power during all that leaves every item in one of the two.
#![allow(clippy::print_stdout, reason = "the number of states is a result")]

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use sha2::{Digest as _, Sha256};
use wildcam_core::{
    flash::{
        BLOCK, BlockDevice, Card, Claimed, Part, Unusable,
        powercut::{Depth, PowerCutFlash, Scenario, Stop, enumerate},
    },
    layout::Region,
    queue::{Error, Filter, Header, ItemId, LOG_SECTORS, Place, Priority, Queue, Shelf, ShelfError, carry},
};

const ITEMS: usize = 12;
const SECTORS: usize = 40;
const CARD_SECTORS: usize = 60;
/// Enough for the first MiB that is looked at.
const CARD_BLOCKS: usize = 2100;

type Chip = PowerCutFlash<4, 256>;
type Own<'c> = Card<Claimed<&'c Slot>, BLOCK, 4096>;
type Camera<'c> = Shelf<Part<'c, Chip>, Own<'c>, ITEMS, SECTORS, CARD_SECTORS>;

/// A card, which can fail.
struct Slot {
    blocks: RefCell<Vec<[u8; BLOCK]>>,
    /// Operations until it fails, for good.
    left: Cell<u32>,
    failed: Cell<bool>,
}

impl Slot {
    fn new() -> Self {
        Self {
            blocks: RefCell::new(vec![[0; BLOCK]; CARD_BLOCKS]),
            left: Cell::new(u32::MAX),
            failed: Cell::new(false),
        }
    }

    fn operate(&self) -> Result<(), &'static str> {
        let left = self.left.get().checked_sub(1);
        self.failed.set(left.is_none());
        self.left.set(left.ok_or("no answer")?);
        Ok(())
    }
}

impl BlockDevice for &Slot {
    type Error = &'static str;

    fn blocks(&self) -> u32 {
        self.blocks.borrow().len() as u32
    }

    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), &'static str> {
        self.operate()?;
        *block = *self.blocks.borrow().get(index as usize).ok_or("no such block")?;
        Ok(())
    }

    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), &'static str> {
        self.operate()?;
        *self.blocks.borrow_mut().get_mut(index as usize).ok_or("no such block")? = *block;
        Ok(())
    }
}

fn chip() -> RefCell<Chip> {
    RefCell::new(Chip::new(SECTORS + LOG_SECTORS).write_once())
}

fn part(chip: &RefCell<Chip>) -> Part<'_, Chip> {
    Part::new(chip, Region { offset: 0, bytes: ((SECTORS + LOG_SECTORS) * 256) as u32 })
}

thread_local! {
    static FAILURES: Cell<u32> = const { Cell::new(0) };
}

fn failed(_: &dyn fmt::Debug) {
    FAILURES.set(FAILURES.get() + 1);
}

/// A start of the camera.
fn start<'c>(chip: &'c RefCell<Chip>, card: Option<&'c Slot>) -> Camera<'c> {
    let card = card.and_then(|card| Claimed::open(card, &[7; 32]).ok()).map(Card::new);
    let mut camera = Camera::closed(part(chip), card, failed);
    camera.open(|| {}).expect("the flash works");
    camera
}

fn body(id: u128) -> Vec<u8> {
    (0..300 + id as usize * 37).map(|n| (n as u128 * 7 + id) as u8).collect()
}

fn header(id: u128) -> Header {
    let body = body(id);
    let priority = Priority::from_number((id % 3) as u8).expect("it is below four");
    Header {
        id: ItemId(id),
        priority,
        kind: 0,
        species: 0,
        taken_at_ms: id as u64,
        body_bytes: body.len() as u32,
        sha256: Sha256::digest(&body).into(),
    }
}

/// As the firmware does it.
fn store(camera: &mut Camera<'_>, id: u128) {
    let put = |camera: &mut Camera<'_>| {
        let mut writer = camera.begin(&header(id), b"event")?;
        body(id).chunks(100).try_for_each(|piece| writer.write(piece))?;
        writer.commit()
    };
    match put(camera) {
        Err(ShelfError::CardFailed) => {
            camera.leave_card().expect("the flash works");
            put(camera).expect("the flash works");
        }
        done => done.expect("the queue has room"),
    }
}

/// Sends everything, and returns what was sent, in its order.
fn send(camera: &mut Camera<'_>) -> Vec<u128> {
    let mut sent = Vec::new();
    while let Some(item) = camera.next(&Filter::all()).expect("the flash works") {
        let id = item.header.id;
        let (mut metadata, mut image) = ([0; 64], vec![0; item.header.body_bytes as usize]);
        let Ok(length) = camera.read_metadata(id, &mut metadata) else { continue };
        assert_eq!(&metadata[..length], b"event");
        let mut read = 0;
        while read < image.len() {
            match camera.read_body(id, read as u32, &mut image[read..]) {
                Ok(length) => read += length,
                Err(Error::NotFound) => break,
                Err(error) => panic!("{error}"),
            }
        }
        if read < image.len() {
            continue;
        }
        assert_eq!(image, body(id.0));
        sent.push(id.0);
        match camera.remove(id) {
            Ok(()) | Err(Error::NotFound) => {}
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

fn sorted(mut ids: Vec<u128>) -> Vec<u128> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[test]
fn a_card_that_is_put_in_takes_over_what_waits_and_keeps_its_order() {
    let (chip, card) = (chip(), Slot::new());
    let mut camera = start(&chip, None);
    assert_eq!(camera.place(), Place::Flash);
    // More than are carried at a time.
    (1..=11).for_each(|id| store(&mut camera, id));
    let camera = start(&chip, Some(&card));
    assert_eq!(camera.place(), Place::Card);
    assert_eq!(camera.stats().waiting, 11);
    assert_eq!(start(&chip, None).stats().waiting, 0, "nothing is left in the flash");
    let mut camera = start(&chip, Some(&card));
    store(&mut camera, 12);
    // By priority, then by arrival.
    assert_eq!(send(&mut camera), [2, 5, 8, 11, 1, 4, 7, 10, 3, 6, 9, 12]);
    let words = card.blocks.borrow().as_flattened().windows(5).filter(|window| *window == b"event").count();
    assert_eq!(words, 0, "the words of an event lie on the card in clear");
}

#[test]
fn a_card_that_is_taken_out_keeps_what_waits_until_it_is_back() {
    let (chip, card, other) = (chip(), Slot::new(), Slot::new());
    let mut camera = start(&chip, Some(&card));
    (1..=3).for_each(|id| store(&mut camera, id));
    let mut camera = start(&chip, None);
    (4..=5).for_each(|id| store(&mut camera, id));
    let mut camera = start(&chip, Some(&other));
    assert_eq!(sorted(send(&mut camera)), [4, 5]);
    let mut camera = start(&chip, Some(&card));
    assert_eq!(sorted(send(&mut camera)), [1, 2, 3]);
}

#[test]
fn what_does_not_fit_stays_in_the_flash_and_pushes_nothing_out() {
    let (chip, card) = (chip(), Slot::new());
    let mut camera = start(&chip, Some(&card));
    (1..=9).for_each(|id| store(&mut camera, id));
    let mut camera = start(&chip, None);
    (20..=25).for_each(|id| store(&mut camera, id));
    let claimed = Claimed::open(&card, &[7; 32]).ok().map(Card::new);
    let mut camera = Camera::closed(part(&chip), claimed, failed);
    let carried = camera.open(|| {}).unwrap();
    assert_eq!((carried.items, carried.more), (3, true));
    assert_eq!(sorted(send(&mut camera)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22]);
    let mut camera = start(&chip, Some(&card));
    assert_eq!(sorted(send(&mut camera)), [23, 24, 25]);
    assert_eq!(camera.stats().evicted, 0);
}

/// The card fails at every one of its operations in turn, and later works again.
#[test]
fn a_card_that_fails_at_any_moment_costs_nothing() {
    let mut moments = 0;
    for left in 0.. {
        let (chip, card) = (chip(), Slot::new());
        let mut camera = start(&chip, None);
        (1..=3).for_each(|id| store(&mut camera, id));
        FAILURES.set(0);
        Claimed::open(&card, &[7; 32]).expect("a blank card is taken");
        card.left.set(left);
        let mut camera = start(&chip, Some(&card));
        (4..=5).for_each(|id| store(&mut camera, id));
        let mut sent = send(&mut camera);
        let failed = card.failed.get();
        assert!(FAILURES.get() <= 1, "a card that failed is left alone");
        assert_eq!(camera.place(), if failed { Place::Flash } else { Place::Card });
        let mut camera = start(&chip, None);
        sent.extend(send(&mut camera));
        card.left.set(u32::MAX);
        let mut camera = start(&chip, Some(&card));
        sent.extend(send(&mut camera));
        assert_eq!(sorted(sent), [1, 2, 3, 4, 5], "the card failed after {left} operations");
        moments = left;
        if !failed {
            break;
        }
    }
    println!("a card that fails at each of {moments} operations: nothing was lost");
    assert!(moments > 150);
}

#[test]
fn another_camera_finds_nothing_and_changes_nothing() {
    let (chip, card) = (chip(), Slot::new());
    let mut camera = start(&chip, Some(&card));
    (1..=3).for_each(|id| store(&mut camera, id));
    let before = card.blocks.borrow().clone();
    assert_eq!(Claimed::open(&card, &[8; 32]).err(), Some(Unusable::OfAnother));
    assert!(*card.blocks.borrow() == before);
    assert_eq!(sorted(send(&mut start(&chip, Some(&card)))), [1, 2, 3]);
}

/// Carrying from one half of a flash to the other, which stands for the card: the blocks of both are a card's.
struct Carrying {
    items: u128,
}

const UNIT: usize = 512;
const SECTOR: usize = 3072;
const HALF: usize = LOG_SECTORS + 14;

type Both = PowerCutFlash<UNIT, SECTOR>;
type Half<'f> = Part<'f, &'f mut Both>;

fn halves<'f>(both: &'f RefCell<&'f mut Both>) -> [Half<'f>; 2] {
    let bytes = (HALF * SECTOR) as u32;
    [0, 1].map(|half| Part::new(both, Region { offset: half * bytes, bytes }))
}

type There<'f> = Queue<Half<'f>, ITEMS, HALF>;

fn stop<E: fmt::Debug + fmt::Display>(error: &Error<E>) -> Stop {
    // The flash says nothing else: it is there, or it has no power.
    if matches!(error, Error::Flash(_)) { Stop::PowerLost } else { Stop::Broken(format!("{error}")) }
}

impl Carrying {
    fn carry(both: &mut Both) -> Result<(), Stop> {
        let both = RefCell::new(both);
        let [from, to] = halves(&both);
        let mut to = There::mount(to).map_err(|error| stop(&error))?;
        let carried = carry::<_, _, HALF, ITEMS, HALF>(&from, &mut to, || {});
        carried.map(|_| ()).map_err(|error| match error {
            wildcam_core::queue::CarryError::From(error) | wildcam_core::queue::CarryError::To(error) => stop(&error),
        })
    }
}

impl Scenario<UNIT, SECTOR> for Carrying {
    type Known = ();

    fn start(&self) -> (Both, ()) {
        let mut both = Both::new(2 * HALF).write_once();
        {
            let both = RefCell::new(&mut both);
            let [from, _] = halves(&both);
            let mut queue = There::mount(from).expect("it has power");
            (1..=self.items).for_each(|id| queue.put(&header(id), b"event", &body(id)).expect("it has room"));
        }
        (both, ())
    }

    fn run(&self, both: &mut Both, (): &mut ()) -> Result<(), Stop> {
        Self::carry(both)
    }

    fn recover(&self, both: &mut Both, (): &mut ()) -> Result<(), Stop> {
        Self::carry(both)?;
        let both = RefCell::new(both);
        let [from, to] = halves(&both);
        let from = There::mount(from).map_err(|error| stop(&error))?;
        let mut to = There::mount(to).map_err(|error| stop(&error))?;
        let mut image = vec![0; 4096];
        for id in 1..=self.items {
            let Ok(item) = to.get(ItemId(id)) else { return Err(Stop::Broken(format!("item {id} is lost"))) };
            let length = to.read_body(ItemId(id), 0, &mut image).map_err(|error| stop(&error))?;
            if item.header != header(id) || image[..length] != body(id) {
                return Err(Stop::Broken(format!("item {id} is altered")));
            }
        }
        let (left, there) = (from.stats(), to.stats());
        if left.waiting != 0 || u128::from(there.waiting) != self.items || left.damaged + there.damaged != 0 {
            return Err(Stop::Broken(format!("{left:?} {there:?}")));
        }
        Ok(())
    }
}

#[test]
fn carrying_holds_under_every_pair_of_cuts() {
    // More than are carried at a time, so that the flash is opened again.
    match enumerate(&Carrying { items: 10 }, Depth::Pairs) {
        Ok(report) => println!("from flash to card: {report}"),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn a_card_takes_little_ram() {
    let with = size_of::<Camera<'_>>();
    let without = size_of::<Queue<Part<'_, Chip>, ITEMS, SECTORS>>();
    let more_sectors = (CARD_SECTORS - SECTORS) * size_of::<u32>();
    println!("{} bytes more than a queue in flash", with - without - more_sectors);
    // The keys of a host's AES take twice what they take on a camera, where the firmware itself asserts less.
    assert!(with < without + more_sectors + 2000, "{with} and {without}");
}
