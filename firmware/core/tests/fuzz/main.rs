//! Every parser of bytes that come from a network, a card or a flash, fed with what nobody would send.
//!
//! None may panic, overflow or run on. A part of the cases runs always, from a fixed seed; `WILDCAM_SOAK=1` runs ten
//! million of each, and `WILDCAM_SEED` chooses others. A case that fails is printed as hexadecimal digits.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "the case that fails, and how many did not, are results")]

mod good;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ed25519_dalek::SigningKey;
use embassy_futures::block_on;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use mutate::{Random, mutate};
use wildcam_core::{
    boot,
    cose::{self, CommandBody, Document, Endpoints, TimeBody, TokenBody, kind},
    deflate,
    flash::{BLOCK, BlockDevice as _, Claimed},
    http, httpsig,
    identity::Record,
    image,
    layout::Region,
    queue::{Filter, Queue},
    settings::Settings,
    wire::{Ack, CameraId, Event, Problem, Registration, Status, Ulid, json, keys},
    x509::Certificate,
};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Feeds `parse` with changed forms of `good`, ten times `some` of them, or ten million in a soak.
fn feed(name: &str, some: u64, longest: usize, good: &[Vec<u8>], mut parse: impl FnMut(&mut [u8]) -> bool) {
    let cases = if std::env::var_os("WILDCAM_SOAK").is_some() { 10_000_000 } else { 10 * some };
    let mut random = Random::new(number("WILDCAM_SEED").unwrap_or(1));
    let mut bytes = Vec::new();
    for whole in good {
        bytes.clone_from(whole);
        assert!(parse(&mut bytes), "{name}: a good one is refused");
    }
    let mut taken = 0_u64;
    let mut case = Vec::new();
    for done in 0..cases {
        mutate(good, longest, &mut random, &mut bytes);
        case.clone_from(&bytes);
        match catch_unwind(AssertUnwindSafe(|| parse(&mut bytes))) {
            Ok(accepted) => taken += u64::from(accepted),
            Err(panic) => {
                let digits: String = case.iter().map(|byte| format!("{byte:02x}")).collect();
                eprintln!("{name}: case {done} panics: {digits}");
                resume_unwind(panic);
            }
        }
    }
    println!("{name}: {cases} cases, {taken} taken for good");
}

#[test]
fn signed_documents() {
    let key = SigningKey::from_bytes(&good::KEY);
    let public = key.verifying_key();
    feed("cose::verify", 4_000, 2200, &good::documents(), |bytes| cose::verify(bytes, &public).is_ok());
}

/// As if the fleet's own key had signed nonsense: the bodies are parsed after the signature is checked.
#[test]
fn bodies_of_documents() {
    fn document<'a>(kind: &'a str, body: &'a [u8]) -> Document<'a> {
        Document { kind, seq: 1, issued_s: 0, expires_s: u64::MAX, body }
    }
    feed("cose::Endpoints", 100_000, 2048, &good::endpoints(), |bytes| {
        Endpoints::from_document(&document(kind::ENDPOINTS, bytes)).is_ok()
    });
    feed("cose::TimeBody", 50_000, 64, &good::times(), |bytes| {
        TimeBody::from_document(&document(kind::TIME, bytes)).is_ok()
    });
    feed("cose::TokenBody", 50_000, 256, &good::tokens(), |bytes| {
        TokenBody::from_document(&document(kind::TOKEN, bytes)).is_ok()
    });
    feed("cose::CommandBody", 50_000, 256, &good::commands(), |bytes| {
        CommandBody::from_document(&document(kind::COMMAND, bytes)).is_ok()
    });
}

#[test]
fn certificates() {
    let good = [
        include_bytes!("../../src/x509/authority.der").to_vec(),
        include_bytes!("../../src/x509/gateway.der").to_vec(),
    ];
    feed("x509::Certificate", 60_000, 1024, &good, |bytes| {
        Certificate::parse(bytes).map(|certificate| certificate.is_for("a.wildcam.test")).is_ok()
    });
}

#[test]
fn tokens_as_text() {
    let good = good::documents().iter().map(|document| good::token_text(document)).collect::<Vec<_>>();
    feed("cose::token_from_text", 50_000, 3000, &good, |bytes| {
        let mut out = [0; 2048];
        std::str::from_utf8(bytes).is_ok_and(|text| cose::token_from_text(text, &mut out).is_ok())
    });
}

#[test]
fn wire_documents() {
    feed("wire::Event", 60_000, 2048, &good::events(), |bytes| json::from_slice::<Event>(bytes).is_ok());
    feed("wire::Status", 60_000, 2048, &good::statuses(), |bytes| json::from_slice::<Status>(bytes).is_ok());
    feed("wire::Registration", 40_000, 1024, &good::registrations(), |bytes| {
        json::from_slice::<Registration>(bytes).is_ok()
    });
    feed("wire::Ack", 40_000, 1024, &good::acks(), |bytes| json::from_slice::<Ack>(bytes).is_ok());
    feed("wire::Problem", 40_000, 1024, &good::problems(), |bytes| json::from_slice::<Problem>(bytes).is_ok());
}

#[test]
fn names_and_keys() {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    feed("wire::CameraId", 60_000, 100, &[b"ridge-07".to_vec()], |bytes| {
        text(bytes).is_some_and(|text| CameraId::new(&text).is_ok())
    });
    feed("wire::Ulid", 60_000, 60, &[b"01KA4Z3V8Q9R1S2T3V4W5X6Y7Z".to_vec()], |bytes| {
        text(bytes).is_some_and(|text| text.parse::<Ulid>().is_ok())
    });
    feed("keys::parse_detection", 60_000, 300, &good::keys(), |bytes| {
        text(bytes).is_some_and(|text| keys::parse_detection(&text).is_some())
    });
    feed("httpsig::parse", 60_000, 600, &good::signature_inputs(), |bytes| {
        text(bytes).is_some_and(|text| httpsig::parse(&text).is_ok())
    });
    feed("digest::from_field", 60_000, 100, &good::digests(), |bytes| {
        text(bytes).is_some_and(|text| httpsig::digest::from_field(&text).is_some())
    });
}

/// Answers with `bytes`, some at a time, and takes whatever is written.
struct Answers<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl ErrorType for Answers<'_> {
    type Error = ErrorKind;
}

impl Read for Answers<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let count = self.step.min(out.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        out[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

impl Write for Answers<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

#[test]
fn answers_over_http() {
    let request =
        http::Request { method: "GET", target: "/api/health", host: "a.wildcam.test", port: 8443, headers: &[] };
    feed("http::exchange", 60_000, 6000, &good::answers(), |bytes| {
        let step = 1 + bytes.len() % 700;
        let mut buffer = [0; 4096];
        let mut answers = Answers { bytes, step };
        let answer = block_on(http::exchange(&mut answers, &request, &mut http::Bytes::new(b""), &mut buffer));
        answer.is_ok_and(|answer| {
            let _ = answer.header(&buffer, "etag");
            answer.body(&buffer).len() <= buffer.len()
        })
    });
}

#[test]
fn identities_in_flash() {
    feed("identity::Record", 4_000, 4096, &good::identities(), |bytes| {
        // A checksum keeps almost every changed record out; half of the cases get the one that fits.
        good::mend_identity(bytes);
        Record::parse(bytes).is_some_and(|record| record.open(Some(&good::KEY)).is_ok())
    });
}

/// The queue on a flash that somebody else wrote: it mounts, and its items can be read, sent and removed.
#[test]
fn queues_in_flash() {
    let images = good::queues();
    let length = images[0].len();
    feed("queue::mount", 3_000, length, &images, |bytes| {
        let mut flash = bytes.to_vec();
        flash.resize(length, 0xFF);
        let mut queue = match Queue::<_, 8, 8>::mount(good::Memory(flash)) {
            Ok(queue) => queue,
            Err(error) => panic!("a flash that works mounts: {error:?}"),
        };
        let mut seen = 0;
        while let Some(item) = queue.next(&Filter::all()).unwrap_or(None) {
            let mut piece = [0; 1024];
            let _ = queue.read_metadata(item.header.id, &mut piece);
            let mut at = 0;
            while let Ok(count @ 1..) = queue.read_body(item.header.id, at, &mut piece) {
                at += count as u32;
            }
            if queue.remove(item.header.id).is_err() {
                break;
            }
            seen += 1;
            assert!(seen <= 8, "more items than there is room for");
        }
        seen > 0
    });
}

#[test]
fn images_in_slots() {
    let good = good::images();
    let region = Region { offset: 0, bytes: 8192 };
    feed("image::verify", 10_000, 8192, &good, |bytes| {
        good::mend_image(bytes);
        let mut flash = bytes.to_vec();
        flash.resize(8192, 0xFF);
        image::verify(&mut good::Memory(flash), region).is_ok_and(|image| {
            let told = image.description.as_ref().map(|about| about.version().len() + about.project().len());
            image.segments().iter().all(|segment| region.holds(segment.offset, segment.bytes)) && told <= Some(64)
        })
    });
}

/// The journal on a flash that somebody else wrote: some slot is started, it is confirmed, and the next is tried.
#[test]
fn boot_journals() {
    let region = Region { offset: 0, bytes: 8192 };
    feed("boot::decide", 20_000, 8192, &good::journals(), |bytes| {
        good::mend_records(bytes, *b"WCb1", |record| (60 < record.len()).then_some(60));
        let mut flash = bytes.to_vec();
        flash.resize(8192, 0xFF);
        let mut flash = good::Memory(flash);
        let known = boot::current(&mut flash, region).is_ok_and(|entry| entry.is_some());
        for _ in 0..4 {
            let slot = boot::decide(&mut flash, region, |_, slot| Ok(Some([slot.index() as u8 + 1; 8])));
            assert!(slot.is_ok() || !known, "two good images and nothing to start");
        }
        let _ = boot::confirm(&mut flash, region);
        let _ = boot::activate(&mut flash, region, boot::Slot::B, [9; 8]);
        known
    });
}

#[test]
fn settings_in_flash() {
    feed("settings::mount", 10_000, 3 * 4096, &good::settings(), |bytes| {
        good::mend_records(bytes, *b"WSr1", |record| {
            let payload = usize::from(u16::from_le_bytes([*record.get(10)?, *record.get(11)?]));
            (16 + payload <= record.len()).then_some(16 + payload)
        });
        let mut flash = bytes.to_vec();
        flash.resize(3 * 4096, 0xFF);
        let mut settings = match Settings::mount(good::Memory(flash)) {
            Ok(settings) => settings,
            Err(error) => panic!("a flash that works mounts: {error}"),
        };
        let before = settings.counters();
        let mut buffer = [0; 2048];
        let _ = settings.endpoints(&mut buffer);
        for _ in 0..3 {
            let _ = settings.count_boot(1, 0);
            let _ = settings.set_time(1);
            let _ = settings.set_endpoints(&[1; 700]);
        }
        before.boot > 0
    });
}

/// A card that is not this camera's, and not blank, stays as it is.
#[test]
fn claims_on_cards() {
    feed("flash::Claimed", 20_000, good::FIRST_BLOCKS_BYTES, &good::cards(), |bytes| {
        let mut card = good::FirstBlocks::of(bytes);
        match Claimed::open(&mut card, &good::CARD_KEY) {
            Ok(mut claimed) => claimed.read_block(0, &mut [0; BLOCK]).is_ok(),
            Err(error) => {
                assert!(!card.was_written, "{error} and yet it was written");
                false
            }
        }
    });
}

#[test]
fn texts_to_compress() {
    feed("deflate::compress", 3_000, 6000, &good::events(), |bytes| {
        let mut out = [0; 4096];
        deflate::compress(bytes, &mut out).is_none_or(|length| length < bytes.len())
    });
}
