//! Whether bytes are a JPEG: the structure of ITU-T T.81 annex B, not the picture in it.

/// Walks the segments from SOI over at least one frame header and one scan to EOI. Zeros may follow, as some sensors
/// pad their frames.
pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    walk(bytes).is_some()
}

fn walk(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    let (mut frame, mut scan) = (false, false);
    loop {
        let marker = *rest.strip_prefix(&[0xff])?.first()?;
        rest = rest.get(2..)?;
        match marker {
            // A fill byte before a marker.
            0xff => rest = bytes.get(bytes.len() - rest.len() - 1..)?,
            0xd9 => return (frame && scan && rest.iter().all(|&byte| byte == 0)).then_some(()),
            0x01 => {}
            // Restart markers belong into scans, SOI to the start, and 0 is no marker.
            0x00 | 0xd0..=0xd8 => return None,
            _ => {
                let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                if length < 2 {
                    return None;
                }
                rest = rest.get(length..)?;
                frame |= matches!(marker, 0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc));
                if marker == 0xda {
                    scan = true;
                    rest = after_scan(rest)?;
                }
            }
        }
    }
}

/// The first marker after entropy-coded data; stuffed bytes and restart markers belong to the data.
fn after_scan(data: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        at += data.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        match data.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return data.get(at..),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        let pixels: Vec<u8> = (0..32 * 32 * 3).map(|n| (n * 7 % 251) as u8).collect();
        jpeg_encoder::Encoder::new(&mut bytes, 80).encode(&pixels, 32, 32, jpeg_encoder::ColorType::Rgb).unwrap();
        bytes
    }

    #[test]
    fn a_picture_passes_and_none_of_its_prefixes_does() {
        let whole = sample();
        assert!(is_jpeg(&whole));
        for end in 0..whole.len() {
            assert!(!is_jpeg(&whole[..end]), "{end}");
        }
        let mut padded = whole.clone();
        padded.extend([0; 5]);
        assert!(is_jpeg(&padded));
        padded.push(1);
        assert!(!is_jpeg(&padded));
    }

    #[test]
    fn a_fill_byte_before_a_marker_is_allowed_and_other_files_are_not() {
        let mut filled = sample();
        filled.insert(2, 0xff);
        assert!(is_jpeg(&filled));
        for other in [&b""[..], b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xff\xff\xff\xff"] {
            assert!(!is_jpeg(other));
        }
    }
}
