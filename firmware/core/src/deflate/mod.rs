//! Compression of short texts before they go over a thin link: DEFLATE (RFC 1951) in the zlib format (RFC 1950), which is
//! what HTTP calls the coding `deflate` (RFC 9110, section 8.4.1.2).
//!
//! Texts are batches of events and reports: the same JSON keys again and again. One block with codes of its own suits
//! them. Memory is fixed: 4 KiB for the places of earlier strings, 2.5 KiB for counts and codes, on the stack for the
//! moment of the call. Known compressors for devices either need an allocator and some 200 KiB, or no window to speak of.

mod huffman;
mod matcher;
#[cfg(test)]
mod tests;

use huffman::{Code, LENGTHS_CODE, MAX_BITS};
use matcher::{Matcher, Token};

/// Longest text, in bytes: places in it are kept in 16 bits, and the window of DEFLATE is 32 KiB.
pub const MAX_INPUT: usize = 32 * 1024;

const LITERALS: usize = 286;
const DISTANCES: usize = 30;
const END: usize = 256;

/// First length of each length code from 257 on, and how many bits follow it (RFC 1951, 3.2.5).
const LENGTH_BASES: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// First distance of each distance code, and how many bits follow it.
const DISTANCE_BASES: [(u16, u8); DISTANCES] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

/// Writes `text` compressed to the start of `out` and returns the length; `None` when that is no shorter than the text, or
/// does not fit, or the text is longer than [`MAX_INPUT`]. Then the text itself is to be sent.
pub fn compress(text: &[u8], out: &mut [u8]) -> Option<usize> {
    if text.is_empty() || text.len() > MAX_INPUT {
        return None;
    }
    let mut bits = Bits { out, at: 0, held: 0, count: 0 };
    // A window of 32 KiB, no dictionary, the default level.
    bits.bytes(&[0x78, 0x9C])?;
    block(text, &mut bits)?;
    bits.align()?;
    bits.bytes(&adler32(text).to_be_bytes())?;
    (bits.at < text.len()).then_some(bits.at)
}

fn block(text: &[u8], bits: &mut Bits<'_>) -> Option<()> {
    let mut literals = [0u16; LITERALS];
    let mut distances = [0u16; DISTANCES];
    literals[END] = 1;
    Matcher::new(text).for_each(|token| match token {
        Token::Literal(byte) => count(&mut literals, usize::from(byte)),
        Token::Match { length, distance } => {
            count(&mut literals, 257 + place(&LENGTH_BASES, length));
            count(&mut distances, place(&DISTANCE_BASES, distance));
        }
    });
    let literals = Code::of(&literals, MAX_BITS);
    let distances = Code::of(&distances, MAX_BITS);
    header(&literals, &distances, bits)?;
    for token in Matcher::new(text) {
        match token {
            Token::Literal(byte) => bits.symbol(&literals, usize::from(byte))?,
            Token::Match { length, distance } => {
                let code = place(&LENGTH_BASES, length);
                bits.symbol(&literals, 257 + code)?;
                bits.put(u32::from(length - LENGTH_BASES[code].0), LENGTH_BASES[code].1)?;
                let code = place(&DISTANCE_BASES, distance);
                bits.symbol(&distances, code)?;
                bits.put(u32::from(distance - DISTANCE_BASES[code].0), DISTANCE_BASES[code].1)?;
            }
        }
    }
    bits.symbol(&literals, END)
}

fn count(counts: &mut [u16], symbol: usize) {
    // A text has at most 32 Ki tokens: it cannot overflow.
    counts[symbol] += 1;
}

/// The last entry whose base is not above `value`.
fn place(bases: &[(u16, u8)], value: u16) -> usize {
    bases.partition_point(|(base, _)| *base <= value) - 1
}

/// The head of a block with codes of its own (RFC 1951, 3.2.7).
fn header(literals: &Code<LITERALS>, distances: &Code<DISTANCES>, bits: &mut Bits<'_>) -> Option<()> {
    // At least 257 literal codes and one distance code are told.
    let told_literals = literals.used().max(257);
    let told_distances = distances.used().max(1);
    let lengths = || literals.lengths()[..told_literals].iter().chain(&distances.lengths()[..told_distances]).copied();
    let mut counts = [0u16; 19];
    runs(lengths(), |symbol, _, _| {
        counts[usize::from(symbol)] += 1;
        Some(())
    })?;
    let code = Code::<19>::of(&counts, 7);
    let told = LENGTHS_CODE.iter().rposition(|symbol| code.lengths()[usize::from(*symbol)] > 0).map_or(4, |at| at + 1);
    let told = told.max(4);
    bits.put(1, 1)?;
    bits.put(2, 2)?;
    bits.put(told_literals as u32 - 257, 5)?;
    bits.put(told_distances as u32 - 1, 5)?;
    bits.put(told as u32 - 4, 4)?;
    for symbol in &LENGTHS_CODE[..told] {
        bits.put(u32::from(code.lengths()[usize::from(*symbol)]), 3)?;
    }
    runs(lengths(), |symbol, extra, extra_bits| {
        bits.symbol(&code, usize::from(symbol))?;
        bits.put(extra, extra_bits)
    })
}

/// The lengths of codes as symbols of the code for lengths, with runs put together; each with what follows it.
fn runs(lengths: impl Iterator<Item = u8>, mut each: impl FnMut(u8, u32, u8) -> Option<()>) -> Option<()> {
    let mut lengths = lengths.peekable();
    while let Some(length) = lengths.next() {
        let most = if length == 0 { 138 } else { 7 };
        let mut run = 1;
        while run < most && lengths.next_if_eq(&length).is_some() {
            run += 1;
        }
        if length == 0 {
            match run {
                11.. => each(18, run - 11, 7)?,
                3.. => each(17, run - 3, 3)?,
                _ => (0..run).try_for_each(|_| each(0, 0, 0))?,
            }
        } else {
            each(length, 0, 0)?;
            match run - 1 {
                again @ 3.. => each(16, again - 3, 2)?,
                again => (0..again).try_for_each(|_| each(length, 0, 0))?,
            }
        }
    }
    Some(())
}

fn adler32(text: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    // So many additions fit into 32 bits before the remainder is needed.
    for piece in text.chunks(5552) {
        for byte in piece {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    b << 16 | a
}

/// Writes bits, the lowest of a byte first.
struct Bits<'o> {
    out: &'o mut [u8],
    at: usize,
    held: u32,
    count: u8,
}

impl Bits<'_> {
    fn put(&mut self, value: u32, bits: u8) -> Option<()> {
        self.held |= value << self.count;
        self.count += bits;
        while self.count >= 8 {
            *self.out.get_mut(self.at)? = self.held as u8;
            self.at += 1;
            self.held >>= 8;
            self.count -= 8;
        }
        Some(())
    }

    fn symbol<const N: usize>(&mut self, code: &Code<N>, symbol: usize) -> Option<()> {
        let (bits, length) = code.get(symbol);
        self.put(u32::from(bits), length)
    }

    fn align(&mut self) -> Option<()> {
        let missing = (8 - self.count) % 8;
        self.put(0, missing)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        bytes.iter().try_for_each(|byte| self.put(u32::from(*byte), 8))
    }
}
