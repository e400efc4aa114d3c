//! One layer of an image: a gzip of a tar whose bytes depend on nothing but what is in it.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use sha2::{Digest as _, Sha256};

use super::Digest;

/// The gzip header's "unknown": the number of this machine's system would make two machines' images differ.
const SYSTEM_UNKNOWN: u8 = 255;

/// What a path of a layer is.
pub(super) enum Content<'a> {
    /// A folder.
    Folder,
    /// A file with these bytes.
    Bytes(&'a [u8]),
    /// A file whose bytes are read from this one, from its start.
    Copy(&'a File, u64),
}

/// One path of a layer.
pub(super) struct Entry<'a> {
    /// Without a slash in front; a folder ends with one.
    pub(super) path: &'a str,
    /// The permission bits.
    pub(super) mode: u32,
    /// The number of the user and the group that own it.
    pub(super) owner: u32,
    /// What it is.
    pub(super) content: Content<'a>,
}

/// A finished layer, in a file that goes with this value.
#[derive(Debug)]
pub struct Layer {
    file: tempfile::NamedTempFile,
    /// Of the compressed bytes: the blob's name.
    pub digest: Digest,
    /// The compressed length in bytes.
    pub bytes: u64,
    /// Of the uncompressed tar, which the image's configuration names.
    pub uncompressed: Digest,
}

impl Layer {
    /// Writes the entries, sorted by path, into a file of `scratch`.
    ///
    /// # Errors
    /// When a file cannot be read, changes its length meanwhile, or the layer cannot be written.
    pub(super) fn write(scratch: &Path, mut entries: Vec<Entry<'_>>) -> io::Result<Self> {
        entries.sort_by(|a, b| a.path.cmp(b.path));
        let file = tempfile::Builder::new().prefix(".wildcam-layer-").tempfile_in(scratch)?;
        let compressed = Hashed::new(BufWriter::new(file.as_file()));
        let gzip: GzEncoder<_> =
            GzBuilder::new().mtime(0).operating_system(SYSTEM_UNKNOWN).write(compressed, Compression::new(6));
        let mut archive = tar::Builder::new(Hashed::new(gzip));
        for entry in entries {
            append(&mut archive, &entry)?;
        }
        let (gzip, uncompressed, _) = archive.into_inner()?.finish();
        let (mut out, digest, bytes) = gzip.finish()?.finish();
        out.flush()?;
        drop(out);
        Ok(Self { file, digest, bytes, uncompressed })
    }

    /// The compressed bytes, from `offset` on.
    ///
    /// # Errors
    /// When the file cannot be opened again.
    pub fn open(&self, offset: u64) -> io::Result<File> {
        let mut file = self.file.reopen()?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    }
}

fn append<W: Write>(archive: &mut tar::Builder<W>, entry: &Entry<'_>) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.into());
    header.set_gid(entry.owner.into());
    header.set_mtime(0);
    match entry.content {
        Content::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            archive.append_data(&mut header, entry.path, io::empty())
        }
        Content::Bytes(bytes) => {
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, entry.path, bytes)
        }
        Content::Copy(mut file, length) => {
            file.seek(SeekFrom::Start(0))?;
            header.set_size(length);
            let mut exact = Exactly { inner: file, left: length };
            archive.append_data(&mut header, entry.path, &mut exact)
        }
    }
}

/// Reads as many bytes as were announced: a tar with another number is no tar any more.
struct Exactly<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Passes bytes on, counts them, and takes their digest.
struct Hashed<W> {
    inner: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W: Write> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, sha256: Sha256::new(), bytes: 0 }
    }

    fn finish(self) -> (W, Digest, u64) {
        (self.inner, Digest::from_hash(self.sha256.finalize().into()), self.bytes)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.sha256.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries<'a>() -> Vec<Entry<'a>> {
        vec![
            Entry { path: "usr/bin/x", mode: 0o755, owner: 0, content: Content::Bytes(b"program") },
            Entry { path: "etc/", mode: 0o755, owner: 0, content: Content::Folder },
            Entry { path: "usr/", mode: 0o755, owner: 7, content: Content::Folder },
        ]
    }

    #[test]
    fn the_same_entries_in_any_order_make_the_same_bytes() {
        let scratch = tempfile::tempdir().unwrap();
        let one = Layer::write(scratch.path(), entries()).unwrap();
        let mut turned = entries();
        turned.reverse();
        let two = Layer::write(scratch.path(), turned).unwrap();
        assert_eq!((&one.digest, one.bytes, &one.uncompressed), (&two.digest, two.bytes, &two.uncompressed));
        let mut bytes = Vec::new();
        one.open(0).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(Digest::of(&bytes), one.digest);
        assert_eq!(bytes.len() as u64, one.bytes);
        assert_eq!(bytes[4..10], [0, 0, 0, 0, 0, 255], "no time and no system in the gzip header");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let read: Vec<(String, u64, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                (entry.path().unwrap().display().to_string(), header.mtime().unwrap(), header.uid().unwrap())
            })
            .collect();
        let wanted = [("etc/", 0, 0), ("usr/", 0, 7), ("usr/bin/x", 0, 0)];
        assert_eq!(read, wanted.map(|(path, time, user)| (path.to_owned(), time, user)));
    }

    #[test]
    fn a_file_that_shrinks_is_an_error_and_no_damaged_layer() {
        let scratch = tempfile::tempdir().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"short").unwrap();
        let entry = Entry { path: "x", mode: 0o644, owner: 0, content: Content::Copy(&file, 6) };
        assert_eq!(Layer::write(scratch.path(), vec![entry]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
