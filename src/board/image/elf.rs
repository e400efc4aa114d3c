//! What the linker wrote: the parts that are loaded, and where.

use object::{
    Endianness, Object as _, ObjectSection as _, SectionFlags, elf,
    read::elf::{ElfFile32, FileHeader as _},
};

use super::{Error, descriptor};

/// A part of a program at its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) address: u32,
    pub(super) data: Vec<u8>,
}

impl Piece {
    pub(super) fn end(&self) -> u32 {
        // Sections of an ELF file for 32 bits end within 32 bits, which `read` has seen.
        self.address.wrapping_add(u32::try_from(self.data.len()).unwrap_or(u32::MAX))
    }
}

/// A program as it is loaded.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) entry: u32,
    /// By address, without overlap.
    pub(super) pieces: Vec<Piece>,
    /// The address of the application descriptor.
    pub(super) descriptor: Option<u32>,
}

impl Program {
    /// Reads the sections that hold something to load. They and not the program headers: a linker may put the headers of
    /// the file itself into the first segment.
    ///
    /// # Errors
    /// When it is no ELF file for 32 bits, holds nothing, or two parts overlap.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let file = ElfFile32::<Endianness>::parse(bytes)?;
        let entry = file.elf_header().e_entry(file.endian());
        let mut pieces = Vec::new();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            let kind = section.elf_section_header().sh_type.get(file.endian());
            let loaded = sh_flags.0 & elf::SHF_ALLOC.0 != 0 && kind != elf::SHT_NOBITS;
            let data = section.data()?;
            let Ok(address) = u32::try_from(section.address()) else { continue };
            if loaded && !data.is_empty() && address != 0 {
                let length = u32::try_from(data.len()).ok();
                length.and_then(|length| address.checked_add(length)).ok_or(Error::Overlap(address))?;
                pieces.push(Piece { address, data: data.to_vec() });
            }
        }
        if pieces.is_empty() {
            return Err(Error::Empty);
        }
        pieces.sort_by_key(|piece| piece.address);
        if let Some(pair) = pieces.windows(2).find(|pair| pair[0].end() > pair[1].address) {
            return Err(Error::Overlap(pair[1].address));
        }
        let marked =
            |piece: &&Piece| piece.data.len() >= descriptor::BYTES && piece.data.starts_with(&descriptor::MAGIC);
        let descriptor = pieces.iter().find(marked).map(|piece| piece.address);
        Ok(Self { entry, pieces, descriptor })
    }
}
