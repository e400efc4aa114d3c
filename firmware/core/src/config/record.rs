//! What is kept of the config.
//!
//! ```text
//! 0   number of the settings that the camera has        8   0: the board's own
//! 8   number of those that it goes back to              8   where there is a trial
//! 16  highest number that was decided on                8
//! 24  number of the settings that were refused          8   0: none
//! 32  the wanted release                                8   0: none
//! 40  key of the setting that was refused               4
//! 44  why: 1 unknown, 2 range, 3 unable, 4 no check-in  1
//! 45  trial: 0 none, else 1 and its starts              1
//! 46  length of the settings                            1
//! 47  length of those that it goes back to              1
//! 48  the settings in CBOR, as in the document, then those that it goes back to
//! ```
//!
//! Numbers are little-endian. A setting that a later build wrote is passed over.

use minicbor::Decoder;

use super::{MAX_SETTINGS_BYTES, Refusal, Settings};
use crate::trust::body;

/// Bytes of a record before the settings.
const FIXED: usize = 48;
/// Longest record.
pub(super) const MAX_RECORD_BYTES: usize = FIXED + 2 * MAX_SETTINGS_BYTES;

/// Settings with the number of their document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) settings: Settings,
}

/// Settings that no report confirmed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trial {
    /// How often the camera started with them.
    pub(super) starts: u8,
    /// What is gone back to: the last that were confirmed.
    pub(super) back: Numbered,
}

/// All that is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) active: Numbered,
    pub(super) trial: Option<Trial>,
    /// No document with this number or a lower one is news.
    pub(super) decided: u64,
    pub(super) refused: Option<(u64, Refusal)>,
    pub(super) release: Option<u64>,
}

fn get<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

impl Record {
    /// Writes it to the start of `out`, and says how many bytes it has; `None` when they do not fit.
    pub(super) fn encode(&self, out: &mut [u8; MAX_RECORD_BYTES]) -> Option<usize> {
        let back = self.trial.map(|trial| trial.back).unwrap_or_default();
        let (refused, why) = self.refused.map_or((0, None), |(number, why)| (number, Some(why)));
        let numbers = [self.active.number, back.number, self.decided, refused, self.release.unwrap_or(0)];
        for (place, number) in out.as_chunks_mut().0.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
        out[40..44].copy_from_slice(&why.and_then(Refusal::key).unwrap_or(0).to_le_bytes());
        out[44] = match why {
            None => 0,
            Some(Refusal::Unknown(_)) => 1,
            Some(Refusal::Range(_)) => 2,
            Some(Refusal::Unable(_)) => 3,
            Some(Refusal::NoCheckIn) => 4,
        };
        out[45] = self.trial.map_or(0, |trial| trial.starts.saturating_add(1));
        let mut end = FIXED;
        for (place, settings) in [(46, self.active.settings), (47, back.settings)] {
            let room = out.get_mut(end..)?;
            let length = body::encode(room, |encoder| settings.write(encoder)).ok()?;
            out[place] = u8::try_from(length).ok()?;
            end += length;
        }
        Some(end)
    }

    /// Reads what [`Record::encode`] wrote; `None` when it is something else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |place: usize| get(bytes, 8 * place).map(u64::from_le_bytes);
        let small = |at: usize| bytes.get(at).copied();
        let key = u32::from_le_bytes(get(bytes, 40)?);
        let why = match small(44)? {
            0 => None,
            1 => Some(Refusal::Unknown(key)),
            2 => Some(Refusal::Range(key)),
            3 => Some(Refusal::Unable(key)),
            4 => Some(Refusal::NoCheckIn),
            _ => return None,
        };
        let (active, back) = bytes.get(FIXED..)?.split_at_checked(usize::from(small(46)?))?;
        let (back, rest) = back.split_at_checked(usize::from(small(47)?))?;
        if !rest.is_empty() {
            return None;
        }
        let active = Numbered { number: number(0)?, settings: read(active)? };
        let back = Numbered { number: number(1)?, settings: read(back)? };
        let trial = small(45)?.checked_sub(1).map(|starts| Trial { starts, back });
        let release = Some(number(4)?).filter(|release| *release != 0);
        Some(Self { active, trial, decided: number(2)?, refused: Some(number(3)?).zip(why), release })
    }
}

fn read(bytes: &[u8]) -> Option<Settings> {
    let mut decoder = Decoder::new(bytes);
    let (settings, _) = Settings::read(&mut decoder).ok()?;
    (decoder.position() == bytes.len()).then_some(settings)
}
