//! The journal of one board's flash: what is about to be done, then what is done. No secret is in it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::journal::{self, intent::Log};

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
    /// Everything is written, checked and recorded.
    Done,
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
            Record::Done => state = None,
        }
    }
    state
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
        let before = log.entries::<Record>().map_err(failed)?;
        let unfinished = fold(before.into_iter().map(|entry| entry.value));
        Ok((Self { log, board: board.to_owned() }, unfinished))
    }

    /// Notes a record; when this returns, it is on the disk.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(super) fn note(&mut self, record: &Record) -> Result<(), Error> {
        let failed = |source| Error::Journal { board: self.board.clone(), source };
        self.log.append(record).map(drop).map_err(failed)
    }

    /// Notes that all is done, and forgets how.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(super) fn done(&mut self) -> Result<(), Error> {
        self.note(&Record::Done)?;
        let failed = |source| Error::Journal { board: self.board.clone(), source };
        self.log.compact::<Record>(|entry| entry.value == Record::Done).map(drop).map_err(failed)
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
}
