//! The flash of an emulated board: the file that QEMU maps as a NOR flash (`-drive if=pflash,unit=1`).
//!
//! Everything that is done to a chip is done to it in the same order, so that what is proven on one holds for the other.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
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

/// The flash file of an emulated board.
pub struct FlashFile {
    file: File,
    path: PathBuf,
    description: Description,
}

impl FlashFile {
    /// Opens the file, or makes one as a new flash chip is: all ones.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Busy`] when an emulator or another wildcam has it locked.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(Error::Busy { port: path.display().to_string(), holders: None });
        }
        let length = file.metadata().map_err(failed)?.len();
        if length < u64::from(BANK_BYTES) {
            file.seek(SeekFrom::Start(length)).map_err(failed)?;
            let missing = u64::from(BANK_BYTES) - length;
            std::io::copy(&mut std::io::repeat(0xff).take(missing), &mut file).map_err(failed)?;
        }
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

    fn put(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        let done = self.file.seek(SeekFrom::Start(offset.into())).and_then(|_| self.file.write_all(bytes));
        done.map_err(|error| self.failed(error))
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
        let mut data = vec![0; bytes as usize];
        let done = self.file.seek(SeekFrom::Start(offset.into())).and_then(|_| self.file.read_exact(&mut data));
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
        self.file.sync_all().map_err(|error| self.failed(error))
    }
}
