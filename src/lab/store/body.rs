//! Taking in the body of a request: bounded, verified, and written once.

use std::{fs::File, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::StreamExt;
use http::HeaderMap;
use s3s::{
    S3Result, TrailingHeaders,
    checksum::ChecksumHasher,
    crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256},
    dto::{Checksum, StreamingBlob},
    s3_error,
};

use super::{
    Limits,
    files::{Files, NewFile, write_pieces},
    refusal::Outcome,
    versions::Sums,
};

/// Up to here a body is held in memory and written at once; above, in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// What a request says about its body.
#[derive(Default)]
pub(super) struct Announced {
    length: Option<i64>,
    /// `Content-MD5`, in base64.
    md5: Option<String>,
    sums: Sums,
    /// Checksums that follow the body, and which one that will be (`x-amz-trailer`).
    trailers: Option<TrailingHeaders>,
    trailer: Option<String>,
}

impl Announced {
    pub(super) fn new(
        length: Option<i64>,
        md5: Option<String>,
        sums: Sums,
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
    ) -> Self {
        let trailer =
            headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).map(|name| name.trim().to_lowercase());
        Self { length, md5, sums, trailers, trailer }
    }
}

/// A body that has arrived whole and as announced.
pub(super) struct Received {
    pub(super) file: NewFile,
    pub(super) size: u64,
    /// MD5 in hexadecimal: the entity tag that S3 gives to what is written at once.
    pub(super) etag: String,
    pub(super) sums: Sums,
}

/// Computes what a body has to be compared with.
pub(super) struct Hasher {
    md5: Md5,
    sums: ChecksumHasher,
    size: u64,
}

impl Hasher {
    pub(super) fn new(wanted: &Sums, trailer: Option<&str>) -> Self {
        let on = |wanted: &Option<String>, name| wanted.is_some() || trailer == Some(name);
        let sums = ChecksumHasher {
            crc32: on(&wanted.crc32, "x-amz-checksum-crc32").then(Crc32::new),
            crc32c: on(&wanted.crc32c, "x-amz-checksum-crc32c").then(Crc32c::new),
            crc64nvme: on(&wanted.crc64nvme, "x-amz-checksum-crc64nvme").then(Crc64Nvme::new),
            sha1: on(&wanted.sha1, "x-amz-checksum-sha1").then(Sha1::new),
            sha256: on(&wanted.sha256, "x-amz-checksum-sha256").then(Sha256::new),
        };
        Self { md5: Md5::new(), sums, size: 0 }
    }

    pub(super) fn update(&mut self, piece: &[u8]) {
        self.md5.update(piece);
        self.sums.update(piece);
        self.size += piece.len() as u64;
    }

    /// Size, MD5, checksums.
    pub(super) fn finish(self) -> (u64, [u8; 16], Sums) {
        (self.size, self.md5.finalize(), Sums::from(self.sums.finalize()))
    }
}

impl From<Checksum> for Sums {
    fn from(sums: Checksum) -> Self {
        Self {
            crc32: sums.checksum_crc32,
            crc32c: sums.checksum_crc32c,
            crc64nvme: sums.checksum_crc64nvme,
            sha1: sums.checksum_sha1,
            sha256: sums.checksum_sha256,
        }
    }
}

impl Sums {
    /// Each checksum with its name in the protocol.
    pub(super) fn named(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("x-amz-checksum-crc32", self.crc32.as_deref()),
            ("x-amz-checksum-crc32c", self.crc32c.as_deref()),
            ("x-amz-checksum-crc64nvme", self.crc64nvme.as_deref()),
            ("x-amz-checksum-sha1", self.sha1.as_deref()),
            ("x-amz-checksum-sha256", self.sha256.as_deref()),
        ]
    }

    /// Whether every checksum that was announced is the one computed.
    pub(super) fn verify(&self, announced: &Self) -> S3Result<()> {
        for ((name, computed), (_, announced)) in self.named().into_iter().zip(announced.named()) {
            if announced.is_some() && announced != computed {
                return Err(s3_error!(BadDigest, "{name} does not fit the body"));
            }
        }
        Ok(())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compares what was computed with what was announced, also after the body.
fn verify(announced: &Announced, hasher: Hasher) -> S3Result<(u64, String, Sums)> {
    let (size, md5, sums) = hasher.finish();
    if announced.length.is_some_and(|length| u64::try_from(length) != Ok(size)) {
        return Err(s3_error!(IncompleteBody));
    }
    if let Some(text) = &announced.md5 {
        let wanted = STANDARD.decode(text).map_err(|error| s3_error!(error, InvalidDigest))?;
        if wanted.len() != md5.len() {
            return Err(s3_error!(InvalidDigest));
        }
        if wanted != md5 {
            return Err(s3_error!(BadDigest, "Content-MD5 does not fit the body"));
        }
    }
    sums.verify(&announced.sums)?;
    if let Some(trailer) = &announced.trailer {
        let sent = announced.trailers.as_ref().and_then(|trailers| {
            trailers.read(|headers| headers.get(trailer).and_then(|value| value.to_str().ok()).map(str::to_owned))
        });
        let sent = sent.flatten();
        for (name, computed) in sums.named() {
            if name == trailer && computed != sent.as_deref() {
                return Err(s3_error!(BadDigest, "{name} after the body does not fit it"));
            }
        }
    }
    Ok((size, hex(&md5), sums))
}

/// Takes in a body and writes it to a file that is durable but not yet part of the store.
pub(super) async fn receive(
    files: &Arc<Files>,
    limits: Limits,
    body: Option<StreamingBlob>,
    announced: Announced,
) -> Outcome<Received> {
    let too_large = || s3_error!(EntityTooLarge, "an object has at most {} bytes", limits.object_bytes);
    if announced.length.is_some_and(|length| u64::try_from(length).is_ok_and(|length| length > limits.object_bytes)) {
        return Err(too_large().into());
    }
    let mut hasher = Hasher::new(&announced.sums, announced.trailer.as_deref());
    let mut body = body;
    let mut total: u64 = 0;
    let mut begun: Option<(NewFile, File)> = None;
    loop {
        let (pieces, ended) = next_pieces(&mut body, limits).await?;
        total += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        if total > limits.object_bytes {
            return Err(too_large().into());
        }
        let files_there = Arc::clone(files);
        if ended && begun.is_none() {
            // The usual case, a picture: one step for everything that blocks.
            return files
                .run(move || {
                    pieces.iter().for_each(|piece| hasher.update(piece));
                    let (size, etag, sums) = verify(&announced, hasher)?;
                    let file = files_there.write(&pieces)?;
                    Ok(Received { file, size, etag, sums })
                })
                .await?;
        }
        let written = files
            .run(move || {
                let (new, mut file) = match begun {
                    Some(begun) => begun,
                    None => files_there.begin()?,
                };
                pieces.iter().for_each(|piece| hasher.update(piece));
                write_pieces(&mut file, &pieces)?;
                Ok::<_, std::io::Error>(((new, file), hasher))
            })
            .await??;
        hasher = written.1;
        if ended {
            let (new, file) = written.0;
            let files_there = Arc::clone(files);
            return files
                .run(move || {
                    let (size, etag, sums) = verify(&announced, hasher)?;
                    let file = files_there.finish(new, &file)?;
                    Ok(Received { file, size, etag, sums })
                })
                .await?;
        }
        begun = Some(written.0);
    }
}

/// The next pieces, [`PIECE_BYTES`] or a little more in all, and whether the body has ended.
async fn next_pieces(body: &mut Option<StreamingBlob>, limits: Limits) -> S3Result<(Vec<Bytes>, bool)> {
    let mut pieces = Vec::new();
    let mut bytes = 0;
    let Some(stream) = body else { return Ok((pieces, true)) };
    while bytes < PIECE_BYTES {
        let next = tokio::time::timeout(limits.body_timeout, stream.next())
            .await
            .map_err(|_| s3_error!(RequestTimeout, "the body stopped arriving"))?;
        match next {
            None => return Ok((pieces, true)),
            Some(Ok(piece)) => {
                bytes += piece.len();
                pieces.push(piece);
            }
            // A connection that broke, or a body whose digest is not the signed one.
            Some(Err(error)) => return Err(s3_error!(IncompleteBody, "the body could not be read: {error}")),
        }
    }
    Ok((pieces, false))
}

/// The digests that S3 joins into the entity tag of an object made of parts.
pub(super) fn joined_etag<'a>(parts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut md5 = Md5::new();
    let mut count = 0;
    for part in parts {
        let mut digest = [0; 16];
        for (byte, pair) in digest.iter_mut().zip(part.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        md5.update(&digest);
        count += 1;
    }
    Some(format!("{}-{count}", hex(&md5.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_joined_etag_is_the_digest_of_digests() {
        // MD5 of the sixteen bytes of MD5("hello"), computed with another program.
        let part = hex(&Md5::checksum(b"hello"));
        assert_eq!(part, "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(joined_etag([part.as_str()].into_iter()).unwrap(), "62109206880d38a4010a98e11243924a-1");
    }

    #[test]
    fn a_checksum_that_was_announced_must_fit() {
        let announced = Sums { crc32: Some("AAAAAA==".to_owned()), ..Sums::default() };
        let mut hasher = Hasher::new(&announced, None);
        hasher.update(b"hello");
        assert!(hasher.finish().2.verify(&announced).is_err());
    }
}
