//! What the command line of QEMU tells the program: `-fw_cfg name=opt/wildcam/<name>,string=<text>`.

use core::ptr::with_exposed_provenance_mut;

use crate::mmio;

const DATA: usize = 0x1010_0000;
const SELECTOR: usize = DATA + 8;
const DIRECTORY: u16 = 0x19;
const NAME_BYTES: usize = 56;
const PREFIX: &[u8] = b"opt/wildcam/";

fn select(key: u16) {
    // SAFETY: the selector of fw_cfg, which is big-endian.
    unsafe { mmio::write_half(SELECTOR, key.to_be()) };
}

fn next<const N: usize>() -> [u8; N] {
    // SAFETY: the data register of fw_cfg gives one byte after the other, and zeros after the end.
    core::array::from_fn(|_| unsafe { with_exposed_provenance_mut::<u8>(DATA).read_volatile() })
}

/// The text under `name`, at the start of `out`; longer texts are cut.
pub fn read<'o>(name: &str, out: &'o mut [u8]) -> Option<&'o str> {
    select(DIRECTORY);
    let count = u32::from_be_bytes(next());
    for _ in 0..count.min(1024) {
        let size = u32::from_be_bytes(next());
        let key = u16::from_be_bytes(next());
        let _reserved: [u8; 2] = next();
        let entry: [u8; NAME_BYTES] = next();
        let end = entry.iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
        if entry[..end].strip_prefix(PREFIX) == Some(name.as_bytes()) {
            select(key);
            let length = out.len().min(size as usize);
            let text = &mut out[..length];
            text.fill_with(|| u8::from_be_bytes(next()));
            return core::str::from_utf8(text).ok();
        }
    }
    None
}
