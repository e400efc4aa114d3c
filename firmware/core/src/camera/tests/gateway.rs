//! A gateway by the contract, small enough to read, that checks every signature and digest.

use std::{
    boxed::Box,
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    format,
    io::Read as _,
    rc::Rc,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use flate2::read::ZlibDecoder;
use sha2::{Digest as _, Sha256};

use crate::{
    camera::{Camera, Item, Outbox, Settings},
    cose::{Document, KeyId, TimeBody, kind},
    httpsig::{self, Window, digest},
    link::{
        Timer as _,
        sim::{Dice, Mode, Net, Reply, Seen, World, list, reply},
    },
    wire::{CameraId, Event, Image, Priority, Problem, ProblemKind, Sha256Hex, Ulid, clipped},
};

pub(crate) const NOW_MS: u64 = 1_800_000_000_000;

pub(super) fn camera_key() -> SigningKey {
    SigningKey::from_bytes(&[11; 32])
}

pub(crate) fn online_key() -> SigningKey {
    SigningKey::from_bytes(&[12; 32])
}

/// Image and event.
type Detection = (Vec<u8>, Vec<u8>);
type Answer = (u16, Vec<(String, String)>, Vec<u8>);
type Mirror = Box<dyn FnMut(&Seen) -> Reply>;

/// What all gateways share, and what each has for itself.
pub(crate) struct Cloud {
    pub(super) world: World,
    windows: RefCell<BTreeMap<usize, Window>>,
    partials: RefCell<BTreeMap<(usize, String), Vec<u8>>>,
    /// By ULID, in every store.
    pub(super) stored: RefCell<BTreeMap<String, Detection>>,
    pub(super) registered: RefCell<Option<String>>,
    pub(super) statuses: Cell<u32>,
    /// The batches of events that were told of.
    pub(super) announced: RefCell<Vec<Vec<Ulid>>>,
    pub(super) desired: RefCell<Option<Vec<u8>>>,
    pub(super) command: RefCell<Option<Vec<u8>>>,
    pub(crate) config: RefCell<Option<Vec<u8>>>,
    /// Gives the objects of releases, each gateway in its own way.
    pub(super) mirror: RefCell<Mirror>,
    /// Answers to give instead of serving, in order; `None` serves.
    pub(super) script: RefCell<VecDeque<Option<Answer>>>,
    pub(super) nonce_error: Cell<u64>,
    pub(super) time_key: RefCell<SigningKey>,
}

pub(crate) fn problem(status: u16, kind: ProblemKind) -> Answer {
    (status, vec![], serde_json::to_vec(&Problem::new(kind, "for a test")).unwrap())
}

pub(super) fn ack(status: u16, ulid: &str, word: &str) -> Answer {
    let body = serde_json::json!({"ulid": ulid, "status": word, "copies": 2, "degraded": false, "new": [1]});
    (status, vec![], body.to_string().into_bytes())
}

impl Cloud {
    pub(super) fn new(world: &World) -> Rc<Self> {
        Rc::new(Self {
            world: world.clone(),
            windows: RefCell::default(),
            partials: RefCell::default(),
            stored: RefCell::default(),
            registered: RefCell::default(),
            statuses: Cell::default(),
            announced: RefCell::default(),
            desired: RefCell::default(),
            command: RefCell::default(),
            config: RefCell::default(),
            mirror: RefCell::new(Box::new(|seen| panic!("{seen:?}"))),
            script: RefCell::default(),
            nonce_error: Cell::default(),
            time_key: RefCell::new(online_key()),
        })
    }

    pub(super) fn net(self: &Rc<Self>, modes: &[Mode]) -> Net {
        let cloud = self.clone();
        Net::new(&self.world, modes, move |seen| {
            let (status, headers, body) = match cloud.refuse(seen) {
                Some(refusal) => refusal,
                None if seen.target.starts_with("/api/releases/") => return (cloud.mirror.borrow_mut())(seen),
                None => cloud.answer(seen),
            };
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            reply(status, &headers, &body).into()
        })
    }

    /// Forgets the partial uploads of one gateway, as a restart does.
    pub(super) fn forget(&self) {
        self.partials.borrow_mut().clear();
    }

    pub(crate) fn unix_ms(&self) -> u64 {
        NOW_MS + self.world.now_ms()
    }

    /// What it says to a request before it looks at what is asked, if anything.
    fn refuse(&self, seen: &Seen) -> Option<Answer> {
        let request = httpsig::Request {
            method: &seen.method,
            path: &seen.target,
            query: None,
            content_digest: seen.header("content-digest"),
            upload_offset: seen.header("upload-offset"),
            upload_complete: seen.header("upload-complete"),
            repr_digest: seen.header("repr-digest"),
        };
        let (input, signature) = (seen.header("signature-input").unwrap(), seen.header("signature").unwrap());
        let verified = httpsig::verify(&request, input, signature, &camera_key().verifying_key()).unwrap();
        assert_eq!(verified.keyid, "cam-1");
        assert_eq!(request.content_digest.is_some(), !seen.body.is_empty());
        if let Some(field) = request.content_digest {
            assert_eq!(digest::from_field(field), Some(Sha256::digest(&seen.body).into()));
        }
        if (verified.created_s).abs_diff(self.unix_ms() / 1000) > httpsig::MAX_SKEW_S {
            let (status, mut headers, body) = problem(401, ProblemKind::Clock);
            headers.push(("Wildcam-Time".into(), self.time(verified.counter)));
            return Some((status, headers, body));
        }
        if !self.windows.borrow_mut().entry(seen.endpoint).or_default().accept(verified.counter) {
            return Some(problem(401, ProblemKind::Replayed));
        }
        self.script.borrow_mut().pop_front().flatten()
    }

    fn answer(&self, seen: &Seen) -> Answer {
        match (seen.method.as_str(), seen.target.as_str()) {
            ("POST", "/api/cameras/register") => {
                *self.registered.borrow_mut() = Some(seen.header("authorization").unwrap().to_string());
                (201, vec![], vec![])
            }
            ("POST", "/api/cameras/cam-1/status") => {
                let status: crate::wire::Status = serde_json::from_slice(&seen.body).unwrap();
                assert_eq!(status.camera.as_str(), "cam-1");
                self.statuses.set(self.statuses.get() + 1);
                (204, vec![], vec![])
            }
            ("GET", "/api/cameras/cam-1/desired") => match &*self.desired.borrow() {
                None => problem(404, ProblemKind::NotFound),
                Some(_) if seen.header("if-none-match") == Some("\"v1\"") => (304, vec![], vec![]),
                Some(document) => (200, vec![("ETag".into(), "\"v1\"".into())], document.clone()),
            },
            ("GET", "/api/cameras/cam-1/command") => match &*self.command.borrow() {
                None => problem(404, ProblemKind::NotFound),
                Some(document) => (200, vec![], document.clone()),
            },
            ("GET", "/api/cameras/cam-1/config") => match &*self.config.borrow() {
                None => problem(404, ProblemKind::NotFound),
                // The tag is as long as the document, which is enough here.
                Some(document) => {
                    let tag = format!("\"{}\"", document.len());
                    match seen.header("if-none-match") {
                        Some(known) if known == tag => (304, vec![], vec![]),
                        _ => (200, vec![("ETag".into(), tag)], document.clone()),
                    }
                }
            },
            ("POST", "/api/cameras/cam-1/events") => {
                let mut json = Vec::new();
                match seen.header("content-encoding") {
                    Some("deflate") => drop(ZlibDecoder::new(&seen.body[..]).read_to_end(&mut json).unwrap()),
                    other => assert_eq!(other, None),
                }
                let events: Vec<Event> = serde_json::from_slice(&json).unwrap();
                self.announced.borrow_mut().push(events.into_iter().map(|event| event.ulid).collect());
                (204, vec![], vec![])
            }
            ("POST", "/api/detections") => self.detection(seen),
            ("PUT", target) => {
                let ulid = target.strip_prefix("/api/detections/").unwrap().strip_suffix("/image").unwrap();
                self.part(seen, ulid)
            }
            other => panic!("{other:?}"),
        }
    }

    fn detection(&self, seen: &Seen) -> Answer {
        let content_type = seen.header("content-type").unwrap();
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let parts = multipart(&seen.body, boundary);
        assert_eq!(parts[0].0, "metadata");
        let event: Event = serde_json::from_slice(&parts[0].1).unwrap();
        let ulid = event.ulid.to_string();
        if self.stored.borrow().contains_key(&ulid) {
            return ack(200, &ulid, "stored");
        }
        match parts.get(1) {
            Some((name, image)) => {
                assert_eq!(name, "image");
                self.store(&ulid, image.clone(), parts[0].1.clone(), event.image.sha256);
                ack(201, &ulid, "stored")
            }
            None => {
                let mut partials = self.partials.borrow_mut();
                let partial = partials.entry((seen.endpoint, ulid)).or_default();
                (202, vec![("Upload-Offset".into(), partial.len().to_string())], vec![])
            }
        }
    }

    fn part(&self, seen: &Seen, ulid: &str) -> Answer {
        let mut partials = self.partials.borrow_mut();
        let Some(partial) = partials.get_mut(&(seen.endpoint, ulid.to_string())) else {
            return problem(404, ProblemKind::UnknownUpload);
        };
        let offset = |partial: &Vec<u8>| vec![("Upload-Offset".to_string(), partial.len().to_string())];
        if seen.header("upload-offset").unwrap() != partial.len().to_string() {
            let (status, _, body) = problem(409, ProblemKind::UploadOffset);
            return (status, offset(partial), body);
        }
        partial.extend_from_slice(&seen.body);
        if seen.header("upload-complete") != Some("?1") {
            return (204, offset(partial), vec![]);
        }
        let sha256 = digest::from_field(seen.header("repr-digest").unwrap()).unwrap();
        self.store(ulid, partial.clone(), vec![], Sha256Hex(sha256));
        ack(201, ulid, "stored")
    }

    fn store(&self, ulid: &str, image: Vec<u8>, event: Vec<u8>, sha256: Sha256Hex) {
        assert_eq!(sha256.0, <[u8; 32]>::from(Sha256::digest(&image)));
        self.stored.borrow_mut().insert(ulid.to_string(), (image, event));
    }

    fn time(&self, counter: u64) -> String {
        let mut body = [0; 32];
        let time = TimeBody { unix_ms: self.unix_ms(), nonce: counter + self.nonce_error.get() };
        let n = time.encode(&mut body).unwrap();
        Base64::encode_string(&signed(kind::TIME, self.unix_ms() / 1000, &body[..n], &self.time_key.borrow()))
    }
}

pub(crate) fn signed(kind: &str, seq: u64, body: &[u8], key: &SigningKey) -> Vec<u8> {
    signed_until(NOW_MS / 1000 + 86_400, kind, seq, body, key)
}

pub(super) fn signed_until(expires_s: u64, kind: &str, seq: u64, body: &[u8], key: &SigningKey) -> Vec<u8> {
    let document = Document { kind, seq, issued_s: NOW_MS / 1000 - 60, expires_s, body };
    let mut out = [0; 4096];
    let id = KeyId::of(&key.verifying_key());
    let n = crate::cose::encode(&document, id, |bytes| key.sign(bytes).to_bytes(), &mut out).unwrap();
    out[..n].to_vec()
}

/// Splits a body by its boundary without knowing how ours is written.
fn multipart(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let mark = format!("--{boundary}").into_bytes();
    let marks: Vec<usize> =
        (0..body.len().saturating_sub(mark.len() - 1)).filter(|&n| body[n..].starts_with(&mark)).collect();
    assert_eq!(marks[0], 0);
    assert_eq!(&body[marks[marks.len() - 1] + mark.len()..], b"--\r\n");
    marks
        .windows(2)
        .map(|pair| {
            let part = &body[pair[0] + mark.len()..pair[1]];
            let part = part.strip_prefix(b"\r\n").unwrap().strip_suffix(b"\r\n").unwrap();
            let end = part.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            let head = String::from_utf8(part[..end].to_vec()).unwrap();
            let name = head.split("; name=\"").nth(1).unwrap().split('"').next().unwrap().to_string();
            (name, part[end + 4..].to_vec())
        })
        .collect()
}

/// An outbox in memory.
#[derive(Default)]
pub(super) struct Shelf(pub(super) VecDeque<(Event, Vec<u8>)>);

impl Shelf {
    /// Adds an image of `bytes` and returns its ULID.
    pub(super) fn add(&mut self, bytes: usize) -> Ulid {
        let n = self.0.len() as u128;
        let ulid = Ulid::new(NOW_MS, n + 1);
        let image: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
        let event = Event {
            ulid,
            camera: CameraId::new("cam-1").unwrap(),
            taken_at_ms: NOW_MS,
            trigger: clipped("motion"),
            priority: Priority::Normal,
            species: None,
            confidence: None,
            place: None,
            model: None,
            firmware: clipped("0.1.0"),
            image: Image {
                sha256: Sha256Hex(Sha256::digest(&image).into()),
                bytes: bytes as u32,
                media_type: clipped("image/jpeg"),
            },
        };
        self.0.push_back((event, image));
        ulid
    }
}

impl Outbox for Shelf {
    type Error = &'static str;

    async fn peek(&mut self, out: &mut [u8]) -> Result<Option<Item>, &'static str> {
        let Some((event, image)) = self.0.front() else { return Ok(None) };
        let n = crate::wire::json::to_slice(event, out).map_err(|_| "event")?;
        let (ulid, sha256) = (event.ulid, event.image.sha256.0);
        Ok(Some(Item { ulid, event_bytes: n, image_bytes: image.len() as u32, sha256 }))
    }

    async fn after(&mut self, ulid: Ulid, out: &mut [u8]) -> Result<Option<(Ulid, usize)>, &'static str> {
        let later = self.0.iter().map(|(event, _)| event).filter(|event| event.ulid > ulid);
        let Some(event) = later.min_by_key(|event| event.ulid) else { return Ok(None) };
        let n = crate::wire::json::to_slice(event, out).map_err(|_| "event")?;
        Ok(Some((event.ulid, n)))
    }

    async fn read(&mut self, ulid: Ulid, offset: u32, out: &mut [u8]) -> Result<usize, &'static str> {
        let (_, image) = self.0.iter().find(|(event, _)| event.ulid == ulid).ok_or("gone")?;
        let rest = &image[offset as usize..];
        // Flash pages: reads come in odd sizes.
        let n = rest.len().min(out.len()).min(1000);
        out[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    async fn remove(&mut self, ulid: Ulid) -> Result<(), &'static str> {
        let before = self.0.len();
        self.0.retain(|(event, _)| event.ulid != ulid);
        if self.0.len() < before { Ok(()) } else { Err("gone") }
    }
}

pub(crate) type TestCamera = Camera<Net, World, Dice>;

pub(super) fn camera(net: &Net, world: &World, weights: &[u16], unix_ms: u64) -> TestCamera {
    let settings = Settings {
        camera: CameraId::new("cam-1").unwrap(),
        key: camera_key(),
        trusted: online_key().verifying_key(),
        endpoints: list(weights),
        endpoints_seq: 1,
        boot_count: 5,
        unix_ms,
    };
    Camera::new(settings, net.clone(), world.clone(), Dice(99))
}
