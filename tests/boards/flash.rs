//! What a test does to the flash of a board that is off.

use std::{
    fs::OpenOptions,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
};

use embedded_storage::nor_flash::NorFlash as _;
use sha2::{Digest as _, Sha256};
use wildcam::board::Board;
use wildcam_core::{
    boot::{self, Slot},
    flash::FileFlash,
    image,
};

/// The size of a bank of flash of `-M virt`, and where the options lie in the one that is only read.
const BANK_BYTES: u32 = 32 << 20;
const OPTIONS_AT: u64 = BANK_BYTES as u64 - 2 * 4096;

/// Head of an image and of a segment.
const HEAD: usize = 24;
const SEGMENT_HEAD: usize = 8;

fn number(image: &[u8], at: usize) -> usize {
    u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) as usize
}

/// The segments of an image: where each is loaded, and its bytes in the image.
fn segments(image: &[u8]) -> Vec<(usize, std::ops::Range<usize>)> {
    let mut at = HEAD;
    (0..image[1])
        .map(|_| {
            let (load, bytes) = (number(image, at), number(image, at + 4));
            let content = at + SEGMENT_HEAD..at + SEGMENT_HEAD + bytes;
            at = content.end;
            (load, content)
        })
        .collect()
}

/// Gives a changed image the checksum and the hash that fit.
fn mend(mut image: Vec<u8>) -> Vec<u8> {
    let segments = segments(&image);
    let all = segments.iter().flat_map(|(_, content)| &image[content.clone()]);
    let checksum = all.fold(0xEF, |sum, byte| sum ^ byte);
    let end = (segments.last().unwrap().1.end + 1).next_multiple_of(16);
    image[end - 1] = checksum;
    let hash = Sha256::digest(&image[..end]);
    image[end..end + 32].copy_from_slice(&hash);
    image
}

/// The image with a first instruction that jumps to itself (`c.j 0`).
pub(crate) fn stuck_at_entry(mut image: Vec<u8>) -> Vec<u8> {
    let entry = number(&image, 4);
    let holds = |(load, content): &(usize, std::ops::Range<usize>)| (*load..load + content.len()).contains(&entry);
    let (load, content) = segments(&image).into_iter().find(holds).expect("the entry lies in a segment");
    let at = content.start + entry - load;
    image[at..at + 2].copy_from_slice(&[0x01, 0xA0]);
    mend(image)
}

/// Writes `image` into slot B and has it started from the next start on, as an updater will.
pub(crate) fn put_on_trial(path: &Path, image: &[u8]) {
    let layout = Board::QemuVirt.layout();
    let slot = layout.slots[Slot::B.index()];
    let mut flash = FileFlash::open(path, BANK_BYTES).unwrap();
    flash.erase(slot.offset, slot.end()).unwrap();
    let mut padded = image.to_vec();
    padded.resize(padded.len().next_multiple_of(4), 0xFF);
    flash.write(slot.offset, &padded).unwrap();
    let mark = image::verify(&mut flash, slot).expect("the update is whole").mark();
    boot::activate(&mut flash, layout.journal, Slot::B, mark).unwrap();
}

/// Writes the page of options of a board.
pub(crate) fn set_options(path: &Path, options: &[(&str, &str)], fault: Option<&str>) {
    let mut page = b"Wop1\n".to_vec();
    for (name, value) in options.iter().copied().chain(fault.map(|fault| ("fault", fault))) {
        page.extend(format!("{name}={value}\n").bytes());
    }
    page.resize(4096, 0xFF);
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(OPTIONS_AT)).unwrap();
    file.write_all(&page).unwrap();
}

/// The image with so many bytes of noise in its last segment, which nothing reads: a patch to it cannot be short.
pub(crate) fn with_noise(image: Vec<u8>, bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let noise: Vec<u8> = (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    let (_, last) = segments(&image).into_iter().next_back().unwrap();
    let mut longer = image[..last.end].to_vec();
    longer.extend(noise);
    let length = u32::try_from(last.len() + bytes).unwrap();
    longer[last.start - 4..last.start].copy_from_slice(&length.to_le_bytes());
    longer.resize((longer.len() + 1).next_multiple_of(16) + 32, 0);
    mend(longer)
}
