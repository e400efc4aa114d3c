//! The eFuse controller of a chip, one register after the other: reading all blocks, and programming one.
//!
//! The order within a programming is that of espefuse (`burn-key`) and of ESP-IDF (`esp_efuse_utility_burn_chip`): timing, data and
//! check words, the code of the operation, the command, waiting, clearing, reading anew.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{
    super::{Error, device::Registers},
    chip::{
        BLOCK0, BLOCK0_ERRORS, BUSY, CODE_ERRORS, COMMAND, FIRST_KEY_BLOCK, KEY_BLOCKS, KEY0, MAY_PROGRAM, MAY_READ,
        Map, OPERATION, PROGRAM, PROGRAM_BLOCK, PROGRAM_WORDS, READ,
    },
    code::{self, DATA_BYTES},
    state::{BLOCK0_WORDS, Block0, KeyBlock, State},
};

/// How often is looked whether the controller is done, and how long is waited in between, after the first looks: on a line a look
/// takes a millisecond by itself, and a programming a few.
const LOOKS: u32 = 100;
const FIRST_LOOKS: u32 = 4;
const LOOK: Duration = Duration::from_millis(5);

/// Words of a key.
const KEY_WORDS: usize = DATA_BYTES / 4;

/// What is written to program a block: data, then check words. It may hold a key.
pub(super) type Words = Zeroizing<[u32; PROGRAM_WORDS]>;

/// The words of a key.
pub(super) fn key_words(key: &[u8; DATA_BYTES]) -> Words {
    let mut words = Words::default();
    let check = code::check_bytes(key);
    for (word, bytes) in words.iter_mut().zip(key.chunks_exact(4).chain(check.chunks_exact(4))) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    words
}

/// A chip's controller.
pub(super) struct Controller<'a> {
    registers: &'a mut dyn Registers,
    map: &'static Map,
    board: &'a str,
}

impl<'a> Controller<'a> {
    pub(super) fn new(registers: &'a mut dyn Registers, map: &'static Map, board: &'a str) -> Self {
        Self { registers, map, board }
    }

    /// Why nothing more is done.
    pub(super) fn failed(&self, why: &'static str) -> Error {
        Error::EfusesFailed { board: self.board.to_owned(), why }
    }

    fn read(&mut self, register: u32) -> Result<u32, Error> {
        self.registers.read_register(self.map.base + register)
    }

    fn write(&mut self, register: u32, value: u32) -> Result<(), Error> {
        self.registers.write_register(self.map.base + register, value)
    }

    /// Waits until the controller is done. It must say so twice: after a reading the first word can be wrong (espefuse).
    fn wait(&mut self) -> Result<(), Error> {
        for look in 0..LOOKS {
            if self.read(COMMAND)? & BUSY == 0 && self.read(COMMAND)? & BUSY == 0 {
                return Ok(());
            }
            if look >= FIRST_LOOKS {
                std::thread::sleep(LOOK);
            }
        }
        Err(self.failed("the controller did not become ready"))
    }

    /// Has the chip read all blocks anew: what is read below is how they were then. The code of the operation that stays
    /// behind allows no programming.
    pub(super) fn refresh(&mut self) -> Result<(), Error> {
        self.wait()?;
        self.write(OPERATION, MAY_READ)?;
        self.write(COMMAND, READ)?;
        self.wait()
    }

    /// Block 0 as it was last read.
    pub(super) fn block0(&mut self) -> Result<Block0, Error> {
        let mut words = [0; BLOCK0_WORDS];
        for (word, register) in words.iter_mut().zip((BLOCK0..).step_by(4)) {
            *word = self.read(register)?;
        }
        Ok(Block0(words))
    }

    fn block0_is_faulty(&mut self) -> Result<bool, Error> {
        let mut errors = 0;
        for register in BLOCK0_ERRORS {
            errors |= self.read(register)?;
        }
        Ok(errors != 0)
    }

    fn code_errors(&mut self) -> Result<u64, Error> {
        let [low, high] = CODE_ERRORS;
        Ok(u64::from(self.read(low)?) | u64::from(self.read(high)?) << 32)
    }

    /// A key block as it was last read. It may be somebody's key.
    fn key(&mut self, key: u8) -> Result<Zeroizing<[u32; KEY_WORDS]>, Error> {
        let mut words = Zeroizing::new([0; KEY_WORDS]);
        let first = KEY0 + 32 * u32::from(key);
        for (word, register) in words.iter_mut().zip((first..).step_by(4)) {
            *word = self.read(register)?;
        }
        Ok(words)
    }

    /// What was last read. No register is written.
    pub(super) fn state(&mut self) -> Result<State, Error> {
        let (block0, block0_is_faulty) = (self.block0()?, self.block0_is_faulty()?);
        let errors = self.code_errors()?;
        let mut keys = [KeyBlock::default(); KEY_BLOCKS as usize];
        for (key, block) in (0..).zip(&mut keys) {
            block.empty = self.key(key)?.iter().all(|word| *word == 0);
            block.faulty = errors & self.map.code_errors(key) != 0;
        }
        Ok(State { block0, block0_is_faulty, keys })
    }

    /// Whether a key block holds these words and nothing in it had to be corrected.
    pub(super) fn holds(&mut self, key: u8, words: &Words) -> Result<bool, Error> {
        self.refresh()?;
        let faulty = self.code_errors()? & self.map.code_errors(key) != 0;
        Ok(!faulty && self.key(key)?[..] == words[..KEY_WORDS])
    }

    /// Whether a key block reads as 0, as a hidden one must.
    pub(super) fn reads_empty(&mut self, key: u8) -> Result<bool, Error> {
        Ok(self.key(key)?.iter().all(|word| *word == 0))
    }

    /// Programs a key block, and has all blocks read anew.
    pub(super) fn program_key(&mut self, key: u8, words: &Words) -> Result<(), Error> {
        self.program(FIRST_KEY_BLOCK + key, words)
    }

    /// Programs bits of block 0, which has no code, and has all blocks read anew.
    pub(super) fn program_block0(&mut self, bits: &Block0) -> Result<(), Error> {
        let mut words = Words::default();
        words[..BLOCK0_WORDS].copy_from_slice(&bits.0);
        self.program(0, &words)
    }

    fn program(&mut self, block: u8, words: &Words) -> Result<(), Error> {
        let programmed = self.try_program(block, words);
        // Whatever happened: the next command of anybody must not find a key there. A line that is gone is reset with its chip.
        let cleared = self.clear();
        programmed?;
        cleared?;
        self.refresh()
    }

    fn try_program(&mut self, block: u8, words: &Words) -> Result<(), Error> {
        self.wait()?;
        for (register, field, value) in self.map.timing {
            let others = self.read(register)? & !field;
            self.write(register, others | value)?;
        }
        self.clear()?;
        for (word, register) in words.iter().zip((PROGRAM..).step_by(4)) {
            self.write(register, *word)?;
        }
        // These commands have no checksum on the line. What was turned over on its way here would be burnt for ever, and in
        // block 0 it could end the use of the chip: the last moment to see it is now.
        let mut arrived = true;
        for (word, register) in words.iter().zip((PROGRAM..).step_by(4)) {
            arrived &= self.read(register)? == *word;
        }
        for (register, field, value) in self.map.timing {
            arrived &= self.read(register)? & field == value;
        }
        if !arrived {
            return Err(self.failed("what was written to the controller arrived as something else, and was not burnt"));
        }
        self.write(OPERATION, MAY_PROGRAM)?;
        self.write(COMMAND, PROGRAM_BLOCK | u32::from(block) << 2)?;
        self.wait()
    }

    /// Sets every word that can be programmed to 0.
    fn clear(&mut self) -> Result<(), Error> {
        for register in (PROGRAM..).step_by(4).take(PROGRAM_WORDS) {
            self.write(register, 0)?;
        }
        Ok(())
    }
}
