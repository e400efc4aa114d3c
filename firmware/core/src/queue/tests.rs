#![cfg(feature = "powercut")]

use std::vec;
use std::vec::Vec;

use sha2::{Digest, Sha256};

use super::*;
use crate::flash::powercut::{PowerCutError, PowerCutFlash};
use crate::flash::{BLOCK, BlockDevice, Card, CardError};

type Flash = PowerCutFlash<4, 256>;
type Small<'a> = Queue<&'a mut Flash, 6, 10>;

const LOG_BYTES: usize = LOG_SECTORS * 256;

fn header(id: u128, priority: Priority, body: &[u8]) -> Header {
    Header {
        id: ItemId(id),
        priority,
        kind: 1,
        species: 0,
        taken_at_ms: 1_700_000_000_000,
        body_bytes: body.len() as u32,
        sha256: Sha256::digest(body).into(),
    }
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 7 + n / 251) as u8).collect()
}

fn with_items(lengths: &[usize]) -> Flash {
    let mut flash = Flash::new(12).write_once();
    let mut queue = Small::mount(&mut flash).unwrap();
    for (n, length) in lengths.iter().enumerate() {
        let body = body(*length);
        queue.put(&header(n as u128 + 1, Priority::Normal, &body), b"meta", &body).unwrap();
    }
    flash
}

#[test]
fn an_item_comes_back_as_it_was_across_mounts() {
    let mut flash = Flash::new(12);
    let bytes = body(777);
    let wanted = Header { kind: 7, species: 300, ..header(42, Priority::High, &bytes) };
    let mut queue = Small::mount(&mut flash).unwrap();
    queue.put(&wanted, b"{\"a\":1}", &bytes).unwrap();
    assert_eq!(queue.boot(), 1);
    queue.mark(ItemId(42), 700).unwrap();
    assert_eq!(queue.next(&Filter::all()).unwrap().map(|item| item.sent_bytes), Some(700));
    assert_eq!(queue.mark(ItemId(42), 778), Err(Error::Length));

    let mut queue = Small::mount(&mut flash).unwrap();
    assert_eq!(queue.boot(), 2);
    let item = queue.next(&Filter::all()).unwrap().unwrap();
    assert_eq!(item, Item { header: wanted, metadata_bytes: 7, sent_bytes: 0 }, "progress is not durable");
    let mut metadata = [0; 16];
    assert_eq!(queue.read_metadata(ItemId(42), &mut metadata), Ok(7));
    assert_eq!(&metadata[..7], b"{\"a\":1}");
    assert_eq!(queue.read_metadata(ItemId(42), &mut [0; 6]), Err(Error::BufferTooSmall));
    let mut all = vec![0; 1000];
    assert_eq!(queue.read_body(ItemId(42), 0, &mut all), Ok(777));
    assert_eq!(all[..777], bytes);
    assert_eq!(queue.read_body(ItemId(42), 500, &mut all[..9]), Ok(9));
    assert_eq!(all[..9], bytes[500..509]);
    assert_eq!(queue.read_body(ItemId(42), 777, &mut all), Ok(0));
    assert_eq!(queue.read_body(ItemId(42), u32::MAX, &mut all), Ok(0));
    queue.remove(ItemId(42)).unwrap();
    assert_eq!(queue.remove(ItemId(42)), Err(Error::NotFound));
    let mut queue = Small::mount(&mut flash).unwrap();
    assert_eq!(queue.next(&Filter::all()), Ok(None));
    assert_eq!(queue.stats().free_sectors, 10);
}

#[test]
fn what_cannot_be_an_item_is_refused() {
    let mut flash = Flash::new(12);
    let mut queue = Small::mount(&mut flash).unwrap();
    let bytes = body(100);
    let good = header(1, Priority::Urgent, &bytes);
    assert_eq!(queue.put(&good, &[0; MAX_METADATA + 1], &bytes), Err(Error::TooLarge));
    assert_eq!(queue.put(&Header { kind: MAX_KIND + 1, ..good }, b"", &bytes), Err(Error::TooLarge));
    assert_eq!(queue.begin(&Header { body_bytes: 2560, ..good }, b"").err(), Some(Error::TooLarge));
    assert_eq!(queue.begin(&Header { body_bytes: u32::MAX, ..good }, b"").err(), Some(Error::TooLarge));
    assert_eq!(queue.put(&good, b"", &bytes[..99]), Err(Error::Length));
    assert_eq!(queue.put(&good, b"", &body(101)), Err(Error::Length));
    assert_eq!(queue.put(&good, b"", &[0; 100]), Err(Error::Digest));
    assert_eq!(queue.stats().waiting, 0, "nothing of this stays");
    queue.put(&good, b"", &bytes).unwrap();
    assert_eq!(queue.put(&good, b"", &bytes), Err(Error::Duplicate));
    assert_eq!(queue.stats().refused, 0, "a fault of the caller is no refusal");
}

#[test]
fn a_full_queue_drops_the_least_important_and_refuses_what_is_less() {
    let mut flash = Flash::new(12);
    let mut queue = Small::mount(&mut flash).unwrap();
    let bytes = body(300);
    for (id, priority) in
        [(1, Priority::High), (2, Priority::Low), (3, Priority::Normal), (4, Priority::Low), (5, Priority::Urgent)]
    {
        queue.put(&header(id, priority, &bytes), b"", &bytes).unwrap();
    }
    queue.put(&header(6, Priority::Normal, &bytes), b"", &bytes).unwrap();
    assert_eq!(queue.get(ItemId(2)), Err(Error::NotFound), "the older of the low ones");
    queue.put(&header(7, Priority::Low, &bytes), b"", &bytes).unwrap();
    assert_eq!(queue.get(ItemId(4)), Err(Error::NotFound), "the newer of two equals stays");
    let large = body(1000);
    assert_eq!(queue.put(&header(8, Priority::Low, &large), b"", &large), Err(Error::Refused));
    assert!(queue.get(ItemId(7)).is_ok(), "nothing is dropped for what is refused");
    queue.put(&header(9, Priority::High, &large), b"", &large).unwrap();
    let stats = Small::mount(&mut flash).unwrap().stats();
    assert_eq!((stats.evicted, stats.refused, stats.damaged), (5, 1, 0), "the counts are durable");
}

#[test]
fn the_link_decides_what_goes() {
    let mut flash = Flash::new(12);
    let mut queue = Small::mount(&mut flash).unwrap();
    let items = [(1, Priority::Normal, 1, 5), (2, Priority::Low, 2, 7), (3, Priority::Urgent, 1, 7)];
    for (id, priority, kind, species) in items {
        let bytes = body(10);
        queue.put(&Header { kind, species, ..header(id, priority, &bytes) }, b"", &bytes).unwrap();
    }
    let mut next = |filter: Filter| queue.next(&filter).unwrap().map(|item| item.header.id.0);
    assert_eq!(next(Filter::all()), Some(3));
    assert_eq!(next(Filter::all().kinds(&[2])), Some(2));
    assert_eq!(next(Filter::all().species(&[5]).unwrap()), Some(1));
    assert_eq!(next(Filter::all().kinds(&[2]).at_least(Priority::Normal)), None);
    assert_eq!(next(Filter::all().up_to_bytes(9)), None);
}

#[test]
fn a_damaged_body_is_dropped_counted_and_passed_over() {
    let mut flash = with_items(&[300, 20]);
    flash.bytes_mut()[LOG_BYTES + 256 + 40] ^= 4;
    let mut queue = Small::mount(&mut flash).unwrap();
    assert_eq!(queue.next(&Filter::all()).unwrap().map(|item| item.header.id), Some(ItemId(2)));
    assert_eq!(queue.get(ItemId(1)), Err(Error::NotFound));
    let mut queue = Small::mount(&mut flash).unwrap();
    let stats = queue.stats();
    assert_eq!((stats.waiting, stats.damaged), (1, 1));
    assert_eq!(queue.read_body(ItemId(2), 0, &mut [0; 20]), Ok(20));
}

#[test]
fn damaged_metadata_are_found_before_they_are_returned() {
    let mut flash = with_items(&[30]);
    let at = flash.bytes().windows(4).position(|bytes| bytes == b"meta").unwrap();
    flash.bytes_mut()[at] = b'n';
    let mut queue = Small::mount(&mut flash).unwrap();
    assert_eq!(queue.read_metadata(ItemId(1), &mut [0; 4]), Err(Error::Damaged));
    assert_eq!(queue.stats().damaged, 1);
}

#[test]
fn no_flipped_bit_of_the_flash_is_returned_or_stops_the_queue() {
    let whole = with_items(&[300, 20]);
    for bit in 0..6 * 256 * 8 {
        let mut flash = whole.clone();
        flash.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
        let mut queue = Small::mount(&mut flash).unwrap();
        for (id, length) in [(1, 300), (2, 20)] {
            let mut bytes = vec![0; length];
            match queue.read_body(ItemId(id), 0, &mut bytes) {
                Ok(read) => assert_eq!((read, bytes), (length, body(length)), "bit {bit}"),
                Err(error) => assert!(matches!(error, Error::NotFound | Error::Damaged), "bit {bit}: {error}"),
            }
        }
        let bytes = body(400);
        queue.put(&header(9, Priority::Normal, &bytes), b"", &bytes).unwrap();
        assert!(queue.get(ItemId(9)).is_ok(), "bit {bit}");
    }
}

#[test]
fn flash_full_of_anything_is_an_empty_queue() {
    for fill in [0x00, 0xFF, 0x57, 0xA5] {
        let mut flash = Flash::from_bytes(vec![fill; 12 * 256]);
        let mut queue = Small::mount(&mut flash).unwrap();
        assert_eq!((queue.boot(), queue.stats().waiting), (1, 0));
        let bytes = body(700);
        queue.put(&header(1, Priority::Low, &bytes), b"m", &bytes).unwrap();
        assert!(queue.get(ItemId(1)).is_ok());
        assert_eq!(flash.violation(), None);
    }
}

#[test]
fn the_bounds_of_flash_and_index_are_checked() {
    assert_eq!(Small::mount(&mut Flash::new(LOG_SECTORS)).err(), Some(Error::Geometry));
    let mut flash = with_items(&[10, 10, 10]);
    let before = flash.state();
    assert_eq!(Queue::<_, 2, 10>::mount(&mut flash).err(), Some(Error::IndexTooSmall));
    assert_eq!(flash.state(), before, "nothing was changed");
    assert_eq!(Queue::<_, 3, 10>::mount(&mut flash).unwrap().stats().waiting, 3);
    let beyond = LOG_BYTES + 4 * 256;
    flash.bytes_mut()[beyond..].fill(0x11);
    let mut queue = Queue::<_, 3, 4>::mount(&mut flash).unwrap();
    for id in 10..30 {
        let bytes = body(200);
        queue.put(&header(id, Priority::Normal, &bytes), b"", &bytes).unwrap();
    }
    assert!(flash.bytes()[beyond..].iter().all(|byte| *byte == 0x11), "sectors beyond the bound are left alone");
}

#[test]
fn wear_is_spread_over_all_sectors() {
    let mut flash = Flash::new(12);
    for round in 0..100_u128 {
        let mut queue = Small::mount(&mut flash).unwrap();
        let bytes = body(300);
        queue.put(&header(round, Priority::Normal, &bytes), b"", &bytes).unwrap();
        queue.remove(ItemId(round)).unwrap();
    }
    let items = &flash.erases()[LOG_SECTORS..];
    assert_eq!(items.iter().sum::<u32>(), 200);
    assert!(items.iter().all(|erases| *erases == 20), "{items:?}");
}

#[test]
fn a_removal_that_was_torn_twice_took_effect() {
    use crate::flash::powercut::{Cut, Form};
    let mut flash = with_items(&[10]);
    for expected in [Some(ItemId(1)), Some(ItemId(1)), None] {
        flash.power_on();
        let mut queue = Small::mount(&mut flash).unwrap();
        let next = queue.next(&Filter::all()).unwrap().map(|item| item.header.id);
        assert_eq!(next, expected);
        assert_eq!(queue.stats().damaged, 0);
        if let Some(id) = next {
            let operation = queue.flash().trace().len();
            queue.flash().arm(Cut { operation, form: Form::Bits { words: 0, seed: 1 } });
            assert_eq!(queue.remove(id), Err(Error::Flash(PowerCutError::PowerLost)));
        }
    }
}

struct Memory(Vec<[u8; BLOCK]>);

impl BlockDevice for Memory {
    type Error = u32;

    fn blocks(&self) -> u32 {
        self.0.len() as u32
    }

    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), u32> {
        *block = *self.0.get(index as usize).ok_or(index)?;
        Ok(())
    }

    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), u32> {
        *self.0.get_mut(index as usize).ok_or(index)? = *block;
        Ok(())
    }
}

fn runs_on_a_card<const WRITE: usize>() {
    let mut memory = Memory(vec![[0; BLOCK]; 200]);
    let bytes = body(30_000);
    for boot in 1..=40_u32 {
        let mut queue = Queue::<_, 4, 16>::mount(Card::<_, WRITE, 4096>::new(memory)).unwrap();
        assert_eq!(queue.boot(), boot);
        queue.put(&header(u128::from(boot), Priority::Normal, &bytes), b"meta", &bytes).unwrap();
        let mut middle = [0; 5000];
        assert_eq!(queue.read_body(ItemId(u128::from(boot)), 12_345, &mut middle), Ok(5000));
        assert_eq!(middle[..], bytes[12_345..17_345]);
        memory = queue.into_flash().into_inner();
    }
    memory.0.truncate(80);
    let mut queue = Queue::<_, 4, 16>::mount(Card::<_, WRITE, 4096>::new(memory)).unwrap();
    while let Some(item) = queue.next(&Filter::all()).unwrap() {
        let mut all = vec![0; bytes.len()];
        assert_eq!(queue.read_body(item.header.id, 0, &mut all), Ok(bytes.len()));
        assert_eq!(all, bytes, "a smaller card may lack items, and never returns a part of one");
        queue.remove(item.header.id).unwrap();
    }
    let small = body(9);
    queue.put(&header(99, Priority::Urgent, &small), b"", &small).unwrap();
}

#[test]
fn the_same_queue_runs_on_a_card() {
    runs_on_a_card::<BLOCK>();
    runs_on_a_card::<4>();
}

#[test]
fn a_card_that_fails_is_an_error_of_the_flash() {
    struct Broken;
    impl BlockDevice for Broken {
        type Error = &'static str;
        fn blocks(&self) -> u32 {
            64
        }
        fn read_block(&mut self, _: u32, _: &mut [u8; BLOCK]) -> Result<(), &'static str> {
            Err("no card")
        }
        fn write_block(&mut self, _: u32, _: &[u8; BLOCK]) -> Result<(), &'static str> {
            Err("no card")
        }
    }
    let mounted = Queue::<_, 4, 16>::mount(Card::<_, 512, 4096>::new(Broken));
    assert_eq!(mounted.err(), Some(Error::Flash(CardError::Device("no card"))));
}
