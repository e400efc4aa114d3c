//! What a run shall do differently: a page of text before the emulated eFuses in the file of pflash unit 0.
//!
//! It begins with `Wop1` and a line end; each line after it is `name=value`, and the first byte that is no text ends it.
//! (QEMU's own way, `-fw_cfg`, is not open to a user on this machine before version 8.)

use core::ptr::with_exposed_provenance;

use crate::flash::{UNIT_0, UNIT_BYTES};

/// Where it lies in unit 0.
pub const OFFSET: u32 = UNIT_BYTES - 2 * PAGE_BYTES as u32;

const PAGE_BYTES: usize = 4096;
const MAGIC: &str = "Wop1\n";

fn page() -> &'static str {
    // SAFETY: within unit 0, which is only ever read.
    let bytes =
        unsafe { core::slice::from_raw_parts(with_exposed_provenance::<u8>(UNIT_0 + OFFSET as usize), PAGE_BYTES) };
    let is_text = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n');
    let end = bytes.iter().position(|byte| !is_text(byte)).unwrap_or(PAGE_BYTES);
    core::str::from_utf8(&bytes[..end]).unwrap_or_default()
}

/// The value under `name`.
#[must_use]
pub fn read(name: &str) -> Option<&'static str> {
    let lines = page().strip_prefix(MAGIC)?.lines();
    lines.filter_map(|line| line.split_once('=')).find(|(one, _)| *one == name).map(|(_, value)| value.trim())
}
