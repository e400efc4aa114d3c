//! Whether a file is a program for Linux that needs nothing beside itself.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use super::Platform;

const HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;

/// Linkers write about a dozen.
const MOST_PROGRAM_HEADERS: u16 = 256;

/// A static program has some dozens of entries.
const MOST_DYNAMIC_BYTES: u64 = 64 * 1024;

const TYPE_EXECUTABLE: u16 = 2;
const TYPE_SHARED: u16 = 3;
const SEGMENT_DYNAMIC: u32 = 2;
const SEGMENT_INTERPRETER: u32 = 3;
const TAG_NEEDED: u64 = 1;

/// What stands in the way of a file's use in an image that holds nothing else.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The file could not be read.
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
    /// It is for another system, or no program at all.
    #[error("it is no program for Linux on 64 bits (no little-endian ELF file of class 64)")]
    NoElf,
    /// It is cut off or damaged.
    #[error("its ELF header is damaged")]
    Damaged,
    /// It is for a processor that images are not built for.
    #[error("it is for a processor that is neither x86-64 nor arm64 (ELF machine {0})")]
    Machine(u16),
    /// It needs a dynamic linker and shared libraries.
    #[error("it is not static: it needs the loader and shared libraries of the machine it runs on")]
    Dynamic,
}

/// The platform of a static program; it is read from where it stands and left anywhere.
///
/// # Errors
/// When it is none.
pub(super) fn static_program(file: &mut File) -> Result<Platform, Unfit> {
    let mut header = [0; HEADER_BYTES];
    read_at(file, 0, &mut header)
        .map_err(|fault| if matches!(fault, Unfit::Damaged) { Unfit::NoElf } else { fault })?;
    // Magic, class 64, little-endian.
    if header[..6] != *b"\x7fELF\x02\x01" {
        return Err(Unfit::NoElf);
    }
    let (kind, machine) = (u16_at(&header, 16), u16_at(&header, 18));
    if !matches!(kind, TYPE_EXECUTABLE | TYPE_SHARED) {
        return Err(Unfit::NoElf);
    }
    let platform = Platform::of_machine(machine).ok_or(Unfit::Machine(machine))?;
    let (entry, start) = (u64_at(&header, 24), u64_at(&header, 32));
    let (size, count) = (u16_at(&header, 54), u16_at(&header, 56));
    if entry == 0 || usize::from(size) != PROGRAM_HEADER_BYTES || !(1..=MOST_PROGRAM_HEADERS).contains(&count) {
        return Err(Unfit::Damaged);
    }
    for number in 0..u64::from(count) {
        let mut segment = [0; PROGRAM_HEADER_BYTES];
        let place = start.checked_add(number * u64::from(size)).ok_or(Unfit::Damaged)?;
        read_at(file, place, &mut segment)?;
        match u32::from_le_bytes(array(&segment, 0)) {
            SEGMENT_INTERPRETER => return Err(Unfit::Dynamic),
            // A static program that can be placed anywhere has this segment too, and needs no library there.
            SEGMENT_DYNAMIC => refuse_needed(file, u64_at(&segment, 8), u64_at(&segment, 32))?,
            _ => {}
        }
    }
    Ok(platform)
}

fn refuse_needed(file: &mut File, place: u64, bytes: u64) -> Result<(), Unfit> {
    if bytes > MOST_DYNAMIC_BYTES {
        return Err(Unfit::Damaged);
    }
    let mut entries = vec![0; usize::try_from(bytes).map_err(|_| Unfit::Damaged)?];
    read_at(file, place, &mut entries)?;
    let needs = entries.chunks_exact(16).map(|entry| u64_at(entry, 0)).take_while(|tag| *tag != 0);
    if needs.into_iter().any(|tag| tag == TAG_NEEDED) { Err(Unfit::Dynamic) } else { Ok(()) }
}

fn read_at(file: &mut File, place: u64, into: &mut [u8]) -> Result<(), Unfit> {
    file.seek(SeekFrom::Start(place))?;
    file.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Unfit::Damaged,
        _ => Unfit::Unreadable(error),
    })
}

/// `N` bytes at `place`; zeros where the slice ends before, which no caller's fixed size allows.
fn array<const N: usize>(bytes: &[u8], place: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(found) = bytes.get(place..place + N) {
        out.copy_from_slice(found);
    }
    out
}

fn u16_at(bytes: &[u8], place: usize) -> u16 {
    u16::from_le_bytes(array(bytes, place))
}

fn u64_at(bytes: &[u8], place: usize) -> u64 {
    u64::from_le_bytes(array(bytes, place))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// The smallest ELF file that says what the test wants.
    pub(in crate::deploy::image) fn elf(machine: u16, segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut file = vec![0; HEADER_BYTES];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[16..18].copy_from_slice(&TYPE_SHARED.to_le_bytes());
        file[18..20].copy_from_slice(&machine.to_le_bytes());
        file[24..32].copy_from_slice(&0x1000_u64.to_le_bytes());
        file[32..40].copy_from_slice(&(HEADER_BYTES as u64).to_le_bytes());
        file[54..56].copy_from_slice(&(PROGRAM_HEADER_BYTES as u16).to_le_bytes());
        file[56..58].copy_from_slice(&(segments.len() as u16).to_le_bytes());
        let mut place = HEADER_BYTES + segments.len() * PROGRAM_HEADER_BYTES;
        for (kind, content) in segments {
            let mut header = [0; PROGRAM_HEADER_BYTES];
            header[..4].copy_from_slice(&kind.to_le_bytes());
            header[8..16].copy_from_slice(&(place as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(content.len() as u64).to_le_bytes());
            file.extend_from_slice(&header);
            place += content.len();
        }
        for (_, content) in segments {
            file.extend_from_slice(content);
        }
        file
    }

    fn judged(bytes: &[u8]) -> Result<Platform, Unfit> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        static_program(&mut file)
    }

    fn dynamic(tags: &[u64]) -> Vec<u8> {
        tags.iter().flat_map(|tag| [tag.to_le_bytes(), [0; 8]].concat()).collect()
    }

    #[test]
    fn a_static_program_is_told_from_one_that_needs_libraries() {
        assert_eq!(judged(&elf(62, &[(1, b"code")])).unwrap(), Platform::Amd64);
        assert_eq!(judged(&elf(183, &[(1, b"code"), (2, &dynamic(&[5, 0, 1]))])).unwrap(), Platform::Arm64);
        assert!(matches!(judged(&elf(62, &[(3, b"/lib/ld.so")])), Err(Unfit::Dynamic)));
        assert!(matches!(judged(&elf(62, &[(2, &dynamic(&[1, 0]))])), Err(Unfit::Dynamic)));
        assert!(matches!(judged(&elf(243, &[(1, b"")])), Err(Unfit::Machine(243))));
    }

    #[test]
    fn what_is_cut_off_or_no_program_is_refused() {
        let whole = elf(62, &[(1, b"code"), (2, &dynamic(&[5, 0]))]);
        for length in 0..whole.len() {
            let refused = judged(&whole[..length]);
            assert!(matches!(refused, Err(Unfit::NoElf | Unfit::Damaged)), "{length} bytes: {refused:?}");
        }
        assert!(matches!(judged(&[b'#'; 200]), Err(Unfit::NoElf)));
        let mut many = elf(62, &[(1, b"")]);
        many[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
        assert!(matches!(judged(&many), Err(Unfit::Damaged)));
        let mut far = elf(62, &[(1, b"")]);
        far[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(judged(&far), Err(Unfit::Damaged | Unfit::Unreadable(_))));
    }
}
