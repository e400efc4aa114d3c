//! Where a program was when it panicked.
//!
//! Firmware for small chips keeps no frame pointers: a chain of frames would cost a register and code in every function.
//! Instead each word of the stack is taken that points into code right behind an instruction that calls. That is
//! everything that waits to be returned to, and now and then a word that an earlier call left behind.

/// Most places that a trace tells.
pub const MAX_CALLS: usize = 16;

/// Where the call stands that would return to `word`, on RISC-V: `jal`, `jalr`, `c.jal` or `c.jalr` that leaves its
/// return address in `ra` (The RISC-V Instruction Set Manual, volume I, chapters 2.5 and "C" Standard Extension).
///
/// `code` gives the byte of code at an address, `None` where there is no code.
#[must_use]
pub fn riscv_call(word: u32, code: impl Fn(u32) -> Option<u8>) -> Option<u32> {
    if !word.is_multiple_of(2) {
        return None;
    }
    let half = |at: u32| Some(u16::from_le_bytes([code(at)?, code(at.checked_add(1)?)?]));
    let short = word.checked_sub(2)?;
    let instruction = half(short)?;
    let is_jalr = instruction & 0xF07F == 0x9002 && instruction & 0x0F80 != 0;
    let is_jal = instruction & 0xE003 == 0x2001;
    if is_jalr || is_jal {
        return Some(short);
    }
    let long = word.checked_sub(4)?;
    // Opcode, and the destination: `ra` is register 1.
    matches!(half(long)? & 0x0FFF, 0x0EF | 0x0E7).then_some(long)
}

/// Where the call stands that would return to `word`, on Xtensa with register windows: `call4`, `call8`, `call12` and
/// their forms with a register. The two highest bits of the word are the size of the window; code lies in the second
/// gigabyte (Xtensa Instruction Set Architecture Reference Manual, "Windowed Register Option").
///
/// `code` gives the byte of code at an address, `None` where there is no code.
#[must_use]
pub fn xtensa_call(word: u32, code: impl Fn(u32) -> Option<u8>) -> Option<u32> {
    let window = word >> 30;
    if window == 0 {
        return None;
    }
    let at = (word & 0x3FFF_FFFF | 0x4000_0000).checked_sub(3)?;
    let bytes = [code(at)?, code(at + 1)?, code(at + 2)?];
    let direct = u32::from(bytes[0]) & 0x3F == window << 4 | 5;
    let register = u32::from(bytes[0]) == 0xC0 | window << 4 && bytes[1] & 0xF0 == 0 && bytes[2] == 0;
    (direct || register).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code that begins at an address.
    fn at(start: u32, bytes: &[u8]) -> impl Fn(u32) -> Option<u8> + '_ {
        move |address| bytes.get(usize::try_from(address.checked_sub(start)?).ok()?).copied()
    }

    #[test]
    fn calls_of_risc_v_are_known() {
        // auipc ra, 0; jalr ra, 8(ra); c.jalr a0; c.jr a0; c.jal 4; jal zero, 0; lw a0, 0(a0)
        let code = [
            0x97, 0x00, 0x00, 0x00, 0xE7, 0x80, 0x80, 0x00, 0x02, 0x95, 0x02, 0x85, 0x11, 0x20, 0x6F, 0x00, 0x00, 0x00,
            0x03, 0x25, 0x05, 0x00,
        ];
        let calls: std::vec::Vec<_> =
            (0x100..0x120).filter_map(|word| Some((word, riscv_call(word, at(0x100, &code))?))).collect();
        assert_eq!(calls, [(0x108, 0x104), (0x10A, 0x108), (0x10E, 0x10C)]);
        assert_eq!(riscv_call(0, at(0, &code)), None);
        assert_eq!(riscv_call(u32::MAX, |_| Some(0xFF)), None);
        assert_eq!(riscv_call(2, |_| Some(0)), None);
    }

    #[test]
    fn calls_of_xtensa_are_known() {
        // call8 with some offset; callx8 a8; nop.n and ret.n behind them.
        let code = [0x25, 0x01, 0x00, 0xE0, 0x08, 0x00, 0x3D, 0xF0];
        let start = 0x4200_0000;
        let known = |word: u32| xtensa_call(word, at(start, &code));
        assert_eq!(known(0x8200_0003), Some(start));
        assert_eq!(known(0x8200_0006), Some(start + 3));
        assert_eq!(known(0x4200_0003), None, "a window of another size");
        assert_eq!(known(0x0200_0003), None);
        assert_eq!(known(0x8200_0005), None);
        assert_eq!(known(0xC000_0000), None);
        assert_eq!(known(u32::MAX), None);
    }
}
