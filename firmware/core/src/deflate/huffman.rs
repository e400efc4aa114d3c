//! Codes whose lengths follow from how often each symbol occurs.

/// The longest code of a literal or a distance.
pub(super) const MAX_BITS: u8 = 15;

/// The order in which the lengths of the code for lengths are told (RFC 1951, 3.2.7).
pub(super) const LENGTHS_CODE: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The end of a group.
const NONE: u16 = u16::MAX;

/// A canonical code (RFC 1951, 3.2.2) for `N` symbols.
pub(super) struct Code<const N: usize> {
    lengths: [u8; N],
    codes: [u16; N],
}

impl<const N: usize> Code<N> {
    /// A code of at most `most_bits` for symbols that occur so often. Halving the counts until the code is short enough
    /// costs a little where one symbol is very rare, and needs no memory.
    pub(super) fn of(counts: &[u16; N], most_bits: u8) -> Self {
        let mut counts = *counts;
        let lengths = loop {
            let lengths = lengths(&counts);
            if lengths.iter().all(|length| *length <= most_bits) {
                break lengths;
            }
            for count in counts.iter_mut().filter(|count| **count > 0) {
                *count = (*count).div_ceil(2);
            }
        };
        Self { lengths, codes: canonical(&lengths) }
    }

    pub(super) fn lengths(&self) -> &[u8; N] {
        &self.lengths
    }

    /// How many symbols there are up to the last that has a code.
    pub(super) fn used(&self) -> usize {
        self.lengths.iter().rposition(|length| *length > 0).map_or(0, |at| at + 1)
    }

    /// The code of a symbol, its first bit lowest, and its length.
    pub(super) fn get(&self, symbol: usize) -> (u16, u8) {
        (self.codes[symbol], self.lengths[symbol])
    }
}

/// Huffman's lengths, by joining the two rarest groups until one is left. A group is a list through `next`; each joining
/// lengthens the codes of all its members. Quadratic in the symbols, of which a text uses some sixty.
fn lengths<const N: usize>(counts: &[u16; N]) -> [u8; N] {
    let mut lengths = [0u8; N];
    let mut weights = [0u32; N];
    let mut next = [NONE; N];
    for (weight, count) in weights.iter_mut().zip(counts) {
        *weight = u32::from(*count);
    }
    let single = counts.iter().filter(|count| **count > 0).count() == 1;
    if single {
        // A code needs one bit at least.
        for (length, count) in lengths.iter_mut().zip(counts) {
            *length = u8::from(*count > 0);
        }
        return lengths;
    }
    while let Some((first, second)) = two_rarest(&weights) {
        weights[first] += weights[second];
        weights[second] = 0;
        let last = lengthen(&mut lengths, &next, first);
        lengthen(&mut lengths, &next, second);
        next[last] = second as u16;
    }
    lengths
}

/// Makes the codes of a group a bit longer, and returns its last member.
fn lengthen(lengths: &mut [u8], next: &[u16], first: usize) -> usize {
    let mut member = first;
    loop {
        lengths[member] = lengths[member].saturating_add(1);
        if next[member] == NONE {
            return member;
        }
        member = usize::from(next[member]);
    }
}

fn two_rarest(weights: &[u32]) -> Option<(usize, usize)> {
    let mut rarest: Option<usize> = None;
    let mut second: Option<usize> = None;
    for (symbol, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
        if rarest.is_none_or(|rarest| *weight < weights[rarest]) {
            second = rarest;
            rarest = Some(symbol);
        } else if second.is_none_or(|second| *weight < weights[second]) {
            second = Some(symbol);
        }
    }
    Some((rarest?, second?))
}

fn canonical<const N: usize>(lengths: &[u8; N]) -> [u16; N] {
    let mut counts = [0u16; MAX_BITS as usize + 1];
    for length in lengths.iter().filter(|length| **length > 0) {
        counts[usize::from(*length)] += 1;
    }
    let mut next = [0u16; MAX_BITS as usize + 2];
    for bits in 1..=usize::from(MAX_BITS) {
        next[bits + 1] = (next[bits] + counts[bits]) << 1;
    }
    let mut codes = [0; N];
    for (code, length) in codes.iter_mut().zip(lengths).filter(|(_, length)| **length > 0) {
        let number = &mut next[usize::from(*length)];
        *code = number.reverse_bits() >> (16 - u16::from(*length));
        *number += 1;
    }
    codes
}
