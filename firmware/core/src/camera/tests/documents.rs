//! Documents that somebody else verifies.

use std::{format, string::ToString, vec};

use super::{
    Bench,
    gateway::problem,
    mirrors::{answer, cut},
};
use crate::{
    camera::Error,
    http,
    link::sim::{Mode, Reply},
    trust::{self, MAX_SIGNED, Signed},
    wire::ProblemKind,
};

const TIMESTAMP: &str = "releases/timestamp.cose";

#[test]
fn a_document_of_a_release_comes_as_it_is_or_not_at_all() {
    let mut bench = Bench::new(&[Mode::Up]);
    for length in [1, 300, MAX_SIGNED] {
        bench.mirrors(move |seen| {
            assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/api/releases/timestamp.cose"));
            answer(200, &[("Content-Type", "application/octet-stream"), ("ETag", "\"1\"")], &vec![7; length])
        });
        assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), Ok(Some(&vec![7; length][..])));
    }
    bench.script(problem(404, ProblemKind::NotFound));
    assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), Ok(None));
    // A proxy's page is no answer to the question.
    bench.script((404, vec![], b"<html>".to_vec()));
    let refused = Error::Refused { status: 404, kind: ProblemKind::Other };
    assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), Err(refused));
    for status in [204, 206, 304] {
        bench.script((status, vec![], vec![]));
        assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), Err(Error::Answer), "{status}");
    }
    let before = bench.net.seen().len();
    for key in ["", "releases/../fleet/desired.cose", "fleet/desired.cose", "releases/a b", "releases/a?b"] {
        assert_eq!(bench.world.run(bench.camera.fetch_release(key)), Err(Error::Request), "{key}");
    }
    assert_eq!(bench.net.seen().len(), before);
}

#[test]
fn an_endless_document_is_too_large() {
    let too_large = Err(Error::Exchange(http::Error::TooLarge));
    let endless: [fn() -> Reply; 3] = [
        || answer(200, &[], &vec![7; 1_000_000]),
        || {
            let chunks = "400\r\n".to_string() + &"x".repeat(1024) + "\r\n";
            format!("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunks.repeat(1000)).into_bytes().into()
        },
        || ("HTTP/1.1 200 x\r\n".to_string() + &"A: b\r\n".repeat(100_000)).into_bytes().into(),
    ];
    for reply in endless {
        let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
        bench.mirrors(move |_| reply());
        assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), too_large);
        assert!(bench.net.seen().len() <= 2);
    }
    // What fits the buffer is left to who parses it, and blames its gateway for it.
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|_| answer(200, &[], &[7; MAX_SIGNED + 1]));
    let document = bench.world.run(bench.camera.fetch_release(TIMESTAMP)).unwrap().unwrap();
    assert!(matches!(Signed::parse(document), Err(trust::Error::TooLarge)));
    // Another gateway gives what the first one buries.
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|seen| if seen.endpoint == 0 { answer(200, &[], &[7; 10_000]) } else { answer(200, &[], b"good") });
    assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), Ok(Some(&b"good"[..])));
}

#[test]
fn a_document_that_was_cut_is_asked_for_elsewhere() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|seen| {
        let whole = answer(200, &[], b"whole");
        if seen.endpoint == 0 { cut(whole, 4) } else { whole }
    });
    assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), Ok(Some(&b"whole"[..])));
}

#[test]
fn an_endpoint_whose_document_is_doubted_is_left() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|seen| answer(200, &[], format!("{}", seen.endpoint).as_bytes()));
    for (from, doubts) in
        [("0", false), ("0", true), ("1", false), ("1", false), ("1", true), ("0", true), ("1", false)]
    {
        assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), Ok(Some(from.as_bytes())));
        if doubts {
            // Twice is as once: nobody is blamed for the answer of another.
            bench.camera.doubt();
            bench.camera.doubt();
        }
    }
    // Its pictures are as welcome there as before.
    bench.shelf.add(100);
    bench.camera.disconnect();
    assert!(bench.upload().is_ok());
    assert_eq!(bench.net.seen().last().unwrap().endpoint, 0);
    // When nobody else can be asked, it is asked again.
    bench.net.set(1, Mode::Refuse);
    assert!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)).is_err());
    assert_eq!(bench.world.run(bench.camera.fetch_release(TIMESTAMP)), Ok(Some(&b"0"[..])));
}

#[test]
fn a_config_that_was_dealt_with_is_left_out_the_next_time() {
    let mut bench = Bench::new(&[Mode::Up]);
    let Bench { world, cloud, net, camera, .. } = &mut bench;
    assert_eq!(world.run(camera.fetch_config()), Ok(None));
    *cloud.config.borrow_mut() = Some(b"first".to_vec());
    for _ in 0..2 {
        assert_eq!(world.run(camera.fetch_config()), Ok(Some(&b"first"[..])), "nobody said that it was dealt with");
    }
    camera.accept_config_tag();
    camera.accept_config_tag();
    for _ in 0..2 {
        assert_eq!(world.run(camera.fetch_config()), Ok(None));
    }
    assert_eq!(net.seen().last().unwrap().header("if-none-match"), Some("\"5\""));
    *cloud.config.borrow_mut() = Some(b"the second".to_vec());
    for _ in 0..2 {
        assert_eq!(world.run(camera.fetch_config()), Ok(Some(&b"the second"[..])));
    }
    camera.accept_config_tag();
    assert_eq!(world.run(camera.fetch_config()), Ok(None));
    // A failure changes nothing.
    cloud.script.borrow_mut().push_back(Some(problem(429, ProblemKind::Rate)));
    assert!(world.run(camera.fetch_config()).is_err());
    assert_eq!(world.run(camera.fetch_config()), Ok(None));
    // A tag that is longer than there is room for is not half of one.
    let long = format!("\"{}\"", "x".repeat(100));
    cloud.script.borrow_mut().push_back(Some((200, vec![("ETag".into(), long)], b"third".to_vec())));
    assert_eq!(world.run(camera.fetch_config()), Ok(Some(&b"third"[..])));
    camera.accept_config_tag();
    assert_eq!(world.run(camera.fetch_config()), Ok(Some(&b"the second"[..])));
    // Without a question, an answer that nothing changed is none.
    cloud.script.borrow_mut().push_back(Some((304, vec![], vec![])));
    assert_eq!(world.run(camera.fetch_config()), Err(Error::Answer));
}
