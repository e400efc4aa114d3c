//! The intent log: what is about to be done is written here before it is done, and the result after it.
//!
//! One JSON object a line, `{"seq":N,"crc32":N,"entry":...}`: the number rises from line to line, and the CRC-32 (ISO-HDLC,
//! as in zip) is that of the number's digits and the entry's own bytes. Each append is synced before it returns. A line without an entry only
//! says which numbers are used up; compaction leaves one. When the last line is torn or damaged, the power went while
//! it was written, its append never returned, and it is cut off; damage anywhere else is an error.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{Error, atomic};

/// The largest entry.
pub const ENTRY_LIMIT_BYTES: u64 = 1 << 20;
/// The largest log; compaction makes room.
pub const LOG_LIMIT_BYTES: u64 = 256 << 20;

/// An entry with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// Rises with each entry and is never used twice in one log.
    pub seq: u64,
    /// What was appended.
    pub value: T,
}

/// A log open for writing. There is one such handle at a time, over all processes.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    last_seq: u64,
    torn_bytes: u64,
    broken: bool,
}

impl Log {
    /// Opens the log, or makes an empty one that only its owner may read, and cuts off a torn last line.
    ///
    /// # Errors
    /// [`Error::InUse`] when another handle has it, [`Error::Damaged`] for damage before the last line, and
    /// [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |action| move |source| Error::File { action, path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(path).map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        if !is_still_named(&file, path).map_err(failed("open"))? {
            // The other handle compacted the log between our opening and our lock.
            return Err(Error::InUse { path: path.to_owned() });
        }
        let bytes = read_bounded(&mut file, path)?;
        let scan = Scan::of(&bytes, path)?;
        let torn_bytes = (bytes.len() - scan.good_bytes) as u64;
        let length = scan.good_bytes as u64;
        if torn_bytes > 0 {
            tracing::warn!(path = %path.display(), torn_bytes, "the last line was torn and is cut off");
            file.set_len(length).map_err(failed("truncate"))?;
            file.sync_all().map_err(failed("sync"))?;
        }
        atomic::sync_folder(&atomic::folder_of(path))?;
        Ok(Self { path: path.to_owned(), file, length, last_seq: scan.last_seq, torn_bytes, broken: false })
    }

    /// Appends an entry; when this returns, it is on the disk. Returns its number.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Unwritable`], [`Error::File`]; the log is then as it was before. When even that
    /// cannot be had, every further append is [`Error::Broken`].
    pub fn append<T: Serialize>(&mut self, value: &T) -> Result<u64, Error> {
        if self.broken {
            return Err(Error::Broken { path: self.path.clone() });
        }
        let seq = self.last_seq + 1;
        let line = line_of(seq, value)?;
        let length = self.length + line.len() as u64;
        if length > LOG_LIMIT_BYTES {
            let what = self.path.display().to_string();
            return Err(Error::TooLarge { what, bytes: length, limit: LOG_LIMIT_BYTES });
        }
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(&line))
            .and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            let restored = self.file.set_len(self.length).and_then(|()| self.file.sync_all());
            self.broken = restored.is_err();
            return Err(Error::File { action: "append to", path: self.path.clone(), source });
        }
        self.length = length;
        self.last_seq = seq;
        Ok(seq)
    }

    /// Every entry, oldest first.
    ///
    /// # Errors
    /// [`Error::File`], and [`Error::Damaged`] for an entry that is not a `T`.
    pub fn entries<T: DeserializeOwned>(&self) -> Result<Vec<Entry<T>>, Error> {
        read(&self.path)
    }

    /// Rewrites the log with only the entries that `keep` wants; they keep their numbers, and numbers go on rising. A
    /// crash leaves the old log or the new one.
    ///
    /// # Errors
    /// As for [`Log::entries`]; the old log then stays.
    pub fn compact<T: Serialize + DeserializeOwned>(
        &mut self,
        mut keep: impl FnMut(&Entry<T>) -> bool,
    ) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let mut highest = 0;
        for entry in self.entries::<T>()?.into_iter().filter(|entry| keep(entry)) {
            highest = entry.seq;
            bytes.extend(line_of(entry.seq, &entry.value)?);
        }
        if highest < self.last_seq {
            let crc = checksum(self.last_seq, &[]);
            bytes.extend(format!("{{\"seq\":{},\"crc32\":{crc}}}\n", self.last_seq).into_bytes());
        }
        // The new file is locked before it has the name, so no other handle can slip in between.
        self.file = atomic::stage(&self.path, &bytes, 0o600, |file| file.try_lock().map_err(io::Error::from))?;
        self.length = bytes.len() as u64;
        self.broken = false;
        Ok(())
    }

    /// How many bytes of a torn last line were cut off when the log was opened.
    #[must_use]
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Where the log lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The entries of a log that another handle may be writing: nothing is changed, a torn last line is passed over.
///
/// # Errors
/// [`Error::File`] when there is no such log, [`Error::Damaged`].
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<Entry<T>>, Error> {
    let mut file = File::open(path).map_err(|source| Error::File { action: "open", path: path.to_owned(), source })?;
    let bytes = read_bounded(&mut file, path)?;
    let scan = Scan::of(&bytes, path)?;
    let typed = scan.payloads.into_iter().map(|(line, seq, payload)| {
        let value = serde_json::from_slice(payload).map_err(|error| Error::Damaged {
            path: path.to_owned(),
            line,
            why: error.to_string(),
        })?;
        Ok(Entry { seq, value })
    });
    typed.collect()
}

fn read_bounded(file: &mut File, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    file.take(LOG_LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(|source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > LOG_LIMIT_BYTES {
        let what = path.display().to_string();
        return Err(Error::TooLarge { what, bytes: bytes.len() as u64, limit: LOG_LIMIT_BYTES });
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_still_named(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (ours, named) = (file.metadata()?, fs::metadata(path)?);
    Ok((ours.dev(), ours.ino()) == (named.dev(), named.ino()))
}

// Windows does not let a file be replaced while a handle without delete sharing is open on it.
#[cfg(not(unix))]
fn is_still_named(_: &File, path: &Path) -> io::Result<bool> {
    fs::metadata(path).map(|_| true)
}

fn line_of<T: Serialize>(seq: u64, value: &T) -> Result<Vec<u8>, Error> {
    let what = || format!("entry {seq} of the log");
    let payload = serde_json::to_vec(value).map_err(|source| Error::Unwritable { what: what(), source })?;
    if payload.len() as u64 > ENTRY_LIMIT_BYTES {
        return Err(Error::TooLarge { what: what(), bytes: payload.len() as u64, limit: ENTRY_LIMIT_BYTES });
    }
    let crc = checksum(seq, &payload);
    let mut line = format!("{{\"seq\":{seq},\"crc32\":{crc},\"entry\":").into_bytes();
    line.extend_from_slice(&payload);
    line.extend_from_slice(b"}\n");
    Ok(line)
}

fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(seq.to_string().as_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// What the bytes of a log hold.
struct Scan<'a> {
    /// Line, number and bytes of each entry.
    payloads: Vec<(usize, u64, &'a [u8])>,
    last_seq: u64,
    /// Where the torn tail begins; the length when there is none.
    good_bytes: usize,
}

impl<'a> Scan<'a> {
    fn of(bytes: &'a [u8], path: &Path) -> Result<Self, Error> {
        let mut scan = Self { payloads: Vec::new(), last_seq: 0, good_bytes: 0 };
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let end = scan.good_bytes + line.len();
            match parse_line(line, scan.last_seq) {
                Ok((seq, payload)) => {
                    scan.last_seq = seq;
                    scan.payloads.extend(payload.map(|payload| (index + 1, seq, payload)));
                }
                Err(_) if end == bytes.len() => break,
                Err(why) => {
                    return Err(Error::Damaged { path: path.to_owned(), line: index + 1, why: why.to_owned() });
                }
            }
            scan.good_bytes = end;
        }
        Ok(scan)
    }
}

fn parse_line(line: &[u8], previous_seq: u64) -> Result<(u64, Option<&[u8]>), &'static str> {
    const NOT_AN_ENTRY: &str = "it is not an entry of a log";
    let body = line.strip_suffix(b"}\n").ok_or("it has no end")?;
    let rest = body.strip_prefix(b"{\"seq\":").ok_or(NOT_AN_ENTRY)?;
    let (seq, rest) = number(rest).ok_or(NOT_AN_ENTRY)?;
    let rest = rest.strip_prefix(b",\"crc32\":").ok_or(NOT_AN_ENTRY)?;
    let (crc, rest) = number(rest).ok_or(NOT_AN_ENTRY)?;
    let payload = if rest.is_empty() { None } else { Some(rest.strip_prefix(b",\"entry\":").ok_or(NOT_AN_ENTRY)?) };
    if u64::from(checksum(seq, payload.unwrap_or_default())) != crc {
        return Err("its checksum does not match");
    }
    if seq <= previous_seq {
        return Err("its number does not rise");
    }
    Ok((seq, payload))
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(digits);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Step {
        action: String,
        number: u32,
    }

    fn step(number: u32) -> Step {
        Step { action: format!("stop \"store {number}\"\n{{}}"), number }
    }

    fn written(path: &Path, count: u32) -> Vec<Entry<Step>> {
        let mut log = Log::open(path).unwrap();
        for number in 0..count {
            assert_eq!(log.append(&step(number)).unwrap(), u64::from(number) + 1);
        }
        log.entries().unwrap()
    }

    #[test]
    fn every_truncated_prefix_opens_and_yields_a_prefix_of_the_entries() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole.jsonl");
        let all = written(&whole, 12);
        assert_eq!(all.len(), 12);
        let bytes = fs::read(&whole).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for length in 0..=bytes.len() {
            let path = folder.path().join("cut.jsonl");
            fs::write(&path, &bytes[..length]).unwrap();
            let mut log = Log::open(&path).unwrap();
            let kept = log.entries::<Step>().unwrap();
            assert_eq!(kept, all[..kept.len()]);
            let complete = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(kept.len(), complete, "every line that was synced is kept");
            seen.insert(kept.len());
            // The log goes on after the cut, and what is appended is read back.
            log.append(&step(99)).unwrap();
            drop(log);
            let after = read::<Step>(&path).unwrap();
            assert_eq!(after.len(), kept.len() + 1);
            assert_eq!(after[kept.len()].value, step(99));
        }
        assert_eq!(seen.len(), 13);
    }

    #[test]
    fn each_changed_byte_before_the_last_line_is_found_and_its_line_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        written(&path, 4);
        let bytes = fs::read(&path).unwrap();
        // The line end before the last line is left out: without it, the damage is in the last line.
        let last_line = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
        for position in 0..last_line {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x01;
            fs::write(&path, &damaged).unwrap();
            let line = bytes[..position].iter().filter(|byte| **byte == b'\n').count() + 1;
            match Log::open(&path) {
                Err(Error::Damaged { line: named, path: file, .. }) => {
                    assert_eq!((named, file.as_path()), (line, path.as_path()), "byte {position}");
                }
                other => panic!("byte {position}: {other:?}"),
            }
        }
    }

    #[test]
    fn compaction_keeps_what_is_wanted_and_numbers_go_on_rising() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open(&path).unwrap();
        for number in 0..5 {
            log.append(&step(number)).unwrap();
        }
        log.compact::<Step>(|entry| entry.value.number == 1).unwrap();
        assert_eq!(log.entries::<Step>().unwrap(), [Entry { seq: 2, value: step(1) }]);
        log.compact::<Step>(|_| false).unwrap();
        assert!(matches!(Log::open(&path), Err(Error::InUse { .. })), "the lock moves to the new file");
        drop(log);
        let mut log = Log::open(&path).unwrap();
        assert_eq!(log.append(&step(9)).unwrap(), 6);
        assert_eq!(log.entries::<Step>().unwrap(), [Entry { seq: 6, value: step(9) }]);
    }

    #[test]
    fn what_is_too_large_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open(&path).unwrap();
        let entry = "x".repeat(usize::try_from(ENTRY_LIMIT_BYTES).unwrap());
        assert!(matches!(log.append(&entry), Err(Error::TooLarge { .. })));
        assert_eq!(log.append(&"small").unwrap(), 1);
        assert_eq!(log.entries::<String>().unwrap().len(), 1);
    }
}
