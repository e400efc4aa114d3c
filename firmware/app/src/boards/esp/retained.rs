//! What is remembered across a reset: why the program reset itself.
//!
//! It lies in the RTC's fast memory, which keeps its content through a reset and a deep sleep and holds anything
//! after power came. So a note counts only between its two halves, and only once.

use esp_hal::ram;

/// Why the program reset itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// It panicked.
    Panic = 1,
    /// It wanted to.
    Restart = 2,
    /// It wanted to sleep, and something moved in the same moment.
    Motion = 3,
}

const KEY: u32 = 0x57_43_6E_31;

#[ram(unstable(rtc_fast, persistent))]
static mut NOTE: [u32; 2] = [0; 2];

/// What the start after a deep sleep is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bedtime {
    /// What the time was, milliseconds since 1970.
    pub(super) unix_ms: u64,
    /// What the RTC's timer showed, in its ticks.
    pub(super) ticks: u64,
    /// How long the sleep was meant to last, milliseconds.
    pub(super) ms: u64,
}

#[ram(unstable(rtc_fast, persistent))]
static mut BEDTIME: [u64; 4] = [0; 4];

/// Keeps a bedtime for the next start.
pub(super) fn keep(bedtime: Bedtime) {
    let Bedtime { unix_ms, ticks, ms } = bedtime;
    // SAFETY: memory that this module alone uses, on one core, and the sleep follows.
    unsafe { (&raw mut BEDTIME).write_volatile([unix_ms, ticks, ms, check(unix_ms, ticks, ms)]) }
}

/// Takes the bedtime of the last run.
pub(super) fn bedtime() -> Option<Bedtime> {
    // SAFETY: as above; any bytes are valid words.
    let [unix_ms, ticks, ms, checked] = unsafe {
        let words = (&raw const BEDTIME).read_volatile();
        (&raw mut BEDTIME).write_volatile([0; 4]);
        words
    };
    (checked == check(unix_ms, ticks, ms)).then_some(Bedtime { unix_ms, ticks, ms })
}

fn check(unix_ms: u64, ticks: u64, ms: u64) -> u64 {
    !(unix_ms ^ ticks.rotate_left(21) ^ ms.rotate_left(42) ^ u64::from(KEY))
}

/// Leaves a note for the next start.
pub(super) fn leave(note: Note) {
    let value = KEY ^ note as u32;
    // SAFETY: whole words in memory that this module alone uses, on one core, and the reset follows.
    unsafe { (&raw mut NOTE).write_volatile([value, !value]) }
}

/// Takes the note of the last run.
pub(super) fn take() -> Option<Note> {
    // SAFETY: as above; any bytes are valid words.
    let [value, inverse] = unsafe {
        let words = (&raw const NOTE).read_volatile();
        (&raw mut NOTE).write_volatile([0; 2]);
        words
    };
    if value != !inverse {
        return None;
    }
    [Note::Panic, Note::Restart, Note::Motion].into_iter().find(|note| value == KEY ^ *note as u32)
}
