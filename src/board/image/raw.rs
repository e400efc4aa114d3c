//! What runs in place: the boot stage of the emulated board, which the machine starts where it lies.

use object::{
    Endianness, elf,
    read::elf::{ElfFile32, FileHeader as _, ProgramHeader as _},
};

use super::Error;

/// The length of one flash unit of `qemu-system-riscv32 -M virt`; QEMU takes a file of no other length.
pub const UNIT_BYTES: u64 = 32 * 1024 * 1024;

/// Where the first unit begins, and the machine starts.
const BASE: u32 = 0x2000_0000;

/// The bytes of a program as they lie in the first flash unit, from its beginning to the program's end.
///
/// # Errors
/// When it is no ELF file, or has a part that does not lie in that unit.
pub fn raw(elf: &[u8]) -> Result<Vec<u8>, Error> {
    let file = ElfFile32::<Endianness>::parse(elf)?;
    let endian = file.endian();
    let mut bytes: Vec<u8> = Vec::new();
    for header in file.elf_header().program_headers(endian, elf)? {
        let data = header.data(endian, elf).unwrap_or_default();
        if header.p_type(endian) != elf::PT_LOAD || data.is_empty() {
            continue;
        }
        // Where it lies, not where it runs: initialised data lies behind the code and is copied from there.
        let place = header.p_paddr(endian);
        let offset = place.checked_sub(BASE).map(|offset| offset as usize).ok_or(Error::Overlap(place))?;
        if offset as u64 + data.len() as u64 > UNIT_BYTES {
            return Err(Error::Overlap(place));
        }
        if bytes.len() < offset + data.len() {
            bytes.resize(offset + data.len(), 0);
        }
        bytes[offset..offset + data.len()].copy_from_slice(data);
    }
    if bytes.is_empty() { Err(Error::Empty) } else { Ok(bytes) }
}
