//! A second version of a firmware, for practice: where there is only one.

use sha2::{Digest as _, Sha256};

/// Head of an image and of a segment, in bytes (ESP-IDF Programming Guide, "App Image Format").
const HEAD: usize = 24;
const SEGMENT_HEAD: usize = 8;
/// Where the time of the build stands in the application's description, which is the beginning of the first segment.
const TIME_AT: usize = 80;
const TIME: &[u8] = b"noon";
/// What the checksum of a segment begins with.
const CHECKSUM: u8 = 0xEF;

/// The same image as it would be if it had been built at another time: nothing differs but its description, its checksum and its
/// hash. `None` when it is no image.
#[must_use]
pub fn at_another_time(image: &[u8]) -> Option<Vec<u8>> {
    let mut image = image.to_vec();
    let mut at = HEAD;
    let mut segments = Vec::new();
    for _ in 0..*image.get(1)? {
        let bytes = u32::from_le_bytes(*image.get(at + 4..)?.first_chunk()?) as usize;
        let content = at + SEGMENT_HEAD..(at + SEGMENT_HEAD).checked_add(bytes)?;
        at = content.end;
        segments.push(content);
    }
    let described = segments.first()?.start + TIME_AT;
    image.get_mut(described..described + TIME.len())?.copy_from_slice(TIME);
    let mut checksum = CHECKSUM;
    for content in segments {
        checksum = image.get(content)?.iter().fold(checksum, |sum, byte| sum ^ byte);
    }
    let end = (at + 1).next_multiple_of(16);
    *image.get_mut(end - 1)? = checksum;
    let hash = Sha256::digest(image.get(..end)?);
    image.get_mut(end..end + hash.len())?.copy_from_slice(&hash);
    Some(image)
}
