//! A key of its own for a chip, in eFuse, where its HMAC unit can use it and nobody can read it. The firmware seals its
//! identity under it: it takes the first key block whose purpose is HMAC_UP.
//!
//! eFuses are burnt once and for ever, and power can fail between any two of them. So there are four programmings, each of
//! which leaves either nothing of use to anybody, or something that the next run goes on with:
//!
//! 1. The key, with the words of its code, into a block that is free. Cut off before or in this, the block has no purpose: the
//!    firmware does not take it. The next run takes the next free block and a new key: what lay open meanwhile is not used.
//! 2. When the key was read back, again and again, and the code had nothing to correct: the block is hidden from software and
//!    closed. Only now, because what is hidden can never be verified again.
//! 3. The purpose. Now the firmware takes the key, and there is nothing half-done about it. It is a single bit.
//! 4. The bit that closes the purpose. Without it the key is as secret; somebody with the board could spoil it.
//!
//! espefuse burns the purpose before it hides the block: a power cut in between leaves a key that the firmware uses and anybody
//! can read. What is burnt in the end is the same. No chip was met: README says so.

mod chip;
mod code;
mod controller;
#[cfg(test)]
mod model;
mod state;

use zeroize::Zeroizing;

use super::{Device, Error, record::Record};
use crate::{board::Board, clock::Random};
use chip::Map;
use code::DATA_BYTES;
use controller::{Controller, key_words};
use state::{Block0, HMAC_UP};

pub use chip::KEY_BLOCKS;
pub use state::{Begun, EfusePlan};

/// How often a block is programmed, with the same words, before it is given up: cells can need a second time (espefuse).
const PROGRAMMINGS: u32 = 3;
/// How often a key is read back: a cell that was burnt weakly does not read the same each time.
const READINGS: u32 = 5;

/// A key that was made here and is known nowhere else. It is wiped when it is dropped, and never shown; it is bytes, and so no
/// [`crate::project::Secret`].
struct Key(Zeroizing<[u8; DATA_BYTES]>);

impl Key {
    fn make(random: &Random) -> Self {
        let mut key = Zeroizing::new([0; DATA_BYTES]);
        random.fill(&mut *key);
        Self(key)
    }
}

/// A key block's name in the manuals and in espefuse.
#[must_use]
pub fn block_name(block: u8) -> String {
    format!("BLOCK_KEY{block}")
}

/// Whether the eFuses of this board's chip can be burnt by wildcam.
#[must_use]
pub fn is_supported(board: Board) -> bool {
    Map::of(board).is_some()
}

/// The name in messages, the registers, and their map.
fn controller<'a>(device: &'a mut dyn Device, name: &'a str) -> Result<Controller<'a>, Error> {
    let none = || Error::NoEfuses { board: name.to_owned() };
    let map = device.description().board.and_then(Map::of).ok_or_else(none)?;
    let registers = device.registers().ok_or_else(none)?;
    Ok(Controller::new(registers, map, name))
}

/// What would be burnt. Reads registers, and writes none.
///
/// # Errors
/// [`Error::NoEfuses`], [`Error::EfusesRefused`], and those of the device.
pub(super) fn look(device: &mut dyn Device, begun: Option<Begun>) -> Result<EfusePlan, Error> {
    let name = device.description().name();
    let state = controller(device, &name)?.state()?;
    state::plan(&state, begun).map_err(|why| Error::EfusesRefused { board: name, why })
}

/// Burns what was planned and consented to. `note` writes to the board's journal. An error of the link ends it: whether the last
/// command arrived is not known then, and the next run looks.
///
/// # Errors
/// [`Error::EfusesRefused`] when the chip is not as it was when it was planned; nothing was burnt then.
/// [`Error::EfusesFailed`], those of the device, and of `note`.
pub(super) fn burn(
    device: &mut dyn Device,
    planned: EfusePlan,
    begun: Option<Begun>,
    random: &Random,
    note: &mut dyn FnMut(&Record) -> Result<(), Error>,
) -> Result<EfusePlan, Error> {
    let name = device.description().name();
    let mut controller = controller(device, &name)?;
    controller.refresh()?;
    let refused = |why| Error::EfusesRefused { board: name.clone(), why };
    let state = controller.state()?;
    let now = state::plan(&state, begun).map_err(refused)?;
    if now != planned {
        return Err(refused("they are not as they were when the plan was made"));
    }
    let block = match planned {
        EfusePlan::Burn { block, .. } => {
            note(&Record::EfusesBegun { block })?;
            burn_key(&mut controller, block, &Key::make(random))?;
            note(&Record::EfusesVerified { block })?;
            block
        }
        EfusePlan::Finish { block } => block,
        EfusePlan::There { block, .. } | EfusePlan::CutOff { block } => {
            if matches!(planned, EfusePlan::There { .. }) && begun.is_some() {
                note(&Record::EfusesBurnt { block })?;
            }
            return Ok(planned);
        }
    };
    give(&mut controller, block)?;
    note(&Record::EfusesBurnt { block })?;
    Ok(planned)
}

/// Burns a key into a block, and makes sure of it.
fn burn_key(controller: &mut Controller<'_>, block: u8, key: &Key) -> Result<(), Error> {
    let words = key_words(&key.0);
    for _ in 0..PROGRAMMINGS {
        controller.program_key(block, &words)?;
        let mut readings = 0;
        while readings < READINGS && controller.holds(block, &words)? {
            readings += 1;
        }
        if readings == READINGS {
            return Ok(());
        }
    }
    Err(controller
        .failed("a key block does not hold the key that was burnt into it; it was not given to the HMAC unit"))
}

/// Hides a key that was verified, gives it to the HMAC unit, and closes its purpose.
fn give(controller: &mut Controller<'_>, block: u8) -> Result<(), Error> {
    program(controller, &Block0::hiding(block))?;
    if !controller.reads_empty(block)? {
        return Err(
            controller.failed("the key can still be read after it was hidden; it was not given to the HMAC unit")
        );
    }
    program(controller, &Block0::giving(block))?;
    if controller.block0()?.purpose(block) != HMAC_UP {
        return Err(controller.failed("the purpose of the key is not what was burnt"));
    }
    program(controller, &Block0::closing(block))
}

/// Sets bits of block 0, those that are not set, and no others.
fn program(controller: &mut Controller<'_>, bits: &Block0) -> Result<(), Error> {
    let before = controller.block0()?;
    let wanted = before.with(bits);
    for _ in 0..PROGRAMMINGS {
        let now = controller.block0()?;
        if now.with(&wanted) != wanted {
            return Err(controller.failed("bits of block 0 are set that were not to be"));
        }
        let missing = Block0(std::array::from_fn(|word| wanted.0[word] & !now.0[word]));
        if missing == Block0::default() {
            return Ok(());
        }
        controller.program_block0(&missing)?;
    }
    let now = controller.block0()?;
    if now == wanted { Ok(()) } else { Err(controller.failed("bits of block 0 are not as they were to be")) }
}
