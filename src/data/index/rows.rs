use serde::Serialize;
use wildcam_core::wire::{Event, Priority};

/// One detection as the index knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// Its identity.
    pub ulid: String,
    /// Who saw it.
    pub camera: String,
    /// When, milliseconds since 1970 by the camera's clock.
    pub taken_at_ms: u64,
    /// When this gateway learnt of it, milliseconds since 1970.
    pub stored_at_ms: u64,
    /// What made the camera look.
    pub trigger: String,
    /// How urgent it is.
    pub priority: &'static str,
    /// Scientific name of what was recognised.
    pub species: Option<String>,
    /// How sure the model is, 0 to 1.
    pub confidence: Option<f64>,
    /// Latitude in degrees, WGS 84.
    pub latitude: Option<f64>,
    /// Longitude in degrees, WGS 84.
    pub longitude: Option<f64>,
    /// The model that recognised it.
    pub model: Option<String>,
    /// The firmware that took it.
    pub firmware: String,
    /// SHA-256 of the picture, in hexadecimal.
    pub sha256: String,
    /// Size of the picture in bytes.
    pub bytes: u64,
    /// Media type of the picture.
    pub media_type: String,
}

pub(super) const fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::Urgent => "urgent",
        Priority::High => "high",
        Priority::Normal => "normal",
        Priority::Low => "low",
    }
}

pub(super) fn priority_from(word: &str) -> &'static str {
    match word {
        "urgent" => "urgent",
        "high" => "high",
        "low" => "low",
        _ => "normal",
    }
}

impl Detection {
    /// The row of `event`.
    #[must_use]
    pub fn of(event: &Event, stored_at_ms: u64) -> Self {
        Self {
            ulid: event.ulid.to_string(),
            camera: event.camera.to_string(),
            taken_at_ms: event.taken_at_ms,
            stored_at_ms,
            trigger: event.trigger.as_str().to_owned(),
            priority: priority_word(event.priority),
            species: event.species.as_ref().map(|name| name.as_str().to_owned()),
            confidence: event.confidence.map(f64::from),
            latitude: event.place.map(|place| place.lat),
            longitude: event.place.map(|place| place.lon),
            model: event.model.as_ref().map(|name| name.as_str().to_owned()),
            firmware: event.firmware.as_str().to_owned(),
            sha256: event.image.sha256.to_string(),
            bytes: u64::from(event.image.bytes),
            media_type: event.image.media_type.as_str().to_owned(),
        }
    }
}

/// The large object that belongs to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its key.
    pub key: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Media type.
    pub media_type: String,
}

/// What a gateway is about to write, or has not written everywhere yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The key of the small document, which is written last in each store.
    pub document_key: String,
    /// The document itself: it is small, and with it one copy of the picture is enough to complete every store.
    pub document: Vec<u8>,
    /// The picture, if the document has one.
    pub picture: Option<Picture>,
    /// The names of the stores that may miss it.
    pub missing: Vec<String>,
    /// When it began, milliseconds since 1970.
    pub since_ms: u64,
}

/// A camera as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CameraRow {
    /// Its name.
    pub id: String,
    /// Its Ed25519 public key.
    #[serde(skip)]
    pub public_key: Option<[u8; 32]>,
    /// When it enrolled, milliseconds since 1970; unknown when another gateway enrolled it.
    pub registered_ms: Option<u64>,
    /// When it was last heard by this gateway, milliseconds since 1970.
    pub last_seen_ms: Option<u64>,
    /// Its last status report, JSON.
    #[serde(skip)]
    pub status: Option<String>,
}

/// What [`super::Index::begin`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing was known of this key.
    New,
    /// The same intent stands from before.
    Standing,
    /// Other content is known under this key: the caller must not write.
    Conflict,
}
