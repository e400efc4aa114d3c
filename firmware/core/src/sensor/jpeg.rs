//! A picture in a frame memory.

/// The longest picture that is believed; a frame memory full of noise is not read further.
pub const MAX_PICTURE_BYTES: u32 = 1024 * 1024;

/// What every picture begins with: start of image, and the first byte of the marker after it. A segment has to
/// follow, so that rubbish is not taken for a beginning.
pub(super) const START: [u8; 3] = [0xFF, 0xD8, 0xFF];

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanError {
    /// A marker where none may be, or a segment shorter than its own length.
    Malformed,
    /// Longer than [`MAX_PICTURE_BYTES`].
    TooLong,
}

impl core::fmt::Display for ScanError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Malformed => f.write_str("what the camera sent is not a picture"),
            Self::TooLong => f.write_str("the picture does not end"),
        }
    }
}

impl core::error::Error for ScanError {}

/// What of the bytes given belongs to the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Whether the picture begins here: the bytes FF D8 FF come before [`Self::range`], and some of them may have
    /// come with earlier bytes.
    pub begins: bool,
    /// Which of the bytes belong to it.
    pub range: core::ops::Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the picture; so many bytes of [`START`] were seen last.
    Before(u8),
    /// The 0xFF of a marker was seen.
    Marker,
    /// A marker has to follow.
    Between,
    /// The upper byte of the length of a segment comes next; whether it is that of a scan.
    LengthHigh(bool),
    /// The lower byte.
    LengthLow(bool, u8),
    /// So many bytes of a segment are left.
    Segment(bool, u16),
    /// Compressed data.
    Data,
    /// Compressed data, after 0xFF.
    DataMarker,
    /// After the picture.
    After,
}

/// Finds one JPEG picture (ITU-T T.81) in bytes that come in pieces.
///
/// A frame memory may hold rubbish before the picture and always does after it. Segments are passed over by their
/// length, so that an end marker that happens to stand in a table or in a thumbnail does not cut the picture.
#[derive(Debug, Clone)]
pub struct JpegScan {
    state: State,
    bytes: u32,
}

impl Default for JpegScan {
    fn default() -> Self {
        Self::new()
    }
}

impl JpegScan {
    /// A scan that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Before(0), bytes: 0 }
    }

    /// How long the picture is so far.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Whether its end was seen.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state == State::After
    }

    /// Takes the next bytes in and says which of them belong to the picture.
    ///
    /// # Errors
    /// [`ScanError`]; the scan is of no use afterwards.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Piece, ScanError> {
        let mut piece = Piece { begins: false, range: 0..0 };
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_complete() {
                break;
            }
            let before = matches!(self.state, State::Before(_));
            self.state = self.state.step(*byte)?;
            if !before {
                self.bytes += 1;
                piece.range.end = at + 1;
            } else if !matches!(self.state, State::Before(_)) {
                self.bytes = START.len() as u32 + 1;
                piece = Piece { begins: true, range: at..at + 1 };
            }
            if self.bytes > MAX_PICTURE_BYTES {
                return Err(ScanError::TooLong);
            }
        }
        Ok(piece)
    }
}

impl State {
    fn step(self, byte: u8) -> Result<Self, ScanError> {
        Ok(match (self, byte) {
            (Self::Before(1), 0xD8) => Self::Before(2),
            (Self::Before(2), 0xFF) => Self::Before(3),
            (Self::Before(3), 0xD8) => Self::Before(2),
            (Self::Before(3), 0xC0..=0xC7 | 0xC9..=0xCF | 0xDB..=0xDF | 0xE0..=0xEF | 0xFE) => Self::LengthHigh(false),
            (Self::Before(_), 0xFF) => Self::Before(1),
            (Self::Before(_), _) => Self::Before(0),

            (Self::Between, 0xFF) | (Self::Marker, 0xFF) => Self::Marker,
            (Self::Marker, START_OF_SCAN) => Self::LengthHigh(true),
            (Self::Marker, END_OF_IMAGE) => Self::After,
            // Start of frame, tables, application data, comments: all that may stand between two scans and has a
            // length.
            (Self::Marker, 0xC0..=0xC7 | 0xC9..=0xCF | 0xDB..=0xDF | 0xE0..=0xEF | 0xFE) => Self::LengthHigh(false),
            (Self::Between | Self::Marker, _) => return Err(ScanError::Malformed),

            (Self::LengthHigh(scan), high) => Self::LengthLow(scan, high),
            (Self::LengthLow(scan, high), low) => match u16::from_be_bytes([high, low]) {
                0 | 1 => return Err(ScanError::Malformed),
                2 => Self::after_segment(scan),
                length => Self::Segment(scan, length - 2),
            },
            (Self::Segment(scan, 0 | 1), _) => Self::after_segment(scan),
            (Self::Segment(scan, left), _) => Self::Segment(scan, left - 1),

            (Self::Data, 0xFF) | (Self::DataMarker, 0xFF) => Self::DataMarker,
            // A stuffed zero or a restart marker.
            (Self::Data, _) | (Self::DataMarker, 0x00 | 0xD0..=0xD7) => Self::Data,
            (Self::DataMarker, marker) => Self::Marker.step(marker)?,
            (Self::After, _) => Self::After,
        })
    }

    const fn after_segment(scan: bool) -> Self {
        if scan { Self::Data } else { Self::Between }
    }
}
