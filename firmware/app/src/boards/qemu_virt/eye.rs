//! A camera that follows a script: each picture is a valid JPEG put together from rows of one scene.
//!
//! The scene was encoded with a restart marker after each row of blocks (ITU-T T.81, section F.1.1.5.2), so that its rows
//! can be taken in any order and number: only the height in the frame header and the numbers of the markers change.

use core::convert::Infallible;

use crate::board::PictureSource;

static SCENE: &[u8] = include_bytes!("scene.jpg");

const MAX_ROWS: usize = 32;
const RESTART: u8 = 0xd0;
const END: [u8; 2] = [0xff, 0xd9];
const ROW_PIXELS: usize = 16;

/// The scripted camera.
pub(crate) struct Script {
    /// Where the height lies in the header.
    height_at: usize,
    /// End of the header, begin and end of each row without its marker.
    header: usize,
    rows: heapless::Vec<(usize, usize), MAX_ROWS>,
    taken: u32,
    seed: u32,
    /// Rows of the picture that is held.
    count: usize,
    piece: usize,
    offset: usize,
    number: u32,
}

impl Script {
    /// A camera with its scene cut into rows.
    pub(super) fn new() -> Self {
        let (height_at, header) = frame(SCENE).expect("the scene is a JPEG");
        let mut rows = heapless::Vec::new();
        let mut begin = header;
        let mut at = header;
        while at + 1 < SCENE.len() {
            let marker = SCENE[at] == 0xff && (SCENE[at + 1] & 0xf8 == RESTART || SCENE[at + 1] == END[1]);
            if marker {
                let _ = rows.push((begin, at));
                begin = at + 2;
            }
            at += 1;
        }
        assert!(rows.len() > 1, "the scene has restart markers");
        let seed = embassy_time::Instant::now().as_ticks() as u32;
        Self { height_at, header, rows, taken: 0, seed, count: 0, piece: 0, offset: 0, number: 0 }
    }

    /// Which row of the scene comes in this place of the picture.
    fn row(&self, place: usize) -> &'static [u8] {
        let chosen = mix(self.number ^ (place as u32) << 16) as usize % self.rows.len();
        let (begin, end) = self.rows[chosen];
        &SCENE[begin..end]
    }

    /// A comment that no other picture has, right after the first marker.
    fn comment(&self) -> [u8; 20] {
        let mut comment = *b"\xff\xfe\x00\x12qemu    00000000";
        for (n, byte) in comment[12..].iter_mut().enumerate() {
            *byte = b"0123456789abcdef"[(self.number >> (28 - 4 * n)) as usize & 15];
        }
        comment
    }

    fn len(&self) -> usize {
        let rows: usize = (0..self.count).map(|place| self.row(place).len() + 2).sum();
        self.header + self.comment().len() + rows
    }

    /// Copies from the piece that is next; `None` when the picture is over.
    fn next_piece(&self, out: &mut [u8]) -> Option<(usize, usize)> {
        let copy = |bytes: &[u8], out: &mut [u8]| {
            let n = bytes.len().saturating_sub(self.offset).min(out.len());
            out[..n].copy_from_slice(&bytes[self.offset..self.offset + n]);
            (n, bytes.len())
        };
        let place = self.piece.checked_sub(3);
        Some(match (self.piece, place) {
            (0, _) => copy(&SCENE[..2], out),
            (1, _) => copy(&self.comment(), out),
            (2, _) => {
                let (n, whole) = copy(&SCENE[2..self.header], out);
                let height = ((self.count * ROW_PIXELS) as u16).to_be_bytes();
                for (k, byte) in height.into_iter().enumerate() {
                    let at = (self.height_at + k).checked_sub(2 + self.offset);
                    if let Some(place) = at.and_then(|at| out[..n].get_mut(at)) {
                        *place = byte;
                    }
                }
                (n, whole)
            }
            (_, Some(place)) if place / 2 < self.count => {
                let row = place / 2;
                if place % 2 == 0 {
                    copy(self.row(row), out)
                } else if row + 1 == self.count {
                    copy(&END, out)
                } else {
                    copy(&[0xff, RESTART + (row % 8) as u8], out)
                }
            }
            _ => return None,
        })
    }
}

/// Where the frame header has its height, and where the scan begins.
fn frame(jpeg: &[u8]) -> Option<(usize, usize)> {
    let (mut at, mut height_at) = (2, None);
    loop {
        let marker = *jpeg.get(at + 1)?;
        let length = usize::from(u16::from_be_bytes([*jpeg.get(at + 2)?, *jpeg.get(at + 3)?]));
        match marker {
            0xc0 => height_at = Some(at + 5),
            0xda => return Some((height_at?, at + 2 + length)),
            _ => {}
        }
        at += 2 + length;
    }
}

/// The finaliser of MurmurHash3: every bit of the number moves every bit of the result.
fn mix(mut z: u32) -> u32 {
    z = (z ^ (z >> 16)).wrapping_mul(0x85eb_ca6b);
    z = (z ^ (z >> 13)).wrapping_mul(0xc2b2_ae35);
    z ^ (z >> 16)
}

impl PictureSource for Script {
    type Error = Infallible;

    async fn capture(&mut self) -> Result<u32, Infallible> {
        self.taken += 1;
        self.number = mix(self.seed ^ mix(self.taken));
        // Mostly a few dozen KB; each sixteenth is larger than one request may be, so that it goes in parts.
        self.count = if self.taken % 16 == 8 { 128 } else { 20 + self.number as usize % 24 };
        let _ = self.rewind();
        Ok(self.len() as u32)
    }

    fn rewind(&mut self) -> Result<(), Infallible> {
        (self.piece, self.offset) = (0, 0);
        Ok(())
    }

    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        let mut filled = 0;
        while filled < out.len() {
            let Some((n, whole)) = self.next_piece(&mut out[filled..]) else { break };
            filled += n;
            self.offset += n;
            if self.offset == whole {
                (self.piece, self.offset) = (self.piece + 1, 0);
            }
        }
        Ok(filled)
    }

    async fn off(&mut self) {}
}
