//! Firmware as `wildcam build` writes it, made of noise. tests/flash and the bench share it.

use sha2::{Digest as _, Sha256};
use wildcam::{board::Board, clock::Random};

/// An image in Espressif's form with one segment.
fn image(chip: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xe9, 1, 2, 0x20, 0, 0, 0, 0x42, 0xee, 0, 0, 0];
    bytes.extend_from_slice(&chip.to_le_bytes());
    bytes.resize(23, 0);
    bytes.push(1);
    bytes.extend_from_slice(&0x3c00_0020_u32.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(data);
    let checksum = data.iter().fold(0xef, |sum, byte| sum ^ byte);
    bytes.resize((bytes.len() + 1).next_multiple_of(16) - 1, 0);
    bytes.push(checksum);
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

/// An app with a description; most of it shrinks no more than code does.
pub fn app_image(board: Board, seed: u64) -> Vec<u8> {
    let mut noise = vec![0; 230 * 1024];
    Random::seeded(seed).fill(&mut noise);
    let mut data = vec![0; 256];
    data[..4].copy_from_slice(&0xabcd_5432_u32.to_le_bytes());
    data[16..24].copy_from_slice(format!("0.1.{seed:04}").as_bytes());
    data[48..55].copy_from_slice(b"wildcam");
    data[144..176].copy_from_slice(&Sha256::digest(&noise));
    data.extend_from_slice(&noise);
    data.extend(std::iter::repeat_n(b"wildlife camera ", 10_000).flatten());
    image(board.chip_id(), &data)
}

/// A whole flash from its start to the end of slot A's app.
pub fn full_image(board: Board, seed: u64) -> Vec<u8> {
    let layout = board.layout();
    let mut bytes = vec![0xff; layout.slots[0].offset as usize];
    let mut put = |offset: u32, content: &[u8]| {
        bytes[offset as usize..][..content.len()].copy_from_slice(content);
    };
    let mut code = vec![0; 20_000];
    Random::seeded(99).fill(&mut code);
    if board != Board::QemuVirt {
        put(layout.bootloader.offset, &image(board.chip_id(), &code));
    }
    let mut table = vec![0xff; 4096];
    table[..4].copy_from_slice(&[0xaa, 0x50, 1, 0]);
    put(layout.table.offset, &table);
    put(layout.launcher.offset, &image(board.chip_id(), &code[..15_000]));
    bytes.extend(app_image(board, seed));
    bytes
}
