//! An ArduCAM that is simulated at its two buses: it knows its registers, resets, banks, the frame memory and its read
//! pointer, and complains about what the real one would not do.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, vec::Vec};

use embedded_hal::{
    delay::DelayNs,
    i2c::{ErrorKind as ControlErrorKind, ErrorType as ControlErrorType, I2c, Operation as ControlOperation},
    spi::{ErrorKind, ErrorType, Operation, SpiDevice},
};

/// What is on the board, shared by its two buses and the clock.
#[derive(Default)]
pub(super) struct Board {
    /// Frames that the sensor will see.
    pub(super) frames: VecDeque<Vec<u8>>,
    pub(super) memory: Vec<u8>,
    pub(super) at: usize,
    pub(super) registers: Vec<[u8; 256]>,
    bank: usize,
    pointer: u8,
    test: u8,
    pins: u8,
    held: bool,
    /// Milliseconds that the sensor still needs after its reset.
    resetting: u32,
    capturing: bool,
    polls: u32,
    done: bool,
    /// What the length registers say, when that is not the length.
    pub(super) claims: Option<u32>,
    pub(super) product: [u8; 2],
    pub(super) absent: bool,
    /// The longest read in one transfer, and how many there were.
    pub(super) longest: usize,
    pub(super) transfers: usize,
}

#[derive(Clone)]
pub(super) struct Bus(pub(super) Rc<RefCell<Board>>);

impl Bus {
    pub(super) fn new(frames: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(Rc::new(RefCell::new(Board {
            frames: frames.into_iter().collect(),
            product: [0x26, 0x42],
            registers: std::vec![[0; 256]; 2],
            ..Board::default()
        })))
    }
}

impl Board {
    fn is_powered(&self) -> bool {
        self.pins & 0b111 == 0b101
    }

    fn write(&mut self, register: u8, value: u8) {
        match register {
            0x07 => self.held = value & 0x80 != 0,
            _ if self.held => panic!("register {register:#x} is written while the ArduChip is held in reset"),
            0x00 => self.test = value,
            0x01 => assert_eq!(value, 0, "one frame"),
            0x04 => {
                if value & 0x01 != 0 {
                    self.done = false;
                }
                if value & 0x10 != 0 {
                    self.at = 0;
                }
                if value & 0x02 != 0 {
                    assert!(self.is_powered(), "a capture while the sensor sleeps");
                    assert!(!self.done, "a capture before the last one was cleared");
                    assert_eq!(self.registers[0][0xDA], 0x10, "the sensor sends JPEG");
                    assert_eq!(self.registers[0][0xE0], 0x00, "nothing in the sensor is held in reset");
                    self.capturing = true;
                    self.polls = 3;
                }
            }
            0x06 => self.pins = value,
            other => panic!("the ArduChip has no register {other:#x} to write"),
        }
    }

    fn read(&mut self, register: u8) -> u8 {
        let bytes = self.claims.unwrap_or(self.memory.len() as u32).to_le_bytes();
        match register {
            0x00 => self.test,
            0x41 => {
                if self.capturing {
                    self.polls -= 1;
                    if self.polls == 0 {
                        self.capturing = false;
                        self.done = true;
                        self.memory = self.frames.pop_front().unwrap_or_default();
                    }
                }
                u8::from(self.done) << 3
            }
            0x42..=0x44 => bytes[usize::from(register) - 0x42],
            other => panic!("the ArduChip has no register {other:#x} to read"),
        }
    }
}

impl ErrorType for Bus {
    type Error = ErrorKind;
}

impl SpiDevice for Bus {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
        let mut board = self.0.borrow_mut();
        if board.absent {
            for operation in operations {
                if let Operation::Read(bytes) = operation {
                    bytes.fill(0xFF);
                }
            }
            return Ok(());
        }
        match operations {
            [Operation::Write([first, value])] if first & 0x80 != 0 => board.write(first & 0x7F, *value),
            [Operation::Write([0x3C]), Operation::Read(bytes)] => {
                board.longest = board.longest.max(bytes.len());
                board.transfers += 1;
                for byte in bytes.iter_mut() {
                    *byte = board.memory.get(board.at).copied().unwrap_or(0);
                    board.at += 1;
                }
            }
            [Operation::Write([register]), Operation::Read(value)] if value.len() == 1 => {
                value[0] = board.read(*register)
            }
            other => panic!("the ArduChip understands no {other:?}"),
        }
        Ok(())
    }
}

impl ControlErrorType for Bus {
    type Error = ControlErrorKind;
}

impl I2c for Bus {
    fn transaction(&mut self, address: u8, operations: &mut [ControlOperation<'_>]) -> Result<(), ControlErrorKind> {
        let mut board = self.0.borrow_mut();
        let board = &mut *board;
        if address != 0x30 || board.absent || !board.is_powered() || board.resetting > 0 {
            return Err(ControlErrorKind::NoAcknowledge(embedded_hal::i2c::NoAcknowledgeSource::Address));
        }
        assert_eq!(operations.len(), 1, "SCCB has no repeated start");
        match &mut operations[0] {
            ControlOperation::Write([register]) => board.pointer = *register,
            ControlOperation::Write([0xFF, bank]) => board.bank = usize::from(*bank & 1),
            ControlOperation::Write([0x12, value]) if board.bank == 1 && *value & 0x80 != 0 => {
                board.registers.fill([0; 256]);
                board.resetting = 10;
            }
            ControlOperation::Write([register, value]) => board.registers[board.bank][usize::from(*register)] = *value,
            ControlOperation::Read([value]) => {
                *value = match (board.bank, board.pointer) {
                    (1, 0x0A) => board.product[0],
                    (1, 0x0B) => board.product[1],
                    (bank, register) => board.registers[bank][usize::from(register)],
                };
            }
            other => panic!("SCCB has no {other:?}"),
        }
        Ok(())
    }
}

impl DelayNs for Bus {
    fn delay_ns(&mut self, ns: u32) {
        let mut board = self.0.borrow_mut();
        board.resetting = board.resetting.saturating_sub(ns / 1_000_000);
    }

    fn delay_ms(&mut self, ms: u32) {
        let mut board = self.0.borrow_mut();
        board.resetting = board.resetting.saturating_sub(ms);
    }
}
