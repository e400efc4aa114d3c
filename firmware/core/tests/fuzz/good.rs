//! Bytes as they should be; the hostile ones are made of them.

use ed25519_dalek::{Signer as _, SigningKey};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use sha2::{Digest as _, Sha256};
use wildcam_core::{
    boot,
    checksum::Crc32,
    cose::{self, Action, CommandBody, Document, Endpoint, Endpoints, KeyId, Scope, TimeBody, TokenBody, kind},
    flash::{BLOCK, BlockDevice, Claimed},
    identity::{self, Identity, MAX_RECORD, Wifi},
    layout::Region,
    queue::{Header, ItemId, Priority, Queue},
    settings::Settings,
    trust::{
        self, Delta, Gates, Hours, Link, Links, MAX_SIGNED, MAX_TO_BE_SIGNED, Manifest, Newest, Payload, Role, Root,
        Seen, State, Sums,
    },
    wire::{CameraId, clipped},
};

pub(crate) const KEY: [u8; 32] = [3; 32];

fn written(encode: impl FnOnce(&mut [u8]) -> usize) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let length = encode(&mut out);
    out.truncate(length);
    out
}

fn endpoint(name: &str, weight: u16) -> Endpoint {
    let host = format!("{name}.wildcam.test");
    Endpoint { name: clipped(name), host: clipped(&host), port: 8443, weight, server_name: clipped(&host) }
}

pub(crate) fn endpoints() -> Vec<Vec<u8>> {
    let list = |count: usize| {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let endpoints = Endpoints(names[..count].iter().map(|name| endpoint(name, count as u16)).collect());
        written(|out| endpoints.encode(out).expect("it fits"))
    };
    vec![list(1), list(3), list(8)]
}

pub(crate) fn times() -> Vec<Vec<u8>> {
    let time = TimeBody { unix_ms: 1_790_000_000_000, nonce: 1 << 40 };
    vec![written(|out| time.encode(out).expect("it fits"))]
}

pub(crate) fn tokens() -> Vec<Vec<u8>> {
    let token = |camera: Option<&str>, scope| {
        let camera = camera.map(|name| CameraId::new(name).expect("an id"));
        written(|out| TokenBody { scope, camera }.encode(out).expect("it fits"))
    };
    vec![token(Some("ridge-07"), Scope::Enrol), token(None, Scope::Read)]
}

pub(crate) fn commands() -> Vec<Vec<u8>> {
    let command = |action| {
        let camera = CameraId::new("ridge-07").expect("an id");
        written(|out| CommandBody { camera, action }.encode(out).expect("it fits"))
    };
    Action::ALL.map(command).to_vec()
}

pub(crate) fn documents() -> Vec<Vec<u8>> {
    let key = SigningKey::from_bytes(&KEY);
    let bodies = endpoints().into_iter().map(|body| (kind::ENDPOINTS, body));
    let bodies = bodies.chain(times().into_iter().map(|body| (kind::TIME, body)));
    let bodies = bodies.chain(tokens().into_iter().map(|body| (kind::TOKEN, body)));
    let bodies = bodies.chain(commands().into_iter().map(|body| (kind::COMMAND, body)));
    bodies
        .map(|(kind, body)| {
            let document = Document { kind, seq: 7, issued_s: 1_790_000_000, expires_s: 1_790_086_400, body: &body };
            let id = KeyId::of(&key.verifying_key());
            written(|out| cose::encode(&document, id, |text| key.sign(text).to_bytes(), out).expect("it fits"))
        })
        .collect()
}

/// A root whose roles have these keys each, as a body.
pub(crate) fn roots() -> Vec<Vec<u8>> {
    let role = |threshold, seeds: &[u8]| {
        let keys: Vec<_> = seeds.iter().map(|seed| update_key(*seed).verifying_key().to_bytes()).collect();
        Role::new(threshold, &keys).expect("keys")
    };
    let small = Root { root: role(1, &[1]), release: role(1, &[1]), timestamp: role(1, &[1]) };
    let large =
        Root { root: role(1, &[1, 2, 3]), release: role(1, &[1, 4, 5, 6, 7, 8, 9, 10]), timestamp: role(1, &[1]) };
    [small, large].map(|root| written(|out| root.encode(out).expect("it fits"))).into()
}

pub(crate) fn update_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn timestamps() -> Vec<Vec<u8>> {
    let newest = |class| Newest { class, sequence: 7, digest: [7; 32], bytes: 300 };
    let list = [newest("esp32c3"), newest("esp32c6"), newest("qemu-virt")];
    [&list[..1], &list].map(|list| written(|out| Newest::encode(list, out).expect("it fits"))).into()
}

pub(crate) fn manifests() -> Vec<Vec<u8>> {
    let payload = |size, uri| Payload { size, digest: [size as u8; 32], uri };
    let delta = |precursor| Delta { precursor: [precursor; 32], patch: payload(900, "releases/esp32c3/6-7.patch") };
    let plain = Manifest {
        class: "esp32c3",
        version: "1.0.7",
        build_id: [1; 8],
        image: payload(1_000_000, "releases/esp32c3/7.bin"),
        sums: None,
        deltas: heapless::Vec::new(),
        gates: Gates::default(),
    };
    let full = Manifest {
        sums: Some(Sums { sha256: [9; 32], uri: "releases/esp32c3/7.sums" }),
        deltas: (0..4).map(delta).collect(),
        gates: Gates {
            least_battery_mv: Some(3600),
            links: Some(Links::of(&Link::ALL)),
            survey: Some(Hours { from: 16, to: 5 }),
        },
        ..plain.clone()
    };
    [plain, full].map(|manifest| written(|out| manifest.encode(out).expect("it fits"))).into()
}

/// What is signed of the three roles' documents.
pub(crate) fn contents() -> Vec<Vec<u8>> {
    let roots = roots().into_iter().flat_map(|body| [(7, kind::ROOT, body.clone()), (8, kind::ROOT, body)]);
    let timestamps = timestamps().into_iter().map(|body| (7, kind::TIMESTAMP, body));
    let manifests = manifests().into_iter().map(|body| (7, kind::RELEASE, body));
    let all = roots.chain(timestamps).chain(manifests);
    all.map(|(seq, kind, body)| {
        let document = Document { kind, seq, issued_s: 1_790_000_000, expires_s: 1_790_086_400, body: &body };
        written(|out| trust::write_content(&document, out).expect("it fits"))
    })
    .collect()
}

/// `content` under these keys; nothing when it is too large for any document.
pub(crate) fn under(content: &[u8], seeds: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; MAX_SIGNED];
    let signatures: Vec<_> = seeds
        .iter()
        .map(|seed| {
            let mut text = [0; MAX_TO_BE_SIGNED];
            let key = update_key(*seed);
            let id = KeyId::of(&key.verifying_key());
            let length = trust::to_be_signed(content, id, &mut text).ok()?;
            Some((id, key.sign(&text[..length]).to_bytes()))
        })
        .collect::<Option<_>>()?;
    let length = trust::assemble(content, &signatures, &mut out).ok()?;
    out.truncate(length);
    Some(out)
}

pub(crate) fn several_signatures() -> Vec<Vec<u8>> {
    contents()
        .iter()
        .flat_map(|content| [&[1][..], &[1, 2, 3]].map(|seeds| under(content, seeds).expect("it fits")))
        .collect()
}

pub(crate) fn trust_states() -> Vec<Vec<u8>> {
    let seen = |sequence| Seen { sequence, digest: [sequence as u8; 32] };
    let none = Seen::default();
    let first = State { root: seen(1), release: none, timestamp: none, time_s: 1_790_000_000 };
    let later = State { root: seen(3), release: seen(7), timestamp: seen(200), time_s: u64::MAX };
    [first, later].map(|state| state.encode().to_vec()).into()
}

/// Gives a state the checksum that fits, where its last byte says so.
pub(crate) fn mend_trust(bytes: &mut [u8]) {
    if bytes.len() == trust::STATE_BYTES && bytes[bytes.len() - 1] & 1 == 1 {
        let (text, crc) = bytes.split_at_mut(trust::STATE_BYTES - 4);
        crc.copy_from_slice(&Crc32::of(text).to_le_bytes());
    }
}

pub(crate) fn token_text(document: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 4096];
    cose::token_to_text(document, &mut out).expect("it fits").as_bytes().to_vec()
}

const EVENT: &str = r#"{"ulid":"01KA4Z3V8Q9R1S2T3V4W5X6Y7Z","camera":"ridge-07","taken_at_ms":1790000000000,"trigger":"motion",
"priority":"high","species":"Lynx \u006cynx","confidence":0.93,"place":{"lat":46.57,"lon":-8.41},"model":"alpine-3",
"firmware":"0.1.0","image":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","bytes":23511,
"media_type":"image/jpeg"},"later":[{"x":null},[1,2.5e3,true]]}"#;

pub(crate) fn events() -> Vec<Vec<u8>> {
    let short = r#"{"ulid":"01KA4Z3V8Q9R1S2T3V4W5X6Y7Z","camera":"c","taken_at_ms":1,"trigger":"","priority":"low",
"firmware":"","image":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","bytes":0,
"media_type":""}}"#;
    vec![EVENT.into(), short.into()]
}

pub(crate) fn statuses() -> Vec<Vec<u8>> {
    vec![
        r#"{"camera":"ridge-07","sent_at_ms":1790000000000,"uptime_s":12,"boot_cause":"brownout","queue":{"waiting":3,
"bytes":91000,"evicted":0},"link":{"endpoint":"a","rtt_ms":41,"bytes_per_s":91000,"failures":2},"battery_mv":3720,
"firmware":"0.1.0"}"#
            .into(),
    ]
}

pub(crate) fn registrations() -> Vec<Vec<u8>> {
    vec![r#"{"camera":"ridge-07","public_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#.into()]
}

pub(crate) fn acks() -> Vec<Vec<u8>> {
    vec![r#"{"ulid":"01KA4Z3V8Q9R1S2T3V4W5X6Y7Z","status":"stored","copies":2,"degraded":false}"#.into()]
}

pub(crate) fn problems() -> Vec<Vec<u8>> {
    vec![
        r#"{"kind":"clock","detail":"the clock is off","next":"set it"}"#.into(),
        r#"{"kind":"from-the-future","detail":"?"}"#.into(),
    ]
}

pub(crate) fn keys() -> Vec<Vec<u8>> {
    // The day is that of the ULID.
    let ulid: wildcam_core::wire::Ulid = "01KA4Z3V8Q9R1S2T3V4W5X6Y7Z".parse().expect("a ULID");
    let camera = CameraId::new("ridge-07").expect("an id");
    let parts = [wildcam_core::wire::keys::Part::Image, wildcam_core::wire::keys::Part::Event];
    parts.map(|part| wildcam_core::wire::keys::detection(&camera, ulid, part).as_bytes().to_vec()).into()
}

pub(crate) fn signature_inputs() -> Vec<Vec<u8>> {
    let key = SigningKey::from_bytes(&KEY);
    let request = wildcam_core::httpsig::Request {
        method: "POST",
        path: "/api/detections",
        query: None,
        content_digest: Some("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
        upload_offset: None,
        upload_complete: None,
        repr_digest: None,
    };
    let parameters =
        wildcam_core::httpsig::Parameters { keyid: "ridge-07", created_s: 1_790_000_000, counter: 1 << 33 };
    let signed =
        wildcam_core::httpsig::sign(&request, &parameters, |text| key.sign(text).to_bytes()).expect("it can be signed");
    vec![signed.signature_input.as_bytes().to_vec()]
}

pub(crate) fn digests() -> Vec<Vec<u8>> {
    vec![b"sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:".to_vec()]
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    vec![
        b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nETag: \"a\"\r\nContent-Length: 12\r\n\r\n{\"copies\":2}".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00a;x=\"y\"\r\n, wildcams\r\n0\r\nT: v\r\n\r\n"
            .to_vec(),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nConnection: close\r\n\r\n".to_vec(),
    ]
}

/// Answers of known length.
pub(crate) fn parts() -> Vec<Vec<u8>> {
    let part = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 100-699/700\r\nContent-Length: 600\r\n\r\n";
    let whole = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 600\r\n\r\n";
    [&part[..], whole].map(|head| [head, &[b'x'; 600]].concat()).into()
}

fn identity() -> Identity<'static> {
    Identity {
        camera: CameraId::new("ridge-07").expect("an id"),
        key: KEY,
        trusted: [2; 32],
        authority: &[3; 480],
        wifi: Some(Wifi { ssid: "station", passphrase: "correct horse" }),
        endpoints: &[4; 300],
        token: "a-token",
        group: "ridge",
        card_key: [5; 32],
        set_at_ms: 1_790_000_000_000,
        root: &[7; 500],
    }
}

pub(crate) fn identities() -> Vec<Vec<u8>> {
    let mut buffer = [0; MAX_RECORD];
    let length = identity::encode(&identity(), 1, &mut buffer).expect("it fits");
    let clear = buffer[..length].to_vec();
    let mut flash = Memory(vec![0xFF; 8192]);
    let seal = identity::Seal { key: &KEY, nonce: [1; 12] };
    let region = Region { offset: 0, bytes: 8192 };
    identity::store(&mut flash, region, &identity(), Some(seal), &mut buffer).expect("the flash takes it");
    let rootless = Identity { root: &[], ..identity() };
    let short = identity::encode(&rootless, 1, &mut buffer).expect("it fits");
    vec![clear, flash.0[..length + 28].to_vec(), buffer[..short].to_vec()]
}

/// Gives a record the length and the checksum that fit, where its last byte says so.
pub(crate) fn mend_identity(bytes: &mut [u8]) {
    if bytes.len() < 112 || bytes[bytes.len() - 5] & 1 == 0 {
        return;
    }
    let end = bytes.len() - 4;
    bytes[6..8].copy_from_slice(&((end - 108) as u16).to_le_bytes());
    let crc = Crc32::of(&bytes[..end]).to_le_bytes();
    bytes[end..].copy_from_slice(&crc);
}

/// Flash that never fails.
pub(crate) struct Memory(pub(crate) Vec<u8>);

impl ErrorType for Memory {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Memory {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let from = self.0.get(offset as usize..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(from.ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Memory {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.0.get_mut(from as usize..to as usize).ok_or(NorFlashErrorKind::OutOfBounds)?.fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let place = self.0.get_mut(offset as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        for (old, new) in place.ok_or(NorFlashErrorKind::OutOfBounds)?.iter_mut().zip(bytes) {
            *old &= new;
        }
        Ok(())
    }
}

pub(crate) fn queues() -> Vec<Vec<u8>> {
    let mut queue = Queue::<_, 8, 8>::mount(Memory(vec![0xFF; 10 * 4096])).unwrap_or_else(|_| panic!("an empty flash"));
    for number in 1..4_u8 {
        let body = vec![number; 2500 * usize::from(number)];
        let header = Header {
            id: ItemId(number.into()),
            priority: Priority::Normal,
            kind: 0,
            species: 0,
            taken_at_ms: 1,
            body_bytes: body.len() as u32,
            sha256: Sha256::digest(&body).into(),
        };
        queue.put(&header, EVENT.as_bytes(), &body).unwrap_or_else(|_| panic!("there is room"));
    }
    let mut images = vec![queue.flash().0.clone()];
    queue.remove(ItemId(2)).unwrap_or_else(|_| panic!("it is there"));
    images.push(queue.flash().0.clone());
    images
}

/// An image of three segments, the first with a description, as `wildcam build` writes it for the emulated board.
pub(crate) fn images() -> Vec<Vec<u8>> {
    let mut described = vec![0; 300];
    described[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    described[16..21].copy_from_slice(b"1.2.3");
    described[48..64].copy_from_slice(b"wildcam-firmware");
    let segments = [(0x8000_0000_u32, described), (0x8000_1000, vec![0x13; 2048]), (0x8010_0000, vec![5; 4])];
    let mut image = vec![0xE9, 3, 2, 0x20];
    image.extend(0x8000_1000_u32.to_le_bytes());
    image.extend([0xEE, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    for (load, bytes) in &segments {
        image.extend(load.to_le_bytes());
        image.extend((bytes.len() as u32).to_le_bytes());
        image.extend(bytes);
    }
    image.resize((image.len() + 1).next_multiple_of(16) + 32, 0);
    let last = image.len();
    image[last - 1] = 1;
    mend_image(&mut image);
    vec![image]
}

/// Gives an image the checksum and the hash that fit, where its last byte says so.
pub(crate) fn mend_image(bytes: &mut [u8]) {
    if bytes.len() < 64 || bytes[bytes.len() - 1] & 1 == 0 {
        return;
    }
    let mut at = 24;
    let mut checksum = 0xEF;
    for _ in 0..bytes[1] {
        let Some(head) = bytes.get(at..at + 8) else { return };
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let Some(content) = bytes.get(at + 8..).and_then(|rest| rest.get(..length)) else { return };
        checksum = content.iter().fold(checksum, |sum, byte| sum ^ byte);
        at += 8 + length;
    }
    let end = (at + 1).next_multiple_of(16);
    if end + 32 <= bytes.len() {
        bytes[end - 1] = checksum;
        let hash = Sha256::digest(&bytes[..end]);
        bytes[end..end + 32].copy_from_slice(&hash);
    }
}

pub(crate) fn journals() -> Vec<Vec<u8>> {
    let region = Region { offset: 0, bytes: 8192 };
    let mut flash = Memory(vec![0xFF; 8192]);
    let start = |flash: &mut Memory| {
        boot::decide(flash, region, |_, slot| Ok(Some([slot.index() as u8 + 1; 8]))).expect("a slot is good");
    };
    start(&mut flash);
    let mut journals = vec![flash.0.clone()];
    boot::confirm(&mut flash, region).expect("it runs");
    boot::activate(&mut flash, region, boot::Slot::B, [2; 8]).expect("it is new");
    start(&mut flash);
    journals.push(flash.0.clone());
    for _ in 0..4 {
        start(&mut flash);
    }
    journals.push(flash.0);
    journals
}

pub(crate) fn settings() -> Vec<Vec<u8>> {
    struct Shared<'m>(&'m mut Memory);
    impl ErrorType for Shared<'_> {
        type Error = NorFlashErrorKind;
    }
    impl ReadNorFlash for Shared<'_> {
        const READ_SIZE: usize = 1;
        fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
            self.0.read(offset, bytes)
        }
        fn capacity(&self) -> usize {
            self.0.capacity()
        }
    }
    impl NorFlash for Shared<'_> {
        const WRITE_SIZE: usize = 4;
        const ERASE_SIZE: usize = 4096;
        fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
            self.0.erase(from, to)
        }
        fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
            self.0.write(offset, bytes)
        }
    }
    let mut memory = Memory(vec![0xFF; 3 * 4096]);
    let mut images = Vec::new();
    for round in 0..4 {
        let mut settings = Settings::mount(Shared(&mut memory)).expect("the flash works");
        settings.count_boot(1, 0).expect("the flash works");
        settings.set_endpoints(&vec![round; 1200]).expect("the flash works");
        settings.set_time(5).expect("the flash works");
        images.push(memory.0.clone());
    }
    images
}

/// Gives each record that begins with `magic` the checksum that fits. `length` tells where the checksummed bytes of a record
/// end; the checksum of the settings lies before their payload.
pub(crate) fn mend_records(bytes: &mut [u8], magic: [u8; 4], length: impl Fn(&[u8]) -> Option<usize>) {
    let mut at = 0;
    while at + 64 <= bytes.len() {
        let record = &bytes[at..];
        let end = length(record).filter(|_| record[..4] == magic);
        if let Some(end) = end {
            let (place, crc) = if magic == *b"WCb1" {
                (end, Crc32::of(&record[..end]))
            } else {
                let mut crc = Crc32::new();
                crc.update(&record[..12]);
                crc.update(&record[16..end]);
                (12, crc.finish())
            };
            bytes[at + place..at + place + 4].copy_from_slice(&crc.to_le_bytes());
        }
        at += 4;
    }
}

/// The first blocks of a card that somebody else wrote; the others are blank.
pub(crate) struct FirstBlocks {
    pub(crate) bytes: Vec<u8>,
    pub(crate) was_written: bool,
}

/// How many those are, in bytes.
pub(crate) const FIRST_BLOCKS_BYTES: usize = 4 * BLOCK;

impl FirstBlocks {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut bytes = bytes.to_vec();
        bytes.resize(FIRST_BLOCKS_BYTES, 0);
        Self { bytes, was_written: false }
    }
}

impl BlockDevice for &mut FirstBlocks {
    type Error = ();

    fn blocks(&self) -> u32 {
        4096
    }

    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), ()> {
        let held = self.bytes.as_chunks().0.get(index as usize);
        *block = held.copied().unwrap_or([0; BLOCK]);
        Ok(())
    }

    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), ()> {
        self.was_written = true;
        if let Some(place) = self.bytes.as_chunks_mut().0.get_mut(index as usize) {
            *place = *block;
        }
        Ok(())
    }
}

/// A blank card, and one that was claimed for [`CARD_KEY`].
pub(crate) fn cards() -> Vec<Vec<u8>> {
    let blank = FirstBlocks::of(&[]);
    let mut claimed = FirstBlocks::of(&[]);
    assert!(Claimed::open(&mut claimed, &CARD_KEY).is_ok(), "a blank card is taken");
    vec![blank.bytes, claimed.bytes]
}

pub(crate) const CARD_KEY: [u8; 32] = [7; 32];
