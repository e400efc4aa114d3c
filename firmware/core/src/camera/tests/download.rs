//! Downloads from gateways that serve, lie, cut, drip and fall silent.

use std::{cell::Cell, format, rc::Rc, vec, vec::Vec};

use super::{
    Bench,
    gateway::problem,
    mirrors::{Checker, IMAGE, PATCH, SUMS, answer, asked, content, of, serve},
};
use crate::{
    camera::{DownloadError, Downloaded, Error},
    http,
    link::{
        Timer as _,
        sim::{Mode, Reply},
    },
    wire::ProblemKind,
};

const SIZE: usize = 100;

#[test]
fn objects_come_one_after_the_other_over_one_connection() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| {
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        serve(seen, &of(seen, if seen.target.ends_with("sums") { 56 } else { 28_000 }))
    });
    let mut sink = Checker::new(&[(SUMS, 56), (PATCH, 28_000), (IMAGE, 28_000)]);
    assert_eq!(bench.download(&mut sink), Ok(Downloaded { received: 56_056, connections: 1 }));
    let targets: Vec<_> = bench.net.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, [SUMS, PATCH, IMAGE].map(|key| format!("/api/{key}")));
    assert_eq!(bench.ranges(), vec![(0, "".into()); 3]);
    assert_eq!((sink.offered, bench.failures()), (56_056, 0));
    // Nothing is wanted: nothing is asked. What it cost since the start remains.
    assert_eq!(bench.download(&mut sink), Ok(Downloaded::default()));
    assert_eq!(bench.camera.counts().downloaded, Downloaded { received: 56_056, connections: 1 });
}

#[test]
fn only_what_is_missing_is_asked_for() {
    for (checked, at_most, ranges) in [
        (0, u32::MAX, vec![""]),
        (48, u32::MAX, vec!["bytes=48-"]),
        (96, 3, vec!["bytes=96-98", "bytes=99-"]),
        (64, 32, vec!["bytes=64-95", "bytes=96-"]),
        (0, 99, vec!["bytes=0-98", "bytes=99-"]),
        (0, 100, vec![""]),
    ] {
        let mut bench = Bench::new(&[Mode::Up]);
        bench.mirrors(|seen| serve(seen, &of(seen, SIZE)));
        let mut sink = Checker { checked, at_most, ..Checker::new(&[(IMAGE, SIZE)]) };
        let received = SIZE as u64 - u64::from(checked);
        assert_eq!(bench.download(&mut sink), Ok(Downloaded { received, connections: 1 }));
        assert_eq!(bench.ranges().into_iter().map(|(_, range)| range).collect::<Vec<_>>(), ranges);
    }
}

#[test]
fn less_than_was_asked_for_is_taken_and_the_rest_asked_for() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| {
        let (first, last) = asked(seen, SIZE).unwrap();
        let last = last.min(first + 19);
        let range = format!("bytes {first}-{last}/{SIZE}");
        answer(206, &[("Content-Range", &range)], &of(seen, SIZE)[first..=last])
    });
    let mut sink = Checker { checked: 16, ..Checker::new(&[(IMAGE, SIZE)]) };
    assert_eq!(bench.download(&mut sink), Ok(Downloaded { received: 84, connections: 1 }));
    assert_eq!(bench.net.seen().len(), 5);
}

#[test]
fn an_endpoint_that_knows_no_ranges_is_read_from_the_start() {
    for (checked, at_most) in [(16, u32::MAX), (48, u32::MAX), (96, u32::MAX), (0, 20), (32, 20)] {
        let mut bench = Bench::new(&[Mode::Up]);
        bench.mirrors(|seen| answer(200, &[], &of(seen, SIZE)));
        let mut sink = Checker { checked, at_most, ..Checker::new(&[(IMAGE, SIZE)]) };
        let done = bench.download(&mut sink).unwrap();
        let wanted = SIZE as u64 - u64::from(checked);
        assert_eq!((sink.offered, bench.failures()), (wanted, 0));
        if at_most == u32::MAX {
            assert_eq!(done, Downloaded { received: SIZE as u64, connections: 1 }, "what is skipped is counted");
        } else {
            let requests = bench.net.seen().len() as u64;
            assert!(done.received > wanted && done.received <= SIZE as u64 * requests, "{done:?}");
        }
    }
}

/// Answers to `bytes=32-` of an object of 100 bytes that nothing may be taken of.
fn unfit() -> Vec<(&'static str, Reply)> {
    let rest = &content(IMAGE, SIZE)[32..];
    let part = |range: &str, body: &[u8]| answer(206, &[("Content-Range", range)], body);
    let with = |name: &'static str, value: &'static str| {
        answer(206, &[("Content-Range", "bytes 32-99/100"), (name, value)], rest)
    };
    let raw = |head: &str, body: &[u8]| Reply::from([head.as_bytes(), b"\r\n\r\n", body].concat());
    vec![
        ("no Content-Range", answer(206, &[], rest)),
        ("two of them", with("content-range", "bytes 32-99/100")),
        ("a total that is not told", part("bytes 32-99/*", rest)),
        ("no range", part("bytes */100", rest)),
        ("another unit", part("sectors 32-99/100", rest)),
        ("an earlier byte", part("bytes 31-99/100", &content(IMAGE, SIZE)[31..])),
        ("a later byte", part("bytes 33-99/100", &rest[1..])),
        ("the start", part("bytes 0-99/100", &content(IMAGE, SIZE))),
        ("a longer total", part("bytes 32-99/101", rest)),
        ("a shorter total", part("bytes 32-98/99", &rest[1..])),
        ("a body that is longer than it says", part("bytes 32-98/100", rest)),
        ("a body that is shorter than it says", part("bytes 32-99/100", &rest[1..])),
        ("a part that is empty", part("bytes 32-31/100", b"")),
        ("several parts", answer(206, &[("Content-Type", "multipart/byteranges; boundary=x")], rest)),
        ("compressed", with("Content-Encoding", "gzip")),
        ("compressed twice", with("content-encoding", "deflate, gzip")),
        (
            "in chunks",
            raw("HTTP/1.1 206 x\r\nContent-Range: bytes 32-99/100\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        ),
        ("without an end", raw("HTTP/1.1 206 x\r\nContent-Range: bytes 32-99/100", rest)),
        ("a shorter whole", answer(200, &[], &content(IMAGE, 99))),
        ("a longer whole", answer(200, &[], &content(IMAGE, 101))),
        ("an empty whole", answer(200, &[], b"")),
        ("a compressed whole", answer(200, &[("Content-Encoding", "br")], &content(IMAGE, SIZE))),
        ("a whole in chunks", raw("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked", b"64\r\n")),
        ("nothing", answer(204, &[], b"")),
        ("another success", answer(203, &[], &content(IMAGE, SIZE))),
        ("elsewhere", answer(302, &[("Location", "https://b.wildcam.test/")], b"")),
        ("unchanged", answer(304, &[], b"")),
        ("beyond the end", answer(416, &[("Content-Range", "bytes */20")], &problem(416, ProblemKind::Malformed).2)),
        ("unable", answer(500, &[], b"")),
        ("busy", answer(503, &[], &problem(503, ProblemKind::TooBusy).2)),
        ("no HTTP", Reply::from(b"220 mail.wildcam.test ESMTP\r\n\r\n".to_vec())),
        ("an endless head", Reply::from(["HTTP/1.1 206 x\r\n", &"A: b\r\n".repeat(100_000)].concat().into_bytes())),
        ("an endless refusal", answer(400, &[], &[b'x'; 100_000])),
    ]
}

#[test]
fn an_answer_to_another_question_is_blamed_on_the_endpoint() {
    for (what, bad) in unfit() {
        let first = Rc::new(Cell::new(true));
        let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
        let of_first = bad.clone();
        bench.mirrors(move |seen| if seen.endpoint == 0 { of_first.clone() } else { serve(seen, &of(seen, SIZE)) });
        let mut sink = Checker { checked: 32, ..Checker::new(&[(IMAGE, SIZE)]) };
        assert_eq!(bench.download(&mut sink), Ok(Downloaded { received: 68, connections: 2 }), "{what}");
        assert_eq!(bench.ranges(), [(0, "bytes=32-".into()), (1, "bytes=32-".into())], "{what}");
        assert_eq!(bench.failures(), 1, "{what}");
        // It is no better alone.
        let mut bench = Bench::new(&[Mode::Up]);
        bench.mirrors(move |_| {
            assert!(first.replace(false), "it is asked once");
            bad.clone()
        });
        let mut sink = Checker { checked: 32, ..Checker::new(&[(IMAGE, SIZE)]) };
        assert!(matches!(bench.download(&mut sink), Err(DownloadError::Call(_))), "{what}");
        assert_eq!((sink.offered, bench.received()), (0, 0), "{what}");
    }
}

#[test]
fn a_part_that_nobody_asked_for_is_refused() {
    for bad in [
        answer(206, &[("Content-Range", "bytes 0-99/100")], &content(IMAGE, SIZE)),
        answer(206, &[("Content-Range", "bytes 0-49/100")], &content(IMAGE, 50)),
    ] {
        let mut bench = Bench::new(&[Mode::Up]);
        bench.mirrors(move |_| bad.clone());
        let mut sink = Checker::new(&[(IMAGE, SIZE)]);
        assert_eq!(bench.download(&mut sink), Err(DownloadError::Call(Error::Answer)));
        assert_eq!(sink.offered, 0);
    }
    // Nor may a part be longer than the one that was asked for.
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| answer(206, &[("Content-Range", "bytes 0-99/100")], &of(seen, SIZE)));
    let mut sink = Checker { at_most: 50, ..Checker::new(&[(IMAGE, SIZE)]) };
    assert_eq!(bench.download(&mut sink), Err(DownloadError::Call(Error::Answer)));
}

#[test]
fn an_endpoint_without_the_object_is_no_bad_endpoint() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|seen| {
        let refused = problem(404, ProblemKind::NotFound);
        if seen.endpoint == 0 { answer(404, &[], &refused.2) } else { serve(seen, &of(seen, SIZE)) }
    });
    assert!(bench.download(&mut Checker::new(&[(IMAGE, SIZE)])).is_ok());
    assert_eq!((bench.ranges().len(), bench.failures()), (2, 0));
    // When nobody has it, that is the answer.
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|_| answer(404, &[], &problem(404, ProblemKind::NotFound).2));
    let refused = Error::Refused { status: 404, kind: ProblemKind::NotFound };
    assert_eq!(bench.download(&mut Checker::new(&[(IMAGE, SIZE)])), Err(DownloadError::Call(refused)));
    assert_eq!(bench.ranges().len(), 2);
}

#[test]
fn the_clock_and_the_counter_are_corrected_on_the_way() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| serve(seen, &of(seen, SIZE)));
    bench.camera.set_clock(0);
    bench.cloud.script.borrow_mut().push_back(Some(problem(401, ProblemKind::Replayed)));
    assert_eq!(
        bench.download(&mut Checker::new(&[(IMAGE, SIZE)])),
        Ok(Downloaded { received: SIZE as u64, connections: 1 })
    );
    assert_eq!((bench.net.seen().len(), bench.camera.counts().clock_corrections), (3, 1));
}

#[test]
fn a_kept_connection_that_was_closed_is_nobodys_fault() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| serve(seen, &of(seen, SIZE)));
    assert!(bench.download(&mut Checker::new(&[(IMAGE, SIZE)])).is_ok());
    bench.net.hang_up();
    assert!(bench.download(&mut Checker::new(&[(IMAGE, SIZE)])).is_ok());
    assert_eq!((bench.failures(), bench.net.dials().len()), (0, 2));
}

#[test]
fn a_body_that_does_not_end_ends_with_the_object() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| {
        let mut whole = serve(seen, &of(seen, SIZE));
        whole.bytes.extend([7; 100_000]);
        whole
    });
    let mut sink = Checker { at_most: 50, ..Checker::new(&[(IMAGE, SIZE)]) };
    // Who sends more than it said is not listened to again on that connection.
    assert_eq!(bench.download(&mut sink), Ok(Downloaded { received: 100, connections: 2 }));
}

#[test]
fn a_sink_that_ends_it_has_the_last_word() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|seen| serve(seen, &of(seen, 10_000)));
    let mut sink = Checker { fails_after: Some(1000), ..Checker::new(&[(IMAGE, 10_000)]) };
    assert_eq!(bench.download(&mut sink), Err(DownloadError::Stopped));
    assert_eq!((bench.net.seen().len(), bench.failures()), (1, 0));
    assert_eq!(bench.received(), sink.offered);
}

#[test]
fn a_sink_that_wants_something_else_gets_that() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| serve(seen, &of(seen, 10_000)));
    let mut sink = Checker { turns_after: Some(1000), ..Checker::new(&[(PATCH, 10_000), (IMAGE, 10_000)]) };
    let done = bench.download(&mut sink).unwrap();
    assert_eq!((done.connections, done.received), (2, sink.offered));
    assert!((11_000..11_200).contains(&done.received), "{done:?}");
}

#[test]
fn a_slow_sink_does_not_make_it_longer() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| serve(seen, &of(seen, 100_000)));
    let slow = Some((bench.world.clone(), 100));
    let mut sink = Checker { slow, ..Checker::new(&[(IMAGE, 100_000)]) };
    let done = bench.world.run(bench.camera.download(&mut sink, 5_000));
    assert_eq!((done, bench.failures()), (Err(DownloadError::TimeUp), 0));
    assert!(bench.world.now_ms() <= 5_100 && sink.offered > 4_000, "{}", sink.offered);
}

#[test]
fn what_no_release_has_is_not_asked_for() {
    let mut bench = Bench::new(&[Mode::Up]);
    let request = Err(DownloadError::Call(Error::Request));
    for key in ["", "fleet/desired.cose", "releases/../x", "releases/a b"] {
        assert_eq!(bench.download(&mut Checker::new(&[(key, SIZE)])), request, "{key}");
    }
    assert_eq!(bench.download(&mut Checker { at_most: 0, ..Checker::new(&[(IMAGE, SIZE)]) }), request);
    assert_eq!(bench.net.seen().len(), 0);
}

#[test]
fn errors_say_what_happened() {
    use core::error::Error as _;
    let call = DownloadError::Call(Error::Exchange(http::Error::Closed));
    let all = [call, DownloadError::Wrong, DownloadError::Stopped, DownloadError::TimeUp];
    let texts: std::collections::BTreeSet<_> = all.iter().map(std::string::ToString::to_string).collect();
    assert_eq!((texts.len(), all.map(|error| error.source().is_some())), (4, [true, false, false, false]));
}
