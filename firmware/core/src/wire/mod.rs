//! What travels between a camera and a gateway, and how objects are named.
//!
//! Both ends use these types: a camera writes them with [`json`], hosts may use `serde_json`. Fields that a reader does
//! not know are ignored, so that either end may be newer than the other; a field that is missing and not optional is an
//! error.

mod id;
pub mod json;
pub mod keys;

use serde::{Deserialize, Serialize};

pub use id::{CAMERA_ID_MAX, CameraId, NotACameraId, NotADigest, NotAUlid, Sha256Hex, Ulid};

/// A short word or name, at most `N` bytes of UTF-8.
pub type Text<const N: usize> = heapless::String<N>;

/// `text` cut to at most `N` bytes at the end of a character.
#[must_use]
pub fn clipped<const N: usize>(text: &str) -> Text<N> {
    let mut short = Text::new();
    for character in text.chars() {
        if short.push(character).is_err() {
            break;
        }
    }
    short
}

/// Largest event in bytes of JSON.
pub const EVENT_MAX_BYTES: usize = 1024;

/// Largest status report in bytes of JSON.
pub const STATUS_MAX_BYTES: usize = 1024;

/// Largest detection image in bytes that a gateway takes.
pub const IMAGE_MAX_BYTES: u32 = 8 * 1024 * 1024;

/// How urgent a detection is; a queue sends the first of these first and drops the last of them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Someone must act on it: a poacher, a fire.
    Urgent,
    /// A species that is watched for.
    High,
    /// Any other animal.
    Normal,
    /// Probably empty, or a timelapse.
    Low,
}

/// Where a picture was taken, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Latitude in degrees, north positive.
    pub lat: f64,
    /// Longitude in degrees, east positive.
    pub lon: f64,
}

/// The picture of a detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// SHA-256 of the file.
    pub sha256: Sha256Hex,
    /// Size of the file in bytes.
    pub bytes: u32,
    /// Media type, `image/jpeg`.
    pub media_type: Text<32>,
}

/// One detection, written once and never changed.
///
/// Its JSON is stored byte for byte as the camera sent it, so a store holds what the camera saw and not what a gateway
/// understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its identity, chosen by the camera.
    pub ulid: Ulid,
    /// Who saw it.
    pub camera: CameraId,
    /// When the shutter opened, milliseconds since 1970 by the camera's clock.
    pub taken_at_ms: u64,
    /// What made the camera look: `motion`, `timelapse`, `sound`, `manual`, `command`.
    pub trigger: Text<24>,
    /// How urgent it is.
    pub priority: Priority,
    /// Scientific name of what was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub species: Option<Text<64>>,
    /// How sure the model is, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Where the camera stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The model that recognised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Text<48>>,
    /// The firmware that took it.
    pub firmware: Text<32>,
    /// The picture.
    pub image: Image,
}

/// What waits in a camera.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Detections that wait.
    pub waiting: u32,
    /// Bytes that they take.
    pub bytes: u64,
    /// Detections dropped since the first boot because there was no room.
    pub evicted: u32,
}

/// How a camera reaches the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Name of the endpoint that worked last; empty before the first.
    pub endpoint: Text<32>,
    /// Measured round trip in milliseconds, 0 when not measured.
    pub rtt_ms: u32,
    /// Measured upload speed, 0 when not measured.
    pub bytes_per_s: u32,
    /// Failed exchanges since boot, over all endpoints.
    pub failures: u32,
}

/// What a camera says of itself now and then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who speaks.
    pub camera: CameraId,
    /// When, milliseconds since 1970 by the camera's clock.
    pub sent_at_ms: u64,
    /// Seconds since it started.
    pub uptime_s: u32,
    /// Why it started: `power-on`, `brownout`, `watchdog`, `update`.
    pub boot_cause: Text<24>,
    /// What waits.
    pub queue: QueueStatus,
    /// How it reaches the fleet.
    pub link: LinkStatus,
    /// Battery voltage in millivolts, where it can be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_mv: Option<u16>,
    /// What it runs.
    pub firmware: Text<32>,
    /// How it is inside, where it can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// The number of the last command that it took on, if there ever was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<u64>,
    /// What it is set to, where it can be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigStatus>,
    /// How far its update is, if there ever was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateStatus>,
}

/// What a camera is set to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// The number of the document whose settings it has; 0 for the board's own.
    pub number: u64,
    /// The last document whose settings it does not have, if there ever was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// Settings that a camera did not take, or went back from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The number of their document.
    pub number: u64,
    /// Why: [`crate::config::Refusal::why`].
    pub why: Text<24>,
}

/// How far an update is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateStatus {
    /// The number of the release.
    pub release: u64,
    /// How far it is, in a word: that of [`crate::update::Status`], or of a gate that holds it up.
    pub state: Text<16>,
    /// Bytes of the image that are there for good.
    pub bytes: u32,
    /// Bytes of the whole image, 0 while it is not known.
    pub of: u32,
    /// Why it is given up or held up, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Text<16>>,
}

/// How a camera is inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Bytes of its storage for pictures.
    pub storage_bytes: u32,
    /// How many of them are free.
    pub storage_free_bytes: u32,
    /// Detections that its storage lost, ever.
    pub damaged: u32,
    /// Voltage of the solar panel in millivolts, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solar_mv: Option<u16>,
    /// The most of its stack that was used since it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_used_bytes: Option<u32>,
    /// The same of the heap of its radio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap_used_bytes: Option<u32>,
}

/// The body of `POST /api/cameras/register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The name that the enrolment token names as well.
    pub camera: CameraId,
    /// Ed25519 public key, 32 bytes in padded standard base64.
    pub public_key: Text<44>,
}

/// Whether a detection is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AckStatus {
    /// It is durable in as many stores as the project asks for.
    Stored,
    /// Any other word: the camera keeps its copy.
    #[serde(other)]
    Other,
}

/// The answer to a complete upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Which detection.
    pub ulid: Ulid,
    /// Whether it is safe.
    pub status: AckStatus,
    /// How many stores hold it.
    pub copies: u8,
    /// Whether that is fewer than the project asks for, by its own exception.
    pub degraded: bool,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// `created` is too far from the gateway's time; `Wildcam-Time` carries the right one.
    Clock,
    /// This request counter was seen before.
    Replayed,
    /// The signature is missing, malformed or wrong.
    Signature,
    /// No camera of this name has enrolled.
    UnknownCamera,
    /// Body, image or metadata exceed a limit.
    TooLarge,
    /// The gateway's memory is spoken for; try again.
    TooBusy,
    /// The image is no JPEG.
    NotAJpeg,
    /// A digest does not fit its content.
    Digest,
    /// The request cannot be understood.
    Malformed,
    /// This ULID is taken by other content.
    Altered,
    /// Too few stores could be written; try again.
    Copies,
    /// The part does not begin where the last one ended.
    UploadOffset,
    /// No upload of this ULID is under way here.
    UnknownUpload,
    /// The bearer token is missing, wrong or expired.
    Token,
    /// Nothing here.
    NotFound,
    /// Too many requests; try again later.
    Rate,
    /// A word that this build does not know.
    #[serde(other)]
    Other,
}

impl ProblemKind {
    /// Whether sending the same detection again can never succeed, anywhere.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Altered | Self::NotAJpeg | Self::Malformed | Self::TooLarge)
    }
}

/// The body of every refusal, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Why, in a stable word.
    pub kind: ProblemKind,
    /// What happened, for people.
    pub detail: Text<256>,
    /// What to do next, a command where one exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Text<160>>,
}

impl Problem {
    /// A refusal; `detail` is cut to 256 bytes.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: &str) -> Self {
        Self { kind, detail: clipped(detail), next: None }
    }

    /// The same with what to do next, cut to 160 bytes.
    #[must_use]
    pub fn with_next(mut self, next: &str) -> Self {
        self.next = Some(clipped(next));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            ulid: "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            camera: CameraId::new("north-ridge").unwrap(),
            taken_at_ms: 1_469_922_850_259,
            trigger: clipped("motion"),
            priority: Priority::High,
            species: Some(clipped("Lynx \"lynx\"")),
            confidence: Some(0.93),
            place: Some(Place { lat: 46.2, lon: -7.25 }),
            model: None,
            firmware: clipped("0.1.0"),
            image: Image { sha256: Sha256Hex([0xab; 32]), bytes: 51_200, media_type: clipped("image/jpeg") },
        }
    }

    #[test]
    fn both_ends_read_what_the_other_writes() {
        let mut buffer = [0; EVENT_MAX_BYTES];
        let n = json::to_slice(&event(), &mut buffer).unwrap();
        assert_eq!(serde_json::from_slice::<Event>(&buffer[..n]).unwrap(), event());
        let host = serde_json::to_vec(&event()).unwrap();
        assert_eq!(json::from_slice::<Event>(&host).unwrap(), event());
        assert!(!std::string::String::from_utf8(host).unwrap().contains("model"));
    }

    #[test]
    fn the_largest_event_and_status_fit_their_buffers() {
        let mut large = event();
        large.camera = CameraId::new(&"a".repeat(63)).unwrap();
        large.taken_at_ms = u64::MAX;
        large.trigger = clipped(&"\u{1}".repeat(24));
        large.species = Some(clipped(&"\"".repeat(64)));
        large.confidence = Some(f32::MIN_POSITIVE);
        large.place = Some(Place { lat: -f64::MIN_POSITIVE, lon: -f64::MIN_POSITIVE });
        large.model = Some(clipped(&"m".repeat(48)));
        large.firmware = clipped(&"f".repeat(32));
        large.image.bytes = u32::MAX;
        let mut buffer = [0; EVENT_MAX_BYTES];
        let n = json::to_slice(&large, &mut buffer).unwrap();
        assert_eq!(json::from_slice::<Event>(&buffer[..n]).unwrap(), large);

        let status = Status {
            camera: large.camera,
            sent_at_ms: u64::MAX,
            uptime_s: u32::MAX,
            boot_cause: clipped(&"b".repeat(24)),
            queue: QueueStatus { waiting: u32::MAX, bytes: u64::MAX, evicted: u32::MAX },
            link: LinkStatus {
                endpoint: clipped(&"e".repeat(32)),
                rtt_ms: u32::MAX,
                bytes_per_s: u32::MAX,
                failures: u32::MAX,
            },
            battery_mv: Some(u16::MAX),
            firmware: clipped(&"f".repeat(32)),
            health: Some(Health {
                storage_bytes: u32::MAX,
                storage_free_bytes: u32::MAX,
                damaged: u32::MAX,
                solar_mv: Some(u16::MAX),
                stack_used_bytes: Some(u32::MAX),
                heap_used_bytes: Some(u32::MAX),
            }),
            command: Some(u64::MAX),
            config: Some(ConfigStatus {
                number: u64::MAX,
                refused: Some(Refused { number: u64::MAX, why: clipped(&"w".repeat(24)) }),
            }),
            update: Some(UpdateStatus {
                release: u64::MAX,
                state: clipped(&"s".repeat(16)),
                bytes: u32::MAX,
                of: u32::MAX,
                why: Some(clipped(&"y".repeat(16))),
            }),
        };
        let mut buffer = [0; STATUS_MAX_BYTES];
        let n = json::to_slice(&status, &mut buffer).unwrap();
        assert_eq!(serde_json::from_slice::<Status>(&buffer[..n]).unwrap(), status);
    }

    #[test]
    fn unknown_fields_and_words_are_tolerated() {
        let text = br#"{"kind":"a-word-of-next-year","detail":"x","more":{"a":[1,"b",null]},"next":null}"#;
        let problem: Problem = json::from_slice(text).unwrap();
        assert_eq!((problem.kind, problem.next), (ProblemKind::Other, None));
        let text = br#"{"ulid":"01ARZ3NDEKTSV4RRFFQ69G5FAV","status":"queued","copies":0,"degraded":false}"#;
        assert_eq!(json::from_slice::<Ack>(text).unwrap().status, AckStatus::Other);
        assert_eq!(serde_json::from_slice::<Ack>(text).unwrap().status, AckStatus::Other);
    }

    #[test]
    fn problem_words_are_those_of_the_contract() {
        let words = [
            (ProblemKind::UnknownCamera, "unknown-camera"),
            (ProblemKind::NotAJpeg, "not-a-jpeg"),
            (ProblemKind::UploadOffset, "upload-offset"),
            (ProblemKind::TooBusy, "too-busy"),
        ];
        for (kind, word) in words {
            assert_eq!(serde_json::to_value(kind).unwrap(), word);
        }
        assert_eq!(Problem::new(ProblemKind::Digest, &"é".repeat(200)).detail.len(), 256);
    }

    #[test]
    fn every_truncated_event_is_refused() {
        let whole = serde_json::to_vec(&event()).unwrap();
        for end in 0..whole.len() {
            assert!(json::from_slice::<Event>(&whole[..end]).is_err(), "{end}");
        }
    }
}
