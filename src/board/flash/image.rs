//! Images that are flashed: what `wildcam build` writes, and images of ESP-IDF and Arduino.
//!
//! The form is Espressif's (esptool, "Firmware Image Format"): a header of 24 bytes with the chip's number, segments, a
//! checksum, and, where the header says so, a SHA-256 over all of it. An app begins its first segment with `esp_app_desc_t`.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wildcam_core::layout::{Layout, PAGE_BYTES, Region, SECTOR_BYTES};

use super::Error;
use crate::board::{Board, image::Descriptor, provision};

const MAGIC: u8 = 0xe9;
const HEADER_BYTES: usize = 24;
const SEGMENT_HEADER_BYTES: usize = 8;
const TABLE_AT: usize = 0x8000;
const TABLE_MAGIC: [u8; 2] = [0xaa, 0x50];
/// Where the first app of ESP-IDF and Arduino lies when their tables say nothing else.
const FOREIGN_APP_AT: u32 = 0x1_0000;

/// The largest file that is read: no flash of these chips is larger.
const MAX_BYTES: u64 = 32 << 20;

/// A part of a flash and what it shall hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name in the plan.
    pub name: String,
    /// Its first byte, at a sector.
    pub offset: u32,
    /// What it shall hold, whole sectors; what follows the content is blank.
    pub bytes: Vec<u8>,
}

impl Part {
    fn new(name: &str, offset: u32, content: &[u8]) -> Self {
        let used = content.iter().rposition(|byte| *byte != 0xff).map_or(0, |last| last + 1);
        let mut bytes = content[..used].to_vec();
        bytes.resize(used.next_multiple_of(SECTOR_BYTES as usize), 0xff);
        Self { name: name.to_owned(), offset, bytes }
    }

    /// A part that shall be blank.
    #[must_use]
    pub fn blank(name: &str, region: Region) -> Self {
        Self { name: name.to_owned(), offset: region.offset, bytes: vec![0xff; region.bytes as usize] }
    }

    /// The first byte after it.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.offset.saturating_add(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX))
    }
}

/// What is flashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firmware {
    /// The file.
    pub path: PathBuf,
    /// The number of the chip that it is for, as image headers have it.
    pub chip_id: u16,
    /// The board of ours that it is for; `None` for an image of somebody else, which wildcam cannot manage.
    pub board: Option<Board>,
    /// The version that the app says it is.
    pub version: String,
    /// The build id: the SHA-256 of the app's ELF file, hexadecimal.
    pub build_id: String,
    /// The SHA-256 of the file, hexadecimal: what the journal of a flash names.
    pub sha256: String,
    /// What is written where, in the order in which it is written.
    pub parts: Vec<Part>,
}

/// What an app says about itself.
struct App {
    chip_id: u16,
    version: String,
    build_id: String,
}

/// The name of the chip with a number, where it is known.
#[must_use]
pub fn chip_name(id: u16) -> String {
    match (id, espflash::target::Chip::try_from(id)) {
        (0xffff, _) => Board::QemuVirt.name().to_owned(),
        (_, Ok(chip)) => chip.to_string(),
        (_, Err(_)) => format!("chip {id}"),
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The length of the image at the start of `bytes`, when it is whole: every segment there, checksum and hash right. It may be
/// one that the camera's own reader (`wildcam_core::image`) refuses: without a hash, or with more segments.
fn whole_image(bytes: &[u8]) -> Result<usize, &'static str> {
    if bytes.first() != Some(&MAGIC) || bytes.len() < HEADER_BYTES {
        return Err("it does not begin as an image of an ESP chip does");
    }
    let mut at = HEADER_BYTES;
    let mut checksum = 0xef;
    for _ in 0..bytes[1] {
        let length = word(bytes, at + 4).ok_or("a segment is cut off")? as usize;
        let start = at + SEGMENT_HEADER_BYTES;
        let end = start.checked_add(length).ok_or("a segment is longer than the file")?;
        let data = bytes.get(start..end).ok_or("a segment is cut off")?;
        checksum = data.iter().fold(checksum, |sum, byte| sum ^ byte);
        at = end;
    }
    // The checksum is the last byte of a block of 16.
    at = (at + 1).next_multiple_of(16);
    if bytes.get(at - 1) != Some(&checksum) {
        return Err("its checksum is wrong");
    }
    if bytes[23] == 1 {
        let hash = bytes.get(at..at + 32).ok_or("its hash is cut off")?;
        if Sha256::digest(&bytes[..at])[..] != *hash {
            return Err("its SHA-256 is wrong");
        }
        at += 32;
    }
    Ok(at)
}

fn app(bytes: &[u8]) -> Result<App, &'static str> {
    whole_image(bytes)?;
    let chip_id = u16::from_le_bytes([bytes[12], bytes[13]]);
    Ok(match Descriptor::of_image(bytes) {
        Some(said) => App { chip_id, version: said.version, build_id: provision::hexadecimal(&said.build_id) },
        None => App { chip_id, version: String::new(), build_id: String::new() },
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        return Err(Error::Image { path: path.to_owned(), why: "it is larger than any flash".to_owned() });
    }
    std::fs::read(path).map_err(failed)
}

fn sha256(bytes: &[u8]) -> String {
    provision::hexadecimal(&Sha256::digest(bytes))
}

impl Firmware {
    /// Firmware of ours, from `-full.bin` or `-app.bin`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Image`] when it is damaged or not ours.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::parse(path, &read(path)?)
    }

    /// As [`Firmware::open`], from bytes that stand for the file at `path`.
    ///
    /// # Errors
    /// [`Error::Image`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let refused = |why: &str| Error::Image { path: path.to_owned(), why: why.to_owned() };
        // Slot A begins at the same place in every layout.
        let any = Layout::of(4 << 20).ok_or_else(|| refused("there is no layout for it"))?;
        let slot = any.slots[0].offset as usize;
        let full = bytes.get(slot) == Some(&MAGIC) && bytes.get(TABLE_AT..TABLE_AT + 2) == Some(&TABLE_MAGIC)
            || bytes.first() == Some(&0xff) && bytes.get(slot) == Some(&MAGIC);
        let app_bytes = if full { &bytes[slot..] } else { bytes };
        let app = app(app_bytes).map_err(refused)?;
        let board = Board::ALL.into_iter().find(|board| board.chip_id() == app.chip_id);
        let board = board.ok_or_else(|| refused(&format!("it is for {}", chip_name(app.chip_id))))?;
        if app.build_id.is_empty() {
            return Err(refused(
                "it does not say which version it is; an image of somebody else is given with --image",
            ));
        }
        let layout = board.layout();
        if app_bytes.len() > layout.slots[0].bytes as usize {
            return Err(refused("it does not fit into a slot"));
        }
        // What starts the chip is written last: a board that was cut off meanwhile still has the old start or none.
        let mut parts = vec![Part::new("slot-a", layout.slots[0].offset, app_bytes)];
        if full {
            for (name, region) in
                [("launcher", layout.launcher), ("table", layout.table), ("bootloader", layout.bootloader)]
            {
                let content = &bytes[region.offset as usize..(region.end() as usize).min(bytes.len())];
                let part = Part::new(name, region.offset, content);
                if !part.bytes.is_empty() {
                    parts.push(part);
                }
            }
        }
        // An empty journal boots slot A, whatever slot was booted before, and a slot B without a beginning holds no image:
        // an older one that lies there must not be what the boot stage falls back to.
        let beginning = Region { bytes: SECTOR_BYTES, ..layout.slots[1] };
        // An update that was being made, or was made, is none of this image's.
        let blank = [("boot-journal", layout.journal), ("slot-b", beginning), ("update", layout.update)];
        parts.splice(1..1, blank.map(|(name, region)| Part::blank(name, region)));
        Ok(Self {
            path: path.to_owned(),
            chip_id: app.chip_id,
            board: Some(board),
            version: app.version,
            build_id: app.build_id,
            sha256: sha256(bytes),
            parts,
        })
    }

    /// An image of ESP-IDF or Arduino: one with everything from the start of the flash, or an app alone.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Image`] when it is damaged or for no chip that is known.
    pub fn foreign(path: &Path) -> Result<Self, Error> {
        let bytes = read(path)?;
        let refused = |why: &str| Error::Image { path: path.to_owned(), why: why.to_owned() };
        let merged = bytes.get(TABLE_AT..TABLE_AT + 2) == Some(&TABLE_MAGIC);
        // The loader of the ESP32 lies at 0x1000, that of the later chips at 0.
        let start = if merged && bytes.first() == Some(&0xff) { 0x1000 } else { 0 };
        let app = app(bytes.get(start..).unwrap_or_default()).map_err(refused)?;
        if app.chip_id == 0xffff || espflash::target::Chip::try_from(app.chip_id).is_err() {
            return Err(refused(&format!("it is for {}, which no loader knows", chip_name(app.chip_id))));
        }
        let parts = if merged { pages(&bytes) } else { vec![Part::new("app", FOREIGN_APP_AT, &bytes)] };
        Ok(Self {
            path: path.to_owned(),
            chip_id: app.chip_id,
            board: None,
            version: app.version,
            build_id: app.build_id,
            sha256: sha256(&bytes),
            parts,
        })
    }
}

/// A merged image without the pages in which nothing is: what lies there on the board stays.
fn pages(bytes: &[u8]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (number, page) in bytes.chunks(SECTOR_BYTES as usize).enumerate() {
        if page.iter().all(|byte| *byte == 0xff) {
            continue;
        }
        let offset = u32::try_from(number).unwrap_or(u32::MAX) * SECTOR_BYTES;
        match parts.last_mut() {
            Some(last) if last.end() == offset && last.bytes.len() < 16 * PAGE_BYTES as usize => {
                last.bytes.extend_from_slice(page);
            }
            _ => parts.push(Part { name: format!("image at {offset:#x}"), offset, bytes: page.to_vec() }),
        }
    }
    for part in &mut parts {
        let whole = part.bytes.len().next_multiple_of(SECTOR_BYTES as usize);
        part.bytes.resize(whole, 0xff);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An app image for a chip, with a description and a hash.
    fn image(chip: u16, content: &[u8]) -> Vec<u8> {
        let mut data = vec![0; 256];
        data[..4].copy_from_slice(&0xabcd_5432_u32.to_le_bytes());
        data[16..21].copy_from_slice(b"1.2.3");
        data[144..176].fill(0xab);
        data.extend_from_slice(content);
        let mut bytes = vec![MAGIC, 1, 2, 0x20, 0, 0, 0, 0x40, 0xee, 0, 0, 0];
        bytes.extend_from_slice(&chip.to_le_bytes());
        bytes.resize(HEADER_BYTES - 1, 0);
        bytes.push(1);
        bytes.extend_from_slice(&0x3c00_0020_u32.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&data);
        let checksum = data.iter().fold(0xef, |sum, byte| sum ^ byte);
        let end = (bytes.len() + 1).next_multiple_of(16);
        bytes.resize(end - 1, 0);
        bytes.push(checksum);
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        bytes
    }

    #[test]
    fn an_app_of_ours_is_read_and_each_changed_byte_is_noticed() {
        let app = image(5, &[7; 300]);
        let firmware = Firmware::parse(Path::new("x-app.bin"), &app).unwrap();
        assert_eq!((firmware.board, firmware.version.as_str()), (Some(Board::Esp32C3), "1.2.3"));
        assert_eq!(firmware.build_id, "ab".repeat(32));
        let places: Vec<_> = firmware.parts.iter().map(|part| (part.name.as_str(), part.offset)).collect();
        let layout = Board::Esp32C3.layout();
        let expected = [
            ("slot-a", layout.slots[0].offset),
            ("boot-journal", layout.journal.offset),
            ("slot-b", layout.slots[1].offset),
            ("update", layout.update.offset),
        ];
        assert_eq!(places, expected);
        assert_eq!(firmware.parts[2].bytes, [0xff; SECTOR_BYTES as usize], "a stale image is not to be started");
        for at in 0..app.len() {
            let mut changed = app.clone();
            changed[at] ^= 1;
            let refused = Firmware::parse(Path::new("x"), &changed);
            assert!(refused.is_err() || at == 23, "byte {at}");
            assert!(Firmware::parse(Path::new("x"), &app[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_whole_flash_is_cut_into_parts_and_leaves_identity_and_settings_alone() {
        let layout = Board::Esp32C3.layout();
        let mut bytes = vec![0xff; layout.slots[0].offset as usize];
        bytes[..4].copy_from_slice(&[MAGIC, 1, 2, 3]);
        bytes[TABLE_AT..TABLE_AT + 2].copy_from_slice(&TABLE_MAGIC);
        bytes[layout.launcher.offset as usize] = MAGIC;
        bytes.extend(image(5, &[9; 9000]));
        let firmware = Firmware::parse(Path::new("x-full.bin"), &bytes).unwrap();
        let names: Vec<_> = firmware.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["slot-a", "boot-journal", "slot-b", "update", "launcher", "table", "bootloader"]);
        for part in &firmware.parts {
            assert!(part.bytes.len() % SECTOR_BYTES as usize == 0);
            for kept in [layout.identity, layout.settings, layout.queue] {
                assert!(part.end() <= kept.offset || part.offset >= kept.end(), "{}", part.name);
            }
        }
    }

    #[test]
    fn an_image_of_somebody_else_is_only_taken_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("arduino.bin");
        std::fs::write(&path, image(0, &[1; 5000])).unwrap();
        assert!(matches!(Firmware::open(&path), Err(Error::Image { why, .. }) if why.contains("esp32")));
        let firmware = Firmware::foreign(&path).unwrap();
        assert_eq!((firmware.chip_id, firmware.board), (0, None));
        assert_eq!(firmware.parts[0].offset, FOREIGN_APP_AT);
        std::fs::write(&path, b"no image").unwrap();
        assert!(matches!(Firmware::foreign(&path), Err(Error::Image { .. })));
    }
}
