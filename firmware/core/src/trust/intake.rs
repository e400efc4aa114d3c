//! What comes from a store while it comes.

use sha2::{Digest as _, Sha256};

use super::{Error, Payload};

/// Counts and hashes a payload that is fetched in pieces.
#[derive(Debug, Clone)]
pub struct Intake {
    left: u32,
    digest: [u8; 32],
    hasher: Sha256,
}

impl Intake {
    /// Before the first byte of `payload`.
    #[must_use]
    pub fn of(payload: &Payload<'_>) -> Self {
        Self { left: payload.size, digest: payload.digest, hasher: Sha256::new() }
    }

    /// How many bytes are missing.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Takes the next piece in.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when there is more than there should be; nothing of the piece was taken, and the rest need not be
    /// read.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), Error> {
        let bytes = u32::try_from(piece.len()).map_err(|_| Error::TooLarge)?;
        self.left = self.left.checked_sub(bytes).ok_or(Error::TooLarge)?;
        self.hasher.update(piece);
        Ok(())
    }

    /// Judges the whole.
    ///
    /// # Errors
    /// [`Error::Payload`] when bytes are missing or other ones came.
    pub fn finish(self) -> Result<(), Error> {
        let digest: [u8; 32] = self.hasher.finalize().into();
        if self.left == 0 && digest == self.digest { Ok(()) } else { Err(Error::Payload) }
    }
}
