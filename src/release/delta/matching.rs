//! What of the new file is in the old one.
//!
//! After bsdiff (Colin Percival, "Naive Differences of Executable Code", 2003): long stretches that are alike but for a byte here
//! and there are copied as they are, with their differences. What is between them is looked for again, in small pieces.

use wildcam_core::delta::Operation;

/// A stretch elsewhere in the old file is gone over to when it is longer than what fits here by so many bytes.
const BETTER: usize = 6;
/// A piece between stretches is copied when it has so many bytes: a copy costs some four.
const PIECE: usize = 5;
/// So long a match is not looked at further.
const LONG: usize = 1 << 16;
/// So many bytes that fit are gone on with unseen.
const SETTLED: usize = 32;

/// The old file with the order of all that it ends in.
struct Index<'b> {
    base: &'b [u8],
    order: Vec<i32>,
}

fn common(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take(LONG).take_while(|(a, b)| a == b).count()
}

impl<'b> Index<'b> {
    fn new(base: &'b [u8]) -> Self {
        let mut order = vec![0; base.len()];
        divsufsort::sort_in_place(base, &mut order);
        Self { base, order }
    }

    fn rest(&self, place: usize) -> &'b [u8] {
        &self.base[usize::try_from(self.order[place]).unwrap_or(0)..]
    }

    /// Where the longest beginning of `text` is, and how long it is.
    fn longest(&self, text: &[u8]) -> (usize, usize) {
        let text = &text[..text.len().min(LONG)];
        let (mut low, mut high) = (0, self.order.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let rest = self.rest(middle);
            if &rest[..rest.len().min(text.len())] < text {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let near = [low.checked_sub(1), Some(low).filter(|place| *place < self.order.len())];
        let candidates = near
            .into_iter()
            .flatten()
            .map(|place| (self.base.len() - self.rest(place).len(), common(self.rest(place), text)));
        candidates.max_by_key(|(_, length)| *length).unwrap_or((0, 0))
    }
}

/// A stretch of the new file and one of the old that begin alike.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    target: usize,
    base: usize,
}

/// The copies and additions that make `target` of `base`.
pub(super) fn operations(base: &[u8], target: &[u8]) -> Vec<Operation> {
    let index = Index::new(base);
    let anchors = anchors(&index, target);
    let mut out = Vec::new();
    // What comes before the first anchor is like what comes between two: copied as far back as more fits than does not.
    let mut begun = anchors.first().map_or(target.len(), |first| backwards(base, target, *first, 0));
    pieces(&index, target, 0, begun, &mut out);
    for (number, anchor) in anchors.iter().enumerate() {
        let next = anchors.get(number + 1).copied();
        let (copied, resumed) = between(base, target, *anchor, begun, next);
        let from = anchor.base + begun - anchor.target;
        if copied > begun {
            out.push((from, copied - begun));
        }
        pieces(&index, target, copied, resumed, &mut out);
        begun = resumed;
    }
    folded(&out)
}

/// Copies as `(from, bytes)`, with `from` of `usize::MAX` for bytes that are added; folded into operations.
fn folded(parts: &[(usize, usize)]) -> Vec<Operation> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let mut out: Vec<Operation> = Vec::new();
    for (from, bytes) in parts.iter().copied().filter(|(_, bytes)| *bytes > 0) {
        match out.last_mut() {
            Some(last) if from == ADDED => last.extra += number(bytes),
            None if from == ADDED => out.push(Operation { from: 0, copy: 0, extra: number(bytes) }),
            _ => out.push(Operation { from: number(from), copy: number(bytes), extra: 0 }),
        }
    }
    out
}

const ADDED: usize = usize::MAX;

/// Places at which the new file goes over to another part of the old one.
fn anchors(index: &Index<'_>, target: &[u8]) -> Vec<Anchor> {
    let mut anchors: Vec<Anchor> = Vec::new();
    let mut at = 0;
    while at < target.len() {
        let here = anchors.last().and_then(|anchor| index.base.get(at - anchor.target + anchor.base..));
        let settled = here.map_or(0, |here| common(here, &target[at..]));
        if settled >= SETTLED {
            at += settled;
            continue;
        }
        let (base, length) = index.longest(&target[at..]);
        let fits = here.map_or(0, |here| here.iter().zip(&target[at..at + length]).filter(|(a, b)| a == b).count());
        if length > fits + BETTER {
            anchors.push(Anchor { target: at, base });
            at += length;
        } else {
            at += settled.max(1);
        }
    }
    anchors
}

/// Whether the byte of the new file at this place is that of the old one beside the anchor.
fn fits(base: &[u8], target: &[u8], anchor: Anchor, at: usize) -> bool {
    (at + anchor.base).checked_sub(anchor.target).and_then(|place| base.get(place)) == target.get(at)
}

/// From where on an anchor is copied, not before `begun`: at or before its own place, where more fits than does not.
fn backwards(base: &[u8], target: &[u8], anchor: Anchor, begun: usize) -> usize {
    let (mut score, mut best, mut resumed) = (0_i64, 0_i64, anchor.target);
    for at in (begun..anchor.target).rev() {
        if anchor.target - at > anchor.base {
            break;
        }
        score += if fits(base, target, anchor, at) { 1 } else { -1 };
        if score > best {
            (best, resumed) = (score, at);
        }
    }
    resumed
}

/// How far the copy of `anchor` goes, and where that of the next one begins: at or before its own place, where more fits than
/// does not.
fn between(base: &[u8], target: &[u8], anchor: Anchor, begun: usize, next: Option<Anchor>) -> (usize, usize) {
    let end = next.map_or(target.len(), |next| next.target);
    let fits = |anchor, at| fits(base, target, anchor, at);
    // Forwards: to where twice what fits is the most over the length.
    let settled = begun.max(anchor.target);
    let (mut score, mut best, mut copied) = (0_i64, 0_i64, settled);
    for at in settled..end {
        if at - anchor.target + anchor.base >= base.len() {
            break;
        }
        score += if fits(anchor, at) { 1 } else { -1 };
        if score > best {
            (best, copied) = (score, at + 1);
        }
    }
    let Some(next) = next else { return (copied, end) };
    let mut resumed = backwards(base, target, next, begun);
    if resumed < copied {
        // Both reach it: the border is where most fits.
        let (mut score, mut best, mut border) = (0_i64, 0_i64, resumed);
        for at in resumed..copied {
            score += i64::from(fits(anchor, at)) - i64::from(fits(next, at));
            if score > best {
                (best, border) = (score, at + 1);
            }
        }
        (copied, resumed) = (border, border);
    }
    (copied, resumed)
}

/// Looks for small pieces of `target[from..to]`, and adds what is found nowhere.
fn pieces(index: &Index<'_>, target: &[u8], from: usize, to: usize, out: &mut Vec<(usize, usize)>) {
    let mut at = from;
    let mut added = 0;
    while at < to {
        let (base, length) = index.longest(&target[at..to]);
        if length >= PIECE {
            out.push((ADDED, added));
            out.push((base, length));
            (at, added) = (at + length, 0);
        } else {
            (at, added) = (at + 1, added + 1);
        }
    }
    out.push((ADDED, added));
}
