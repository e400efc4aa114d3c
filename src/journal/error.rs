use std::{io, path::PathBuf};

/// Why the journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A line of a log that is not the last one is damaged.
    #[error("line {line} of {} is damaged: {why}", path.display())]
    Damaged {
        /// The log.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Another handle, here or in another process, has the log open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The log.
        path: PathBuf,
    },
    /// An earlier append failed and could not be taken back; the log must be opened again.
    #[error("{} must be opened again after a failed write", path.display())]
    Broken {
        /// The log.
        path: PathBuf,
    },
    /// Something is larger than the journal accepts.
    #[error("{what} has {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// The value, entry or log.
        what: String,
        /// Its size.
        bytes: u64,
        /// The largest size allowed.
        limit: u64,
    },
    /// A value has no form in JSON.
    #[error("{what} cannot be written as JSON")]
    Unwritable {
        /// The value or entry.
        what: String,
        /// What the serialiser says.
        source: serde_json::Error,
    },
}
