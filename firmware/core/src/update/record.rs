//! What is kept of an order, and of how far it is.
//!
//! ```text
//! an order                                      a place
//! 0   number of the order        8              0   number of the order         8
//! 8   bytes of the image         4              8   first bytes of the image's digest   8
//! 12  bytes of the patch         4   0: none    16  the same of the patch, or zeros     8
//! 16  SHA-256 of the image      32              24  sectors of the image that are whole 4
//! 48  SHA-256 of its base       32              28  try, form (0 nothing, 1 a state)    2
//! 80  SHA-256 of the patch      32              30  strikes before it, of a short patch 1
//! 112 SHA-256 of the manifest   32              31  zero                                1
//! 144 SHA-256 of what was given up    32        32  the state of the applier, if it is one
//! 176 SHA-256 of the digests of sectors, or zeros   32
//! 208 mark of the image that ran       8
//! 216 mark of the image, if known      8
//! 224 slot, stage, why, try            4
//! 228 activations, length of the head, strikes, zero   4
//! 232 sectors that were whole at the last strike       4
//! 236 head of the patch, if known
//! ```
//!
//! Numbers are little-endian.

use super::{Order, Source, Why};
use crate::{
    boot::Slot,
    delta::{Head, MAX_HEAD_BYTES},
};

/// Bytes of an order without a head.
const FIXED: usize = 236;
/// Longest payload with an order.
pub(super) const MAX_RECORD_BYTES: usize = FIXED + MAX_HEAD_BYTES;
/// Bytes of a place without a state.
pub(super) const PLACE_BYTES: usize = 32;

const FORM_AT: usize = 29;

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is made of a patch.
    Patch,
    /// Its bytes are fetched as they are.
    Image,
    /// The slot holds it whole, and it is activated or soon will be.
    Ready,
    /// It checked in.
    Done,
    /// It will not be installed.
    GivenUp(Why),
}

const WHYS: [Why; 7] =
    [Why::Digest, Why::NotAnImage, Why::NoCheckIn, Why::Damaged, Why::Brownout, Why::Watchdog, Why::Panic];

/// An order as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) order: Order,
    pub(super) stage: Stage,
    /// Where the image goes.
    pub(super) slot: Slot,
    /// How many tries failed.
    pub(super) failed: u8,
    /// How often it was to be activated.
    pub(super) activations: u8,
    /// Mark of the image that ran when the order came.
    pub(super) from: [u8; 8],
    /// Mark of the image; zeros until it is whole.
    pub(super) mark: [u8; 8],
    /// Digest of the image that was given up last; zeros when none was.
    pub(super) given_up: [u8; 32],
    /// How often the patch was wrong, and at how many whole sectors.
    pub(super) strikes: u8,
    pub(super) struck_at: u32,
    /// Head of the patch, once it came.
    pub(super) head: Option<Head>,
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    out[at..at + bytes.len()].copy_from_slice(bytes);
}

fn get<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

impl Record {
    /// Writes it to the start of `out`, and says how many bytes it has.
    pub(super) fn encode(&self, out: &mut [u8; MAX_RECORD_BYTES]) -> usize {
        let Order { sequence, image_bytes, image_sha256, source, sums_sha256, manifest_sha256 } = &self.order;
        out.fill(0);
        put(out, 0, &sequence.to_le_bytes());
        put(out, 8, &image_bytes.to_le_bytes());
        put(out, 16, image_sha256);
        if let Source::Delta { base_sha256, patch_bytes, patch_sha256 } = source {
            put(out, 12, &patch_bytes.to_le_bytes());
            put(out, 48, base_sha256);
            put(out, 80, patch_sha256);
        }
        put(out, 112, manifest_sha256);
        put(out, 144, &self.given_up);
        put(out, 176, &sums_sha256.unwrap_or_default());
        put(out, 208, &self.from);
        put(out, 216, &self.mark);
        let (stage, why) = match self.stage {
            Stage::Patch => (1, 0),
            Stage::Image => (2, 0),
            Stage::Ready => (3, 0),
            Stage::Done => (4, 0),
            Stage::GivenUp(why) => (5, WHYS.iter().position(|one| *one == why).unwrap_or(0) as u8),
        };
        put(out, 224, &[self.slot.index() as u8, stage, why, self.failed, self.activations]);
        put(out, 230, &[self.strikes]);
        put(out, 232, &self.struck_at.to_le_bytes());
        let mut head = [0; MAX_HEAD_BYTES];
        let length = self.head.as_ref().map_or(0, |known| known.write(&mut head));
        out[229] = length as u8;
        put(out, FIXED, &head[..length]);
        FIXED + length
    }

    /// Reads what [`Record::encode`] wrote; `None` when it is something else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| get(bytes, at).map(u32::from_le_bytes);
        let small = |at: usize| bytes.get(at).copied();
        let source = match number(12)? {
            0 => Source::Full,
            patch_bytes => Source::Delta { base_sha256: get(bytes, 48)?, patch_bytes, patch_sha256: get(bytes, 80)? },
        };
        let order = Order {
            sequence: u64::from_le_bytes(get(bytes, 0)?),
            image_bytes: number(8)?,
            image_sha256: get(bytes, 16)?,
            source,
            sums_sha256: get(bytes, 176).filter(|sums| *sums != [0; 32]),
            manifest_sha256: get(bytes, 112)?,
        };
        let stage = match small(225)? {
            1 if source != Source::Full => Stage::Patch,
            2 => Stage::Image,
            3 => Stage::Ready,
            4 => Stage::Done,
            5 => Stage::GivenUp(*WHYS.get(usize::from(small(226)?))?),
            _ => return None,
        };
        let length = usize::from(small(229)?);
        let head = match bytes.get(FIXED..)? {
            [] if length == 0 => None,
            head if head.len() == length => {
                let (head, read) = Head::parse(head).ok()?;
                (read == length).then_some(Some(head))?
            }
            _ => return None,
        };
        Some(Self {
            order,
            stage,
            slot: *Slot::ALL.get(usize::from(small(224)?))?,
            failed: small(227)?,
            activations: small(228)?,
            from: get(bytes, 208)?,
            mark: get(bytes, 216)?,
            given_up: get(bytes, 144)?,
            strikes: small(230)?,
            struck_at: number(232)?,
            head,
        })
    }

    /// What tells the places of this order and try from all others.
    fn tag(&self) -> [u8; 24] {
        let mut tag = [0; 24];
        put(&mut tag, 0, &self.order.sequence.to_le_bytes());
        put(&mut tag, 8, &self.order.image_sha256[..8]);
        if let (Stage::Patch, Source::Delta { patch_sha256, .. }) = (self.stage, self.order.source) {
            put(&mut tag, 16, &patch_sha256[..8]);
        }
        tag
    }

    /// What a short patch made before it was wrong was compared with nothing: its places end with the strike.
    const fn round(&self) -> u8 {
        if self.is_short_patch() { self.strikes } else { 0 }
    }

    /// Writes the beginning of a place: so many sectors of the image are whole, and the applier's state follows or not.
    pub(super) fn place(&self, sectors: u32, has_state: bool, out: &mut [u8]) {
        put(out, 0, &self.tag());
        put(out, 24, &sectors.to_le_bytes());
        put(out, 28, &[self.failed, u8::from(has_state), self.round(), 0]);
    }

    /// How many sectors are whole by a place of this order, and the state behind it; `None` for one of another.
    pub(super) fn read_place<'b>(&self, bytes: &'b [u8], any_order: bool) -> Option<(u32, Option<&'b [u8]>)> {
        let (place, state) = bytes.split_at_checked(PLACE_BYTES)?;
        let fits = place[..24] == self.tag() && place[28] == self.failed && place[30] == self.round();
        if !fits && !any_order {
            return None;
        }
        let sectors = u32::from_le_bytes(get(place, 24)?);
        match place[FORM_AT] {
            0 if state.is_empty() => Some((sectors, None)),
            1 => Some((sectors, Some(state))),
            _ => None,
        }
    }
}
