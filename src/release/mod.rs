//! What a camera may trust: keys, and the documents that they sign.

pub mod documents;
pub mod keys;

use std::{io, path::PathBuf};

pub use keys::{FileSigner, Role, Signer, generate_key};

/// Why a key or a document could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key file could not be read or written.
    #[error("cannot {action} the key {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A key file could not be written.
    #[error("the key was not written")]
    Write(#[source] crate::journal::Error),
    /// Others than its owner may read or change a key file.
    #[error("the key {} can be read by others (mode {mode:03o}); it must be 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The text is not an Ed25519 private key in PKCS#8 PEM (RFC 8410).
    #[error("{origin} is not an Ed25519 private key in PEM")]
    NotAKey {
        /// The file, or where the text came from.
        origin: String,
        /// What the parser says.
        source: ed25519_dalek::pkcs8::Error,
    },
    /// The operating system has no randomness to make a key from.
    #[error("the operating system gives no randomness")]
    Randomness(#[source] getrandom::Error),
    /// The key's role does not cover documents of this kind.
    #[error("a key of the role {role} may not sign documents of the kind {kind:?}")]
    Role {
        /// The key's role.
        role: Role,
        /// The document's kind.
        kind: String,
    },
    /// A signer elsewhere did not answer, or not with a signature.
    #[error("the signer failed: {0}")]
    Signer(String),
    /// The document or token is not valid.
    #[error(transparent)]
    Document(#[from] wildcam_core::cose::Error),
    /// A list of endpoints is empty, too long, or has a field that does not fit.
    #[error("the endpoint {0:?} cannot be written into a list of endpoints")]
    Endpoint(String),
    /// A token of this scope names a camera and does not, or the other way round.
    #[error("the token does not fit its scope")]
    Scope,
}
