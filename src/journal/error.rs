use std::{io, path::PathBuf, time::Duration};

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
    /// A register's name has other characters than it may, or too many.
    #[error("{name:?} is not a name for a register")]
    BadName {
        /// What was given.
        name: String,
    },
    /// A register needs at least one store.
    #[error("the register {register} has no stores")]
    NoStores {
        /// Its name.
        register: String,
    },
    /// Too few stores answered; nothing was changed.
    #[error("the register {register} needs {needed} stores and reached {reached} ({})", causes.join("; "))]
    NoMajority {
        /// Its name.
        register: String,
        /// Stores that answered well.
        reached: usize,
        /// Stores that have to.
        needed: usize,
        /// What each of the others did.
        causes: Vec<String>,
    },
    /// Others changed the register each time; nothing was changed.
    #[error("the register {register} was changed by others {tries} times in a row")]
    Contended {
        /// Its name.
        register: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The stores went away in the middle: the change may have been made, or may yet be.
    #[error("it is not known whether the change to the register {register} was made")]
    Unclear {
        /// Its name.
        register: String,
        /// What ended the last try.
        source: Box<Error>,
    },
    /// The register holds a value of another type, perhaps from a newer version.
    #[error("the value of the register {register} is not of the kind expected")]
    Unreadable {
        /// Its name.
        register: String,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// A lease cannot live that long, or that short.
    #[error("a lease cannot live for {} ms", ttl.as_millis())]
    BadTtl {
        /// What was asked for.
        ttl: Duration,
    },
    /// A sequence has given out its last number.
    #[error("the sequence {register} has no more numbers")]
    Exhausted {
        /// Its register.
        register: String,
    },
}
