//! What instructions name: the places of calls, jumps, loads and constants.
//!
//! When a line of a program grows, everything behind it moves, and each instruction that names a place across it changes. Here
//! such an instruction of the base is guessed as it will stand in the target, from how far the place that it names moved.
//!
//! RISC-V: The RISC-V Instruction Set Manual, volume I, chapters 2 (RV32I) and "C" extension. Xtensa: Xtensa Instruction Set
//! Architecture Reference Manual, "Core Architecture", "Windowed Register Option" and "Code Density Option".

use super::{
    model::{Kind, Unit},
    places::Moves,
};

/// Whose instructions an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Nobody's: bytes, and words that look like addresses.
    Plain,
    /// RISC-V with 32 bits and compressed instructions.
    RiscV,
    /// Xtensa, little-endian.
    Xtensa,
}

/// How many bytes the operands of an instruction may lie apart from it: those of a pair are seldom further.
pub(super) const AHEAD: usize = 20;

/// An address that a register holds, as far as instructions told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    /// In the base.
    before: u32,
    /// In the target.
    now: u32,
}

/// Both addresses of an instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) before: u32,
    pub(super) now: u32,
}

/// What is to be learned when the instruction of the target is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lesson {
    None,
    /// It names what was at this address of the base.
    Place(u32),
    /// It brings the upper part of this address of the base into a register.
    Upper(usize, u32),
    /// It adds to the register; together they name what was at this address of the base.
    Lower(usize, u32),
}

/// A guess, and what to learn from what it turns out to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guess {
    pub(super) unit: Unit,
    lesson: Lesson,
}

/// What is known of the registers of a RISC-V. It is forgotten at the end of each sector of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registers([Option<Held>; 32]);

impl Registers {
    pub(super) const NEW: Self = Self([None; 32]);
}

/// How many bytes an instruction has that begins with this byte.
pub(super) fn bytes_of(architecture: Architecture, first: u8) -> u32 {
    match architecture {
        Architecture::Plain => 1,
        Architecture::RiscV => {
            if first & 3 == 3 {
                4
            } else {
                2
            }
        }
        Architecture::Xtensa => {
            if first & 15 >= 8 {
                2
            } else {
                3
            }
        }
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// A word of the base that looks like an address.
pub(super) fn address(value: u32, moves: &Moves) -> Guess {
    let guess = value.wrapping_add(moves.of(value));
    Guess { unit: Unit { kind: Kind::Address, bytes: 4, before: value, guess }, lesson: Lesson::Place(value) }
}

/// The instruction of the base that begins `code`, which also has what follows it; `None` when it is cut off.
pub(super) fn instruction(
    architecture: Architecture,
    code: &[u8],
    at: At,
    registers: &Registers,
    moves: &Moves,
) -> Option<Guess> {
    let bytes = bytes_of(architecture, *code.first()?) as usize;
    let raw = word(code.get(..bytes)?);
    let plain = |kind| Guess { unit: Unit { kind, bytes, before: raw, guess: raw }, lesson: Lesson::None };
    Some(match (architecture, bytes) {
        (Architecture::Plain, _) => plain(Kind::Byte),
        (_, 2) => plain(Kind::Short),
        (Architecture::Xtensa, _) => xtensa(raw, at, moves).unwrap_or(plain(Kind::Long)),
        (Architecture::RiscV, _) => riscv(raw, code, at, registers, moves).unwrap_or(plain(Kind::Long)),
    })
}

fn guess(kind: Kind, bytes: usize, before: u32, guess: u32, lesson: Lesson) -> Option<Guess> {
    Some(Guess { unit: Unit { kind, bytes, before, guess }, lesson })
}

// CALL0, CALL4, CALL8, CALL12: 18 bits, in words, from the word after that of the instruction on.
fn is_call(raw: u32) -> bool {
    raw & 0xF == 5
}

fn called(raw: u32, at: u32) -> u32 {
    let words = (raw << 8) as i32 >> 14;
    (at & !3).wrapping_add(4).wrapping_add((words << 2) as u32)
}

fn call(raw: u32, at: u32, place: u32) -> u32 {
    let words = place.wrapping_sub((at & !3).wrapping_add(4)) >> 2;
    raw & 0x3F | (words & 0x3_FFFF) << 6
}

// J: 18 bits, in bytes, from the fourth byte on.
fn is_jump(raw: u32) -> bool {
    raw & 0x3F == 6
}

fn jumped(raw: u32, at: u32) -> u32 {
    at.wrapping_add(4).wrapping_add(((raw << 8) as i32 >> 14) as u32)
}

fn jump(raw: u32, at: u32, place: u32) -> u32 {
    raw & 0x3F | (place.wrapping_sub(at.wrapping_add(4)) & 0x3_FFFF) << 6
}

// L32R: 16 bits, in words, always backwards from the next word on.
fn is_load(raw: u32) -> bool {
    raw & 0xF == 1
}

fn loaded(raw: u32, at: u32) -> u32 {
    (at.wrapping_add(3) & !3).wrapping_add(0xFFFC_0000 | (raw >> 8 & 0xFFFF) << 2)
}

fn load(raw: u32, at: u32, place: u32) -> u32 {
    raw & 0xFF | (place.wrapping_sub(at.wrapping_add(3) & !3) >> 2 & 0xFFFF) << 8
}

fn xtensa(raw: u32, at: At, moves: &Moves) -> Option<Guess> {
    let told = |kind, place: u32, made: fn(u32, u32, u32) -> u32| {
        guess(kind, 3, raw, made(raw, at.now, place.wrapping_add(moves.of(place))), Lesson::Place(place))
    };
    if is_call(raw) {
        told(Kind::Call, called(raw, at.before), call)
    } else if is_load(raw) {
        told(Kind::Upper, loaded(raw, at.before), load)
    } else if is_jump(raw) {
        told(Kind::Lower, jumped(raw, at.before), jump)
    } else {
        None
    }
}

const JAL: u32 = 0x6F;
const JALR: u32 = 0x67;
const AUIPC: u32 = 0x17;
const LUI: u32 = 0x37;
const LOAD: u32 = 0x03;
const STORE: u32 = 0x23;
const ADDI: u32 = 0x13;

fn opcode(raw: u32) -> u32 {
    raw & 0x7F
}

fn destination(raw: u32) -> usize {
    (raw >> 7 & 31) as usize
}

fn source(raw: u32) -> usize {
    (raw >> 15 & 31) as usize
}

/// The twelve bits that an instruction adds to its register, and whether it is one that does.
fn lower(raw: u32) -> Option<u32> {
    match opcode(raw) {
        LOAD | JALR => Some((raw as i32 >> 20) as u32),
        ADDI if raw >> 12 & 7 == 0 => Some((raw as i32 >> 20) as u32),
        STORE => Some(((raw as i32 >> 25 << 5) as u32) | raw >> 7 & 31),
        _ => None,
    }
}

fn with_lower(raw: u32, value: u32) -> u32 {
    if opcode(raw) == STORE {
        raw & 0x01FF_F07F | (value >> 5 & 0x7F) << 25 | (value & 31) << 7
    } else {
        raw & 0x000F_FFFF | value << 20
    }
}

/// Whether twelve bits can tell it.
fn is_near(value: u32) -> bool {
    (-2048..2048).contains(&(value as i32))
}

fn jal_offset(raw: u32) -> u32 {
    ((raw as i32 >> 31 << 20) as u32) | raw & 0x000F_F000 | (raw >> 20 & 1) << 11 | (raw >> 21 & 0x3FF) << 1
}

fn with_jal_offset(raw: u32, offset: u32) -> u32 {
    raw & 0xFFF
        | offset & 0x000F_F000
        | (offset >> 11 & 1) << 20
        | (offset >> 1 & 0x3FF) << 21
        | (offset >> 20 & 1) << 31
}

/// What the first instruction behind an upper part adds to its register.
fn added_behind(code: &[u8], register: usize) -> u32 {
    let mut at = 4;
    while let Some(rest) = code.get(at..at + 4) {
        let raw = word(rest);
        if raw & 3 == 3 {
            if source(raw) == register
                && let Some(lower) = lower(raw)
            {
                return lower;
            }
            at += 4;
        } else {
            at += 2;
        }
    }
    0
}

fn riscv(raw: u32, code: &[u8], at: At, registers: &Registers, moves: &Moves) -> Option<Guess> {
    match opcode(raw) {
        JAL => {
            let place = at.before.wrapping_add(jal_offset(raw));
            let offset = place.wrapping_add(moves.of(place)).wrapping_sub(at.now);
            guess(Kind::Call, 4, raw, with_jal_offset(raw, offset), Lesson::Place(place))
        }
        AUIPC | LUI => {
            let from = |at: u32| if opcode(raw) == AUIPC { at } else { 0 };
            let register = destination(raw);
            let upper = from(at.before).wrapping_add(raw & 0xFFFF_F000);
            let place = upper.wrapping_add(added_behind(code, register));
            // The lower part is signed, so that the upper one is rounded.
            let now = place.wrapping_add(moves.of(place)).wrapping_sub(from(at.now)).wrapping_add(0x800);
            guess(Kind::Upper, 4, raw, raw & 0xFFF | now & 0xFFFF_F000, Lesson::Upper(register, upper))
        }
        _ => {
            let lower = lower(raw)?;
            let held = registers.0[source(raw)]?;
            let place = held.before.wrapping_add(lower);
            let now = place.wrapping_add(moves.of(place)).wrapping_sub(held.now);
            let made = if is_near(now) { with_lower(raw, now) } else { raw };
            guess(Kind::Lower, 4, raw, made, Lesson::Lower(source(raw), place))
        }
    }
}

impl Guess {
    /// Learns from what stands in the target.
    pub(super) fn learn(
        &self,
        architecture: Architecture,
        value: u32,
        at: At,
        registers: &mut Registers,
        moves: &mut Moves,
    ) {
        match self.lesson {
            Lesson::None => {
                // Whatever writes a register makes it unknown; that some instructions write none does no harm.
                if architecture == Architecture::RiscV && self.unit.kind == Kind::Long {
                    registers.0[destination(value)] = None;
                }
            }
            Lesson::Place(before) => {
                let now = match (architecture, self.unit.kind) {
                    (_, Kind::Address) => Some(value),
                    (Architecture::RiscV, Kind::Call) if opcode(value) == JAL => {
                        Some(at.now.wrapping_add(jal_offset(value)))
                    }
                    (Architecture::Xtensa, Kind::Call) if is_call(value) => Some(called(value, at.now)),
                    (Architecture::Xtensa, Kind::Upper) if is_load(value) => Some(loaded(value, at.now)),
                    (Architecture::Xtensa, Kind::Lower) if is_jump(value) => Some(jumped(value, at.now)),
                    _ => None,
                };
                now.into_iter().for_each(|now| moves.learn(before, now));
            }
            Lesson::Upper(register, before) => {
                let from = match opcode(value) {
                    AUIPC => Some(at.now),
                    LUI => Some(0),
                    _ => None,
                };
                registers.0[register] = from.map(|from| Held { before, now: from.wrapping_add(value & 0xFFFF_F000) });
            }
            Lesson::Lower(register, before) => {
                if let (Some(held), Some(lower)) = (registers.0[register], lower(value))
                    && source(value) == register
                {
                    moves.learn(before, held.now.wrapping_add(lower));
                }
                if matches!(opcode(value), LOAD | ADDI | JALR) {
                    registers.0[destination(value)] = None;
                }
            }
        }
    }
}
