//! Where downloads go.

use core::fmt;

/// Bytes of an object that are wanted next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'a> {
    /// The object's key, which is one of a release: `releases/esp32c3/7.bin`.
    pub key: &'a str,
    /// The first byte that is wanted, counted from 0.
    pub offset: u32,
    /// How many bytes at most are wanted from there on.
    pub at_most: u32,
    /// Length of the whole object in bytes, as the manifest says it.
    pub total: u32,
}

/// Takes what is downloaded.
#[allow(async_fn_in_trait, reason = "whether the future is Send is for the concrete sink to say")]
pub trait Sink {
    /// What is wanted next; `None` when all is there. It may be another object, or an earlier byte, after each call of
    /// [`take`](Sink::take): then the download goes on there.
    fn wants(&self) -> Option<Range<'_>>;

    /// Takes bytes of the object that is wanted, which begin at `offset`, the byte that is wanted, and are no more than are
    /// wanted; never none.
    ///
    /// # Errors
    /// [`SinkError`].
    async fn take(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SinkError>;
}

/// Why bytes were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkError {
    /// They are not what the manifest names. The endpoint is to blame, and another one is asked for what is wanted then.
    Wrong,
    /// The flash failed, or there is another reason to end the download.
    Stop,
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "the bytes are not what the manifest names",
            Self::Stop => "the download cannot go on",
        })
    }
}

impl core::error::Error for SinkError {}
