//! A file of a host, used as NOR flash.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::vec;

use core::fmt;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Why an operation on a [`FileFlash`] failed.
#[derive(Debug)]
pub enum FileFlashError {
    /// The file could not be opened, read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system reports.
        source: io::Error,
    },
    /// Another process, or another part of this one, has the file open as flash.
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file has another length than the flash that was asked for.
    Length {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found_bytes: u64,
        /// The capacity that was asked for, in bytes.
        wanted_bytes: u32,
    },
    /// The address, the length or the capacity is not a multiple of the unit of the operation.
    NotAligned,
    /// The operation would pass the end of the flash.
    OutOfBounds,
    /// A program would set a bit that an earlier one cleared; the sector was not erased.
    BitSet {
        /// The first such byte.
        address: u32,
    },
}

impl fmt::Display for FileFlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, .. } => write!(f, "cannot use {} as flash", path.display()),
            Self::InUse { path } => write!(f, "{} is in use as flash already", path.display()),
            Self::Length { path, found_bytes, wanted_bytes } => {
                write!(f, "{} has {found_bytes} bytes, and the flash {wanted_bytes}", path.display())
            }
            Self::NotAligned => f.write_str("the operation on the flash is not aligned"),
            Self::OutOfBounds => f.write_str("the operation passes the end of the flash"),
            Self::BitSet { address } => write!(f, "a program at {address:#x} would set a cleared bit"),
        }
    }
}

impl std::error::Error for FileFlashError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl NorFlashError for FileFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// NOR flash of words of 4 bytes and sectors of 4 KiB in a file, for cameras that are processes.
///
/// What was programmed outlives the process at once. [`FileFlash::sync`] makes it outlive the host too; no
/// operation does so by itself, since a picture is hundreds of programs. The file is locked while it is open.
#[derive(Debug)]
pub struct FileFlash {
    file: File,
    path: PathBuf,
    capacity: u32,
}

impl FileFlash {
    const WORD: usize = 4;
    const SECTOR: usize = 4096;

    /// Opens the flash in the file `path`, or creates one of `capacity_bytes` erased bytes there.
    ///
    /// # Errors
    /// [`FileFlashError::NotAligned`] if the capacity is no multiple of 4096, [`FileFlashError::Length`] if the
    /// file there has another length, [`FileFlashError::InUse`] and [`FileFlashError::Io`].
    pub fn open(path: impl AsRef<Path>, capacity_bytes: u32) -> Result<Self, FileFlashError> {
        let path = path.as_ref().to_path_buf();
        let io = |source| FileFlashError::Io { path: path.clone(), source };
        if capacity_bytes == 0 || !(capacity_bytes as usize).is_multiple_of(Self::SECTOR) {
            return Err(FileFlashError::NotAligned);
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileFlashError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(FileFlashError::Io { path, source }),
        }
        let found_bytes = file.metadata().map_err(io)?.len();
        // Creation fills the file from its start, so a shorter file of erased bytes is a creation that was cut.
        if found_bytes < u64::from(capacity_bytes) && is_erased(&mut file).map_err(io)? {
            file.seek(SeekFrom::End(0)).map_err(io)?;
            let sector = [0xFF; Self::SECTOR];
            let mut missing = u64::from(capacity_bytes) - found_bytes;
            while missing > 0 {
                let length = missing.min(Self::SECTOR as u64) as usize;
                file.write_all(&sector[..length]).map_err(io)?;
                missing -= length as u64;
            }
            file.sync_all().map_err(io)?;
        } else if found_bytes != u64::from(capacity_bytes) {
            return Err(FileFlashError::Length { path, found_bytes, wanted_bytes: capacity_bytes });
        }
        Ok(Self { file, path, capacity: capacity_bytes })
    }

    /// Waits until everything programmed so far lies on the host's disk.
    ///
    /// # Errors
    /// [`FileFlashError::Io`].
    pub fn sync(&mut self) -> Result<(), FileFlashError> {
        self.file.sync_data().map_err(|source| self.io(source))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn io(&self, source: io::Error) -> FileFlashError {
        FileFlashError::Io { path: self.path.clone(), source }
    }

    fn read_at(&mut self, offset: u32, bytes: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(u64::from(offset)))?;
        self.file.read_exact(bytes)
    }

    fn write_at(&mut self, offset: u32, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(u64::from(offset)))?;
        self.file.write_all(bytes)
    }
}

fn is_erased(file: &mut File) -> io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut block = [0; 4096];
    loop {
        let length = file.read(&mut block)?;
        if length == 0 {
            return Ok(true);
        }
        if block[..length].iter().any(|byte| *byte != 0xFF) {
            return Ok(false);
        }
    }
}

fn refusal(kind: NorFlashErrorKind) -> FileFlashError {
    match kind {
        NorFlashErrorKind::NotAligned => FileFlashError::NotAligned,
        _ => FileFlashError::OutOfBounds,
    }
}

impl ErrorType for FileFlash {
    type Error = FileFlashError;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FileFlashError> {
        check_read(self, offset, bytes.len()).map_err(refusal)?;
        self.read_at(offset, bytes).map_err(|source| self.io(source))
    }

    fn capacity(&self) -> usize {
        self.capacity as usize
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = Self::WORD;
    const ERASE_SIZE: usize = Self::SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FileFlashError> {
        check_erase(self, from, to).map_err(refusal)?;
        let sector = [0xFF; Self::SECTOR];
        for address in (from..to).step_by(Self::SECTOR) {
            self.write_at(address, &sector).map_err(|source| self.io(source))?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FileFlashError> {
        check_write(self, offset, bytes.len()).map_err(refusal)?;
        let mut old = vec![0; bytes.len()];
        self.read_at(offset, &mut old).map_err(|source| self.io(source))?;
        if let Some(at) = old.iter().zip(bytes).position(|(old, new)| new & !old != 0) {
            return Err(FileFlashError::BitSet { address: offset + at as u32 });
        }
        self.write_at(offset, bytes).map_err(|source| self.io(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(std::format!("wildcam-{}-{name}.flash", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn keeps_what_was_programmed_and_the_rules_across_openings() {
        let path = fresh("keeps");
        let mut flash = FileFlash::open(&path, 8192).unwrap();
        flash.write(4096, &[1, 2, 3, 4]).unwrap();
        assert!(matches!(FileFlash::open(&path, 8192), Err(FileFlashError::InUse { .. })));
        drop(flash);

        assert!(matches!(FileFlash::open(&path, 4096), Err(FileFlashError::Length { .. })));
        assert!(matches!(FileFlash::open(&path, 16384), Err(FileFlashError::Length { .. })), "not erased");
        let mut flash = FileFlash::open(&path, 8192).unwrap();
        let mut seen = [0; 6];
        flash.read(4095, &mut seen).unwrap();
        assert_eq!(seen, [0xFF, 1, 2, 3, 4, 0xFF]);
        assert!(matches!(flash.write(4096, &[1, 2, 4, 4]), Err(FileFlashError::BitSet { address: 4098 })));
        assert!(matches!(flash.write(4098, &[0; 4]), Err(FileFlashError::NotAligned)));
        assert!(matches!(flash.write(8192, &[0; 4]), Err(FileFlashError::OutOfBounds)));
        flash.erase(4096, 8192).unwrap();
        flash.write(4096, &[9; 4]).unwrap();
        flash.sync().unwrap();
        drop(flash);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_creation_that_was_cut_is_completed() {
        let path = fresh("cut");
        std::fs::write(&path, [0xFF; 5000]).unwrap();
        let mut flash = FileFlash::open(&path, 8192).unwrap();
        let mut seen = [0; 8192];
        flash.read(0, &mut seen).unwrap();
        assert!(seen.iter().all(|byte| *byte == 0xFF));
        drop(flash);
        std::fs::remove_file(path).unwrap();
    }
}
