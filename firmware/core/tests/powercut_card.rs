//! Power is cut at every write of a block of an encrypted card, in the middle of the block too, and then the queue must
//! hold exactly what it promised.
#![allow(clippy::print_stdout, reason = "the number of states is a result")]

#[allow(unused_imports, reason = "the model serves other tests too")]
mod queue_model;

use embedded_storage::nor_flash::{NorFlash as _, ReadNorFlash as _};
use queue_model::{Known, LOG, On, SECTORS, Step, check, check_mounted, stop, take};
use wildcam_core::{
    flash::{
        BLOCK, BlockDevice, Card, Encrypted,
        powercut::{Depth, PowerCutError, PowerCutFlash, Scenario, Stop, enumerate},
    },
    queue::{
        Priority::{High, Low, Normal},
        Queue,
    },
};

/// Blocks of a sector: those of the records, and two for an item.
const SECTOR: usize = 6 * BLOCK;

/// The memory of a card. To write a block is to erase and to program it, and both can be cut: then the block is the one
/// before, in part or as a whole, or nothing, or noise.
type Memory = PowerCutFlash<BLOCK, BLOCK>;

struct Blocks<'m>(&'m mut Memory);

impl BlockDevice for Blocks<'_> {
    type Error = PowerCutError;

    fn blocks(&self) -> u32 {
        (self.0.capacity() / BLOCK) as u32
    }

    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), PowerCutError> {
        self.0.read(index * BLOCK as u32, block)
    }

    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), PowerCutError> {
        let at = index * BLOCK as u32;
        self.0.erase(at, at + BLOCK as u32)?;
        self.0.write(at, block)
    }
}

type OnCard<'m> = Card<Encrypted<Blocks<'m>>, BLOCK, SECTOR>;

fn mount(memory: &mut Memory) -> Result<On<OnCard<'_>>, Stop> {
    Queue::mount(Card::new(Encrypted::new(Blocks(memory), &[7; 32]))).map_err(stop)
}

struct Life {
    boots: Vec<Vec<Step>>,
    recovery: Vec<Step>,
}

impl Scenario<BLOCK, BLOCK> for Life {
    type Known = Known;

    fn start(&self) -> (Memory, Known) {
        // As it comes from the shop: zeros, which decrypt to noise.
        (Memory::from_bytes(vec![0; (LOG + SECTORS) * SECTOR]), Known::new())
    }

    fn run(&self, memory: &mut Memory, known: &mut Known) -> Result<(), Stop> {
        for steps in &self.boots {
            let mut queue = mount(memory)?;
            check_mounted(&mut queue, known)?;
            steps.iter().try_for_each(|step| take(&mut queue, known, *step))?;
        }
        Ok(())
    }

    fn recover(&self, memory: &mut Memory, known: &mut Known) -> Result<(), Stop> {
        let mut queue = mount(memory)?;
        check_mounted(&mut queue, known)?;
        self.recovery.iter().try_for_each(|step| take(&mut queue, known, *step))?;
        check(&mut queue, known)
    }
}

#[test]
fn an_encrypted_card_holds_under_every_cut() {
    let first = vec![
        Step::Put(Normal, 20, 900),
        Step::Put(Low, 9, 2 * SECTOR),
        Step::Put(High, 3, 2 * SECTOR),
        Step::Upload,
        Step::Put(High, 5, 3 * SECTOR),
    ];
    let second = vec![Step::Put(Low, 5, 5 * SECTOR), Step::Abandon(Normal, 7, SECTOR), Step::Remove(0)];
    let life = Life { boots: vec![first, second], recovery: vec![Step::Upload, Step::Put(Normal, 11, SECTOR)] };
    let depth =
        if std::env::var("WILDCAM_SOAK").is_ok_and(|value| value == "1") { Depth::Pairs } else { Depth::Single };
    match enumerate(&life, depth) {
        Ok(report) => println!("an encrypted card: {report}"),
        Err(failure) => panic!("{failure}"),
    }
}
