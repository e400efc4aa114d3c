//! Undo records: written before each fault and closed after it is undone, so that `drill undo --all` works whatever
//! became of the drill.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, experiment::Fault};
use crate::journal::intent::{self, Entry, Log};

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
enum Record {
    Open(OpenFault),
    Closed { id: String },
}

/// A fault that may still be there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenFault {
    /// Its id.
    pub id: String,
    /// Where: what [`super::environment::Environment::address`] said.
    pub environment: String,
    /// The cloud that it hits.
    pub cloud: String,
    /// What it is.
    pub fault: Fault,
    /// When the record was written.
    pub at: jiff::Timestamp,
}

/// The records of a project's drills.
pub struct UndoLog {
    log: Log,
}

impl UndoLog {
    /// Where the records of the project in `state` (its `.wildcam` folder) lie.
    #[must_use]
    pub fn path(state: &Path) -> PathBuf {
        state.join("drills").join("undo.jsonl")
    }

    /// Opens the records, and makes the file if there is none.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged in the middle.
    pub fn open(state: &Path) -> Result<Self, Error> {
        let path = Self::path(state);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
        }
        Ok(Self { log: Log::open(&path)? })
    }

    /// Records a fault that is about to be made. When this returns, the record is on disk.
    ///
    /// # Errors
    /// When it could not be written; the fault must not be made then.
    pub fn before(&mut self, fault: OpenFault) -> Result<(), Error> {
        self.log.append(&Record::Open(fault))?;
        Ok(())
    }

    /// Records that a fault is undone.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn undone(&mut self, id: &str) -> Result<(), Error> {
        self.log.append(&Record::Closed { id: id.to_owned() })?;
        Ok(())
    }

    /// The faults that may still be there, oldest first.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn open_faults(&self) -> Result<Vec<OpenFault>, Error> {
        Ok(still_open(self.log.entries()?))
    }

    /// The same without taking the records, while a drill may be writing them.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn peek(state: &Path) -> Result<Vec<OpenFault>, Error> {
        let path = Self::path(state);
        if path.exists() { Ok(still_open(intent::read(&path)?)) } else { Ok(Vec::new()) }
    }
}

fn still_open(entries: Vec<Entry<Record>>) -> Vec<OpenFault> {
    let mut open: Vec<OpenFault> = Vec::new();
    for entry in entries {
        match entry.value {
            Record::Open(fault) => open.push(fault),
            Record::Closed { id } => open.retain(|fault| fault.id != id),
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_open_until_it_is_undone_even_across_processes() {
        let folder = tempfile::tempdir().unwrap();
        let fault = |id: &str| OpenFault {
            id: id.into(),
            environment: "lab".into(),
            cloud: "a".into(),
            fault: Fault::Kill,
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let mut log = UndoLog::open(folder.path()).unwrap();
        log.before(fault("1")).unwrap();
        log.before(fault("2")).unwrap();
        drop(log);
        let mut log = UndoLog::open(folder.path()).unwrap();
        log.undone("1").unwrap();
        assert_eq!(log.open_faults().unwrap(), [fault("2")]);
        log.undone("2").unwrap();
        assert!(log.open_faults().unwrap().is_empty());
    }
}
