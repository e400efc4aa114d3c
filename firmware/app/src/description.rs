//! What an image says of itself: the structure `esp_app_desc_t` of ESP-IDF 5, which `esptool image-info` reads.

/// 256 bytes, first in the first data segment.
#[repr(C)]
pub(crate) struct Description {
    magic: u32,
    secure_version: u32,
    reserved_1: [u32; 2],
    version: [u8; 32],
    project: [u8; 32],
    time: [u8; 16],
    date: [u8; 16],
    idf: [u8; 32],
    /// SHA-256 of the ELF file, which `wildcam build` writes when it makes the image.
    build_id: [u8; 32],
    min_efuse_revision: u16,
    max_efuse_revision: u16,
    /// Binary logarithm of the page in which flash is mapped.
    page_log2: u8,
    reserved_2: [u8; 3],
    reserved_3: [u32; 18],
}

const _: () = assert!(size_of::<Description>() == 256);

/// The version of the firmware: that of the tool that built it.
pub(crate) const VERSION: &str = match option_env!("WILDCAM_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Time and date stay empty: the same source gives the same bytes.
#[used]
#[unsafe(link_section = ".flash.appdesc")]
#[unsafe(no_mangle)]
pub(crate) static esp_app_desc: Description = Description {
    magic: 0xabcd_5432,
    secure_version: 0,
    reserved_1: [0; 2],
    version: text(VERSION),
    project: text(env!("CARGO_PKG_NAME")),
    time: [0; 16],
    date: [0; 16],
    idf: text("none"),
    build_id: [0; 32],
    min_efuse_revision: 0,
    max_efuse_revision: u16::MAX,
    page_log2: 16,
    reserved_2: [0; 3],
    reserved_3: [0; 18],
};

/// `words` and zeros, cut so that one zero remains.
const fn text<const N: usize>(words: &str) -> [u8; N] {
    let mut field = [0; N];
    let mut n = 0;
    while n < words.len() && n < N - 1 {
        field[n] = words.as_bytes()[n];
        n += 1;
    }
    field
}
