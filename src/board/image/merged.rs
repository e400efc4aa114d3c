//! Everything that a new board's flash holds, in one piece from its first byte on.

use wildcam_core::layout::Region;

use super::{Error, second_stage, table};
use crate::board::Board;

/// Merges the chip maker's loader, the partition table, the launcher and the application, which goes into slot A. The rest is
/// as an erased flash is. `launcher` is `None` for the emulated board, whose boot stage lies in another flash unit.
///
/// # Errors
/// When a part does not fit into its place.
pub fn full(board: Board, launcher: Option<&[u8]>, application: &[u8]) -> Result<Vec<u8>, Error> {
    let layout = board.layout();
    let loader = second_stage(board)?;
    let parts: [(&'static str, Region, Option<&[u8]>); 4] = [
        ("second-stage loader", layout.bootloader, loader.as_deref()),
        ("partition table", layout.table, Some(&table(&layout))),
        ("boot stage", layout.launcher, launcher),
        ("application", layout.slots[0], Some(application)),
    ];
    let mut flash = Vec::new();
    for (part, region, bytes) in parts {
        let Some(bytes) = bytes else { continue };
        if bytes.len() > region.bytes as usize {
            return Err(Error::TooLarge { part, board, bytes: bytes.len(), room: region.bytes });
        }
        flash.resize(region.offset as usize, 0xFF);
        flash.extend(bytes);
    }
    Ok(flash)
}
