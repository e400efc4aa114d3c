//! Which sectors of a board differ from what they should hold, found by asking the board for the MD5 of ever smaller parts.
//!
//! An unchanged part costs one question. A part that is blank on the board costs one as well. Where everything differs,
//! the questions would cost more than they save, so there is a limit to how many may be asked in vain.

use wildcam_core::layout::SECTOR_BYTES;

use super::{Device, Error, md5};

/// How many questions in vain are too many: enough to find one changed sector in the largest slot.
const VAIN_QUESTIONS: u32 = 24;

/// What is to be done to a run of sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The first byte, from the beginning of the flash.
    pub offset: u32,
    /// A whole number of sectors.
    pub bytes: u32,
    /// The sectors are to be blank: erasing them is enough.
    pub blank: bool,
}

struct Search<'a> {
    device: &'a mut dyn Device,
    offset: u32,
    wanted: &'a [u8],
    vain: u32,
    found: Vec<Change>,
}

/// The changes that make the flash hold `wanted`, whole sectors, from `offset` on; in their order.
///
/// # Errors
/// Those of the device.
pub fn differences(device: &mut dyn Device, offset: u32, wanted: &[u8]) -> Result<Vec<Change>, Error> {
    let mut search = Search { device, offset, wanted, vain: 0, found: Vec::new() };
    let sectors = wanted.len() / SECTOR_BYTES as usize;
    search.look(0, sectors)?;
    Ok(search.found)
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0xff)
}

impl Search<'_> {
    fn part(&self, first: usize, sectors: usize) -> &[u8] {
        let sector = SECTOR_BYTES as usize;
        &self.wanted[first * sector..(first + sectors) * sector]
    }

    fn look(&mut self, first: usize, sectors: usize) -> Result<(), Error> {
        if sectors == 0 {
            return Ok(());
        }
        if self.vain >= VAIN_QUESTIONS {
            self.change(first, sectors, true);
            return Ok(());
        }
        let bytes = self.part(first, sectors).len();
        let there = self.device.md5(self.offset + at(first), u32::try_from(bytes).unwrap_or(u32::MAX))?;
        if there == md5(self.part(first, sectors)) {
            self.vain = 0;
            return Ok(());
        }
        self.vain += 1;
        if there == md5(&vec![0xff; bytes]) {
            // Nothing is there: what shall be blank is, and the rest is written without another question.
            self.vain = 0;
            self.change(first, sectors, false);
            return Ok(());
        }
        if sectors == 1 {
            self.change(first, sectors, true);
            return Ok(());
        }
        let half = sectors.div_ceil(2);
        self.look(first, half)?;
        self.look(first + half, sectors - half)
    }

    /// Notes sectors as changed, those to be blank apart; `erase` says whether these must be touched at all.
    fn change(&mut self, first: usize, sectors: usize, erase: bool) {
        for sector in first..first + sectors {
            let blank = is_blank(self.part(sector, 1));
            if blank && !erase {
                continue;
            }
            let offset = self.offset + at(sector);
            match self.found.last_mut() {
                Some(last) if last.blank == blank && last.offset + last.bytes == offset => last.bytes += SECTOR_BYTES,
                _ => self.found.push(Change { offset, bytes: SECTOR_BYTES, blank }),
            }
        }
    }
}

fn at(sector: usize) -> u32 {
    u32::try_from(sector).unwrap_or(u32::MAX) * SECTOR_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::flash::FlashFile;

    const OFFSET: u32 = 0x1_0000;

    fn noise(sectors: usize) -> Vec<u8> {
        let mut bytes = vec![0; sectors * SECTOR_BYTES as usize];
        crate::clock::Random::seeded(5).fill(&mut bytes);
        bytes
    }

    /// Counts the questions.
    struct Counted(FlashFile, u32);

    impl Device for Counted {
        fn description(&self) -> &crate::board::flash::Description {
            self.0.description()
        }
        fn md5(&mut self, offset: u32, bytes: u32) -> Result<[u8; 16], Error> {
            self.1 += 1;
            self.0.md5(offset, bytes)
        }
        fn read(&mut self, offset: u32, bytes: u32) -> Result<Vec<u8>, Error> {
            self.0.read(offset, bytes)
        }
        fn write(
            &mut self,
            offset: u32,
            data: &[u8],
            written: crate::board::flash::device::Written<'_>,
        ) -> Result<(), Error> {
            self.0.write(offset, data, written)
        }
        fn erase(&mut self, offset: u32, bytes: u32) -> Result<(), Error> {
            self.0.erase(offset, bytes)
        }
        fn recover(&mut self) -> Result<Option<String>, Error> {
            self.0.recover()
        }
        fn start(&mut self) -> Result<(), Error> {
            self.0.start()
        }
    }

    fn device(folder: &tempfile::TempDir) -> Counted {
        Counted(FlashFile::open(&folder.path().join("board.flash")).unwrap(), 0)
    }

    #[test]
    fn one_question_finds_that_nothing_changed_or_that_nothing_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = device(&folder);
        let mut wanted = noise(100);
        wanted[4096 * 10..4096 * 12].fill(0xff);
        let changes = differences(&mut device, OFFSET, &wanted).unwrap();
        assert_eq!(device.1, 1);
        let expected = [
            Change { offset: OFFSET, bytes: 10 * 4096, blank: false },
            Change { offset: OFFSET + 12 * 4096, bytes: 88 * 4096, blank: false },
        ];
        assert_eq!(changes, expected);
        device.0.write(OFFSET, &wanted, &mut |_| Ok(())).unwrap();
        assert_eq!(differences(&mut device, OFFSET, &wanted).unwrap(), []);
        assert_eq!(device.1, 2);
    }

    #[test]
    fn one_changed_sector_is_found_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = device(&folder);
        let there = noise(101);
        device.0.write(OFFSET, &there, &mut |_| Ok(())).unwrap();
        for sector in [0, 1, 50, 99, 100] {
            let mut wanted = there.clone();
            wanted[sector * 4096 + 17] ^= 1;
            device.1 = 0;
            let changes = differences(&mut device, OFFSET, &wanted).unwrap();
            assert_eq!(changes, [Change { offset: OFFSET + at(sector), bytes: 4096, blank: false }]);
            assert!(device.1 <= 16, "{} questions for sector {sector}", device.1);
        }
    }

    #[test]
    fn where_everything_differs_few_questions_are_asked_and_all_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = device(&folder);
        let mut wanted = noise(256);
        device.0.write(OFFSET, &wanted.iter().map(|byte| !byte).collect::<Vec<_>>(), &mut |_| Ok(())).unwrap();
        wanted[..4096].fill(0xff);
        let changes = differences(&mut device, OFFSET, &wanted).unwrap();
        assert!(device.1 <= VAIN_QUESTIONS, "{} questions", device.1);
        let expected = [
            Change { offset: OFFSET, bytes: 4096, blank: true },
            Change { offset: OFFSET + 4096, bytes: 255 * 4096, blank: false },
        ];
        assert_eq!(changes, expected);
    }
}
