//! Where the eFuse controllers of the chips have their registers and fields (Technical Reference Manuals of the ESP32-C3,
//! ESP32-C6 and ESP32-S3, "eFuse Controller"). The three are alike but for what [`Map`] says.

use crate::board::Board;

/// How many key blocks a chip has.
pub const KEY_BLOCKS: u8 = 6;
/// The number of the first key block among all blocks.
pub(super) const FIRST_KEY_BLOCK: u8 = 4;

/// Eight words to be programmed, and behind them the three words of the code.
pub(super) const PROGRAM: u32 = 0x000;
/// How many words those are.
pub(super) const PROGRAM_WORDS: usize = 11;
/// Block 0 as it was last read: first what is protected from being written, then the rest.
pub(super) const BLOCK0: u32 = 0x02c;
/// The first key block as it was last read; the others follow, 8 words each.
pub(super) const KEY0: u32 = 0x09c;
/// What went wrong when block 0 was programmed.
pub(super) const BLOCK0_ERRORS: [u32; 5] = [0x17c, 0x180, 0x184, 0x188, 0x190];
/// What the code had to correct in the other blocks.
pub(super) const CODE_ERRORS: [u32; 2] = [0x1c0, 0x1c4];
/// Which operation may be begun.
pub(super) const OPERATION: u32 = 0x1cc;
/// Begins it.
pub(super) const COMMAND: u32 = 0x1d4;

/// In [`OPERATION`]: eFuses may be programmed.
pub(super) const MAY_PROGRAM: u32 = 0x5a5a;
/// In [`OPERATION`]: they may be read anew.
pub(super) const MAY_READ: u32 = 0x5aa5;
/// In [`COMMAND`]: read all blocks anew.
pub(super) const READ: u32 = 1;
/// In [`COMMAND`]: program the block whose number is above the two lowest bits.
pub(super) const PROGRAM_BLOCK: u32 = 2;
/// In [`COMMAND`]: set until what was begun is done.
pub(super) const BUSY: u32 = READ | PROGRAM_BLOCK;

/// A field of a register of timing: where, which bits, and what belongs there.
pub(super) type Timing = (u32, u32, u32);

/// What the controllers do not have in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Map {
    /// The first register.
    pub(super) base: u32,
    /// How programming is timed. ESP-IDF and espefuse set the same for each of the three chips, at whatever clock.
    pub(super) timing: [Timing; 4],
    /// The bits that say that a block could not be corrected stand one block too high, a fault of the ESP32-C3 that espefuse
    /// knows of. The counts beside them do not.
    pub(super) failures_are_shifted: bool,
}

/// Timing with the two registers of the programming voltage at these places.
const fn timing(on: u32, off: u32) -> [Timing; 4] {
    [(0x1e8, 0xff << 9, 0xff << 9), (0x1e8, 0xff, 0x28), (on, 0xffff << 8, 0x3000 << 8), (off, 0xffff, 0x190)]
}

static ESP32C3: Map = Map { base: 0x6000_8800, timing: timing(0x1f0, 0x1f4), failures_are_shifted: true };
static ESP32C6: Map = Map { base: 0x600b_0800, timing: timing(0x1f0, 0x1f4), failures_are_shifted: false };
static ESP32S3: Map = Map { base: 0x6000_7000, timing: timing(0x1f4, 0x1f8), failures_are_shifted: false };

impl Map {
    /// The map of a board's chip; `None` where there is none.
    pub(super) fn of(board: Board) -> Option<&'static Self> {
        match board {
            Board::Esp32C3 => Some(&ESP32C3),
            Board::Esp32C6 => Some(&ESP32C6),
            Board::Esp32S3 => Some(&ESP32S3),
            Board::QemuVirt => None,
        }
    }

    /// Where in [`CODE_ERRORS`], as one number of 64 bits, a key block says that something was corrected or could not be.
    pub(super) fn code_errors(&self, key: u8) -> u64 {
        let count = 4 * u32::from(FIRST_KEY_BLOCK - 1 + key);
        let failure = count + 3 + if self.failures_are_shifted { 4 } else { 0 };
        0x7 << count | 1 << failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_block_are_looked_for_where_the_chip_shows_them() {
        // Register, count's lowest bit, failure's bit: as espefuse has them for the first and the last two key blocks.
        let seen = |board, key| Map::of(board).unwrap().code_errors(key);
        for (board, key, count, failure) in [
            (Board::Esp32C3, 0, (0, 12), (0, 19)),
            (Board::Esp32C3, 4, (0, 28), (1, 3)),
            (Board::Esp32C3, 5, (1, 0), (1, 7)),
            (Board::Esp32C6, 0, (0, 12), (0, 15)),
            (Board::Esp32S3, 4, (0, 28), (0, 31)),
            (Board::Esp32S3, 5, (1, 0), (1, 3)),
        ] {
            let bit = |(register, bit): (u32, u32)| register * 32 + bit;
            assert_eq!(seen(board, key), 0x7 << bit(count) | 1 << bit(failure), "{board} {key}");
        }
    }
}
