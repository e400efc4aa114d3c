mod announce;
mod command;
mod documents;
mod download;
mod faults;
pub(crate) mod gateway;
pub(crate) mod mirrors;
mod sizes;

use std::{collections::BTreeSet, rc::Rc, string::ToString, vec, vec::Vec};

use ed25519_dalek::SigningKey;

use super::*;
use crate::{
    cose::kind,
    link::sim::{Dice, Mode, Net, World, list},
    wire::{LinkStatus, QueueStatus, Status, Ulid, clipped},
};
use gateway::{Cloud, NOW_MS, Shelf, TestCamera, ack, camera, online_key, problem, signed};

const SMALL: usize = 50_000;
const LARGE: usize = 200_000;

pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) cloud: Rc<Cloud>,
    pub(crate) net: Net,
    pub(crate) camera: TestCamera,
    shelf: Shelf,
}

impl Bench {
    pub(crate) fn new(modes: &[Mode]) -> Self {
        // The first is preferred, the others stand by, so that a test knows who is asked.
        let weights: Vec<u16> = (0..modes.len()).map(|n| u16::from(n == 0)).collect();
        let world = World::default();
        let cloud = Cloud::new(&world);
        let net = cloud.net(modes);
        let camera = camera(&net, &world, &weights, NOW_MS);
        Self { world, cloud, net, camera, shelf: Shelf::default() }
    }

    fn upload(&mut self) -> Result<Outcome, UploadError<&'static str>> {
        self.world.run(self.camera.upload_next(&mut self.shelf))
    }

    fn script(&self, answer: (u16, Vec<(std::string::String, std::string::String)>, Vec<u8>)) {
        self.cloud.script.borrow_mut().push_back(Some(answer));
    }

    fn is_stored(&self, ulid: Ulid, bytes: usize) -> bool {
        self.cloud.stored.borrow().get(&ulid.to_string()).is_some_and(|(image, _)| image.len() == bytes)
    }

    /// Method and endpoint of each request that a gateway read.
    fn trace(&self) -> Vec<(std::string::String, usize)> {
        self.net.seen().into_iter().map(|seen| (seen.method, seen.endpoint)).collect()
    }
}

fn stored(outcome: Result<Outcome, UploadError<&'static str>>) -> Ulid {
    match outcome {
        Ok(Outcome::Stored(ack)) => ack.ulid,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_small_image_goes_in_one_request_over_a_kept_connection() {
    let mut bench = Bench::new(&[Mode::Up]);
    let sizes = [1, SMALL, SINGLE_REQUEST_MAX_BYTES as usize];
    let ulids = sizes.map(|size| bench.shelf.add(size));
    for (ulid, size) in ulids.into_iter().zip(sizes) {
        assert_eq!(stored(bench.upload()), ulid);
        assert!(bench.is_stored(ulid, size));
    }
    assert_eq!(bench.upload(), Ok(Outcome::Empty));
    assert_eq!((bench.net.seen().len(), bench.net.dials().len()), (3, 1));
    assert_eq!(bench.camera.counts().acknowledged, 3);
    // The event is stored byte for byte.
    let (_, event) = bench.cloud.stored.borrow()[&ulids[0].to_string()].clone();
    assert!(event.starts_with(b"{\"ulid\":") && event.ends_with(b"}"));
}

#[test]
fn a_large_image_goes_in_parts() {
    let mut bench = Bench::new(&[Mode::Up]);
    let ulid = bench.shelf.add(LARGE);
    assert_eq!(stored(bench.upload()), ulid);
    assert!(bench.is_stored(ulid, LARGE));
    let sizes: Vec<usize> = bench.net.seen()[1..].iter().map(|seen| seen.body.len()).collect();
    assert_eq!(sizes, [65_536, 65_536, 65_536, 3_392]);
    let offsets: Vec<_> =
        bench.net.seen()[1..].iter().map(|s| s.header("upload-offset").unwrap().to_string()).collect();
    assert_eq!(offsets, ["0", "65536", "131072", "196608"]);
}

#[test]
fn a_cut_in_the_middle_resumes_where_the_gateway_is() {
    let mut bench = Bench::new(&[Mode::Up]);
    let ulid = bench.shelf.add(LARGE);
    // After the metadata and one part, the answer to the second part is a lie about the offset.
    bench.cloud.script.borrow_mut().extend([None, None]);
    bench.script((204, vec![("Upload-Offset".into(), "196608".into())], vec![]));
    assert_eq!(stored(bench.upload()), ulid);
    assert!(bench.is_stored(ulid, LARGE));
    let offsets: Vec<_> =
        bench.net.seen()[1..].iter().map(|s| s.header("upload-offset").unwrap().to_string()).collect();
    // The gateway corrects it, and only what is missing is sent.
    assert_eq!(offsets, ["0", "65536", "196608", "65536", "131072", "196608"]);
}

#[test]
fn parts_survive_a_restart_of_the_camera() {
    let mut bench = Bench::new(&[Mode::Up]);
    let ulid = bench.shelf.add(LARGE);
    bench.cloud.script.borrow_mut().extend([None, None, None]);
    bench.script(problem(429, ProblemKind::Rate));
    let refused = Error::Refused { status: 429, kind: ProblemKind::Rate };
    assert_eq!(bench.upload(), Err(UploadError::Call(refused)));
    let before = bench.net.seen().len();
    bench.camera = camera(&bench.net, &bench.world, &[1], bench.cloud.unix_ms());
    bench.camera.counter += 1 << 32;
    assert_eq!(stored(bench.upload()), ulid);
    let first = bench.net.seen()[before + 1].clone();
    assert_eq!(first.header("upload-offset"), Some("131072"));
    assert!(bench.is_stored(ulid, LARGE));
}

#[test]
fn a_failover_between_parts_begins_again() {
    for kill in [Mode::Refuse, Mode::SilentAfter, Mode::SilentBefore, Mode::CutAnswer] {
        let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
        let ulid = bench.shelf.add(LARGE);
        bench.cloud.script.borrow_mut().extend([None, None, None]);
        bench.script(problem(429, ProblemKind::Rate));
        assert!(bench.upload().is_err());
        bench.net.set(0, kill);
        assert_eq!(stored(bench.upload()), ulid, "{kill:?}");
        assert!(bench.is_stored(ulid, LARGE), "{kill:?}");
        assert!(bench.trace().ends_with(&[("PUT".into(), 1), ("PUT".into(), 1), ("PUT".into(), 1), ("PUT".into(), 1)]));
    }
}

#[test]
fn a_gateway_that_forgets_is_told_again() {
    let mut bench = Bench::new(&[Mode::Up]);
    let ulid = bench.shelf.add(LARGE);
    bench.cloud.script.borrow_mut().extend([None, None]);
    bench.script(problem(404, ProblemKind::UnknownUpload));
    bench.cloud.forget();
    assert_eq!(stored(bench.upload()), ulid);
    assert!(bench.is_stored(ulid, LARGE));
}

#[test]
fn a_gateway_that_always_forgets_does_not_hold_the_camera() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.shelf.add(LARGE);
    for _ in 0..50 {
        bench.cloud.script.borrow_mut().push_back(None);
        bench.script(problem(404, ProblemKind::UnknownUpload));
    }
    assert_eq!(bench.upload(), Err(UploadError::Call(Error::Answer)));
    assert!(bench.net.seen().len() < 30);
    assert_eq!(bench.shelf.0.len(), 1);
    let mut bench = Bench::new(&[Mode::Up]);
    bench.shelf.add(LARGE);
    bench.cloud.script.borrow_mut().push_back(None);
    for _ in 0..50 {
        bench.script((204, vec![("Upload-Offset".into(), "0".into())], vec![]));
    }
    assert_eq!(bench.upload(), Err(UploadError::Call(Error::Answer)));
    for offset in ["999999999", "-1", "+1", "x"] {
        let mut bench = Bench::new(&[Mode::Up]);
        bench.shelf.add(LARGE);
        bench.cloud.script.borrow_mut().push_back(None);
        bench.script((204, vec![("Upload-Offset".into(), offset.into())], vec![]));
        assert_eq!(bench.upload(), Err(UploadError::Call(Error::Answer)), "{offset}");
    }
}

#[test]
fn every_way_to_fail_goes_to_the_next_endpoint() {
    // How long each may take: a refused dial, a head start, the patience for an unmeasured endpoint.
    for (mode, within_ms) in
        [(Mode::Refuse, 100), (Mode::SilentBefore, 350), (Mode::SilentAfter, 4_100), (Mode::CutAnswer, 150)]
    {
        let mut bench = Bench::new(&[mode, Mode::Up]);
        let ulid = bench.shelf.add(SMALL);
        assert_eq!(stored(bench.upload()), ulid, "{mode:?}");
        assert!(bench.world.now_ms() <= within_ms, "{mode:?} {}", bench.world.now_ms());
        assert_eq!(bench.trace().last(), Some(&("POST".into(), 1)));
    }
}

#[test]
fn a_cloud_that_dies_while_the_connection_is_kept() {
    for (mode, within_ms) in [(Mode::Refuse, 100), (Mode::SilentAfter, 2_000)] {
        let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
        for _ in 0..6 {
            bench.shelf.add(SMALL);
        }
        for _ in 0..5 {
            stored(bench.upload());
        }
        bench.net.set(0, mode);
        let before = bench.world.now_ms();
        stored(bench.upload());
        assert!(bench.world.now_ms() - before <= within_ms, "{mode:?} {}", bench.world.now_ms() - before);
        assert_eq!(bench.cloud.stored.borrow().len(), 6);
    }
}

#[test]
fn a_kept_connection_that_was_closed_is_nobodys_fault() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    for _ in 0..2 {
        bench.shelf.add(SMALL);
    }
    stored(bench.upload());
    bench.net.hang_up();
    stored(bench.upload());
    assert_eq!(bench.trace(), [("POST".into(), 0), ("POST".into(), 0)]);
    assert_eq!((bench.net.dials().len(), bench.camera.link().status().failures), (2, 0));
}

#[test]
fn a_camera_returns_to_its_first_choice() {
    let mut bench = Bench::new(&[Mode::Refuse, Mode::Up]);
    for _ in 0..3 {
        bench.shelf.add(SMALL);
    }
    stored(bench.upload());
    bench.net.set(0, Mode::Up);
    stored(bench.upload());
    bench.world.advance(240_000);
    stored(bench.upload());
    assert_eq!(bench.trace(), [("POST".into(), 1), ("POST".into(), 1), ("POST".into(), 0)]);
}

#[test]
fn busy_gateways_are_left_for_others_and_all_busy_is_an_error() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    let ulid = bench.shelf.add(SMALL);
    bench.script(problem(503, ProblemKind::TooBusy));
    assert_eq!(stored(bench.upload()), ulid);
    assert_eq!(bench.trace(), [("POST".into(), 0), ("POST".into(), 1)]);

    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.shelf.add(SMALL);
    bench.script(problem(503, ProblemKind::TooBusy));
    bench.script(problem(503, ProblemKind::Copies));
    let last = Error::Refused { status: 503, kind: ProblemKind::Copies };
    assert_eq!(bench.upload(), Err(UploadError::Call(last)));
    assert_eq!(bench.shelf.0.len(), 1);
}

#[test]
fn a_wrong_clock_is_corrected_by_a_signed_answer() {
    for unix_ms in [0, NOW_MS - 10 * 365 * 86_400_000, NOW_MS + 10 * 365 * 86_400_000] {
        let mut bench = Bench::new(&[Mode::Up]);
        bench.camera.set_clock(unix_ms);
        let ulid = bench.shelf.add(SMALL);
        assert_eq!(stored(bench.upload()), ulid);
        assert_eq!(bench.net.seen().len(), 2);
        assert_eq!(bench.camera.counts().clock_corrections, 1);
        assert!(bench.camera.unix_ms().abs_diff(bench.cloud.unix_ms()) < 1_000);
    }
}

#[test]
fn nobody_else_sets_the_clock() {
    let forged = |bench: &Bench| *bench.cloud.time_key.borrow_mut() = SigningKey::from_bytes(&[66; 32]);
    let replayed = |bench: &Bench| bench.cloud.nonce_error.set(1);
    for prepare in [&forged as &dyn Fn(&Bench), &replayed] {
        let mut bench = Bench::new(&[Mode::Up]);
        prepare(&bench);
        bench.camera.set_clock(1_000);
        bench.shelf.add(SMALL);
        let refused = Error::Refused { status: 401, kind: ProblemKind::Clock };
        assert_eq!(bench.upload(), Err(UploadError::Call(refused)));
        assert_eq!((bench.camera.counts().clock_corrections, bench.shelf.0.len()), (0, 1));
        assert!(bench.camera.unix_ms() < 60_000);
    }
}

#[test]
fn every_attempt_has_its_own_counter_above_all_before() {
    let mut bench = Bench::new(&[Mode::CutAnswer, Mode::Up]);
    bench.script(problem(401, ProblemKind::Replayed));
    for _ in 0..3 {
        bench.shelf.add(SMALL);
        bench.cloud.script.borrow_mut().push_back(None);
        bench.script(problem(401, ProblemKind::Replayed));
    }
    for _ in 0..3 {
        stored(bench.upload());
    }
    let counters: Vec<u64> = bench
        .net
        .seen()
        .iter()
        .map(|seen| crate::httpsig::parse(seen.header("signature-input").unwrap()).unwrap().counter)
        .collect();
    assert!(counters.len() > 5 && counters.is_sorted_by(|a, b| a < b), "{counters:?}");
    assert!(counters[0] > 5 << 32);
}

#[test]
fn only_an_acknowledgement_of_this_detection_removes_it() {
    let other = Ulid::from_bits(1).to_string();
    let ours = Ulid::new(NOW_MS, 1).to_string();
    for answer in [
        ack(201, &other, "stored"),
        ack(200, &other, "stored"),
        ack(201, &ours, "queued"),
        ack(203, &ours, "stored"),
        (201, vec![], vec![]),
        (200, vec![], b"<html>welcome to the captive portal</html>".to_vec()),
    ] {
        let mut bench = Bench::new(&[Mode::Up]);
        assert_eq!(bench.shelf.add(SMALL).to_string(), ours);
        bench.script(answer.clone());
        assert_eq!(bench.upload(), Err(UploadError::NotAcknowledged), "{answer:?}");
        assert_eq!((bench.shelf.0.len(), bench.camera.counts().acknowledged), (1, 0));
        assert_eq!(stored(bench.upload()).to_string(), ours);
        assert!(bench.shelf.0.is_empty());
    }
}

#[test]
fn final_refusals_are_told_and_nothing_is_dropped() {
    let finals = [
        (409, ProblemKind::Altered),
        (415, ProblemKind::NotAJpeg),
        (400, ProblemKind::Malformed),
        (413, ProblemKind::TooLarge),
    ];
    for (status, kind) in finals {
        for size in [SMALL, LARGE] {
            let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
            let ulid = bench.shelf.add(size);
            bench.script(problem(status, kind));
            bench.script(problem(status, kind));
            assert_eq!(bench.upload(), Ok(Outcome::Refused { ulid, kind }));
            assert_eq!(bench.trace().iter().map(|(_, endpoint)| *endpoint).collect::<Vec<_>>(), [0, 1]);
            assert_eq!((bench.camera.counts().refused, bench.shelf.0.len()), (1, 1));
        }
    }
    // One gateway that is set up wrongly loses nothing.
    for size in [SMALL, LARGE] {
        let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
        let ulid = bench.shelf.add(size);
        bench.script(problem(413, ProblemKind::TooLarge));
        assert_eq!(stored(bench.upload()), ulid);
        assert!(bench.is_stored(ulid, size));
    }
    // While the other cannot be asked it is one opinion, and the caller hears that it is.
    for other in [Mode::Refuse, Mode::CutAnswer] {
        let mut bench = Bench::new(&[Mode::Up, other]);
        bench.shelf.add(SMALL);
        bench.script(problem(413, ProblemKind::TooLarge));
        let refused = Error::Refused { status: 413, kind: ProblemKind::TooLarge };
        assert_eq!(bench.upload(), Err(UploadError::Call(refused)));
        assert!(refused.is_final() && refused.is_unwanted());
    }
    let busy = Error::Refused { status: 503, kind: ProblemKind::Copies };
    assert!(!busy.is_final() && !busy.is_unwanted());
    // A word that is not known, or a proxy's page, may change.
    let mut bench = Bench::new(&[Mode::Up]);
    bench.shelf.add(SMALL);
    bench.script((403, vec![], b"<html>".to_vec()));
    let refused = Error::Refused { status: 403, kind: ProblemKind::Other };
    assert_eq!(bench.upload(), Err(UploadError::Call(refused)));
}

#[test]
fn an_unknown_camera_asks_another_gateway() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    let ulid = bench.shelf.add(SMALL);
    bench.script(problem(401, ProblemKind::UnknownCamera));
    assert_eq!(stored(bench.upload()), ulid);
    assert_eq!(bench.trace(), [("POST".into(), 0), ("POST".into(), 1)]);
}

#[test]
fn a_damaged_image_is_never_sent() {
    let mut bench = Bench::new(&[Mode::Up]);
    let ulid = bench.shelf.add(SMALL);
    bench.shelf.0[0].1[777] ^= 1;
    assert_eq!(bench.upload(), Ok(Outcome::Damaged { ulid }));
    assert_eq!((bench.net.seen().len(), bench.camera.counts().damaged, bench.shelf.0.len()), (0, 1, 1));
}

#[test]
fn the_camera_enrols_reports_and_learns() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    let Bench { world, cloud, net, camera, .. } = &mut bench;
    assert_eq!(world.run(camera.enrol("a-token")), Ok(Enrolled::New));
    assert_eq!(cloud.registered.borrow().as_deref(), Some("Bearer a-token"));
    cloud.script.borrow_mut().push_back(Some((200, vec![], vec![])));
    assert_eq!(world.run(camera.enrol("a-token")), Ok(Enrolled::Already));
    cloud.script.borrow_mut().push_back(Some(problem(401, ProblemKind::Token)));
    let refused = Error::Refused { status: 401, kind: ProblemKind::Token };
    assert_eq!(world.run(camera.enrol("a\r\nb")), Err(Error::Request));
    assert_eq!(world.run(camera.enrol("bad")), Err(refused));

    let status = Status {
        camera: camera.id().clone(),
        sent_at_ms: camera.unix_ms(),
        uptime_s: 1,
        boot_cause: clipped("power-on"),
        queue: QueueStatus::default(),
        link: camera.link().status(),
        battery_mv: None,
        firmware: clipped("0.1.0"),
        health: None,
        command: None,
        config: None,
        update: None,
    };
    assert_eq!(
        status.link,
        LinkStatus { endpoint: clipped("cloud-0"), rtt_ms: status.link.rtt_ms, ..Default::default() }
    );
    assert!(status.link.rtt_ms > 0);
    assert_eq!(world.run(camera.report_status(&status)), Ok(()));
    assert_eq!(cloud.statuses.get(), 1);

    assert_eq!(world.run(camera.fetch_desired()), Ok(Desired::Nothing));
    let mut body = [0; 2048];
    let n = list(&[0, 1]).encode(&mut body).unwrap();
    let wrong = signed(kind::ENDPOINTS, 2, &body[..n], &SigningKey::from_bytes(&[66; 32]));
    *cloud.desired.borrow_mut() = Some(wrong);
    assert!(matches!(world.run(camera.fetch_desired()), Err(Error::Document(_))));
    let good = signed(kind::ENDPOINTS, 2, &body[..n], &online_key());
    *cloud.desired.borrow_mut() = Some(good.clone());
    let desired = world.run(camera.fetch_desired());
    assert_eq!(desired, Ok(Desired::Endpoints { seq: 2, changed: true, document: &good }));
    assert_eq!(world.run(camera.fetch_desired()), Ok(Desired::Unchanged));
    assert_eq!((camera.link().seq(), camera.link().endpoints().len()), (2, 2));
    let seen: BTreeSet<_> = net.seen().into_iter().map(|seen| seen.endpoint).collect();
    // The new list prefers the other endpoint, and the next request went there.
    assert_eq!(seen, BTreeSet::from([0, 1]));
}

#[test]
fn the_fixed_texts_of_a_multipart_body_are_not_cut() {
    let boundary = multipart::boundary(&mut Dice(u32::MAX));
    assert_eq!(boundary.len(), 40);
    assert!(multipart::content_type(&boundary).ends_with(boundary.as_str()));
    let mut shelf = Shelf::default();
    let ulid = shelf.add(3);
    let item = Item { ulid, event_bytes: 2, image_bytes: 3, sha256: [0; 32] };
    let part = outbox::Part::new(&mut shelf, &item, 0, 3);
    let mut body = multipart::Multipart::new(&boundary, &item, b"{}", Some(part));
    // Read a byte at a time, and all at once, it is the same and as long as announced.
    let mut read = |step: usize| {
        embassy_futures::block_on(async {
            let (mut all, mut chunk) = (vec![], vec![0; step]);
            http::Body::rewind(&mut body);
            loop {
                match http::Body::read(&mut body, &mut chunk).await.unwrap() {
                    0 => break (all, http::Body::len(&body)),
                    n => all.extend_from_slice(&chunk[..n]),
                }
            }
        })
    };
    let (all, len) = read(4096);
    assert_eq!(read(1), (all.clone(), len));
    assert_eq!(all.len() as u64, len);
    let end = std::format!("\r\n--{boundary}--\r\n");
    assert!(all.ends_with(end.as_bytes()));
    assert_eq!(all.windows(4).filter(|four| four == b"\r\n\r\n").count(), 2);
}

/// A camera whose gateway answers every request with these bytes.
fn against(answer: &[u8]) -> (Result<Outcome, UploadError<&'static str>>, usize) {
    let (world, answer) = (World::default(), answer.to_vec());
    let net = Net::new(&world, &[Mode::Up, Mode::Up], move |_| answer.clone());
    let mut camera = camera(&net, &world, &[1, 1], NOW_MS);
    let mut shelf = Shelf::default();
    shelf.add(100);
    let outcome = world.run(camera.upload_next(&mut shelf));
    (outcome, shelf.0.len())
}

#[test]
fn a_truncated_acknowledgement_is_none() {
    let (_, _, body) = ack(201, &Ulid::new(NOW_MS, 1).to_string(), "stored");
    let whole = crate::link::sim::reply(201, &[], &body);
    assert!(matches!(against(&whole), (Ok(Outcome::Stored(_)), 0)));
    for end in 1..whole.len() {
        let (outcome, waiting) = against(&whole[..end]);
        assert!(outcome.is_err() && waiting == 1, "{end} {outcome:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn nothing_that_a_gateway_says_loses_a_detection(status in 200u16..600, kind in 0usize..8, body: Vec<u8>) {
        let words = ["clock", "replayed", "altered", "digest", "upload-offset", "unknown-upload", "copies", "x"];
        let problem = std::format!("{{\"kind\":\"{}\",\"detail\":\"\"}}", words[kind]).into_bytes();
        for (headers, body) in [(vec![], body), (vec![("Upload-Offset", "7"), ("Wildcam-Time", "AAAA")], problem)] {
            let (outcome, waiting) = against(&crate::link::sim::reply(status, &headers, &body));
            proptest::prop_assert!(!matches!(outcome, Ok(Outcome::Stored(_) | Outcome::Empty)), "{:?}", outcome);
            proptest::prop_assert_eq!(waiting, 1);
        }
    }
}

#[test]
fn nothing_reachable_is_said_with_the_next_moment() {
    let mut bench = Bench::new(&[Mode::Refuse, Mode::Refuse]);
    bench.shelf.add(SMALL);
    for _ in 0..2 {
        assert_eq!(bench.upload(), Err(UploadError::Call(Error::Connect(ConnectError::Failed))));
    }
    let Err(UploadError::Call(Error::Connect(ConnectError::AllOpen { retry_in_ms }))) = bench.upload() else {
        panic!()
    };
    bench.world.advance(retry_in_ms);
    bench.net.set(0, Mode::Up);
    bench.net.set(1, Mode::Up);
    stored(bench.upload());
}

/// A host may move a camera between threads.
#[test]
fn a_camera_can_be_spawned() {
    struct Nowhere;
    struct Still;
    struct Pipe;
    impl embedded_io_async::ErrorType for Pipe {
        type Error = embedded_io_async::ErrorKind;
    }
    impl embedded_io_async::Read for Pipe {
        async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> {
            Ok(0)
        }
    }
    impl embedded_io_async::Write for Pipe {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
            Ok(bytes.len())
        }
        async fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }
    impl Dial for Nowhere {
        type Connection = Pipe;
        type Error = ();
        async fn dial(&self, _: &crate::cose::Endpoint) -> Result<Pipe, ()> {
            Ok(Pipe)
        }
    }
    impl Timer for Still {
        fn now_ms(&self) -> u64 {
            0
        }
        async fn sleep_ms(&self, _: u64) {
            std::future::pending().await
        }
    }
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let net = Bench::new(&[Mode::Up]).camera;
    let settings = Settings {
        camera: net.id.clone(),
        key: gateway::camera_key(),
        trusted: online_key().verifying_key(),
        endpoints: list(&[1, 1]),
        endpoints_seq: 0,
        boot_count: 0,
        unix_ms: 0,
    };
    let mut camera: Camera<Nowhere, Still, Dice> = Camera::new(settings, Nowhere, Still, Dice(1));
    let mut shelf = Shelf::default();
    shelf.add(10);
    // Both endpoints hang up at once.
    let outcome = embassy_futures::block_on(sendable(camera.upload_next(&mut shelf)));
    assert_eq!(outcome, Err(UploadError::Call(Error::Exchange(http::Error::Closed))));
}
