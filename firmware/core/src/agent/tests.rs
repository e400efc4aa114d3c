//! An agent over a flash in memory and gateways that hold a release, from the fleet's wish to an image on trial.

use std::{boxed::Box, cell::RefCell, collections::BTreeMap, format, rc::Rc, string::String, vec, vec::Vec};

use super::*;
use crate::{
    boot,
    camera::tests::{
        Bench,
        gateway::{NOW_MS, online_key, problem},
        mirrors::{answer, serve},
    },
    config::{ConfigBody, tests::encoded},
    cose::{Document, kind},
    flash::Part,
    layout::{Region, SECTOR_BYTES},
    link::sim::{Mode, Seen},
    trust::{
        Hours, Links, MAX_CONTENT, Manifest, Payload, Sums,
        tests::{CLASS, DAY, Fleet, START, content, signed, timestamp},
    },
    update::{
        sum,
        tests::{Memory, decide, digest, image},
    },
    wire::{CameraId, ProblemKind},
};

const SLOT_SECTORS: u32 = 16;
const IMAGE_BYTES: usize = 60_000;
/// Seconds since 1970, of 2027-01-15, 08:00:00 UTC, when the bench begins.
const BEGIN_S: u64 = NOW_MS / 1000;
const BIN: &str = "releases/esp32c3/7.bin";

/// All of a flash.
type Disk = Part<'static, Memory>;

/// A camera that shall run release 7, and the gateway that has it.
struct Camp {
    bench: Bench,
    objects: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
    flash: &'static RefCell<Memory>,
    layout: Layout,
    agent: Box<Agent<Disk>>,
    events: Vec<Event>,
}

impl Camp {
    fn new(gates: Gates) -> Self {
        let bench = Bench::new(&[Mode::Up]);
        let body =
            ConfigBody { camera: CameraId::new("cam-1").unwrap(), settings: Settings::default(), release: Some(7) };
        let wish = crate::camera::tests::gateway::signed(kind::CONFIG, 1, &encoded(&body), &online_key());
        *bench.cloud.config.borrow_mut() = Some(wish);
        let objects = Rc::new(RefCell::new(release(gates)));
        let held = objects.clone();
        bench.net.set_answer_ms(1000);
        bench.mirrors(move |seen: &Seen| match held.borrow().get(seen.target.strip_prefix("/api/").unwrap()) {
            Some(object) => serve(seen, object),
            None => {
                let (status, _, body) = problem(404, ProblemKind::NotFound);
                answer(status, &[("Content-Type", "application/problem+json")], &body)
            }
        });
        let (mut memory, mut layout) = crate::update::tests::camera(&image(1, IMAGE_BYTES), SLOT_SECTORS);
        let end = layout.update.end();
        layout.trust = Region { offset: end, bytes: 2 * SECTOR_BYTES };
        layout.config = Region { offset: layout.trust.end(), bytes: 2 * SECTOR_BYTES };
        memory.bytes.resize(layout.config.end() as usize, 0xFF);
        memory.erases.resize((layout.config.end() / SECTOR_BYTES) as usize, 0);
        let flash = Box::leak(Box::new(RefCell::new(memory)));
        let agent = opened(flash, layout, Slot::A);
        Self { bench, objects, flash, layout, agent, events: vec![] }
    }

    /// A round, begun so many seconds after the bench, at the earliest.
    fn tend_at(&mut self, second: u64) -> Next {
        let ms = (second * 1000).saturating_sub(self.bench.world.now_ms());
        self.bench.world.advance(ms);
        let now = Now { unix_s: Some(self.bench.cloud.unix_ms() / 1000), battery_mv: None };
        self.events.clear();
        let events = &mut self.events;
        let mut tell = |event| events.push(event);
        let next = self.bench.world.run(self.agent.tend(&mut self.bench.camera, &now, &mut tell)).unwrap();
        self.agent.reported().unwrap();
        next
    }

    fn tend(&mut self) -> Next {
        self.tend_at(0)
    }

    fn publish(&self, key: &str, object: Vec<u8>) {
        self.objects.borrow_mut().insert(key.into(), object);
    }

    fn withdraw(&self, key: &str) -> Vec<u8> {
        self.objects.borrow_mut().remove(key).unwrap()
    }

    fn fails_after(&self, writes: usize) {
        self.flash.borrow_mut().writes_left = writes;
    }

    /// How often an object was asked for.
    fn asked_for(&self, key: &str) -> usize {
        self.bench.net.seen().iter().filter(|seen| seen.target == format!("/api/{key}")).count()
    }

    /// Bytes of the last download.
    fn received(&self) -> u64 {
        let received = |event: &Event| match event {
            Event::Downloaded { received, .. } => Some(*received),
            _ => None,
        };
        self.events.iter().find_map(received).unwrap_or(0)
    }

    /// The release is tried from the next start on.
    fn assert_activated(&mut self) {
        assert!(self.events.contains(&Event::Activated(7)), "{:?}", self.events);
        assert_eq!(decide(&mut self.flash.borrow_mut(), self.layout).slot, Slot::B);
    }
}

fn whole(flash: &'static RefCell<Memory>) -> Disk {
    let bytes = flash.borrow().bytes.len() as u32;
    Part::new(flash, Region { offset: 0, bytes })
}

/// An agent as after a start from this slot.
fn opened(flash: &'static RefCell<Memory>, layout: Layout, running: Slot) -> Box<Agent<Disk>> {
    let site = Site {
        class: CLASS,
        root: Box::leak(Fleet::new().first().into_boxed_slice()),
        abilities: Abilities { deep_sleep: false, battery: true, links: Links::of(&[Link::Wifi]) },
        link: Link::Wifi,
        around: |work| work(),
    };
    let mut agent = Box::new(Agent::closed(whole(flash), layout, running, Why::NoCheckIn, site));
    agent.open().unwrap();
    agent
}

/// Release 7 as a store has it, with the timestamp of the day on which the bench begins.
fn release(gates: Gates) -> BTreeMap<String, Vec<u8>> {
    let image = image(2, IMAGE_BYTES);
    let sums: Vec<u8> = image.chunks(SECTOR_BYTES as usize).flat_map(sum).collect();
    let manifest = Manifest {
        class: CLASS,
        version: "1.0.7",
        build_id: [8; 8],
        image: Payload { size: image.len() as u32, digest: digest(&image), uri: BIN },
        sums: Some(Sums { sha256: digest(&sums), uri: "releases/esp32c3/7.sums" }),
        deltas: heapless::Vec::new(),
        gates,
    };
    let mut body = vec![0; MAX_CONTENT];
    let length = manifest.encode(&mut body).unwrap();
    let day = (BEGIN_S - START) / DAY;
    let (issued_s, expires_s) = (START + day * DAY, START + (day + 300) * DAY);
    let document = Document { kind: kind::RELEASE, seq: 7, issued_s, expires_s, body: &body[..length] };
    let manifest = signed(&content(&document), &[11, 12]);
    let timestamp = timestamp(3, day, &manifest);
    let named = [
        (BIN, image),
        ("releases/esp32c3/7.sums", sums),
        ("releases/esp32c3/7.cose", manifest),
        ("releases/timestamp.cose", timestamp),
    ];
    named.into_iter().map(|(key, object)| (key.into(), object)).collect()
}

#[test]
fn a_release_that_is_wished_for_is_fetched_and_put_on_trial() {
    let mut camp = Camp::new(Gates::default());
    assert_eq!(camp.tend(), Next::Restart, "{:?}", camp.events);
    camp.assert_activated();
    assert_eq!(camp.received(), (IMAGE_BYTES + 8 * IMAGE_BYTES.div_ceil(4096)) as u64);
    boot::confirm(&mut *camp.flash.borrow_mut(), camp.layout.journal).unwrap();
    camp.agent = opened(camp.flash, camp.layout, Slot::B);
    let before = camp.bench.net.seen().len();
    assert_eq!(camp.tend(), Next::Rest);
    assert_eq!(camp.bench.net.seen().len(), before + 1, "only its settings are asked for");
    assert_eq!(camp.agent.update_status().unwrap().state.as_str(), "confirmed");
}

#[test]
fn an_update_under_way_is_not_put_in_place_once_its_keys_are_given_up() {
    let mut camp = Camp::new(Gates::default());
    let bin = camp.withdraw(BIN);
    assert_eq!(camp.tend(), Next::Rest, "{:?}", camp.events);
    assert!(matches!(camp.events[0], Event::Begun { release: 7, .. }), "{:?}", camp.events);
    // Two of the release's keys were stolen; what they signed is still there.
    let fleet = Fleet::new().with(1, 2, &[13, 14, 15]);
    camp.publish("releases/root/2.cose", fleet.root_by(&[1, 2]));
    camp.publish(BIN, bin);
    let asked = camp.asked_for(BIN);
    for _ in 0..3 {
        assert_eq!(camp.tend(), Next::Rest);
        assert!(camp.events.iter().any(|event| matches!(event, Event::Untrusted(_))), "{:?}", camp.events);
    }
    assert_eq!(camp.asked_for(BIN), asked, "nothing more of it is fetched");
}

#[test]
fn a_survey_that_begins_during_the_download_is_not_disturbed() {
    let survey = Some(Hours { from: 9, to: 10 });
    let mut camp = Camp::new(Gates { survey, ..Gates::default() });
    assert_eq!(camp.tend_at(3598), Next::Rest);
    assert_eq!(camp.events.last(), Some(&Event::Waits(Gate::Survey)), "{:?}", camp.events);
    assert_eq!(camp.tend_at(3600 + 1800), Next::Rest);
    assert_eq!(camp.received(), 0, "it is there already");
    assert_eq!(camp.tend_at(7200), Next::Restart, "{:?}", camp.events);
    camp.assert_activated();
}

#[test]
fn a_flash_that_failed_once_costs_nothing_that_was_durable() {
    let mut camp = Camp::new(Gates::default());
    let mut whole = Camp::new(Gates::default());
    assert_eq!(whole.tend(), Next::Restart);
    let writes = usize::MAX - whole.flash.borrow().writes_left;
    camp.fails_after(writes / 2);
    assert_eq!(camp.tend(), Next::Rest, "{:?}", camp.events);
    assert!(camp.events.contains(&Event::Failed("what was downloaded cannot be kept")), "{:?}", camp.events);
    camp.fails_after(usize::MAX);
    assert_eq!(camp.tend(), Next::Restart, "{:?}", camp.events);
    assert!(camp.received() < whole.received() * 3 / 4, "{} of {}", camp.received(), whole.received());
    camp.assert_activated();
}

#[test]
fn a_root_that_could_not_be_kept_is_followed_again() {
    let mut camp = Camp::new(Gates::default());
    let bin = camp.withdraw(BIN);
    assert_eq!(camp.tend(), Next::Rest);
    camp.publish("releases/root/2.cose", Fleet::new().with(0, 2, &[1, 2, 4]).root_by(&[1, 2]));
    camp.publish(BIN, bin);
    camp.fails_after(0);
    assert_eq!(camp.tend(), Next::Rest);
    assert_eq!(camp.events, [Event::Failed("the trusted root cannot be kept")]);
    camp.fails_after(usize::MAX);
    assert_eq!(camp.tend(), Next::Restart, "{:?}", camp.events);
    camp.assert_activated();
    let mut store = Store::open(&mut whole(camp.flash), camp.layout.trust).unwrap();
    let root = Fleet::new().first();
    let trust = store.load(&mut whole(camp.flash), &root, CLASS, &mut [0; SCRATCH_BYTES]).unwrap();
    assert_eq!(trust.state().root.sequence, 2);
}
