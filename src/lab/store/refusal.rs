use std::io;

use s3s::{S3Error, S3ErrorCode, s3_error};

/// Why a request is not done: an answer for the client, or a fault of the store that is logged and answered with 500.
#[derive(Debug)]
pub(super) enum Refusal {
    Answer(S3Error),
    Index(rusqlite::Error),
    File(io::Error),
    /// A row of the index that cannot have been written by this program, or a batch that could not be committed.
    Fault(String),
}

pub(super) type Outcome<T> = Result<T, Refusal>;

impl From<S3Error> for Refusal {
    fn from(error: S3Error) -> Self {
        Self::Answer(error)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Index(error)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::Fault(error.to_string())
    }
}

impl From<Refusal> for S3Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Answer(error) => error,
            Refusal::Index(error) => Self::with_source(S3ErrorCode::InternalError, Box::new(error)),
            // A full disk is told apart, since a client can do something about it: write elsewhere.
            Refusal::File(error) if error.kind() == io::ErrorKind::StorageFull => {
                s3_error!(error, ServiceUnavailable, "the disk of the store is full")
            }
            Refusal::File(error) => Self::with_source(S3ErrorCode::InternalError, Box::new(error)),
            Refusal::Fault(text) => s3_error!(InternalError, "{text}"),
        }
    }
}
