//! The partition table, in ESP-IDF's form (ESP-IDF Programming Guide, "Partition Tables").
//!
//! The launcher is the factory application. There is no `otadata` partition, without which the chip maker's loader always
//! starts the factory application; which slot runs is then the launcher's to decide, from a journal of ours.

use md5::{Digest as _, Md5};
use wildcam_core::layout::{Layout, Region};

const ENTRY_MAGIC: [u8; 2] = [0xAA, 0x50];
const TABLE_BYTES: usize = 0xC00;
const NAME_BYTES: usize = 16;

const TYPE_APPLICATION: u8 = 0x00;
/// The first of the types that applications may define.
const TYPE_OURS: u8 = 0x40;

const FACTORY: u8 = 0x00;
const FIRST_SLOT: u8 = 0x10;

/// The partition table of a layout, with the MD5 that the loader checks: 3072 bytes.
#[must_use]
pub fn table(layout: &Layout) -> Vec<u8> {
    let [a, b] = layout.slots;
    let parts = [
        ("boot-journal", TYPE_OURS, 0, layout.journal),
        ("identity", TYPE_OURS, 1, layout.identity),
        ("settings", TYPE_OURS, 2, layout.settings),
        ("launcher", TYPE_APPLICATION, FACTORY, layout.launcher),
        ("slot-a", TYPE_APPLICATION, FIRST_SLOT, a),
        ("slot-b", TYPE_APPLICATION, FIRST_SLOT + 1, b),
        ("update", TYPE_OURS, 4, layout.update),
        ("trust", TYPE_OURS, 5, layout.trust),
        ("config", TYPE_OURS, 6, layout.config),
        ("queue", TYPE_OURS, 3, layout.queue),
    ];
    let mut bytes: Vec<u8> =
        parts.iter().flat_map(|(name, kind, sub, region)| entry(name, *kind, *sub, *region)).collect();
    let sum = Md5::digest(&bytes);
    bytes.extend([0xEB, 0xEB]);
    bytes.extend([0xFF; 14]);
    bytes.extend(sum);
    bytes.resize(TABLE_BYTES, 0xFF);
    bytes
}

fn entry(name: &str, kind: u8, sub: u8, region: Region) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(ENTRY_MAGIC);
    bytes.extend([kind, sub]);
    bytes.extend(region.offset.to_le_bytes());
    bytes.extend(region.bytes.to_le_bytes());
    let mut field = [0; NAME_BYTES];
    field[..name.len()].copy_from_slice(name.as_bytes());
    bytes.extend(field);
    // No flags: not encrypted, not read-only.
    bytes.extend([0; 4]);
    bytes
}
