//! Every parser of bytes that come from a network, a card or a flash, fed with what nobody would send.
//!
//! None may panic, overflow or run on. A part of the cases runs always, from a fixed seed; `WILDCAM_SOAK=1` runs ten
//! million of each, `WILDCAM_CASES` another number, and `WILDCAM_SEED` chooses others. A case that fails is printed as hexadecimal digits.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "the case that fails, and how many did not, are results")]

mod good;
mod kept;
mod mutate;
mod updates;

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
    trust::{Manifest, Newest, Root, STATE_BYTES, Signed, State, Trust},
    update::{self, Order, SHORT_PATCH_BYTES, Source, Update, What},
    wire::{Ack, CameraId, Event, Problem, Registration, Status, Ulid, json, keys},
    x509::Certificate,
};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Feeds `parse` with changed forms of `good`, ten times `some` of them, or ten million in a soak.
fn feed(name: &str, some: u64, longest: usize, good: &[Vec<u8>], mut parse: impl FnMut(&mut [u8]) -> bool) {
    let cases = if std::env::var_os("WILDCAM_SOAK").is_some() { 10_000_000 } else { 10 * some };
    let cases = number("WILDCAM_CASES").unwrap_or(cases);
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

/// Documents of several signatures, as anybody may send them.
#[test]
fn documents_of_several_signatures() {
    let body = good::roots();
    let document = Document { kind: kind::ROOT, seq: 1, issued_s: 0, expires_s: 1, body: &body[1] };
    let root = Root::from_document(&document).expect("a root");
    feed("trust::Signed", 20_000, 3000, &good::several_signatures(), |bytes| {
        Signed::parse(bytes).is_ok_and(|signed| {
            assert_eq!(signed.digest(), wildcam_core::trust::digest(signed.content()));
            signed.check(&[&root.root, &root.release]).is_ok()
        })
    });
}

/// As if the fleet's own keys had signed nonsense.
#[test]
fn bodies_of_updates() {
    fn document<'a>(kind: &'a str, body: &'a [u8]) -> Document<'a> {
        Document { kind, seq: 1, issued_s: 0, expires_s: u64::MAX, body }
    }
    let mut out = [0; 2048];
    feed("trust::Root", 20_000, 1536, &good::roots(), |bytes| {
        Root::from_document(&document(kind::ROOT, bytes)).is_ok_and(|root| {
            assert!(root.root.threshold() > 0 && usize::from(root.root.threshold()) <= root.root.keys().len());
            let length = root.encode(&mut out).expect("what was read can be written");
            assert_eq!(Root::from_document(&document(kind::ROOT, &out[..length])), Ok(root));
            true
        })
    });
    feed("trust::Newest", 20_000, 1536, &good::timestamps(), |bytes| {
        Newest::from_document(&document(kind::TIMESTAMP, bytes), "esp32c3").is_ok()
    });
    feed("trust::Manifest", 20_000, 1536, &good::manifests(), |bytes| {
        Manifest::from_document(&document(kind::RELEASE, bytes)).is_ok_and(|manifest| {
            let payloads = manifest.deltas.iter().map(|delta| &delta.patch).chain([&manifest.image]);
            assert!(payloads.into_iter().all(|one| keys::is_release(one.uri)));
            assert!(manifest.sums.is_none_or(|sums| keys::is_release(sums.uri)));
            let length = manifest.encode(&mut out).expect("what was read can be written");
            let again = Manifest::from_document(&document(kind::RELEASE, &out[..length]));
            assert_eq!(again.as_ref(), Ok(&manifest));
            true
        })
    });
}

/// A camera that is shown what its fleet's own keys signed, but nobody should have.
#[test]
fn updates_that_are_signed() {
    let contents = good::contents();
    let first = good::under(&contents[0], &[1]).expect("it fits");
    let fresh = Trust::begin(&first, "esp32c3").expect("a root");
    feed("trust::Trust", 20_000, 1536, &contents, |bytes| {
        let Some(shown) = good::under(bytes, &[1]) else { return false };
        let mut camera = fresh.clone();
        let taken = match Trust::kind_of(&shown) {
            Ok(kind::ROOT) => Trust::begin(&shown, "esp32c3").is_ok() | camera.follow(&shown).is_ok(),
            Ok(kind::TIMESTAMP) => camera.timestamp(&shown, None).is_ok(),
            // A timestamp is made that names it, whatever it is.
            _ => named(&mut camera, &shown),
        };
        let (before, after) = (fresh.state(), camera.state());
        assert!(after.root.sequence == before.root.sequence || after.root.sequence == before.root.sequence + 1);
        assert!(after.time_s >= before.time_s || after.timestamp.sequence == 0);
        taken
    });
}

fn named(camera: &mut Trust, shown: &[u8]) -> bool {
    let Ok(signed) = Signed::parse(shown) else { return false };
    let (sequence, bytes) = (signed.document().seq, signed.content().len() as u16);
    let newest = Newest { class: "esp32c3", sequence, digest: signed.digest(), bytes };
    let mut body = [0; 256];
    let length = Newest::encode(&[newest], &mut body).expect("it fits");
    let document =
        Document { kind: kind::TIMESTAMP, seq: 1, issued_s: 1_790_000_000, expires_s: u64::MAX, body: &body[..length] };
    let mut content = [0; 512];
    let length = wildcam_core::trust::write_content(&document, &mut content).expect("it fits");
    let timestamp = good::under(&content[..length], &[1]).expect("it fits");
    let Ok(timestamp) = camera.timestamp(&timestamp, None) else { return false };
    camera.release(shown, &timestamp, None).is_ok()
}

#[test]
fn states_of_trust() {
    feed("trust::State", 20_000, 300, &good::trust_states(), |bytes| {
        good::mend_trust(bytes);
        bytes.first_chunk::<STATE_BYTES>().and_then(State::decode).is_some_and(|state| {
            let again = State::decode(&state.encode());
            assert_eq!(again, Some(state));
            Trust::open(state, &[], "esp32c3").is_err()
        })
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
    feed("keys::is_release", 20_000, 300, &[b"releases/esp32c3/7.cose".to_vec()], |bytes| {
        text(bytes).is_some_and(|text| keys::is_release(&text))
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

/// Answers whose bodies are read as they come, as those with images are.
#[test]
fn answers_as_they_come() {
    let request =
        http::Request { method: "GET", target: "/api/releases/a", host: "a.wildcam.test", port: 8443, headers: &[] };
    feed("http::begin", 60_000, 6000, &good::parts(), |bytes| {
        let (step, room) = (1 + bytes.len() % 700, 128 + bytes.len() * 7 % 400);
        let mut buffer = [0; 4096];
        let mut answers = Answers { bytes, step };
        block_on(async {
            let mut answer = http::begin(&mut answers, &request, &mut buffer[..room]).await.ok()?;
            let part = answer.content_range();
            assert!(part.is_none_or(|part| part.first <= part.last && part.last < part.total && part.length() > 0));
            let promised = answer.left();
            let mut came = 0;
            while let Some(piece) = answer.next().await.ok()? {
                assert!(!piece.is_empty());
                came += piece.len();
            }
            assert_eq!(Some(came), promised, "neither more nor less than it says");
            Some(())
        })
        .is_some()
    });
    feed("http::ContentRange", 60_000, 64, &[b"bytes 42-1233/1234".to_vec()], |bytes| {
        std::str::from_utf8(bytes).is_ok_and(|text| http::ContentRange::parse(text).is_some())
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

/// Orders and places that somebody else wrote: whatever is done then, nothing is touched that is not the update's.
#[test]
fn updates_in_flash() {
    let layout = updates::layout();
    let camera = updates::camera().0;
    feed("update::open", 3_000, 5 * 4096, &updates::kept(), |bytes| {
        good::mend_records(bytes, *b"WCu1", |record| {
            let payload = usize::from(u16::from_le_bytes([*record.get(8)?, *record.get(9)?]));
            (16 + payload <= record.len()).then_some(16 + payload)
        });
        let mut flash = camera.clone();
        let kept = layout.update.offset as usize;
        flash[kept..].fill(0xFF);
        flash[kept..kept + bytes.len()].copy_from_slice(bytes);
        let mut update = match Update::open(updates::Guarded(good::Memory(flash)), layout, boot::Slot::A) {
            Ok(update) => update,
            Err(error) => panic!("a flash that works opens: {error}"),
        };
        let known = update.order().is_some();
        let order = Order {
            sequence: u64::MAX,
            image_bytes: 5000,
            image_sha256: [1; 32],
            source: Source::Full,
            sums_sha256: (bytes.len() % 2 == 0).then_some([2; 32]),
            manifest_sha256: [0; 32],
        };
        for round in 0..2 {
            for _ in 0..16 {
                let Some(wanted) = update.wants() else { break };
                assert!(wanted.at_most > 0, "nothing is wanted");
                if update.feed(wanted.what, wanted.offset, &bytes[..bytes.len().min(3000)]) == Err(update::Error::Wrong)
                {
                    let _ = update.go_without_sums();
                }
            }
            let _ = update.finish();
            if round == 0 {
                let _ = update.begin(&order);
            }
        }
        known
    });
}

/// Patches that somebody else wrote, with digests of sectors and without, short and long, cut in the middle: nothing is touched
/// that is not the update's, and only the ordered image is put on trial.
#[test]
fn patches_for_updates() {
    let layout = updates::layout();
    let [first, second] = [1, 2].map(updates::image);
    let good = updates::patches(&first, &second);
    if good.is_empty() {
        return;
    }
    let sums = updates::sums(&second);
    let sums_sha256 = updates::digest(&sums);
    let camera = updates::camera().0;
    let open = |flash| match Update::open(flash, layout, boot::Slot::A) {
        Ok(update) => update,
        Err(error) => panic!("a flash that works opens: {error}"),
    };
    feed("update::feed", 1_000, 8192, &good, |bytes| {
        updates::mend_patch(bytes, &good[0]);
        let form = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let padding = if form & 1 == 0 { 0 } else { SHORT_PATCH_BYTES };
        let mut order = updates::order_by(&first, &second, bytes.len() as u32 + padding, [form; 32]);
        order.sums_sha256 = (form & 2 == 0).then_some(sums_sha256);
        let mut update = open(updates::Guarded(good::Memory(camera.clone())));
        if update.begin(&order).is_err() {
            return false;
        }
        for round in 0..24 {
            let Some(wanted) = update.wants() else { break };
            let source = match wanted.what {
                What::Sums => &sums,
                What::Patch => &*bytes,
                What::Image => break,
            };
            // Behind the end of a long patch there are zeros.
            let rest = source.get(wanted.offset as usize..).filter(|rest| !rest.is_empty()).unwrap_or(&[0; 700]);
            let _ = update.feed(wanted.what, wanted.offset, &rest[..rest.len().min(700)]);
            if round == 4 && form & 4 == 0 {
                update = open(update.into_flash());
            }
        }
        let is_made = update.finish() == Ok(update::Status::Activated);
        let flash = update.into_flash();
        let journal = layout.journal;
        let is_known = flash.part(journal) == &camera[journal.offset as usize..journal.end() as usize];
        assert!(is_known || flash.part(updates::inactive()).starts_with(&second), "another image was put on trial");
        is_made
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
