//! Trust in the flash: the state and the content of the root that it names, in one record, so that no loss of power parts them.
//!
//! ```text
//! 0    SHA-256 of the anchor: the root document that the camera was given by cable   32
//! 32   the state                                                                    144
//! 176  content of the trusted root                                                   up to 1,536
//! ```
//!
//! The region has two sectors of such records, of which the latest valid one counts ([`crate::flash`]'s rules for records).
//! What was kept under another anchor counts as nothing: who holds the cable decides anew what the camera trusts.

use core::fmt;

use embedded_storage::nor_flash::NorFlash;

use super::{Error, MAX_CONTENT, STATE_BYTES, Signed, State, Trust, digest};
use crate::{
    flash::{
        RecordsError,
        records::{HEAD_BYTES, Records},
    },
    layout::Region,
};

const ANCHOR_BYTES: usize = 32;
/// Bytes of a record before the root.
const FIXED: usize = ANCHOR_BYTES + STATE_BYTES;

/// Bytes that a [`Store`] works in: its largest record. Nothing of them is needed between two calls.
pub const SCRATCH_BYTES: usize = HEAD_BYTES + FIXED + MAX_CONTENT;

/// Why trust could not be read or kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    /// The flash cannot be used.
    Flash(RecordsError),
    /// The anchor is none, or the class cannot be one.
    Trust(Error),
    /// The trusted root is another one than was kept, and its content was not given, or that of another root.
    Root,
    /// Nothing was loaded yet.
    NotLoaded,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
            Self::Root => f.write_str("the content of the trusted root is missing"),
            Self::NotLoaded => f.write_str("trust is kept before it was loaded"),
        }
    }
}

impl core::error::Error for StoreError {}

impl From<RecordsError> for StoreError {
    fn from(error: RecordsError) -> Self {
        Self::Flash(error)
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::Trust(error)
    }
}

/// What the latest record says.
#[derive(Debug, Clone, Copy)]
struct Kept {
    anchor: [u8; ANCHOR_BYTES],
    state: State,
}

/// Where trust is kept. The flash is lent for each call.
#[derive(Debug, Clone)]
pub struct Store {
    records: Records,
    kept: Option<Kept>,
}

impl Store {
    /// Looks at what `region` of `flash` holds, after any loss of power. It writes nothing.
    ///
    /// # Errors
    /// [`StoreError::Flash`].
    pub fn open<F: NorFlash>(flash: &mut F, region: Region) -> Result<Self, StoreError> {
        Ok(Self { records: Records::open(flash, region)?, kept: None })
    }

    /// The trust that was kept under `anchor`, the root document of the camera's identity; where there is none, trust that
    /// begins with it, which is then kept. `class` is that of the board. `scratch` has [`SCRATCH_BYTES`].
    ///
    /// A record that was written whole and yet cannot be opened was made by another build. The camera then begins with its
    /// anchor, and learns again what it knew: to be held where it is for ever would be worse.
    ///
    /// # Errors
    /// [`StoreError::Trust`] when the anchor is no root that is signed by itself, or the class cannot be one;
    /// [`StoreError::Flash`].
    pub fn load<F: NorFlash>(
        &mut self,
        flash: &mut F,
        anchor: &[u8],
        class: &str,
        scratch: &mut [u8],
    ) -> Result<Trust, StoreError> {
        let wanted = digest(anchor);
        // A record that would not fit must not look as if there were none.
        let room = scratch.get_mut(HEAD_BYTES..SCRATCH_BYTES).ok_or(RecordsError::Geometry)?;
        let latest = self.records.latest(flash, room)?.and_then(read);
        if let Some((kept, root)) = latest.filter(|(kept, _)| kept.anchor == wanted)
            && let Ok(trust) = Trust::open(kept.state, root, class)
        {
            self.kept = Some(kept);
            return Ok(trust);
        }
        let trust = Trust::begin(anchor, class)?;
        let root = Signed::parse(anchor)?.content();
        self.write(flash, Kept { anchor: wanted, state: *trust.state() }, root, scratch)?;
        Ok(trust)
    }

    /// Keeps `trust`, which was loaded from here and has gone on since; durable on return. `new_root` is the content of its
    /// root, as [`Trust::follow`] returned it; without one the kept content stays. Where nothing changed nothing is written.
    ///
    /// After an error what was kept before is still there.
    ///
    /// # Errors
    /// [`StoreError::Root`], [`StoreError::NotLoaded`], [`StoreError::Flash`].
    pub fn keep<F: NorFlash>(
        &mut self,
        flash: &mut F,
        trust: &Trust,
        new_root: Option<&[u8]>,
        scratch: &mut [u8],
    ) -> Result<(), StoreError> {
        let before = self.kept.ok_or(StoreError::NotLoaded)?;
        let after = Kept { state: *trust.state(), ..before };
        if before.state == after.state {
            return Ok(());
        }
        if let Some(root) = new_root {
            return self.write(flash, after, root, scratch);
        }
        // The record is read to the place that it is written from, but for its state.
        let room = scratch.get_mut(HEAD_BYTES..).ok_or(RecordsError::Geometry)?;
        let record = self.records.latest(flash, room)?.ok_or(StoreError::Root)?;
        let bytes = record.len();
        if record.get(FIXED..).is_none_or(|root| digest(root) != after.state.root.digest) {
            return Err(StoreError::Root);
        }
        self.append(flash, after, bytes, scratch)
    }

    fn write<F: NorFlash>(
        &mut self,
        flash: &mut F,
        kept: Kept,
        root: &[u8],
        scratch: &mut [u8],
    ) -> Result<(), StoreError> {
        if digest(root) != kept.state.root.digest {
            return Err(StoreError::Root);
        }
        let room = scratch.get_mut(HEAD_BYTES + FIXED..).and_then(|room| room.get_mut(..root.len()));
        room.ok_or(RecordsError::Geometry)?.copy_from_slice(root);
        self.append(flash, kept, FIXED + root.len(), scratch)
    }

    /// Appends the record of so many `bytes`, whose root lies in `scratch` already.
    fn append<F: NorFlash>(
        &mut self,
        flash: &mut F,
        kept: Kept,
        bytes: usize,
        scratch: &mut [u8],
    ) -> Result<(), StoreError> {
        let fixed = scratch.get_mut(HEAD_BYTES..HEAD_BYTES + FIXED).ok_or(RecordsError::Geometry)?;
        fixed[..ANCHOR_BYTES].copy_from_slice(&kept.anchor);
        fixed[ANCHOR_BYTES..].copy_from_slice(&kept.state.encode());
        self.records.append(flash, scratch, bytes)?;
        self.kept = Some(kept);
        Ok(())
    }
}

/// Reads a record, and the content of the root behind it.
fn read(record: &[u8]) -> Option<(Kept, &[u8])> {
    let (anchor, rest) = record.split_first_chunk()?;
    let (state, root) = rest.split_first_chunk()?;
    Some((Kept { anchor: *anchor, state: State::decode(state)? }, root))
}
