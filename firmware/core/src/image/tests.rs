use std::{vec, vec::Vec};

use embedded_storage::nor_flash::ErrorType;

use super::*;

struct Rom(Vec<u8>);

impl ErrorType for Rom {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Rom {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        assert!(offset.is_multiple_of(4) && out.len().is_multiple_of(4), "aligned reads");
        let at = offset as usize;
        out.copy_from_slice(self.0.get(at..at + out.len()).ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

fn build(segments: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut image = vec![0xE9, segments.len() as u8, 2, 0x20];
    image.extend(0x8000_1000_u32.to_le_bytes());
    image.extend([0xEE, 0, 0, 0]);
    image.extend(CHIP_QEMU_VIRT.to_le_bytes());
    image.extend([0; 9]);
    image.push(1);
    let mut checksum = 0xEF;
    for (load, bytes) in segments {
        image.extend(load.to_le_bytes());
        image.extend((bytes.len() as u32).to_le_bytes());
        image.extend(bytes);
        checksum = bytes.iter().fold(checksum, |sum, byte| sum ^ byte);
    }
    while image.len() % 16 != 15 {
        image.push(0);
    }
    image.push(checksum);
    let hash: [u8; 32] = Sha256::digest(&image).into();
    image.extend(hash);
    image
}

fn described() -> Vec<u8> {
    let mut bytes = vec![0; 300];
    bytes[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    bytes[16..21].copy_from_slice(b"1.2.3");
    bytes[48..64].copy_from_slice(b"wildcam-firmware");
    bytes[144..176].fill(7);
    bytes
}

fn sample() -> Vec<u8> {
    build(&[(0x8000_0000, described()), (0x8000_1000, vec![0x13; 2048]), (0x8010_0000, vec![5; 4])])
}

const REGION: Region = Region { offset: 64, bytes: 8192 };

fn read(image: &[u8]) -> Result<Image, Error> {
    let mut bytes = vec![0xFF; 64];
    bytes.extend(image);
    bytes.resize(64 + 8192, 0xFF);
    verify(&mut Rom(bytes), REGION)
}

#[test]
fn a_whole_image_is_read_as_it_was_written() {
    let bytes = sample();
    let image = read(&bytes).unwrap();
    assert_eq!((image.entry, image.chip), (0x8000_1000, CHIP_QEMU_VIRT));
    assert_eq!(image.bytes as usize, bytes.len());
    assert_eq!(image.segments().len(), 3);
    assert_eq!(image.segments()[0], Segment { load: 0x8000_0000, offset: 64 + 32, bytes: 300 });
    let description = image.description.unwrap();
    assert_eq!((description.version(), description.project()), ("1.2.3", "wildcam-firmware"));
    assert_eq!(description.build_id, [7; 32]);
    assert_eq!(image.mark(), image.sha256[..8]);
}

#[test]
fn no_prefix_and_no_single_changed_byte_passes() {
    let bytes = sample();
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "the first {end} bytes");
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (place % 8);
        assert!(read(&changed).is_err(), "byte {place}");
    }
}

#[test]
fn lengths_that_pass_the_region_are_refused() {
    for length in [8192_u32, 0x7FFF_FFFC, 0xFFFF_FFFC, 0xFFFF_FFF0, 301] {
        let mut bytes = sample();
        bytes[28..32].copy_from_slice(&length.to_le_bytes());
        assert_eq!(read(&bytes), Err(Error::Malformed), "{length:#x}");
    }
    let mut bytes = sample();
    bytes[24..28].copy_from_slice(&0xFFFF_FF00_u32.to_le_bytes());
    assert_eq!(read(&bytes), Err(Error::Malformed), "a segment that wraps around the address space");
    assert_eq!(read(&[0xFF; 64]), Err(Error::None));
}

/// Random bytes behind a valid beginning, and random beginnings: nothing panics, and nothing passes.
#[test]
fn noise_is_refused() {
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for round in 0..20_000 {
        let mut bytes: Vec<u8> = if round % 2 == 0 { sample()[..600].to_vec() } else { vec![0; 600] };
        for _ in 0..1 + next() % 40 {
            let place = next() as usize % 64;
            bytes[place] = next() as u8;
        }
        if round % 3 != 0 {
            bytes[0] = 0xE9;
        }
        assert!(read(&bytes).is_err());
    }
}
