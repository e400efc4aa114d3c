//! Downloads from gateways that lie, cut, drip and fall silent.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    format,
    rc::Rc,
    vec,
};

use super::{
    Bench,
    gateway::problem,
    mirrors::{Checker, IMAGE, PATCH, SECTOR, answer, asked, by_lot, cut, head_bytes, of, serve, spoilt},
};
use crate::{
    camera::{DownloadError, Downloaded, Error, STALL_MS},
    link::{
        ConnectError, Timer as _,
        sim::{Mode, Reply, Seen},
    },
    wire::ProblemKind,
};

const SIZE: usize = 100;

#[test]
fn a_download_that_is_cut_goes_on_at_the_same_byte_elsewhere_and_comes_back() {
    // Each answer ends after 30 bytes.
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|seen| {
        let whole = serve(seen, &of(seen, 100));
        let there = whole.bytes.len() - head_bytes(&whole);
        cut(whole, there.min(30))
    });
    assert_eq!(bench.download(&mut Checker::new(&[(IMAGE, 100)])), Ok(Downloaded { received: 100, connections: 4 }));
    let expected = [(0, ""), (1, "bytes=30-"), (0, "bytes=60-"), (1, "bytes=90-")];
    assert_eq!(bench.ranges(), expected.map(|(endpoint, range)| (endpoint, range.into())));
}

#[test]
fn progress_renews_the_attempts() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| {
        let whole = serve(seen, &of(seen, 500));
        cut(whole, 3)
    });
    let mut sink = Checker::new(&[(IMAGE, 500)]);
    let done = bench.download(&mut sink);
    // The last answer has two bytes only, and is cut all the same.
    assert_eq!(done, Ok(Downloaded { received: 500, connections: 167 }));
    // Nobody was given up, so nobody had to be waited for.
    assert!(bench.world.now_ms() < 167 * 100, "{}", bench.world.now_ms());
}

#[test]
fn without_progress_it_ends() {
    let nothing: [fn(&Seen) -> Reply; 3] = [
        |seen| cut(serve(seen, &of(seen, SIZE)), 0),
        |_| Reply { closes: true, ..vec![].into() },
        |_| answer(503, &[], &problem(503, ProblemKind::Copies).2),
    ];
    for reply in nothing {
        for modes in [&[Mode::Up][..], &[Mode::Up; 3]] {
            let mut bench = by_lot(modes, 7);
            bench.mirrors(reply);
            let done = bench.download(&mut Checker::new(&[(IMAGE, SIZE)]));
            assert!(matches!(done, Err(DownloadError::Call(_))), "{done:?}");
            assert_eq!((bench.net.seen().len(), bench.received()), (modes.len(), 0));
        }
    }
    // Something came at first, and then nothing any more.
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|seen| cut(serve(seen, &of(seen, SIZE)), if asked(seen, SIZE).is_none() { 40 } else { 0 }));
    let mut sink = Checker::new(&[(IMAGE, SIZE)]);
    assert!(matches!(bench.download(&mut sink), Err(DownloadError::Call(_))));
    assert!(bench.net.seen().len() <= 12, "{}", bench.net.seen().len());
    assert_eq!((sink.offered, bench.received()), (40, 40));
    // Nobody there at all.
    let mut bench = Bench::new(&[Mode::Refuse, Mode::Refuse]);
    let failed = DownloadError::Call(Error::Connect(ConnectError::Failed));
    assert_eq!(bench.download(&mut Checker::new(&[(IMAGE, SIZE)])), Err(failed));
}

#[test]
fn wrong_bytes_shut_an_endpoint_out() {
    let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
    bench.mirrors(|seen| {
        let whole = serve(seen, &of(seen, SIZE));
        match seen.endpoint {
            0 => spoilt(whole),
            // After each cut it would be the first one's turn again.
            _ => cut(whole, 20),
        }
    });
    let mut sink = Checker::new(&[(IMAGE, SIZE)]);
    let _ = bench.download(&mut sink);
    let firsts = bench.ranges().iter().filter(|(endpoint, _)| *endpoint == 0).count();
    assert_eq!((firsts, sink.wrongs), (1, 1));
    assert!(bench.failures() >= 1);
    // When all of them do it, the error says so.
    let mut bench = by_lot(&[Mode::Up; 3], 3);
    bench.mirrors(|seen| spoilt(serve(seen, &of(seen, SIZE))));
    let mut sink = Checker::new(&[(IMAGE, SIZE)]);
    assert_eq!(bench.download(&mut sink), Err(DownloadError::Wrong));
    assert_eq!((sink.checked, sink.wrongs, bench.net.seen().len()), (0, 3, 3));
    assert!(bench.received() >= 3 * u64::from(SECTOR));
}

#[test]
fn a_patch_that_is_wrong_everywhere_does_not_bar_the_image() {
    let mut bench = by_lot(&[Mode::Up; 2], 5);
    bench.mirrors(|seen| {
        let whole = serve(seen, &of(seen, SIZE));
        if seen.target.ends_with("patch") { spoilt(whole) } else { whole }
    });
    let mut sink = Checker { strikes: Some(2), ..Checker::new(&[(PATCH, SIZE), (IMAGE, SIZE)]) };
    assert!(bench.download(&mut sink).is_ok());
    assert_eq!(bench.net.seen().len(), 3);
    // One that still wants the patch hears that there is none, and may come again.
    let mut sink = Checker { strikes: Some(3), ..Checker::new(&[(PATCH, SIZE), (IMAGE, SIZE)]) };
    assert_eq!(bench.download(&mut sink), Err(DownloadError::Wrong));
    bench.world.advance(60_000);
    assert!(bench.download(&mut sink).is_ok());
}

#[test]
fn who_gives_some_rubbish_and_hangs_up_shuts_nobody_out() {
    for rubbish in 1..SECTOR as usize {
        for seed in 0..8 {
            let mut bench = by_lot(&[Mode::Up; 2], seed);
            bench.mirrors(move |seen| {
                let whole = serve(seen, &of(seen, SIZE));
                let there = whole.bytes.len() - head_bytes(&whole);
                match seen.endpoint {
                    0 => cut(spoilt(whole), rubbish.min(there)),
                    _ => cut(whole, there.min(40)),
                }
            });
            let mut sink = Checker::new(&[(IMAGE, SIZE)]);
            let done = bench.download(&mut sink);
            assert!(done.is_ok(), "{done:?} {rubbish} {seed} {:?}", bench.ranges());
        }
    }
}

#[test]
fn rubbish_that_never_fills_a_sector_is_no_progress() {
    for count in 1..=3 {
        let mut bench = by_lot(&[Mode::Up; 3][..count], 9);
        bench.mirrors(|seen| cut(spoilt(serve(seen, &of(seen, SIZE))), 5));
        let mut sink = Checker::new(&[(IMAGE, SIZE)]);
        assert!(matches!(bench.download(&mut sink), Err(DownloadError::Call(_))));
        assert_eq!(sink.checked, 0);
        assert!(bench.net.seen().len() <= 16, "{}", bench.net.seen().len());
    }
}

#[test]
fn silence_in_the_middle_is_waited_out_once() {
    for after in [0, 1, 50] {
        let mut bench = Bench::new(&[Mode::Up, Mode::Up]);
        bench.mirrors(move |seen| {
            let mut whole = serve(seen, &of(seen, SIZE));
            if seen.endpoint == 0 {
                whole.bytes.truncate(head_bytes(&whole) + after);
            }
            whole
        });
        assert_eq!(
            bench.download(&mut Checker::new(&[(IMAGE, SIZE)])),
            Ok(Downloaded { received: SIZE as u64, connections: 2 })
        );
        let took_ms = bench.world.now_ms();
        assert!((STALL_MS..STALL_MS + 500).contains(&took_ms), "{took_ms}");
    }
    // Before anything was said, an endpoint has the patience that it has earned.
    let mut bench = Bench::new(&[Mode::SilentAfter, Mode::Up]);
    bench.mirrors(|seen| serve(seen, &of(seen, SIZE)));
    assert!(bench.download(&mut Checker::new(&[(IMAGE, SIZE)])).is_ok());
    assert!(bench.world.now_ms() < 4_500, "{}", bench.world.now_ms());
}

#[test]
fn a_slow_drip_is_taken_for_as_long_as_the_caller_wants() {
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| Reply { step: 1, pace_ms: 600, ..serve(seen, &of(seen, 5000)) });
    let mut sink = Checker::new(&[(IMAGE, 5000)]);
    for call in 1..=3 {
        let begun_ms = bench.world.now_ms();
        let done = bench.world.run(bench.camera.download(&mut sink, 300_000));
        assert_eq!(done, Err(DownloadError::TimeUp), "{call}");
        let took_ms = bench.world.now_ms() - begun_ms;
        assert!((300_000..300_000 + STALL_MS).contains(&took_ms), "{took_ms}");
        assert!(sink.offered >= call * 10, "what came was taken: {}", sink.offered);
    }
    assert_eq!((bench.received(), bench.failures()), (sink.offered, 0));
    // A gateway that is fast does not hold it either.
    let mut bench = Bench::new(&[Mode::Up]);
    bench.mirrors(|seen| Reply { step: 1, pace_ms: 1, ..serve(seen, &of(seen, 100_000)) });
    let done = bench.world.run(bench.camera.download(&mut Checker::new(&[(IMAGE, 100_000)]), 2_000));
    assert_eq!((done, bench.world.now_ms()), (Err(DownloadError::TimeUp), 2_000));
    // No time is none.
    assert_eq!(bench.world.run(bench.camera.download(&mut Checker::new(&[(IMAGE, 9)]), 0)), Err(DownloadError::TimeUp));
}

/// Every answer of the good endpoint ends after some number of bytes, head included, one time for each number; beside it
/// there are one that gives wrong bytes, one that falls silent, and one that knows no ranges.
#[test]
fn cut_at_every_byte_among_bad_endpoints_it_arrives() {
    const LENGTH: usize = 40;
    let whole = 110 + LENGTH;
    let mut tally = BTreeMap::<&str, u64>::new();
    for at in 0..whole {
        for seed in 0..6 {
            let mut bench = by_lot(&[Mode::Up; 4], seed);
            let cut_yet = Rc::new(Cell::new(false));
            let flag = cut_yet.clone();
            bench.mirrors(move |seen| {
                let content = of(seen, LENGTH);
                let mut good = serve(seen, &content);
                match seen.endpoint {
                    0 if !flag.get() => {
                        flag.set(true);
                        good.bytes.truncate(at);
                        good.closes = true;
                        good
                    }
                    0 => good,
                    1 => spoilt(good),
                    2 => {
                        good.bytes.truncate(at);
                        good
                    }
                    // Knows no ranges, and ends early as well.
                    _ => cut(answer(200, &[], &content), (at / 2).min(LENGTH)),
                }
            });
            let mut sink = Checker::new(&[(IMAGE, LENGTH)]);
            let mut calls = 0;
            // What is not there after one call is there after some: each goes on where the last one ended.
            let done = loop {
                calls += 1;
                match bench.download(&mut sink) {
                    Ok(done) => break done,
                    Err(error) => assert!(calls < 8, "{at} {seed} {error:?} {:?}", bench.ranges()),
                }
                bench.world.advance(60_000);
            };
            assert!(sink.objects.is_empty());
            assert!(done.received >= sink.offered.min(1) && bench.received() >= sink.offered);
            *tally.entry("calls").or_default() += calls;
            *tally.entry("downloads").or_default() += 1;
            *tally.entry("wrongs").or_default() += u64::from(sink.wrongs);
            *tally.entry("requests").or_default() += bench.net.seen().len() as u64;
        }
    }
    std::println!("{tally:?}");
}

/// With honest ranges and sectors of a byte's patience, nothing comes twice but what a cut left unchecked.
#[test]
fn cuts_cost_at_most_a_sector_each() {
    for every in 1..60 {
        let mut bench = Bench::new(&[Mode::Up, Mode::Up, Mode::Up]);
        bench.mirrors(move |seen| {
            let whole = serve(seen, &of(seen, 300));
            let there = whole.bytes.len() - head_bytes(&whole);
            cut(whole, there.min(every))
        });
        let mut sink = Checker::new(&[(IMAGE, 300)]);
        let done = bench.download(&mut sink).unwrap();
        assert_eq!(done, Downloaded { received: 300, connections: 300u32.div_ceil(every as u32) }, "{every}");
        // As many wakes as there are cuts.
        let mut bench = Bench::new(&[Mode::Up]);
        bench.mirrors(move |seen| {
            let whole = serve(seen, &of(seen, 300));
            let there = whole.bytes.len() - head_bytes(&whole);
            Reply { closes: false, ..cut(whole, there.min(16 + every)) }
        });
        let mut sink = Checker::new(&[(IMAGE, 300)]);
        let mut wakes = 0;
        while bench.world.run(bench.camera.download(&mut sink, STALL_MS)).is_err() {
            wakes += 1;
            assert!(wakes < 40);
            sink.restart();
        }
        assert!(bench.received() <= 300 + wakes * u64::from(SECTOR), "{every} {} {wakes}", bench.received());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(200))]

    /// Whatever the other endpoints do, with one that is good in most of its answers everything arrives, and nothing
    /// else is taken; the sink judges that.
    #[test]
    fn it_arrives_whatever_the_others_do(
        seed: u32,
        length in 1usize..700,
        checked in 0u32..10,
        plan in proptest::collection::vec((0u8..12, 0usize..900), 1..40),
    ) {
        let checked = (checked * SECTOR).min((length as u32 - 1) / SECTOR * SECTOR);
        let mut bench = by_lot(&[Mode::Up; 3], seed);
        let step = Rc::new(RefCell::new(plan.into_iter()));
        bench.mirrors(move |seen| {
            let whole = serve(seen, &of(seen, length));
            let there = whole.bytes.len() - head_bytes(&whole);
            let Some((what, number)) = step.borrow_mut().next() else { return whole };
            match what {
                _ if seen.endpoint == 0 && what < 6 => whole,
                _ if seen.endpoint == 0 => cut(whole, there.min(number)),
                0 => spoilt(whole),
                1 => cut(spoilt(whole), there.min(number)),
                2 => Reply { closes: false, ..cut(whole, there.min(number)) },
                3 => answer(200, &[], &of(seen, length)),
                4 => cut(answer(200, &[], &of(seen, length)), length.min(number)),
                5 => answer(206, &[("Content-Range", &format!("bytes {number}-{number}/{length}"))], b"x"),
                6 => answer(200 + (number % 400) as u16, &[], &[b'x'; 60]),
                7 => Reply { step: 1 + number % 50, pace_ms: number as u64, ..whole },
                8 => Reply { closes: true, ..vec![b'x'; number].into() },
                9 => Reply { closes: number % 2 == 0, ..vec![].into() },
                10 => answer(404, &[], &problem(404, ProblemKind::NotFound).2),
                _ => cut(whole, there.min(number)),
            }
        });
        let mut sink = Checker { checked, ..Checker::new(&[(IMAGE, length)]) };
        let mut calls = 0;
        while let Err(error) = bench.download(&mut sink) {
            calls += 1;
            proptest::prop_assert!(calls < 45, "{error:?}");
            bench.world.advance(60_000);
        }
        proptest::prop_assert!(sink.objects.is_empty() && bench.received() >= sink.offered);
    }
}
