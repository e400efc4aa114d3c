//! A manifest as the camera keeps it while it fetches: what is ordered, and under which keys it lies.

use embedded_storage::nor_flash::NorFlash;

use crate::{
    camera::{Range, Sink, SinkError},
    trust::{Gates, MAX_DELTAS, Manifest, Payload, Seen},
    update::{self, Order, Source, Update, What},
    wire::{Text, keys::MAX_RELEASE},
};

/// Bytes that are given to the updater at a time: a few of a patch may make many sectors, and others must have their turn.
const PIECE: usize = 256;

/// An object.
#[derive(Clone)]
pub(super) struct Piece {
    key: Text<MAX_RELEASE>,
    pub(super) bytes: u32,
    sha256: [u8; 32],
}

impl Piece {
    fn of(payload: &Payload<'_>) -> Option<Self> {
        let key = Text::try_from(payload.uri).ok()?;
        Some(Self { key, bytes: payload.size, sha256: payload.digest })
    }
}

/// Where the bytes of a release are.
pub(super) struct Sources {
    pub(super) sequence: u64,
    manifest_sha256: [u8; 32],
    pub(super) image: Piece,
    sums: Option<Piece>,
    /// Each with the SHA-256 of the image that it is for.
    pub(super) patches: heapless::Vec<([u8; 32], Piece), MAX_DELTAS>,
    pub(super) gates: Gates,
}

impl Sources {
    /// `None` when a key is too long, which no manifest has that was read.
    pub(super) fn of(manifest: &Manifest<'_>, seen: &Seen) -> Option<Self> {
        let mut patches = heapless::Vec::new();
        for delta in &manifest.deltas {
            patches.push((delta.precursor, Piece::of(&delta.patch)?)).ok()?;
        }
        let sums = match &manifest.sums {
            Some(sums) => Some(Piece {
                key: Text::try_from(sums.uri).ok()?,
                bytes: update::sums_bytes(manifest.image.size)?,
                sha256: sums.sha256,
            }),
            None => None,
        };
        Some(Self {
            sequence: seen.sequence,
            manifest_sha256: seen.digest,
            image: Piece::of(&manifest.image)?,
            sums,
            patches,
            gates: manifest.gates,
        })
    }

    /// The order for a camera that runs the image with the SHA-256 `runs`: by a patch, if there is one for it.
    pub(super) fn order(&self, runs: Option<&[u8; 32]>) -> Order {
        let patch = self.patches.iter().find(|(base, _)| Some(base) == runs);
        let source = patch.map_or(Source::Full, |(base, patch)| Source::Delta {
            base_sha256: *base,
            patch_bytes: patch.bytes,
            patch_sha256: patch.sha256,
        });
        Order {
            sequence: self.sequence,
            image_bytes: self.image.bytes,
            image_sha256: self.image.sha256,
            source,
            sums_sha256: self.sums.as_ref().map(|sums| sums.sha256),
            manifest_sha256: self.manifest_sha256,
        }
    }

    fn piece(&self, what: What, order: &Order) -> Option<&Piece> {
        match (what, order.source) {
            (What::Image, _) => Some(&self.image),
            (What::Sums, _) => self.sums.as_ref(),
            (What::Patch, Source::Delta { patch_sha256, .. }) => {
                self.patches.iter().map(|(_, patch)| patch).find(|patch| patch.sha256 == patch_sha256)
            }
            (What::Patch, Source::Full) => None,
        }
    }
}

/// An update that is being filled from its sources.
pub(super) struct Filled<'u, F> {
    pub(super) update: &'u mut Update<F>,
    pub(super) sources: &'u Sources,
    pub(super) around: fn(&mut dyn FnMut()),
}

impl<F: NorFlash> Sink for Filled<'_, F> {
    fn wants(&self) -> Option<Range<'_>> {
        let wanted = self.update.wants()?;
        let piece = self.sources.piece(wanted.what, self.update.order()?)?;
        Some(Range { key: &piece.key, offset: wanted.offset, at_most: wanted.at_most, total: piece.bytes })
    }

    async fn take(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SinkError> {
        let mut at = offset;
        for piece in bytes.chunks(PIECE) {
            let wanted = self.update.wants();
            // What turned out to be of no use changes what is wanted; the rest of these bytes is not it.
            let Some(wanted) = wanted.filter(|wanted| wanted.offset == at) else { return Ok(()) };
            let mut fed = Err(update::Error::NotWanted);
            (self.around)(&mut || fed = self.update.feed(wanted.what, at, piece));
            match fed {
                Ok(_) => {}
                Err(update::Error::Wrong) => return Err(SinkError::Wrong),
                Err(_) => return Err(SinkError::Stop),
            }
            at = at.saturating_add(piece.len() as u32);
            embassy_futures::yield_now().await;
        }
        Ok(())
    }
}
