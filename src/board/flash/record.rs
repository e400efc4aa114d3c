//! The journal of one board's flash: what is about to be done, then what is done. No secret is in it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Begun, Error};
use crate::journal::{
    self,
    intent::{Entry, Log},
};

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Record {
    /// This firmware is about to be written.
    Begun {
        /// The SHA-256 of its file.
        firmware: String,
        /// Its version.
        version: String,
        /// When, Unix seconds.
        at_s: u64,
    },
    /// A part holds what it should: the board's MD5 said so.
    Part {
        /// Its name.
        name: String,
    },
    /// This identity is about to be written.
    Identity {
        /// The camera.
        camera: String,
        /// Its public key, hexadecimal.
        public_key: String,
        /// Its group.
        group: String,
    },
    /// A new key is about to be burnt into this key block of the chip, counted from 0.
    EfusesBegun {
        /// The key block.
        block: u8,
    },
    /// It was read back; from here on it is hidden, given to the HMAC unit, and closed.
    EfusesVerified {
        /// The key block.
        block: u8,
    },
    /// That is done.
    EfusesBurnt {
        /// The key block.
        block: u8,
    },
    /// Everything is written, checked and recorded.
    Done,
}

impl Record {
    fn is_about_efuses(&self) -> bool {
        matches!(self, Self::EfusesBegun { .. } | Self::EfusesVerified { .. } | Self::EfusesBurnt { .. })
    }
}

/// What a flash that was cut off had done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// The SHA-256 of the firmware's file.
    pub firmware: String,
    /// The parts that were done.
    pub parts: Vec<String>,
    /// The identity that was about to be written: camera, public key in hexadecimal, group.
    pub identity: Option<(String, String, String)>,
}

fn path(folder: &Path, mac: &str) -> PathBuf {
    folder.join(format!("{}.log", mac.replace(':', "")))
}

fn fold(records: impl Iterator<Item = Record>) -> Option<Unfinished> {
    let mut state: Option<Unfinished> = None;
    for record in records {
        match record {
            Record::Begun { firmware, .. } => {
                // The identity that may have been written outlives the firmware it came with.
                let identity = state.take().and_then(|before| before.identity);
                state = Some(Unfinished { firmware, parts: Vec::new(), identity });
            }
            Record::Part { name } => {
                if let Some(state) = &mut state {
                    state.parts.push(name);
                }
            }
            Record::Identity { camera, public_key, group } => {
                state.get_or_insert_default().identity = Some((camera, public_key, group));
            }
            Record::EfusesBegun { .. } | Record::EfusesVerified { .. } | Record::EfusesBurnt { .. } => {}
            Record::Done => state = None,
        }
    }
    state
}

/// The burn that is not known to be over. A flash without one does not end it.
fn fold_efuses(records: impl Iterator<Item = Record>) -> Option<Begun> {
    records.fold(None, |begun, record| match record {
        Record::EfusesBegun { block } => Some(Begun { block, verified: false }),
        Record::EfusesVerified { block } => Some(Begun { block, verified: true }),
        Record::EfusesBurnt { .. } => None,
        _ => begun,
    })
}

/// The burn of the board with this address that was begun and is not known to be over.
#[must_use]
pub fn unfinished_efuses(folder: &Path, mac: &str) -> Option<Begun> {
    fold_efuses(journal::intent::read::<Record>(&path(folder, mac)).ok()?.into_iter().map(|entry| entry.value))
}

/// What a flash of the board with this address left undone, if one was cut off.
#[must_use]
pub fn unfinished(folder: &Path, mac: &str) -> Option<Unfinished> {
    fold(journal::intent::read::<Record>(&path(folder, mac)).ok()?.into_iter().map(|entry| entry.value))
}

/// The journal, open for one flash.
pub(super) struct Journal {
    log: Log,
    board: String,
    /// The burn that was begun and is not known to be over, when it was opened.
    pub(super) efuses: Option<Begun>,
}

impl Journal {
    /// Opens the journal of a board, alone.
    ///
    /// # Errors
    /// [`Error::Journal`], also when another wildcam has it.
    pub(super) fn open(folder: &Path, board: &str, mac: &str) -> Result<(Self, Option<Unfinished>), Error> {
        let failed = |source| Error::Journal { board: board.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
        let log = Log::open(&path(folder, mac)).map_err(failed)?;
        let before: Vec<Record> =
            log.entries().map_err(failed)?.into_iter().map(|entry: Entry<Record>| entry.value).collect();
        let unfinished = fold(before.iter().cloned());
        let efuses = fold_efuses(before.into_iter());
        Ok((Self { log, board: board.to_owned(), efuses }, unfinished))
    }

    /// Notes a record; when this returns, it is on the disk.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(super) fn note(&mut self, record: &Record) -> Result<(), Error> {
        let failed = |source| Error::Journal { board: self.board.clone(), source };
        self.log.append(record).map(drop).map_err(failed)
    }

    /// Notes that all is done, and forgets how, but not a burn that is not over.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(super) fn done(&mut self) -> Result<(), Error> {
        self.note(&Record::Done)?;
        let failed = |source| Error::Journal { board: self.board.clone(), source };
        let entries = self.log.entries().map_err(failed)?;
        let open = fold_efuses(entries.into_iter().map(|entry: Entry<Record>| entry.value)).is_some();
        let keep = |record: &Record| *record == Record::Done || (open && record.is_about_efuses());
        self.log.compact::<Record>(|entry| keep(&entry.value)).map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_survives_and_is_forgotten_when_all_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let mac = "24:0a:c4:00:00:01";
        assert_eq!(unfinished(folder.path(), mac), None);
        let (mut journal, before) = Journal::open(folder.path(), "board", mac).unwrap();
        assert_eq!(before, None);
        journal.note(&Record::Begun { firmware: "f".into(), version: "1".into(), at_s: 5 }).unwrap();
        journal.note(&Record::Part { name: "slot-a".into() }).unwrap();
        assert!(matches!(Journal::open(folder.path(), "board", mac), Err(Error::Journal { .. })));
        let state = unfinished(folder.path(), mac).unwrap();
        assert_eq!((state.firmware.as_str(), state.parts.as_slice()), ("f", &["slot-a".to_owned()][..]));
        journal.done().unwrap();
        assert_eq!(unfinished(folder.path(), mac), None);
    }

    #[test]
    fn a_burn_that_was_cut_off_is_remembered_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let mac = "24:0a:c4:00:00:01";
        let open = || Journal::open(folder.path(), "board", mac).unwrap().0;
        let mut journal = open();
        assert_eq!(journal.efuses, None);
        journal.note(&Record::EfusesBegun { block: 2 }).unwrap();
        assert_eq!(unfinished_efuses(folder.path(), mac), Some(Begun { block: 2, verified: false }));
        journal.note(&Record::EfusesVerified { block: 2 }).unwrap();
        // Another flash, without a burn.
        journal.note(&Record::Begun { firmware: "f".into(), version: "1".into(), at_s: 5 }).unwrap();
        journal.done().unwrap();
        drop(journal);
        let mut journal = open();
        assert_eq!(journal.efuses, Some(Begun { block: 2, verified: true }));
        assert_eq!(unfinished(folder.path(), mac), None);
        journal.note(&Record::EfusesBurnt { block: 2 }).unwrap();
        journal.done().unwrap();
        assert_eq!(unfinished_efuses(folder.path(), mac), None);
        drop(journal);
        let text = std::fs::read_to_string(path(folder.path(), mac)).unwrap();
        assert!(!text.contains("efuses"), "{text}");
    }
}
