//! Objects of a release, gateways that give them well or badly, and a sink that notices.

use std::{format, string::String, vec, vec::Vec};

use super::{
    Bench,
    gateway::{NOW_MS, camera},
};
use crate::{
    camera::{DownloadError, Downloaded, Range, Sink, SinkError},
    link::sim::{Dice, Mode, Reply, Seen, World, reply},
};

pub(super) const IMAGE: &str = "releases/esp32c3/7.bin";
pub(super) const PATCH: &str = "releases/esp32c3/7-6.patch";
pub(super) const SUMS: &str = "releases/esp32c3/7.sums";

/// Bytes by which the sink checks what it gets, as the updater does with sectors.
pub(super) const SECTOR: u32 = 16;

pub(super) fn content(key: &str, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 37 + key.len() * 11) as u8).collect()
}

/// Wants one object after the other, and nothing but their own bytes, in order and once.
#[derive(Clone)]
pub(super) struct Checker {
    /// Keys and contents, those to come.
    pub(super) objects: Vec<(&'static str, Vec<u8>)>,
    /// How many bytes of the first of them are known to be right.
    pub(super) checked: u32,
    /// What came behind them.
    pub(super) held: Vec<u8>,
    /// How much at most is wanted at once.
    pub(super) at_most: u32,
    /// Bytes that it was given.
    pub(super) offered: u64,
    /// Bytes it still takes before its flash fails.
    pub(super) fails_after: Option<u64>,
    /// How often it found bytes to be wrong.
    pub(super) wrongs: u32,
    /// After so many of them the object is given up.
    pub(super) strikes: Option<u32>,
    /// After so many bytes the object is given up, though nothing was wrong.
    pub(super) turns_after: Option<u64>,
    /// Time that it takes for each piece, by this clock.
    pub(super) slow: Option<(World, u64)>,
}

impl Checker {
    pub(super) fn new(objects: &[(&'static str, usize)]) -> Self {
        Self {
            objects: objects.iter().map(|(key, length)| (*key, content(key, *length))).collect(),
            checked: 0,
            held: vec![],
            at_most: u32::MAX,
            offered: 0,
            fails_after: None,
            wrongs: 0,
            strikes: None,
            turns_after: None,
            slow: None,
        }
    }

    /// As after a restart: what was not checked is lost.
    pub(super) fn restart(&mut self) {
        self.held.clear();
    }
}

impl Sink for Checker {
    fn wants(&self) -> Option<Range<'_>> {
        let (key, content) = self.objects.first()?;
        let total = content.len() as u32;
        let offset = self.checked + self.held.len() as u32;
        Some(Range { key, offset, at_most: self.at_most.min(total - offset), total })
    }

    async fn take(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SinkError> {
        let wanted = self.wants().expect("something is wanted");
        assert_eq!(wanted.offset, offset);
        assert!(!bytes.is_empty() && bytes.len() as u32 <= wanted.at_most, "{offset} {}", bytes.len());
        self.offered += bytes.len() as u64;
        if let Some((world, ms)) = &self.slow {
            world.advance(*ms);
        }
        if self.turns_after.is_some_and(|left| self.offered >= left) {
            self.turns_after = None;
            self.objects.remove(0);
            (self.checked, self.held) = (0, vec![]);
            return Ok(());
        }
        if self.fails_after.is_some_and(|left| self.offered > left) {
            return Err(SinkError::Stop);
        }
        let (_, content) = &self.objects[0];
        for byte in bytes {
            self.held.push(*byte);
            let end = self.checked + self.held.len() as u32;
            if self.held.len() as u32 == SECTOR || end == content.len() as u32 {
                if self.held != content[self.checked as usize..end as usize] {
                    self.held.clear();
                    self.wrongs += 1;
                    if self.strikes == Some(self.wrongs) {
                        self.objects.remove(0);
                        self.checked = 0;
                    }
                    return Err(SinkError::Wrong);
                }
                (self.checked, self.held) = (end, vec![]);
            }
        }
        if self.checked == content.len() as u32 {
            self.objects.remove(0);
            self.checked = 0;
        }
        Ok(())
    }
}

/// First and last byte that a request asks for; `None` without `Range`.
pub(super) fn asked(seen: &Seen, total: usize) -> Option<(usize, usize)> {
    let (first, last) = seen.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().unwrap(), if last.is_empty() { total - 1 } else { last.parse().unwrap() }))
}

/// A whole answer with these headers beside the length.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    reply(status, headers, body).into()
}

/// A gateway by the contract that holds `content`.
pub(crate) fn serve(seen: &Seen, content: &[u8]) -> Reply {
    match asked(seen, content.len()) {
        None => answer(200, &[], content),
        Some((first, last)) => {
            let range = format!("bytes {first}-{last}/{}", content.len());
            answer(206, &[("Content-Range", &range)], &content[first..=last])
        }
    }
}

/// Where the body of an answer begins.
pub(super) fn head_bytes(reply: &Reply) -> usize {
    reply.bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4
}

/// Cuts an answer after so many bytes of its body.
pub(super) fn cut(mut reply: Reply, body_bytes: usize) -> Reply {
    reply.bytes.truncate(head_bytes(&reply) + body_bytes);
    reply.closes = true;
    reply
}

/// Changes the last bit of each byte of the body.
pub(super) fn spoilt(mut reply: Reply) -> Reply {
    let body = head_bytes(&reply);
    reply.bytes[body..].iter_mut().for_each(|byte| *byte ^= 1);
    reply
}

/// The content of the object that a request asks for, of this length.
pub(super) fn of(seen: &Seen, length: usize) -> Vec<u8> {
    content(seen.target.strip_prefix("/api/").unwrap(), length)
}

impl Bench {
    pub(crate) fn mirrors(&self, mirror: impl FnMut(&Seen) -> Reply + 'static) {
        *self.cloud.mirror.borrow_mut() = std::boxed::Box::new(mirror);
    }

    /// Endpoint and `Range` of each request that a gateway read.
    pub(super) fn ranges(&self) -> Vec<(usize, String)> {
        let range = |seen: &Seen| seen.header("range").unwrap_or_default().into();
        self.net.seen().into_iter().map(|seen| (seen.endpoint, range(&seen))).collect()
    }
}

const HOUR_MS: u64 = 3_600_000;

impl Bench {
    pub(super) fn download(&mut self, sink: &mut Checker) -> Result<Downloaded, DownloadError> {
        self.world.run(self.camera.download(sink, HOUR_MS))
    }

    pub(super) fn failures(&self) -> u32 {
        self.camera.link().status().failures
    }

    pub(super) fn received(&self) -> u64 {
        self.camera.counts().downloaded.received
    }
}

/// A bench whose endpoints are drawn by lot.
pub(super) fn by_lot(modes: &[Mode], seed: u32) -> Bench {
    let mut bench = Bench::new(modes);
    bench.camera = camera(&bench.net, &bench.world, &vec![1; modes.len()], NOW_MS);
    bench.camera.rng = Dice(seed.wrapping_mul(2_654_435_761) | 1);
    bench
}
