//! What a camera may be updated to: the roles and rules of The Update Framework (TUF 1.0, its section 5), in documents of
//! several signatures ([`Signed`]).
//!
//! ```text
//! root       offline, names the keys of all three        releases/root/{sequence}.cose
//! timestamp  online, lives for days                      releases/timestamp.cose
//!            names by class: number, digest and length of the newest manifest
//! release    offline, names image and deltas by digest   releases/{class}/{sequence}.cose
//! ```
//!
//! The order for a camera: [`Trust::follow`] with the root after its own until a store has none, then
//! [`Trust::timestamp`], then [`Trust::release`] with the manifest that it names, then the payload through [`Intake`]. Each
//! of the first three changes [`Trust::state`], and only when it succeeds. **The state must lie in flash before anything is
//! done that builds on it**, and with it the content of the root that it names: that is what [`Store`] does. TUF's snapshot is left out: it binds several manifests to each other, and a camera has one.
//!
//! # Roots
//! A root is followed when it has the next number and is signed by the threshold of the old one and by its own. Its expiry
//! does not matter for that, neither the old one's nor the new one's: a camera that lay in a drawer for a year must find the
//! way to the newest. While the newest is expired no timestamp and no release is taken, so a fleet whose offline keys are
//! lost stays as it is. It is no worse off: what a camera runs does not depend on any of this, an expiry ends updates and
//! nothing else, and the next root that is signed in time or late opens the way again.
//!
//! # Time
//! It is [the latest](Trust::now) of the clock, if there is one, and of the last signed time: that of the newest timestamp
//! or root. The signed time stays with the state and never moves back, but for a new start as below. The clock is not kept,
//! since a gateway that tells a wrong time must not be able to end updates for ever. A camera without a clock judges by the
//! signed time only: who keeps all documents from it can hold it where it is beyond their expiry, and nobody can take it
//! back, because the numbers rise. A camera with a clock refuses what lies in the future; one without believes it.
//!
//! # Numbers
//! A lower number than was seen is refused, and so is the same number with another content. A thief of keys can raise a
//! number to its end, so that nothing can follow (TUF's fast-forward). So where a new root gives up as many keys of a role as
//! could sign alone under the old one, the numbers of that role start anew; for the timestamp the time as well, at the new
//! root's. To give up fewer starts nothing anew, because those could not have signed: the keys that a thief has must go in
//! one new root, not one by one.

pub(crate) mod body;
mod gates;
mod intake;
mod manifest;
mod root;
mod signed;
mod state;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod timestamp;

use core::fmt;

pub use gates::{Gates, Hours, Link, Links};
pub use intake::Intake;
pub use manifest::{Delta, MAX_DELTAS, MAX_PAYLOAD_BYTES, MAX_VERSION, Manifest, Payload, Sums};
pub use root::{MAX_KEYS, PublicKey, Role, Root};
pub use signed::{
    MAX_CONTENT, MAX_SIGNATURES, MAX_SIGNED, MAX_TO_BE_SIGNED, Signed, assemble, digest, to_be_signed, write_content,
};
pub use state::{STATE_BYTES, Seen, State};
pub use store::{SCRATCH_BYTES, Store, StoreError};
pub use timestamp::{MAX_CLASSES, Newest};

use crate::{
    cose::{Document, MAX_SKEW_S, kind},
    wire::Text,
};

/// Longest name of a class of boards in bytes.
pub const MAX_CLASS: usize = 24;

/// Why something is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// It is not a document in its one form, or says what it may not.
    Malformed,
    /// It is larger than it may be, or than the buffer given.
    TooLarge,
    /// It is of another kind or version than expected.
    Kind,
    /// A key signed it that has no say in it.
    UnknownKey,
    /// A signature is wrong.
    Signature,
    /// Too few keys signed it.
    Threshold,
    /// A root names keys that are none, or twice the same, or a threshold that they cannot reach.
    Keys,
    /// It is older than what was seen.
    Rollback,
    /// It is a root that does not follow the trusted one directly.
    Gap,
    /// It has the number of another one that was seen.
    Conflict,
    /// It is not the document that the newest timestamp, or the state, names.
    Mismatch,
    /// It is for other boards.
    Class,
    /// It is past its expiry.
    Expired,
    /// The newest root is past its expiry: until there is a newer one nothing else is taken.
    RootExpired,
    /// It is issued in the future.
    NotYetValid,
    /// A payload is not the one that the manifest names.
    Payload,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the document is malformed",
            Self::TooLarge => "there are more bytes than there may be",
            Self::Kind => "the document is of another kind",
            Self::UnknownKey => "a key signed the document that has no say in it",
            Self::Signature => "a signature of the document is wrong",
            Self::Threshold => "too few keys signed the document",
            Self::Keys => "the root's keys cannot be",
            Self::Rollback => "the document is older than one that was seen",
            Self::Gap => "the root does not follow the trusted one directly",
            Self::Conflict => "another document with this number was seen",
            Self::Mismatch => "it is not the document that was named",
            Self::Class => "the release is for other boards",
            Self::Expired => "the document has expired",
            Self::RootExpired => "the root has expired",
            Self::NotYetValid => "the document lies in the future",
            Self::Payload => "the payload is not the one that was named",
        })
    }
}

impl core::error::Error for Error {}

/// Whether `text` may name a class of boards: lower case letters, digits and `-`, up to [`MAX_CLASS`] of them.
#[must_use]
pub fn is_class(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= MAX_CLASS && text.bytes().all(plain)
}

fn name(class: &str) -> Result<Text<MAX_CLASS>, Error> {
    if is_class(class) { Text::try_from(class).map_err(|_| Error::Class) } else { Err(Error::Class) }
}

/// A manifest as the timestamp names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Its number and digest.
    pub seen: Seen,
    /// Length of its content in bytes.
    pub bytes: u16,
}

/// A timestamp that was taken on, as far as it concerns one class of boards. It borrows nothing, so the manifest may be
/// fetched into the same buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// Its number and digest.
    pub seen: Seen,
    /// Seconds since 1970 from which it is void.
    pub expires_s: u64,
    /// The newest release of the class; `None` when there is none for it.
    pub newest: Option<Named>,
}

/// A root that is trusted, and what was seen under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    state: State,
    root: Root,
    root_expires_s: u64,
    class: Text<MAX_CLASS>,
}

impl Trust {
    /// Trust that begins with this root, as the flashing tool does: nothing but its own signatures speak for it. It is for
    /// boards of `class`.
    ///
    /// # Errors
    /// [`Error`] when it is not a root that is signed by itself; [`Error::Class`] for a class that cannot be.
    pub fn begin(document: &[u8], class: &str) -> Result<Self, Error> {
        let signed = Signed::parse(document)?;
        let mut trust = Self::nobodys(name(class)?);
        trust.root.read(signed.document())?;
        trust.root.check()?;
        signed.check(&[&trust.root.root])?;
        trust.root_expires_s = signed.document().expires_s;
        trust.state.root = Seen { sequence: signed.document().seq, digest: signed.digest() };
        trust.state.time_s = signed.document().issued_s;
        Ok(trust)
    }

    /// Trust as it was kept: the state, and the content of the root that the state names.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the state names another root; [`Error`] when it is none.
    pub fn open(state: State, root: &[u8], class: &str) -> Result<Self, Error> {
        if digest(root) != state.root.digest {
            return Err(Error::Mismatch);
        }
        let document = signed::read_content(root)?;
        if document.seq != state.root.sequence {
            return Err(Error::Mismatch);
        }
        let mut trust = Self::nobodys(name(class)?);
        trust.root.read(&document)?;
        trust.root_expires_s = document.expires_s;
        trust.state = state;
        Ok(trust)
    }

    const fn nobodys(class: Text<MAX_CLASS>) -> Self {
        let seen = Seen { sequence: 0, digest: [0; 32] };
        let state = State { root: seen, release: seen, timestamp: seen, time_s: 0 };
        Self { state, root: Root::nobodys(), root_expires_s: 0, class }
    }

    /// What has to be kept.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The root that is trusted.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Seconds since 1970 from which nothing is taken under this root.
    #[must_use]
    pub fn root_expires_s(&self) -> u64 {
        self.root_expires_s
    }

    /// The latest of the clock and the last signed time, in seconds since 1970.
    #[must_use]
    pub fn now(&self, clock_s: Option<u64>) -> u64 {
        clock_s.unwrap_or(0).max(self.state.time_s)
    }

    /// Follows to the root with the next number, and returns its content, which has to be kept.
    ///
    /// # Errors
    /// [`Error::Rollback`] for the trusted root or an older one; [`Error::Gap`] for a later one than the next; [`Error`] when
    /// the threshold of the trusted root or its own did not sign it. The trusted root remains.
    pub fn follow<'a>(&mut self, document: &'a [u8]) -> Result<&'a [u8], Error> {
        let signed = Signed::parse(document)?;
        let document = signed.document();
        let mut next = Root::nobodys();
        next.read(document)?;
        // Before the signatures: a store that shows the same root again costs no time.
        match document.seq.checked_sub(self.state.root.sequence) {
            None | Some(0) => return Err(Error::Rollback),
            Some(1) => {}
            Some(_) => return Err(Error::Gap),
        }
        signed.check(&[&self.root.root, &next.root])?;
        next.check()?;
        if self.root.release.is_given_up_by(&next.release) {
            self.state.release = Seen::default();
        }
        self.state.time_s = if self.root.timestamp.is_given_up_by(&next.timestamp) {
            self.state.timestamp = Seen::default();
            document.issued_s
        } else {
            self.state.time_s.max(document.issued_s)
        };
        self.state.root = Seen { sequence: document.seq, digest: signed.digest() };
        self.root_expires_s = document.expires_s;
        self.root = next;
        Ok(signed.content())
    }

    /// Takes a timestamp on: a newer one, or the last one again.
    ///
    /// # Errors
    /// [`Error::Rollback`] when it, or the release that it names, is older than what was seen; [`Error::Conflict`] when one of
    /// them has a number that was seen with another content; [`Error::RootExpired`], [`Error::Expired`],
    /// [`Error::NotYetValid`]; [`Error`] when the root's threshold did not sign it.
    pub fn timestamp(&mut self, document: &[u8], clock_s: Option<u64>) -> Result<Timestamp, Error> {
        let signed = Signed::parse(document)?;
        let document = signed.document();
        let newest = Newest::from_document(document, &self.class)?.map(|newest| Named {
            seen: Seen { sequence: newest.sequence, digest: newest.digest },
            bytes: newest.bytes,
        });
        signed.check(&[&self.root.timestamp])?;
        let seen = Seen { sequence: document.seq, digest: signed.digest() };
        self.state.timestamp.admit(&seen)?;
        self.check_time(document, clock_s)?;
        if let Some(newest) = &newest {
            self.state.release.admit(&newest.seen)?;
        }
        self.state.timestamp = seen;
        self.state.time_s = self.state.time_s.max(document.issued_s);
        Ok(Timestamp { seen, expires_s: document.expires_s, newest })
    }

    /// Takes the manifest on that `timestamp` names, the newest one.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when `timestamp` is not the last one that was taken on, or names another manifest or none;
    /// [`Error::Class`] for that of other boards; [`Error::Expired`] when it or the timestamp is; [`Error`] when the root's
    /// threshold did not sign it.
    pub fn release<'a>(
        &mut self,
        document: &'a [u8],
        timestamp: &Timestamp,
        clock_s: Option<u64>,
    ) -> Result<Manifest<'a>, Error> {
        let newest = timestamp.newest.as_ref().filter(|_| timestamp.seen == self.state.timestamp);
        let newest = newest.ok_or(Error::Mismatch)?;
        let signed = Signed::parse(document)?;
        let seen = Seen { sequence: signed.document().seq, digest: signed.digest() };
        if seen != newest.seen || signed.content().len() != usize::from(newest.bytes) {
            return Err(Error::Mismatch);
        }
        if self.now(clock_s) >= timestamp.expires_s {
            return Err(Error::Expired);
        }
        self.check_release(&signed, clock_s)?;
        let manifest = self.manifest(signed.document())?;
        self.state.release.admit(&seen)?;
        self.state.release = seen;
        Ok(manifest)
    }

    /// Reads the manifest that was taken on last once more, for an update that takes several wakes. It needs no timestamp.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when it is another one; [`Error`] when it has expired, or the root that was followed to since
    /// takes the right from who signed it.
    pub fn release_again<'a>(&self, document: &'a [u8], clock_s: Option<u64>) -> Result<Manifest<'a>, Error> {
        let signed = Signed::parse(document)?;
        if self.state.release != (Seen { sequence: signed.document().seq, digest: signed.digest() }) {
            return Err(Error::Mismatch);
        }
        self.check_release(&signed, clock_s)?;
        self.manifest(signed.document())
    }

    /// Apart from the manifest, so that a chip's stack need not hold it and the text that is signed at once.
    fn check_release(&self, signed: &Signed<'_>, clock_s: Option<u64>) -> Result<(), Error> {
        if signed.document().kind != kind::RELEASE {
            return Err(Error::Kind);
        }
        signed.check(&[&self.root.release])?;
        self.check_time(signed.document(), clock_s)
    }

    fn manifest<'a>(&self, document: &Document<'a>) -> Result<Manifest<'a>, Error> {
        let manifest = Manifest::from_document(document)?;
        if manifest.class == self.class { Ok(manifest) } else { Err(Error::Class) }
    }

    /// Judges the root and a document whose signatures are right.
    fn check_time(&self, document: &Document<'_>, clock_s: Option<u64>) -> Result<(), Error> {
        let now = self.now(clock_s);
        if clock_s.is_some() && document.issued_s > now.saturating_add(MAX_SKEW_S) {
            return Err(Error::NotYetValid);
        }
        // The document tells the time as well.
        if now.max(document.issued_s) >= self.root_expires_s {
            return Err(Error::RootExpired);
        }
        if now >= document.expires_s { Err(Error::Expired) } else { Ok(()) }
    }

    /// Which of the three documents `bytes` are, before anything is known of their signatures.
    ///
    /// # Errors
    /// [`Error::Kind`] when they are none of them; [`Error`] when they are malformed.
    pub fn kind_of(bytes: &[u8]) -> Result<&'static str, Error> {
        let kind = Signed::parse(bytes)?.document().kind;
        [kind::ROOT, kind::TIMESTAMP, kind::RELEASE].into_iter().find(|one| *one == kind).ok_or(Error::Kind)
    }
}
