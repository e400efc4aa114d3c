//! A chip's eFuse controller in memory, stricter than a real one: what a real one would burn wrongly, or not at all, is a panic
//! here. Power can be cut at every write to a register, and in the middle of a programming.

use super::{
    super::{Description, Device, Error, device::Registers, device::Written, record::Record},
    chip::{
        BLOCK0, BLOCK0_ERRORS, BUSY, CODE_ERRORS, COMMAND, FIRST_KEY_BLOCK, KEY_BLOCKS, KEY0, MAY_PROGRAM, MAY_READ,
        Map, OPERATION, PROGRAM, PROGRAM_BLOCK, PROGRAM_WORDS, READ,
    },
    code::check_bytes,
    state::{Begun, Block0, EfusePlan, HMAC_UP},
    *,
};

/// What is burnt, or what was read of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cells {
    block0: [u32; 6],
    keys: [[u32; PROGRAM_WORDS]; KEY_BLOCKS as usize],
}

/// Which of the bits that are being programmed are set when power fails meanwhile.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at_write: u64,
    bits: [u32; PROGRAM_WORDS],
}

struct Chip {
    description: Description,
    map: &'static Map,
    cells: Cells,
    read: Cells,
    program: [u32; PROGRAM_WORDS],
    operation: u32,
    timing: std::collections::BTreeMap<u32, u32>,
    busy: u32,
    writes: u64,
    /// Which of the writes began a programming.
    programmings: Vec<u64>,
    cut: Option<Cut>,
    gone: bool,
}

/// Whether a block with its check words is as one that was encoded, and so neither damaged nor half burnt.
fn is_whole(words: &[u32; PROGRAM_WORDS]) -> bool {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    check_bytes(bytes[..DATA_BYTES].try_into().unwrap()) == bytes[DATA_BYTES..]
}

impl Chip {
    fn new(board: Board) -> Self {
        let description = Description {
            chip: board.name().to_owned(),
            board: Some(board),
            mac: "24:0a:c4:00:00:01".to_owned(),
            flash_bytes: 4 << 20,
            port: "model".to_owned(),
        };
        let map = Map::of(board).unwrap();
        let (cells, program, timing) = (Cells::default(), [0; PROGRAM_WORDS], std::collections::BTreeMap::new());
        let (operation, busy, writes) = (0, 0, 0);
        let (read, programmings, cut, gone) = (cells, Vec::new(), None, false);
        Self { description, map, cells, read, program, operation, timing, busy, writes, programmings, cut, gone }
    }

    /// The same chip after power was away.
    fn started(&self) -> Self {
        let mut chip = Self::new(self.description.board.unwrap());
        chip.cells = self.cells;
        chip.load();
        chip
    }

    fn block0(&self) -> Block0 {
        Block0(self.cells.block0)
    }

    fn load(&mut self) {
        self.read = self.cells;
        for key in 0..KEY_BLOCKS {
            if self.block0().key_is_hidden(key) {
                self.read.keys[usize::from(key)] = [0; PROGRAM_WORDS];
            }
        }
    }

    fn code_errors(&self) -> u64 {
        let faulty = |key: &u8| !is_whole(&self.read.keys[usize::from(*key)]);
        (0..KEY_BLOCKS).filter(faulty).map(|key| self.map.code_errors(key)).sum()
    }

    fn burn(&mut self, block: u32, bits: &[u32; PROGRAM_WORDS]) {
        assert_eq!(self.operation, MAY_PROGRAM);
        for (register, field, value) in self.map.timing {
            assert_eq!(self.timing.get(&register).copied().unwrap_or(0) & field, value, "timing at {register:#x}");
        }
        assert!(self.program.iter().any(|word| *word != 0), "nothing is programmed");
        if block == 0 {
            let closed = |bit: u32| self.cells.block0[0] & 1 << bit != 0;
            assert!(self.program[6..].iter().all(|word| *word == 0), "block 0 is shorter");
            for key in 0..KEY_BLOCKS {
                let giving = Block0::giving(key).0;
                let purpose = (0..6).any(|word| self.program[word] & (giving[word] | giving[word] >> 1) != 0);
                assert!(!(purpose && closed(8 + u32::from(key))), "the purpose is closed");
            }
            assert!(!(self.program[1] != 0 && closed(0)), "the protection from reading is closed");
            for (word, bits) in self.cells.block0.iter_mut().zip(bits) {
                *word |= bits;
            }
            return;
        }
        let key = block.checked_sub(u32::from(FIRST_KEY_BLOCK)).filter(|key| *key < u32::from(KEY_BLOCKS));
        let key = key.expect("only key blocks and block 0 are programmed");
        assert!(is_whole(&self.program), "the check words are wrong");
        assert_eq!(self.cells.block0[0] & 1 << (23 + key), 0, "the block is closed");
        let cells = &mut self.cells.keys[key as usize];
        assert!(*cells == [0; PROGRAM_WORDS] || *cells == self.program, "a block with a code is programmed once");
        for (word, bits) in cells.iter_mut().zip(bits) {
            *word |= bits;
        }
    }

    fn store(&mut self, register: u32, value: u32) {
        assert_eq!(self.busy, 0, "a register is written while the controller works");
        match register {
            0..=0x28 => self.program[(register - PROGRAM) as usize / 4] = value,
            OPERATION => self.operation = value,
            COMMAND if value == READ => {
                assert_eq!(self.operation, MAY_READ);
                self.load();
                self.busy = READ;
            }
            COMMAND => {
                assert_eq!(value & BUSY, PROGRAM_BLOCK);
                self.programmings.push(self.writes);
                let bits = self.cut.filter(|cut| cut.at_write == self.writes).map_or([u32::MAX; 11], |cut| cut.bits);
                let bits = std::array::from_fn(|word| self.program[word] & bits[word]);
                self.burn(value >> 2, &bits);
                self.busy = PROGRAM_BLOCK;
            }
            _ if self.map.timing.iter().any(|(timing, ..)| *timing == register) => {
                self.timing.insert(register, value);
            }
            _ => panic!("{register:#x} cannot be written"),
        }
    }

    fn load_register(&mut self, register: u32) -> u32 {
        if register == COMMAND {
            return std::mem::take(&mut self.busy);
        }
        assert_eq!(self.busy, 0, "a register is read while the controller works");
        match register {
            0..=0x28 => self.program[(register - PROGRAM) as usize / 4],
            _ if (BLOCK0..BLOCK0 + 24).contains(&register) => self.read.block0[(register - BLOCK0) as usize / 4],
            _ if (KEY0..KEY0 + 6 * 32).contains(&register) => {
                let word = (register - KEY0) as usize / 4;
                self.read.keys[word / 8][word % 8]
            }
            _ if BLOCK0_ERRORS.contains(&register) => 0,
            _ if register == CODE_ERRORS[0] => self.code_errors() as u32,
            _ if register == CODE_ERRORS[1] => (self.code_errors() >> 32) as u32,
            _ => self.timing.get(&register).copied().unwrap_or(0),
        }
    }

    /// The key that the firmware would take; the test fails when it is not whole, or when software can read it.
    #[track_caller]
    fn taken(&self) -> Option<u8> {
        let key = (0..KEY_BLOCKS).find(|key| self.block0().purpose(*key) == HMAC_UP)?;
        let words = &self.cells.keys[usize::from(key)];
        assert!(is_whole(words) && words[..8] != [0; 8], "the firmware takes a key that is not whole");
        assert!(self.block0().key_is_hidden(key), "the firmware takes a key that anybody can read");
        Some(key)
    }
}

impl Registers for Chip {
    fn read_register(&mut self, address: u32) -> Result<u32, Error> {
        if self.gone { Err(gone()) } else { Ok(self.load_register(address - self.map.base)) }
    }

    fn write_register(&mut self, address: u32, value: u32) -> Result<(), Error> {
        if self.gone {
            return Err(gone());
        }
        self.writes += 1;
        self.store(address - self.map.base, value);
        self.gone = self.cut.is_some_and(|cut| cut.at_write == self.writes);
        if self.gone { Err(gone()) } else { Ok(()) }
    }
}

fn gone() -> Error {
    Error::Vanished { board: "model".to_owned(), port: "model".to_owned() }
}

impl Device for Chip {
    fn description(&self) -> &Description {
        &self.description
    }
    fn md5(&mut self, _: u32, _: u32) -> Result<[u8; 16], Error> {
        Err(gone())
    }
    fn read(&mut self, _: u32, _: u32) -> Result<Vec<u8>, Error> {
        Err(gone())
    }
    fn write(&mut self, _: u32, _: &[u8], _: Written<'_>) -> Result<(), Error> {
        Err(gone())
    }
    fn erase(&mut self, _: u32, _: u32) -> Result<(), Error> {
        Err(gone())
    }
    fn recover(&mut self) -> Result<Option<String>, Error> {
        Ok(None)
    }
    fn start(&mut self) -> Result<(), Error> {
        Ok(())
    }
    fn registers(&mut self) -> Option<&mut dyn Registers> {
        Some(self)
    }
}

const BOARDS: [Board; 3] = [Board::Esp32C3, Board::Esp32C6, Board::Esp32S3];

/// Looks, and burns what is planned; says what the journal then knows.
fn run(chip: &mut Chip, begun: Option<Begun>, seed: u64) -> (Result<EfusePlan, Error>, Option<Begun>) {
    let mut known = begun;
    let mut note = |record: &Record| {
        known = match record {
            Record::EfusesBegun { block } => Some(Begun { block: *block, verified: false }),
            Record::EfusesVerified { block } => Some(Begun { block: *block, verified: true }),
            _ => None,
        };
        Ok(())
    };
    let ended = look(chip, begun).and_then(|planned| burn(chip, planned, begun, &Random::seeded(seed), &mut note));
    (ended, known)
}

/// A chip that was burnt as it should be.
#[track_caller]
fn assert_done(chip: &Chip) -> u8 {
    let key = chip.taken().expect("there is a key");
    let all = Block0::hiding(key).with(&Block0::closing(key)).with(&Block0::giving(key));
    assert_eq!(chip.block0().with(&all), chip.block0());
    key
}

#[test]
fn a_key_is_burnt_hidden_given_and_closed() {
    for board in BOARDS {
        let mut chip = Chip::new(board);
        assert_eq!(look(&mut chip, None).unwrap(), EfusePlan::Burn { block: 0, given_up: None });
        assert_eq!(chip.writes, 0, "to look writes nothing");
        let (ended, known) = run(&mut chip, None, 1);
        assert_eq!((ended.unwrap(), known), (EfusePlan::Burn { block: 0, given_up: None }, None));
        assert_eq!(assert_done(&chip), 0);
        let mut key = [0; DATA_BYTES];
        Random::seeded(1).fill(&mut key);
        assert_eq!(chip.cells.keys[0], *key_words(&key));
        assert_eq!(chip.cells.block0, [1 << 8 | 1 << 23, 1, 8 << 24, 0, 0, 0]);
        assert_eq!(chip.program, [0; PROGRAM_WORDS], "the key does not stay in the controller");
        // Again: nothing is burnt.
        let before = chip.cells;
        let mut chip = chip.started();
        let (ended, _) = run(&mut chip, None, 2);
        assert_eq!(ended.unwrap(), EfusePlan::There { block: 0, hidden: true });
        assert!(chip.cells == before);
    }
}

#[test]
fn whatever_write_power_fails_at_the_next_run_ends_well_and_no_half_key_is_taken() {
    let random = Random::seeded(9);
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    for board in BOARDS {
        let mut whole = Chip::new(board);
        run(&mut whole, None, 1).0.unwrap();
        for at_write in 1..=whole.writes {
            // Between programmings nothing can be half done.
            let kinds = if whole.programmings.contains(&at_write) { 0..40 } else { 1..2 };
            for kind in kinds {
                let bits = match kind {
                    0 => [0; PROGRAM_WORDS],
                    1 => [u32::MAX; PROGRAM_WORDS],
                    // One word of several: the second to last kinds leave the check words, or nothing but them.
                    2 => std::array::from_fn(|word| if word < 8 { u32::MAX } else { 0 }),
                    3 => std::array::from_fn(|word| if word < 8 { 0 } else { u32::MAX }),
                    4 => std::array::from_fn(|word| if word == 0 { u32::MAX } else { 0 }),
                    5 => std::array::from_fn(|word| if word == 0 { 0 } else { u32::MAX }),
                    _ => std::array::from_fn(|_| random.u64() as u32),
                };
                for journal_is_lost in [false, true] {
                    let mut chip = Chip::new(board);
                    chip.cut = Some(Cut { at_write, bits });
                    let (ended, known) = run(&mut chip, None, 1);
                    assert!(matches!(ended, Err(Error::Vanished { .. })));
                    chip.taken();
                    let mut chip = chip.started();
                    let begun = known.filter(|_| !journal_is_lost);
                    let (ended, known) = run(&mut chip, begun, 2);
                    assert_eq!(known, None);
                    let end = match ended.unwrap() {
                        EfusePlan::There { hidden, .. } => {
                            assert!(hidden);
                            chip.taken().unwrap();
                            "there"
                        }
                        EfusePlan::Finish { .. } => {
                            assert_done(&chip);
                            assert!(!journal_is_lost);
                            "finished"
                        }
                        EfusePlan::Burn { block, given_up } => {
                            assert_eq!(assert_done(&chip), block);
                            assert_eq!(given_up, (begun.is_some() && block == 1).then_some(0));
                            "burnt anew"
                        }
                        EfusePlan::CutOff { .. } => unreachable!(),
                    };
                    *ends.entry(end.to_owned()).or_default() += 1;
                }
            }
        }
    }
    assert_eq!(ends.len(), 3, "{ends:?}");
    println!("{ends:?}");
}

#[test]
fn what_is_not_free_is_passed_over_and_what_cannot_be_protected_is_refused() {
    let after = |change: &dyn Fn(&mut Cells)| {
        let mut chip = Chip::new(Board::Esp32C6);
        change(&mut chip.cells);
        let mut chip = chip.started();
        look(&mut chip, None)
    };
    let burnt_into = |change: &dyn Fn(&mut Cells)| after(change).unwrap().block();
    // Data of somebody; check words alone; another purpose; hidden; closed; a purpose that is closed.
    assert_eq!(burnt_into(&|cells| cells.keys[0] = *key_words(&[5; 32])), 1);
    assert_eq!(burnt_into(&|cells| cells.keys[0][9] = 1), 1);
    assert_eq!(burnt_into(&|cells| cells.block0[2] = 4 << 24), 1);
    assert_eq!(burnt_into(&|cells| cells.block0[1] = 1), 1);
    assert_eq!(burnt_into(&|cells| cells.block0[0] = 1 << 23), 1);
    assert_eq!(burnt_into(&|cells| cells.block0[0] = 0b11 << 8), 2);
    assert_eq!(burnt_into(&|cells| cells.block0[1] = 0b1_1111), 5);
    let why = |result: Result<EfusePlan, Error>| match result {
        Err(Error::EfusesRefused { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert!(why(after(&|cells| cells.block0[1] = 0b11_1111)).contains("none of its key blocks is free"));
    assert!(why(after(&|cells| cells.block0[0] = 1)).contains("secure boot"));
    // A key that somebody burnt is left as it is, also when anybody can read it.
    let there = after(&|cells| {
        cells.keys[3] = *key_words(&[5; 32]);
        cells.block0[3] = 8 << 4;
    });
    assert_eq!(there.unwrap(), EfusePlan::There { block: 3, hidden: false });
}

#[test]
fn what_changed_since_the_plan_is_not_burnt_and_other_boards_are_refused() {
    let mut chip = Chip::new(Board::Esp32S3);
    let planned = look(&mut chip, None).unwrap();
    chip.cells.keys[0] = *key_words(&[5; 32]);
    let before = chip.cells;
    let mut nothing = |_: &Record| panic!("it was begun");
    let refused = burn(&mut chip, planned, None, &Random::seeded(1), &mut nothing);
    assert!(matches!(refused, Err(Error::EfusesRefused { .. })));
    assert!(chip.cells == before);
    chip.description.board = None;
    assert!(matches!(look(&mut chip, None), Err(Error::NoEfuses { .. })));
    // A block that a damaged journal speaks of, and that is not there.
    let begun = Some(Begun { block: 200, verified: true });
    let mut chip = Chip::new(Board::Esp32S3);
    assert_eq!(look(&mut chip, begun).unwrap(), EfusePlan::Burn { block: 0, given_up: None });
}

/// A line that turns bits over, or a chip that says whatever it likes.
struct Noise {
    chip: Chip,
    random: Random,
    /// Of this many words that are read or written, one is another.
    one_in: u64,
}

impl Registers for Noise {
    fn read_register(&mut self, address: u32) -> Result<u32, Error> {
        let word = if self.one_in == 1 { 0 } else { self.chip.read_register(address)? };
        Ok(if self.random.below(self.one_in) == 0 { word ^ self.random.u64() as u32 } else { word })
    }
    fn write_register(&mut self, address: u32, value: u32) -> Result<(), Error> {
        if self.one_in == 1 {
            return Ok(());
        }
        let program = address - self.chip.map.base < 0x2c;
        let value =
            if program && self.random.below(self.one_in) == 0 { value ^ 1 << self.random.below(32) } else { value };
        self.chip.write_register(address, value)
    }
}

#[test]
fn words_that_were_turned_over_on_the_line_are_not_burnt() {
    let mut refused = 0;
    for seed in 0..200 {
        let map = Map::of(Board::Esp32C3).unwrap();
        let mut line = Noise { chip: Chip::new(Board::Esp32C3), random: Random::seeded(seed), one_in: 40 };
        let mut wrong = 0;
        let words = key_words(&[seed as u8; 32]);
        let mut controller = Controller::new(&mut line, map, "model");
        for _ in 0..3 {
            // The model panics at wrong check words, so what was burnt is what was meant.
            wrong += u32::from(controller.program_key(0, &words).is_err());
        }
        assert!(line.chip.cells.keys[0] == *words || line.chip.cells.keys[0] == [0; PROGRAM_WORDS]);
        refused += wrong;
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn a_chip_that_says_whatever_it_likes_ends_in_a_plan_or_an_error() {
    for seed in 0..20_000 {
        let map = Map::of(Board::Esp32C3).unwrap();
        let mut line = Noise { chip: Chip::new(Board::Esp32C3), random: Random::seeded(seed), one_in: 1 };
        let state = Controller::new(&mut line, map, "model").state().unwrap();
        let begun = (seed % 3 != 0).then_some(Begun { block: seed as u8, verified: seed % 2 == 0 });
        let _ = state::plan(&state, begun);
        let mut quiet = state;
        quiet.block0_is_faulty = false;
        let _ = state::plan(&quiet, begun);
    }
}
