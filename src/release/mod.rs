//! What a camera may trust: keys, and the documents that they sign.

pub mod age_file;
pub mod chain;
pub mod delta;
pub mod documents;
pub mod external;
pub mod folder;
pub mod keys;
pub mod publish;
pub mod recipe;
pub mod roles;
pub mod signing;
#[cfg(test)]
mod tests;
pub mod vault;
pub mod verify;

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
    /// It does not say what a camera is set to, or sets what this build does not know.
    #[error("the document does not say what a camera is set to")]
    Config(#[from] wildcam_core::config::Error),
    /// A list of endpoints is empty, too long, or has a field that does not fit.
    #[error("the endpoint {0:?} cannot be written into a list of endpoints")]
    Endpoint(String),
    /// A key file cannot be opened.
    #[error("the key {} cannot be opened", path.display())]
    Age {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: age_file::AgeError,
    },
    /// A passphrase is too short to keep a key.
    #[error("a passphrase for a key has at least {0} characters")]
    Weak(usize),
    /// The list of the keys, or what it names, is wrong.
    #[error("{} is not the list of the keys: {why}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The file is not the public half of an Ed25519 key in PEM (RFC 8410).
    #[error("{} is not the public half of an Ed25519 key in PEM", path.display())]
    NotPublic {
        /// The file.
        path: PathBuf,
    },
    /// The key is there already.
    #[error("the key {id} of the role {role} is there already")]
    Known {
        /// Its role.
        role: Role,
        /// Its name.
        id: String,
    },
    /// The private half of a key is not here.
    #[error("the private half of the key {id} of the role {role} is not here")]
    Elsewhere {
        /// Its role.
        role: Role,
        /// Its name.
        id: String,
    },
    /// A token of this scope names a camera and does not, or the other way round.
    #[error("the token does not fit its scope")]
    Scope,
}
