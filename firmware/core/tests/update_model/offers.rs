//! Images, patches, and what servers give for orders: the truth, or something else.

use sha2::{Digest as _, Sha256};
use wildcam_core::{
    delta::{Architecture, Head, Operation, encode},
    update::{Order, SHORT_PATCH_BYTES, Source, Wanted, What, Why, sum},
};

use super::{Bugs, Known, Life, ORDERS, SECTOR};

pub(super) const CHIP: u16 = 5;
const OTHER_CHIP: u16 = 13;
/// Bytes of an image that are not in its segment.
const FRAME: usize = 24 + 8 + 16 + 32;

fn noise(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// A whole image of one segment with this content, as the boot stage takes it.
fn image_of(chip: u16, content: &[u8]) -> Vec<u8> {
    let mut image = vec![0xE9, 1, 2, 0x20, 0, 0x10, 0, 0x80, 0xEE, 0, 0, 0];
    image.extend(chip.to_le_bytes());
    image.extend([0; 9]);
    image.push(1);
    image.extend(0x8000_1000_u32.to_le_bytes());
    image.extend((content.len() as u32).to_le_bytes());
    image.extend(content);
    image.resize((image.len() + 1).next_multiple_of(16) - 1, 0);
    image.push(content.iter().fold(0xEF, |sum, byte| sum ^ byte));
    image.extend(Sha256::digest(&image));
    image
}

/// Images that have most of their bytes in common, of at most so many.
pub(super) fn image(number: u8, bytes: usize) -> Vec<u8> {
    let mut content = noise(7, (bytes - FRAME) / 4 * 4);
    for (at, sector) in content.chunks_mut(SECTOR).enumerate() {
        let own = noise(1000 * u32::from(number) + at as u32, 500);
        sector.iter_mut().skip(700).zip(own).for_each(|(old, new)| *old = new);
    }
    image_of(CHIP, &content)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A patch that says of itself that it makes `target`, and makes what `made` is.
fn patch(base: &[u8], target: &[u8], made: &[u8]) -> Vec<u8> {
    let head = Head {
        architecture: Architecture::Plain,
        base_bytes: base.len() as u32,
        base_sha256: sha256(base),
        target_bytes: target.len() as u32,
        target_sha256: sha256(target),
        address_bytes: [0; 4],
        base_regions: heapless::Vec::new(),
        target_regions: heapless::Vec::new(),
    };
    let copy = base.len().min(target.len()) as u32;
    let operation = Operation { from: 0, copy, extra: target.len() as u32 - copy };
    encode(&head, base, made, [operation]).expect("the operation makes the target")
}

/// How an offer is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Confirmed,
    GivenUp(Why),
    /// It is left after so many bytes, for the next one.
    Left(u32),
}

/// A byte that mirrors turn, so many times.
#[derive(Debug, Clone, Copy)]
struct Lie {
    what: What,
    at: u32,
    times: u8,
}

/// Most lies of an offer.
pub(super) const LIES: usize = 3;

/// An order, and what a server gives for it.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(super) order: Order,
    patch: Vec<u8>,
    /// Bytes of the image that are given at the first try, and at the second.
    served: [Vec<u8>; 2],
    pub(super) image: Vec<u8>,
    /// Digests of sectors; none if nobody has those that the order names.
    pub(super) sums: Vec<u8>,
    lies: Vec<Lie>,
    /// Tries that the server spoils.
    pub(super) spoiled: u8,
    pub(super) checks_in: bool,
    pub(super) ends: Ends,
}

fn offer(number: u64, image: &[u8]) -> Offer {
    let sequence = ORDERS + number;
    let order = Order {
        sequence,
        image_bytes: image.len() as u32,
        image_sha256: sha256(image),
        source: Source::Full,
        sums_sha256: None,
        manifest_sha256: [sequence as u8; 32],
    };
    let served = [image.to_vec(), image.to_vec()];
    let image = image.to_vec();
    Offer {
        order,
        patch: Vec::new(),
        served,
        image,
        sums: Vec::new(),
        lies: Vec::new(),
        spoiled: 0,
        checks_in: true,
        ends: Ends::Confirmed,
    }
}

impl Offer {
    fn by_patch(mut self, base: &[u8], made: &[u8]) -> Self {
        self.patch = patch(base, &self.image, made);
        self.order.source = Source::Delta {
            base_sha256: sha256(base),
            patch_bytes: self.patch.len() as u32,
            patch_sha256: sha256(&self.patch),
        };
        self.spoiled = u8::from(self.image != made);
        self
    }

    /// The patch says that it is long: what is behind its end is never asked for.
    fn long(mut self) -> Self {
        self.patch.resize(SHORT_PATCH_BYTES as usize + 1, 0);
        if let Source::Delta { patch_bytes, patch_sha256, .. } = &mut self.order.source {
            (*patch_bytes, *patch_sha256) = (self.patch.len() as u32, sha256(&self.patch));
        }
        self
    }

    /// The order names digests of sectors, and mirrors lie.
    fn compared(mut self, lies: &[(What, u32, u8)]) -> Self {
        self.sums = self.image.chunks(SECTOR).flat_map(sum).collect();
        self.order.sums_sha256 = Some(sha256(&self.sums));
        self.lies = lies.iter().map(|&(what, at, times)| Lie { what, at, times }).collect();
        assert!(lies.len() <= LIES, "too many lies");
        self
    }

    /// Whether so many failed tries brought it to a patch that is short.
    pub(super) fn is_short_patch(&self, failed: u8) -> bool {
        match self.order.source {
            Source::Delta { patch_bytes, .. } => failed == 0 && patch_bytes <= SHORT_PATCH_BYTES,
            Source::Full => false,
        }
    }

    /// What a mirror gives of what is wanted.
    pub(super) fn give(&self, wanted: Wanted, piece: usize, known: &mut Known) -> Vec<u8> {
        let source = match wanted.what {
            What::Patch => &self.patch,
            What::Image => &self.served[usize::from(known.failed).min(1)],
            What::Sums => &self.sums,
        };
        let rest = source.get(wanted.offset as usize..).unwrap_or_default();
        let mut bytes = rest[..rest.len().min(piece).min(wanted.at_most as usize)].to_vec();
        known.lied |= wanted.what == What::Patch && self.spoiled > 0;
        for (lie, told) in self.lies.iter().zip(&mut known.told) {
            let at = lie.at.checked_sub(wanted.offset).filter(|_| lie.what == wanted.what);
            if let Some(byte) = at.and_then(|at| bytes.get_mut(at as usize))
                && *told < lie.times
            {
                *byte ^= 1;
                *told += 1;
                known.lied = true;
            }
        }
        bytes
    }

    fn never_checks_in(mut self) -> Self {
        (self.checks_in, self.ends) = (false, Ends::GivenUp(Why::NoCheckIn));
        self
    }
}

/// Every life, with images of at most so many bytes.
pub(crate) fn lives<const W: usize>(bytes: usize) -> Vec<Life<W>> {
    let [first, second, third] = [1, 2, 3].map(|number| image(number, bytes - 64 * usize::from(number)));
    let for_another = image_of(OTHER_CHIP, &noise(9, bytes / 2 / 4 * 4));
    let mut mirror = offer(1, &second);
    (mirror.served[0], mirror.spoiled) = (image(4, bytes - 128), 1);
    let mut endless = offer(1, &second);
    endless.served = [image(4, bytes - 128), image(5, bytes - 128)];
    (endless.spoiled, endless.ends) = (2, Ends::GivenUp(Why::Digest));
    let mut foreign = offer(1, &for_another);
    foreign.ends = Ends::GivenUp(Why::Damaged);
    let mut nonsense = offer(1, &noise(3, bytes / 2));
    nonsense.ends = Ends::GivenUp(Why::NotAnImage);
    let mut left = offer(1, &second);
    left.ends = Ends::Left(bytes as u32 * 2 / 3);
    let mut left_patch = offer(1, &second).by_patch(&first, &second);
    left_patch.ends = Ends::Left(left_patch.patch.len() as u32 * 2 / 3);
    let mut left_compared = offer(1, &second).compared(&[]);
    left_compared.ends = left.ends;
    let mut lost_sums = mirror.clone().compared(&[]);
    lost_sums.sums.clear();
    let late: Vec<u8> = second.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == SECTOR + 900)).collect();
    let wrong: Vec<u8> = second.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at % 301 == 300)).collect();
    let plans = [
        ("a whole image", vec![offer(1, &second)]),
        ("a whole image that never checks in", vec![offer(1, &second).never_checks_in()]),
        ("a patch", vec![offer(1, &second).by_patch(&first, &second)]),
        (
            "a patch to an image that never checks in",
            vec![offer(1, &second).by_patch(&first, &second).never_checks_in()],
        ),
        ("a patch that gives something else", vec![offer(1, &second).by_patch(&first, &wrong)]),
        ("a mirror that gives another image", vec![mirror]),
        ("mirrors that never give it, and a newer order", vec![endless, offer(2, &third)]),
        ("an image for another chip", vec![foreign]),
        ("what is no image, and a newer order", vec![nonsense, offer(2, &second)]),
        ("an order that is replaced", vec![left, offer(2, &third)]),
        ("a patch that is replaced by another", vec![left_patch, offer(2, &third).by_patch(&first, &third)]),
        ("what was given up, ordered anew", vec![offer(1, &second).never_checks_in(), offer(2, &second)]),
        (
            "two updates, there and back",
            vec![offer(1, &second).by_patch(&first, &second), offer(2, &first).by_patch(&second, &first)],
        ),
        (
            "a whole image by digests, and mirrors that lie",
            vec![offer(1, &second).compared(&[(What::Sums, 3, 2), (What::Image, 5, 1), (What::Image, 4500, 5)])],
        ),
        (
            "a long patch by digests, and mirrors that lie",
            vec![offer(1, &second).by_patch(&first, &second).long().compared(&[
                (What::Sums, 9, 1),
                (What::Patch, 20, 1),
                (What::Patch, 900, 2),
            ])],
        ),
        (
            "a long patch that gives something else",
            vec![offer(1, &second).by_patch(&first, &late).long().compared(&[(What::Image, 4500, 1)])],
        ),
        (
            "a short patch, and mirrors that lie",
            vec![offer(1, &second).by_patch(&first, &second).compared(&[(What::Patch, 20, 1), (What::Patch, 900, 2)])],
        ),
        (
            "a short patch that gives something else, and mirrors that lie",
            vec![offer(1, &second).by_patch(&first, &wrong).compared(&[(What::Sums, 9, 1), (What::Image, 4500, 1)])],
        ),
        ("an order by digests that is replaced by another", vec![left_compared, offer(2, &third).compared(&[])]),
        ("digests that nobody has", vec![lost_sums]),
    ];
    let slot_sectors = bytes.div_ceil(SECTOR);
    plans
        .into_iter()
        .map(|(name, offers)| Life {
            name,
            first: first.clone(),
            offers,
            slot_sectors,
            piece: 700,
            wake: 5000,
            bugs: Bugs::default(),
        })
        .collect()
}
