//! The application descriptor: what an image says of itself (esp-idf, `esp_app_desc_t`).

use wildcam_core::image::{DESCRIPTION_BYTES, Description};

/// Its first four bytes.
pub(super) const MAGIC: [u8; 4] = 0xABCD_5432_u32.to_le_bytes();

/// Its length.
pub(super) const BYTES: usize = DESCRIPTION_BYTES;

const ELF_HASH: usize = 144;

/// What the descriptor of an image says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// The version of the application.
    pub version: String,
    /// The name of the application.
    pub project: String,
    /// The SHA-256 of the ELF file that the image was made from: our build id.
    pub build_id: [u8; 32],
}

impl Descriptor {
    /// Reads the descriptor that `bytes` begin with.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let said = Description::parse(bytes)?;
        // It may be an image of anybody, and is shown in a terminal.
        let text = |field: &str| field.chars().filter(|letter| !letter.is_control()).collect();
        Some(Self { version: text(said.version()), project: text(said.project()), build_id: said.build_id })
    }

    /// Reads the descriptor of an application image: it lies behind the two headers.
    #[must_use]
    pub fn of_image(image: &[u8]) -> Option<Self> {
        image.first().filter(|magic| **magic == super::application::MAGIC)?;
        Self::read(image.get(super::application::FIRST_DATA..)?)
    }
}

/// Writes the ELF file's hash into the descriptor that `bytes` begin with. No linker can do this: the hash is of what it wrote.
pub(super) fn sign(bytes: &mut [u8], elf_hash: &[u8; 32]) {
    if let Some(field) = bytes.get_mut(ELF_HASH..ELF_HASH + 32) {
        field.copy_from_slice(elf_hash);
    }
}
