//! A word that outlives resets: RAM keeps its content as long as QEMU runs, and no image is loaded over the last page.

use core::ptr::with_exposed_provenance_mut;

use crate::{RAM, RAM_BYTES};

const PAGE: usize = RAM + RAM_BYTES - 4096;
const MAGIC: u32 = 0x3174_6357;

/// What the program wanted the next start to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// It reset itself on purpose.
    Restart,
    /// It panicked.
    Panic,
}

/// Leaves a note for the next start.
pub fn leave(note: Note) {
    let word = match note {
        Note::Restart => 1,
        Note::Panic => 2,
    };
    let page = with_exposed_provenance_mut::<u32>(PAGE);
    // SAFETY: this page of RAM belongs to this module alone, on one hart.
    unsafe {
        page.write_volatile(MAGIC);
        page.add(1).write_volatile(word);
    }
}

/// Takes the note of the run before, if there was one. `None` after power-on, and when the run ended otherwise.
pub fn take() -> Option<Note> {
    let page = with_exposed_provenance_mut::<u32>(PAGE);
    // SAFETY: this page of RAM belongs to this module alone, on one hart.
    let (magic, word) = unsafe {
        let read = (page.read_volatile(), page.add(1).read_volatile());
        page.write_volatile(0);
        read
    };
    match (magic, word) {
        (MAGIC, 1) => Some(Note::Restart),
        (MAGIC, 2) => Some(Note::Panic),
        _ => None,
    }
}
