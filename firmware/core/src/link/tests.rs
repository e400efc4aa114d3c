use std::{vec, vec::Vec};

use ed25519_dalek::{Signer, SigningKey};
use embedded_io_async::ErrorKind;

use super::{
    sim::{Dice, Mode, Net, World, list, reply},
    *,
};
use crate::{
    cose::{Document, KeyId, kind},
    http::{self, Bytes},
};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn link(weights: &[u16]) -> Link {
    Link::new(key().verifying_key(), list(weights), 0)
}

fn connect(link: &mut Link, net: &Net, world: &World) -> Result<usize, ConnectError> {
    let deadline = world.now_ms() + 30_000;
    world.run(link.connect(net, world, &mut Dice(1), Set::default(), deadline)).map(|(index, _)| index)
}

fn net(world: &World, modes: &[Mode]) -> Net {
    Net::new(world, modes, |_| reply(204, &[], b""))
}

#[test]
fn refused_goes_on_to_the_next_at_once() {
    let world = World::default();
    let net = net(&world, &[Mode::Refuse, Mode::Up]);
    let mut link = link(&[1, 0]);
    assert_eq!(connect(&mut link, &net, &world), Ok(1));
    assert_eq!(net.dials(), [(0, 0), (1, 0)]);
    assert_eq!(world.now_ms(), 40);
    assert!(link.quality(0).failure_permille > 0);
}

#[test]
fn silence_costs_one_head_start() {
    let world = World::default();
    let net = net(&world, &[Mode::SilentBefore, Mode::Up]);
    let mut link = link(&[1, 0]);
    assert_eq!(connect(&mut link, &net, &world), Ok(1));
    assert_eq!(net.dials(), [(0, 0), (1, 250)]);
    assert_eq!(world.now_ms(), 290);
    // Overtaken often enough, the silent one is left out.
    for _ in 0..2 {
        connect(&mut link, &net, &world).unwrap();
    }
    let before = world.now_ms();
    assert_eq!(connect(&mut link, &net, &world), Ok(1));
    assert_eq!(world.now_ms() - before, 40);
    assert!(matches!(link.quality(0).breaker(world.now_ms()), Breaker::Open { .. }));
    // When its time has come it is tried again, and wins.
    net.set(0, Mode::Up);
    world.advance(60_000);
    assert_eq!(connect(&mut link, &net, &world), Ok(0));
}

#[test]
fn the_first_keeps_its_place_when_it_is_only_slower_than_nothing() {
    let world = World::default();
    let net = net(&world, &[Mode::Up, Mode::Up]);
    let mut link = link(&[1, 0]);
    assert_eq!(connect(&mut link, &net, &world), Ok(0));
    assert_eq!(net.dials(), [(0, 0)]);
}

#[test]
fn more_endpoints_than_racers_are_all_tried() {
    let world = World::default();
    let net = net(&world, &[Mode::Refuse, Mode::SilentBefore, Mode::Refuse, Mode::SilentBefore, Mode::Up]);
    let mut link = link(&[1, 1, 1, 1, 0]);
    assert_eq!(connect(&mut link, &net, &world), Ok(4));
    // Two heats with a silent one in them: each ends when its dial limit is over.
    assert!(world.now_ms() <= 2 * (6_000 + 250) + 40, "{}", world.now_ms());
    let mut three: Link<3> = Link::new(key().verifying_key(), list(&[1, 1, 1, 1, 0]), 0);
    let deadline = world.now_ms() + 30_000;
    let (index, _) = world.run(three.connect(&net, &world, &mut Dice(1), Set::default(), deadline)).unwrap();
    assert_eq!(index, 4);
}

#[test]
fn the_deadline_ends_a_race() {
    let world = World::default();
    let net = net(&world, &[Mode::SilentBefore; 4]);
    let mut link = link(&[1; 4]);
    let result = world.run(link.connect(&net, &world, &mut Dice(1), Set::default(), 1_000));
    assert_eq!(result.err(), Some(ConnectError::Failed));
    assert!(world.now_ms() <= 1_250, "{}", world.now_ms());
}

#[test]
fn when_all_are_given_up_the_link_says_until_when() {
    let world = World::default();
    let net = net(&world, &[Mode::Refuse; 2]);
    let mut link = link(&[1, 1]);
    assert_eq!(connect(&mut link, &net, &world), Err(ConnectError::Failed));
    assert_eq!(connect(&mut link, &net, &world), Err(ConnectError::Failed));
    let Err(ConnectError::AllOpen { retry_in_ms }) = connect(&mut link, &net, &world) else { panic!() };
    assert!((500..=1_000).contains(&retry_in_ms), "{retry_in_ms}");
    assert_eq!(net.dials().len(), 4);
    world.advance(retry_in_ms);
    net.set(0, Mode::Up);
    net.set(1, Mode::Up);
    assert!(connect(&mut link, &net, &world).is_ok());
    assert_eq!(link.status().failures, 4);
}

#[test]
fn an_endpoint_that_greets_and_says_nothing_is_given_up() {
    let world = World::default();
    let net = net(&world, &[Mode::SilentAfter, Mode::Up]);
    let mut link = link(&[1, 0]);
    for _ in 0..2 {
        assert_eq!(connect(&mut link, &net, &world), Ok(0));
        link.record_failure(0, world.now_ms(), &mut Dice(1));
    }
    assert_eq!(connect(&mut link, &net, &world), Ok(1));
}

#[test]
fn load_follows_weight_and_quality() {
    let share = |link: &Link| {
        let mut rng = Dice(7);
        let mut first = [0u32; 3];
        for _ in 0..4_000 {
            first[link.order(0, &mut rng, Set::default())[0]] += 1;
        }
        first
    };
    let mut link = link(&[300, 100, 0]);
    let [a, b, c] = share(&link);
    assert!((2_850..3_150).contains(&a) && b == 4_000 - a && c == 0, "{a} {b} {c}");
    link.record_failure(0, 0, &mut Dice(1));
    let [a, b, _] = share(&link);
    assert!(a < b, "{a} {b}");
    let avoid = {
        let mut set = Set::default();
        set.insert(0);
        set
    };
    assert!(!link.order(0, &mut Dice(1), avoid).contains(&0));
}

fn document(seq: u64, list: &Endpoints, key: &SigningKey, kind: &str) -> Vec<u8> {
    let mut body = [0; 2048];
    let n = list.encode(&mut body).unwrap();
    let document = Document { kind, seq, issued_s: 1_000, expires_s: 2_000, body: &body[..n] };
    let mut out = [0; 4096];
    let id = KeyId::of(&key.verifying_key());
    let n = crate::cose::encode(&document, id, |bytes| key.sign(bytes).to_bytes(), &mut out).unwrap();
    out[..n].to_vec()
}

#[test]
fn lists_are_taken_only_when_newer_and_signed() {
    let mut link = link(&[1, 1]);
    link.record_success(1, Measured { rtt_ms: Some(70), speed: None });
    let mut new = list(&[5, 5, 5]);
    new.0.swap(0, 1);
    let good = document(4, &new, &key(), kind::ENDPOINTS);

    let stranger = document(4, &new, &SigningKey::from_bytes(&[4; 32]), kind::ENDPOINTS);
    let other_kind = document(4, &new, &key(), "release");
    assert_eq!(link.update(&stranger, 1_500), Err(UpdateError::Document(cose::Error::UnknownKey)));
    assert_eq!(link.update(&other_kind, 1_500), Err(UpdateError::Document(cose::Error::Kind)));
    assert_eq!(link.update(&good, 2_000), Err(UpdateError::Document(cose::Error::Expired)));
    assert_eq!((link.seq(), link.endpoints().len()), (0, 2));

    assert_eq!(link.update(&good, 1_500), Ok(true));
    assert_eq!((link.seq(), link.endpoints()), (4, new.0.as_slice()));
    // What was measured moved along with its endpoint.
    assert_eq!((link.quality(0).rtt_ms, link.quality(1).rtt_ms), (70, 0));
    assert_eq!(link.status().endpoint, "cloud-1");

    assert_eq!(link.update(&good, 1_500), Ok(false));
    let older = document(3, &list(&[1]), &key(), kind::ENDPOINTS);
    assert_eq!(link.update(&older, 1_500), Err(UpdateError::Older { have: 4, got: 3 }));
    let forked = document(4, &list(&[1]), &key(), kind::ENDPOINTS);
    assert_eq!(link.update(&forked, 1_500), Err(UpdateError::Older { have: 4, got: 4 }));
    for end in 0..good.len() {
        assert!(link.update(&good[..end], 1_500).is_err());
    }
}

#[test]
fn no_endpoints_is_said_plainly() {
    let world = World::default();
    let mut link: Link = Link::new(key().verifying_key(), Endpoints::default(), 0);
    assert_eq!(connect(&mut link, &net(&world, &[]), &world), Err(ConnectError::NoEndpoints));
}

#[test]
fn a_timed_connection_gives_up_and_measures() {
    let world = World::default();
    let net = net(&world, &[Mode::Up]);
    let exchange = |body: &[u8], deadline: u64| {
        world.run(async {
            let mut connection = net.dial(&list(&[1]).0[0]).await.unwrap();
            let start = world.now_ms();
            let mut timed = Timed::new(&mut connection, &world, Quality::default(), start + deadline);
            let request = http::Request { method: "POST", target: "/", host: "h", port: 1, headers: &[] };
            let result = http::exchange(&mut timed, &request, &mut Bytes::new(body), &mut [0; 2048]).await;
            (result.map(|r| r.status), timed.measured(), world.now_ms() - start)
        })
    };
    let (result, measured, _) = exchange(&[0; 20_000], 10_000);
    assert_eq!(result, Ok(204));
    assert_eq!(measured.rtt_ms, Some(20));
    assert!(measured.speed.is_some_and(|(bytes, ms)| bytes > 20_000 && ms == 20));
    assert_eq!(exchange(b"x", 10_000).1.speed, None);

    net.set(0, Mode::SilentAfter);
    let timed_out = http::Error::Connection(ErrorKind::TimedOut);
    let (result, _, took) = exchange(b"x", 10_000);
    assert_eq!((result, took), (Err(timed_out), 3_000));
    let (result, measured, took) = exchange(b"x", 500);
    assert_eq!((result, measured, took), (Err(timed_out), Measured::default(), 500));
}

#[test]
fn sizes_are_known() {
    let sizes =
        vec![("Link", size_of::<Link>()), ("Quality", size_of::<Quality>()), ("Endpoint", size_of::<Endpoint>())];
    std::println!("{sizes:?}");
    assert!(size_of::<Link>() < 2_500);
}
