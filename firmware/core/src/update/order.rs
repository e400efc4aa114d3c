//! What is ordered, how far it is, and what is wanted for it.

/// What an image is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Its own bytes.
    Full,
    /// A patch for the image that runs.
    Delta {
        /// SHA-256 of the image that must run.
        base_sha256: [u8; 32],
        /// Length of the patch in bytes.
        patch_bytes: u32,
        /// SHA-256 of the patch.
        patch_sha256: [u8; 32],
    },
}

/// What is to be installed, as a verified manifest says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    /// Its number; a higher one replaces it.
    pub sequence: u64,
    /// Length of the image in bytes.
    pub image_bytes: u32,
    /// SHA-256 of the image.
    pub image_sha256: [u8; 32],
    /// What it is made of at first.
    pub source: Source,
    /// SHA-256 of the digests of its sectors, if there are some. Those of an image that has more than fit into a sector
    /// ([`sums_bytes`](super::sums_bytes)) are not used. Not all zeros, which stands for none.
    pub sums_sha256: Option<[u8; 32]>,
    /// SHA-256 of the manifest that it comes from.
    pub manifest_sha256: [u8; 32],
}

/// Why an order was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// What was fetched never had the digest of the order.
    Digest,
    /// What has the digest of the order is no image.
    NotAnImage,
    /// It was started and did not check in.
    NoCheckIn,
    /// The same, and the supply fell too low in its last run.
    Brownout,
    /// The same, and a watchdog ended its last run.
    Watchdog,
    /// The same, and its last run panicked.
    Panic,
    /// The boot stage could not start it.
    Damaged,
}

impl Why {
    /// The word in logs and reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::NotAnImage => "not-an-image",
            Self::NoCheckIn => "no-check-in",
            Self::Brownout => "brownout",
            Self::Watchdog => "watchdog",
            Self::Panic => "panic",
            Self::Damaged => "damaged",
        }
    }
}

/// How far the order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// There is none, or another image was put there since by cable.
    Idle,
    /// Bytes are wanted.
    Downloading,
    /// All bytes are there: [`Update::finish`](super::Update::finish) is next. It makes the last sectors if the power went before that.
    Complete,
    /// The next start tries it.
    Activated,
    /// It runs on trial.
    OnTrial,
    /// It checked in.
    Confirmed,
    /// It is not installed, and not tried again.
    GivenUp(Why),
}

/// Whose bytes are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// The patch's.
    Patch,
    /// The image's.
    Image,
    /// Those of the digests of the image's sectors.
    Sums,
}

/// Which bytes are wanted next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Whose.
    pub what: What,
    /// The first of them.
    pub offset: u32,
    /// How many there are from there to the end; never 0. Fewer are of use too.
    pub at_most: u32,
}
