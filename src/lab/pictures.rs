//! Generated pictures for virtual cameras: real JPEG files of 20 to 200 KB that show, modestly, an animal in a landscape
//! by day (in colour) or by night (grey, as infrared cameras see).

use jpeg_encoder::{ColorType, Encoder};
use ulid::Ulid;

use crate::clock::Random;

/// No picture is smaller, in bytes.
pub const SMALLEST: usize = 20_000;
/// No picture is larger, in bytes.
pub const LARGEST: usize = 200_000;

const QUALITY: u8 = 82;
/// Marks the comment segment that makes a picture unique.
const COMMENT: &[u8] = b"wildcam ";

/// Why there are no pictures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The encoder refuses.
    #[error("a picture cannot be encoded")]
    Encode(#[from] jpeg_encoder::EncodingError),
    /// A scene did not come near its size.
    #[error("a picture of {wanted} bytes came out at {got}")]
    Size {
        /// What it should have been.
        wanted: usize,
        /// What it was at last.
        got: usize,
    },
}

/// Pictures that were generated once; each use of one is made unique by a comment.
#[derive(Clone, Debug)]
pub struct Pool {
    pictures: Vec<Picture>,
}

/// One picture, which can be made unique as often as wanted.
#[derive(Clone, Debug)]
pub struct Picture {
    jpeg: Vec<u8>,
    /// Where a segment may be inserted: after the first one, which in a JFIF file has to stay first.
    seam: usize,
}

impl Pool {
    /// Generates `count` pictures (at least one) whose sizes are spread evenly over the range.
    ///
    /// # Errors
    /// When the encoder refuses, or a scene cannot be brought to its size.
    pub fn generate(random: &Random, count: usize) -> Result<Self, Error> {
        let count = count.max(1);
        // A twentieth of room at both ends, for the comment and for what the encoder makes of the noise.
        let (low, high) = (SMALLEST * 21 / 20, LARGEST * 19 / 20);
        // Pixels for a thousand bytes, by day and by night: what the last picture took is a good guess for the next.
        let mut areas = [3000, 3000];
        let pictures = (0..count)
            .map(|number| {
                let wanted = low + (high - low) * number / count.saturating_sub(1).max(1);
                let jpeg = sized(random, wanted, number % 2 == 1, &mut areas[number % 2])?;
                Ok(Picture::of(jpeg))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { pictures })
    }

    /// A pool of JPEG files that exist already, for instance smaller ones for a simulation.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(jpegs: Vec<Vec<u8>>) -> Self {
        assert!(!jpegs.is_empty(), "a pool needs a picture");
        let pictures = jpegs.into_iter().map(|jpeg| Picture { seam: first_segment_end(&jpeg), jpeg }).collect();
        Self { pictures }
    }

    /// One of the pictures, made unique with the ULID.
    #[must_use]
    pub fn picture(&self, ulid: Ulid, random: &Random) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.picture_into(ulid, random, &mut bytes);
        bytes
    }

    /// As [`Pool::picture`], into a buffer that is emptied first.
    pub fn picture_into(&self, ulid: Ulid, random: &Random, bytes: &mut Vec<u8>) {
        let picked = usize::try_from(random.below(self.pictures.len() as u64)).unwrap_or_default();
        self.pictures[picked].unique_into(ulid, bytes);
    }
}

impl Picture {
    /// A picture of about so many bytes, by day or by night.
    ///
    /// # Errors
    /// When the encoder refuses, or the scene cannot be brought to its size.
    pub fn of_size(random: &Random, wanted: usize, night: bool) -> Result<Self, Error> {
        Ok(Self::of(sized(random, wanted, night, &mut 3000)?))
    }

    fn of(jpeg: Vec<u8>) -> Self {
        let seam = first_segment_end(&jpeg);
        Self { jpeg, seam }
    }

    /// The picture with the ULID in a comment, so that no two are the same.
    #[must_use]
    pub fn unique(&self, ulid: Ulid) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.unique_into(ulid, &mut bytes);
        bytes
    }

    /// As [`Picture::unique`], into a buffer that is emptied first.
    pub fn unique_into(&self, ulid: Ulid, bytes: &mut Vec<u8>) {
        let Self { jpeg, seam } = self;
        let text = ulid.to_string();
        let (before, after) = jpeg.split_at(*seam);
        let length = u16::try_from(2 + COMMENT.len() + text.len()).unwrap_or(2);
        bytes.clear();
        bytes.reserve(jpeg.len() + 2 + usize::from(length));
        bytes.extend_from_slice(before);
        // COM, ITU-T T.81, B.2.4.5.
        bytes.extend_from_slice(&[0xFF, 0xFE]);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(COMMENT);
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(after);
    }
}

/// The offset after SOI and the segment that follows it.
fn first_segment_end(jpeg: &[u8]) -> usize {
    match jpeg.get(2..6) {
        Some(&[0xFF, 0xE0, high, low]) => {
            let end = 4 + usize::from(u16::from_be_bytes([high, low]));
            if end <= jpeg.len() { end } else { 2 }
        }
        _ => 2,
    }
}

/// Draws a scene in the dimensions at which it has about the wanted number of bytes: with even noise the size of a JPEG
/// file follows its area.
fn sized(random: &Random, wanted: usize, night: bool, area_per_kb: &mut usize) -> Result<Vec<u8>, Error> {
    let scene = Scene::imagine(random, night);
    let mut area = wanted * *area_per_kb / 1000;
    let mut got = 0;
    for _ in 0..6 {
        let jpeg = scene.draw(random, area)?;
        got = jpeg.len();
        *area_per_kb = area * 1000 / got.max(1);
        if got.abs_diff(wanted) * 25 <= wanted {
            return Ok(jpeg);
        }
        area = (wanted * *area_per_kb / 1000).clamp(10_000, 4_000_000);
    }
    Err(Error::Size { wanted, got })
}

/// What is in a picture, in thousandths of its width or height.
struct Scene {
    night: bool,
    horizon: u32,
    animal: (u32, u32),
    /// Half the length of the body.
    size: u32,
    looks_left: bool,
}

impl Scene {
    fn imagine(random: &Random, night: bool) -> Self {
        let within = |low: u32, high: u32| low + u32::try_from(random.below(u64::from(high - low))).unwrap_or_default();
        Self {
            night,
            horizon: within(350, 550),
            animal: (within(250, 750), within(600, 750)),
            size: within(80, 200),
            looks_left: random.below(2) == 0,
        }
    }

    fn draw(&self, random: &Random, area: usize) -> Result<Vec<u8>, Error> {
        let height = ((area * 3 / 4).isqrt() & !7).clamp(64, 4096);
        let width = (height * 4 / 3) & !7;
        let channels = if self.night { 1 } else { 3 };
        // The pixels start as the noise of the sensor, and the scene is added to it.
        let mut pixels = vec![0; width * height * channels];
        random.fill(&mut pixels);
        for (row, line) in pixels.chunks_exact_mut(width * channels).enumerate() {
            let y = u32::try_from(row * 1000 / height).unwrap_or_default();
            for (column, pixel) in line.chunks_exact_mut(channels).enumerate() {
                let x = u32::try_from(column * 1000 / width).unwrap_or_default();
                let colour = self.colour(x, y);
                let grain = pixel[0] >> 3;
                if self.night {
                    pixel[0] = colour[1].saturating_add(grain);
                } else {
                    for (channel, value) in pixel.iter_mut().zip(colour) {
                        *channel = value.saturating_add(grain);
                    }
                }
            }
        }
        let (columns, rows) = (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(height).unwrap_or(u16::MAX));
        let mut jpeg = Vec::with_capacity(area);
        let kind = if self.night { ColorType::Luma } else { ColorType::Rgb };
        Encoder::new(&mut jpeg, QUALITY).encode(&pixels, columns, rows, kind)?;
        Ok(jpeg)
    }

    fn colour(&self, x: u32, y: u32) -> [u8; 3] {
        let shade = |from: u8, share: u32| from.saturating_sub(u8::try_from(share.min(255)).unwrap_or(u8::MAX));
        if self.in_animal(x, y) {
            if self.night { [150; 3] } else { [70, 50, 35] }
        } else if y < self.horizon {
            if self.night { [shade(30, y / 40); 3] } else { [shade(150, y / 16), shade(180, y / 16), 215] }
        } else {
            // Grass in tufts, brighter towards the camera.
            let tuft = (x / 9 * 7 + y / 13 * 5) % 4 * 6;
            let near = (y - self.horizon) / 14;
            if self.night {
                [shade(95, 60_u32.saturating_sub(near) + tuft); 3]
            } else {
                [
                    shade(110, 45_u32.saturating_sub(near) + tuft),
                    shade(130, 40_u32.saturating_sub(near) + tuft),
                    shade(60, tuft),
                ]
            }
        }
    }

    /// A body, a head and four legs.
    fn in_animal(&self, x: u32, y: u32) -> bool {
        let (centre_x, centre_y) = (i64::from(self.animal.0), i64::from(self.animal.1));
        let (mut dx, dy) = (i64::from(x) - centre_x, i64::from(y) - centre_y);
        if self.looks_left {
            dx = -dx;
        }
        let size = i64::from(self.size);
        let oval = |dx: i64, dy: i64, rx: i64, ry: i64| (dx * ry).pow(2) + (dy * rx).pow(2) <= (rx * ry).pow(2);
        let body = oval(dx, dy, size, size / 2);
        let head = oval(dx - size, dy + size / 2, size / 3, size / 4);
        let leg =
            (0..=size).contains(&dy) && [-4, -3, 3, 4].iter().any(|place| (dx - size * place / 6).abs() <= size / 16);
        body || head || leg
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sha2::{Digest, Sha256};

    use super::*;

    /// Walks the segments (ITU-T T.81, B.1.1) up to the start of the scan, and returns their markers, the comment, and
    /// the dimensions in the frame header.
    fn walk(jpeg: &[u8]) -> (Vec<u8>, Option<Vec<u8>>, (u16, u16)) {
        assert_eq!(&jpeg[..2], [0xFF, 0xD8], "SOI");
        assert_eq!(&jpeg[jpeg.len() - 2..], [0xFF, 0xD9], "EOI");
        let (mut at, mut markers, mut comment, mut dimensions) = (2, Vec::new(), None, (0, 0));
        loop {
            assert_eq!(jpeg[at], 0xFF, "a marker at {at}");
            let marker = jpeg[at + 1];
            let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
            let body = &jpeg[at + 4..at + 2 + length];
            match marker {
                0xFE => comment = Some(body.to_vec()),
                0xC0 => {
                    let pair = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
                    dimensions = (pair(3), pair(1));
                }
                _ => {}
            }
            markers.push(marker);
            at += 2 + length;
            if marker == 0xDA {
                assert!(jpeg.len() - at > 1000, "a scan follows");
                return (markers, comment, dimensions);
            }
        }
    }

    #[test]
    fn pictures_are_jpeg_files_of_the_right_size_and_unique() {
        let random = Random::seeded(1);
        let pool = Pool::generate(&random, 12).unwrap();
        assert_eq!(pool.pictures.len(), 12);
        let mut digests = HashSet::new();
        let mut bytes = Vec::new();
        for number in 0..60 {
            let ulid = random.ulid(number);
            pool.picture_into(ulid, &random, &mut bytes);
            assert!((SMALLEST..=LARGEST).contains(&bytes.len()), "{}", bytes.len());
            let (markers, comment, (width, height)) = walk(&bytes);
            assert_eq!(markers[..2], [0xE0, 0xFE], "JFIF first, then the comment");
            assert_eq!(comment.unwrap(), format!("wildcam {ulid}").as_bytes());
            assert!(width > height && height >= 64);
            assert!(digests.insert(Sha256::digest(&bytes)));
        }
    }

    #[test]
    fn sizes_are_spread_over_the_range() {
        let pool = Pool::generate(&Random::seeded(2), 12).unwrap();
        let sizes: Vec<usize> = pool.pictures.iter().map(|picture| picture.jpeg.len()).collect();
        assert!(sizes.is_sorted(), "{sizes:?}");
        assert!(sizes[0] < 25_000 && sizes[11] > 180_000, "{sizes:?}");
    }

    #[test]
    fn a_seed_gives_the_same_pictures() {
        let picture = || Pool::generate(&Random::seeded(3), 1).unwrap().picture(Ulid::from(7_u128), &Random::seeded(4));
        assert_eq!(picture(), picture());
    }
}
