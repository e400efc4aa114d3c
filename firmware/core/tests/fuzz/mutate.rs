//! Makes hostile bytes of good ones.

/// SplitMix64 (Steele, Lea, Flood 2014): the same cases for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

const EDGES: [u32; 12] = [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];

/// One of `good` with up to eight changes, in `out`; one case in 16 is noise. At most `longest` bytes.
pub(crate) fn mutate(good: &[Vec<u8>], longest: usize, random: &mut Random, out: &mut Vec<u8>) {
    out.clear();
    if random.below(16) == 0 {
        let length = random.below(longest.min(300) + 1);
        out.extend((0..length).map(|_| random.next() as u8));
        return;
    }
    out.extend_from_slice(&good[random.below(good.len())]);
    for _ in 0..=random.below(8) {
        change(good, random, out);
    }
    out.truncate(longest);
}

fn change(good: &[Vec<u8>], random: &mut Random, out: &mut Vec<u8>) {
    let length = out.len();
    if length == 0 {
        out.push(random.next() as u8);
        return;
    }
    let at = random.below(length);
    let some = 1 + random.below((length - at).min(24));
    match random.below(9) {
        0 => out[at] ^= 1 << random.below(8),
        1 => out[at] = random.next() as u8,
        2 => {
            let edge = EDGES[random.below(EDGES.len())];
            let bytes = if random.below(2) == 0 { edge.to_le_bytes() } else { edge.to_be_bytes() };
            let width = [1, 2, 4][random.below(3)];
            let bytes = if random.below(2) == 0 { &bytes[..width] } else { &bytes[4 - width..] };
            out.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = *new);
        }
        3 => {
            out.drain(at..at + some);
        }
        4 => {
            let piece = out[at..at + some].to_vec();
            out.splice(at..at, piece);
        }
        5 => {
            let piece: Vec<u8> = (0..some).map(|_| random.next() as u8).collect();
            out.splice(at..at, piece);
        }
        6 => out.truncate(at),
        7 => {
            let other = &good[random.below(good.len())];
            let from = random.below(other.len() + 1);
            out.truncate(at);
            out.extend_from_slice(&other[from..]);
        }
        _ => {
            // Digits grow: numbers in texts overflow.
            let digit = b"0129-.eE\"{}[]:;\r\n"[random.below(17)];
            let run = if random.below(4) == 0 { 24 } else { 1 };
            out.splice(at..at, std::iter::repeat_n(digit, run));
        }
    }
}
