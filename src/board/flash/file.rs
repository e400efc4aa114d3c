//! The flash of an emulated board: the file that QEMU maps as a NOR flash (`-drive if=pflash,unit=1`).
//!
//! Everything that is done to a chip is done to it in the same order, so that what is proven on one holds for the other.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use wildcam_core::layout::SECTOR_BYTES;

use super::{
    Error,
    device::{Description, Device, Written},
};
use crate::board::Board;

/// The size of a bank of flash of `-M virt`.
pub const BANK_BYTES: u32 = 32 << 20;

/// How much is written between two looks at whether the user asked to stop.
const STEP_BYTES: usize = 64 * 1024;

/// The flash file of an emulated board. One that is not there yet reads as a new flash chip does, all ones, and is made by
/// the first write: looking at a board changes nothing.
pub struct FlashFile {
    /// `None` until there is something in it.
    file: Option<File>,
    path: PathBuf,
    description: Description,
}

/// How a file that holds keys is opened for writing; when it is made, for its owner alone.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl FlashFile {
    /// Opens the file. One that is missing or empty is left so until the first write.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::FlashFile`] when it is something else than a flash; [`Error::Busy`] when an emulator or
    /// another wildcam has it locked.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let refused = |why: String| Error::FlashFile { path: path.to_owned(), why };
        let file = match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
            Ok(there) if !there.is_file() => return Err(refused("it is no file".to_owned())),
            Ok(there) if there.len() == 0 => None,
            Ok(there) if there.len() != u64::from(BANK_BYTES) => {
                return Err(refused(format!("it has {} bytes, and one has {BANK_BYTES}", there.len())));
            }
            Ok(_) => {
                let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
                Some(locked(file, path)?)
            }
        };
        let whole = std::path::absolute(path).map_err(failed)?;
        let hash = Sha256::digest(whole.as_os_str().as_encoded_bytes());
        let description = Description {
            chip: Board::QemuVirt.name().to_owned(),
            board: Some(Board::QemuVirt),
            // Locally administered (IEEE 802): no chip has it.
            mac: format!("02:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", hash[0], hash[1], hash[2], hash[3], hash[4]),
            flash_bytes: Board::QemuVirt.flash_bytes(),
            port: path.display().to_string(),
        };
        Ok(Self { file, path: path.to_owned(), description })
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::File { path: self.path.clone(), source }
    }

    /// The file, which is made when it is not there yet.
    fn made(&mut self) -> Result<&mut File, Error> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                // Whole before it has its name: what a cut leaves of it would be taken for something else than a flash.
                let mut name = self.path.clone().into_os_string();
                name.push(".new");
                let new = PathBuf::from(name);
                let failed = |error| self.failed(error);
                let mut file = private().read(true).truncate(true).open(&new).map_err(failed)?;
                std::io::copy(&mut std::io::repeat(0xff).take(BANK_BYTES.into()), &mut file).map_err(failed)?;
                let file = locked(file, &self.path)?;
                if std::fs::metadata(&self.path).is_ok_and(|there| there.len() > 0) {
                    let there = OpenOptions::new().read(true).write(true).open(&self.path).map_err(failed)?;
                    locked(there, &self.path)?;
                    return Err(failed(std::io::Error::other("another program has made it meanwhile")));
                }
                std::fs::rename(&new, &self.path).map_err(failed)?;
                file
            }
        };
        Ok(self.file.insert(file))
    }

    fn put(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        let file = self.made()?;
        let done = file.seek(SeekFrom::Start(offset.into())).and_then(|_| file.write_all(bytes));
        done.map_err(|error| self.failed(error))
    }
}

fn locked(file: File, path: &Path) -> Result<File, Error> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::Busy { port: path.display().to_string(), holders: None }),
    }
}

impl Device for FlashFile {
    fn description(&self) -> &Description {
        &self.description
    }

    fn md5(&mut self, offset: u32, bytes: u32) -> Result<[u8; 16], Error> {
        Ok(super::md5(&self.read(offset, bytes)?))
    }

    fn read(&mut self, offset: u32, bytes: u32) -> Result<Vec<u8>, Error> {
        let mut data = vec![0xff; bytes as usize];
        let Some(file) = &mut self.file else { return Ok(data) };
        let done = file.seek(SeekFrom::Start(offset.into())).and_then(|_| file.read_exact(&mut data));
        done.map_err(|error| self.failed(error))?;
        Ok(data)
    }

    fn write(&mut self, offset: u32, data: &[u8], written: Written<'_>) -> Result<(), Error> {
        let mut at = offset;
        for step in data.chunks(STEP_BYTES) {
            let length = u32::try_from(step.len()).unwrap_or(u32::MAX);
            self.erase(at, length.next_multiple_of(SECTOR_BYTES))?;
            self.put(at, step)?;
            written(length)?;
            at += length;
        }
        Ok(())
    }

    fn erase(&mut self, offset: u32, bytes: u32) -> Result<(), Error> {
        self.put(offset, &vec![0xff; bytes as usize])
    }

    fn recover(&mut self) -> Result<Option<String>, Error> {
        Ok(None)
    }

    fn start(&mut self) -> Result<(), Error> {
        self.file.as_ref().map_or(Ok(()), File::sync_all).map_err(|error| self.failed(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_makes_no_file_and_the_first_write_makes_one_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["missing.flash", "empty.flash"] {
            let path = folder.path().join(name);
            if name.starts_with("empty") {
                private().open(&path).unwrap();
            }
            let before = path.metadata().ok().map(|there| there.len());
            let mut device = FlashFile::open(&path).unwrap();
            assert_eq!(device.read(0x9000, 64).unwrap(), [0xff; 64]);
            assert_eq!(device.md5(0, 4096).unwrap(), super::super::md5(&[0xff; 4096]));
            device.start().unwrap();
            assert_eq!(path.metadata().ok().map(|there| there.len()), before, "looking changed {name}");
            device.write(4096, &[7; 4096], &mut |_| Ok(())).unwrap();
            assert_eq!(path.metadata().unwrap().len(), u64::from(BANK_BYTES));
            assert_eq!(device.read(4095, 2).unwrap(), [0xff, 7]);
            assert_eq!(device.read(BANK_BYTES - 1, 1).unwrap(), [0xff]);
            assert!(matches!(FlashFile::open(&path), Err(Error::Busy { .. })));
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            }
        }
    }

    #[test]
    fn a_file_that_is_no_flash_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "not a flash").unwrap();
        let error = FlashFile::open(&path).err().unwrap();
        assert!(error.to_string().contains("11 bytes"), "{error}");
        assert!(error.next_step().contains("--port"));
        assert_eq!(std::fs::read(&path).unwrap(), b"not a flash");
        assert!(matches!(FlashFile::open(folder.path()), Err(Error::FlashFile { .. })));
        // Two that found nothing do not both make it.
        let new = folder.path().join("new.flash");
        let (mut first, mut second) = (FlashFile::open(&new).unwrap(), FlashFile::open(&new).unwrap());
        first.erase(0, 4096).unwrap();
        assert!(matches!(second.erase(0, 4096), Err(Error::Busy { .. })));
        drop(first);
        assert!(matches!(second.erase(0, 4096), Err(Error::File { .. })));
    }
}
