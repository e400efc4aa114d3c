use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    fault::Mode,
    line::{CHUNK, Line, Next, WINDOW},
    link::{Link, Setting},
    network::Network,
    tls::HandshakeEnd,
};
use crate::clock::Random;

/// A connection that must end with a reset.
struct Broken;

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// Carries one accepted connection to the upstream, under whatever the link is set to.
pub(super) async fn carry<N: Network>(network: &N, link: &Link, client: N::Stream, random: Random) {
    let mut settings = link.settings();
    let opened = *settings.borrow_and_update();
    let (mut client_read, mut client_write) = tokio::io::split(client);
    let early = tokio::select! {
        early = wait_for_passage(&mut client_read, settings.clone(), opened) => early,
        () = refused(settings.clone(), opened) => Err(Broken),
    };
    let dialled = match early {
        Ok(early) => tokio::select! {
            dialled = network.dial(link.upstream()) => match dialled {
                Ok(upstream) => Ok((upstream, early)),
                Err(error) => {
                    tracing::debug!(link = link.name(), %error, "the upstream refuses");
                    Err(Broken)
                }
            },
            () = refused(settings.clone(), opened) => Err(Broken),
        },
        Err(broken) => Err(broken),
    };
    let Ok((upstream, early)) = dialled else {
        link.counters().reset();
        return network.reset(client_read.unsplit(client_write));
    };

    let (mut upstream_read, mut upstream_write) = tokio::io::split(upstream);
    let ends = Ends::default();
    let up = Direction { link, opened, way: Way::Up, random: random.fork(), ends: &ends };
    let down = Direction { link, opened, way: Way::Down, random: random.fork(), ends: &ends };
    let both = async {
        tokio::try_join!(
            up.pump(&mut client_read, &mut upstream_write, early),
            down.pump(&mut upstream_read, &mut client_write, Vec::new()),
        )
    };
    let outcome = tokio::select! {
        result = both => result.map(|_| ()),
        () = refused(settings.clone(), opened) => Err(Broken),
        () = ends.abandoned(settings) => Ok(()),
    };
    if outcome.is_err() {
        link.counters().reset();
        network.reset(rejoin(client_read, client_write));
        network.reset(rejoin(upstream_read, upstream_write));
    }
}

fn rejoin<S: Unpin>(read: ReadHalf<S>, write: WriteHalf<S>) -> S {
    read.unsplit(write)
}

/// Returns when the link has refused connections since this one was opened, even if it no longer does.
async fn refused(mut settings: watch::Receiver<Setting>, opened: Setting) {
    let gone = settings.wait_for(|now| now.mode == Mode::Refuse || now.refusals != opened.refusals).await.is_err();
    // Without a sender the link itself is gone, and whoever awaits this is about to be dropped.
    if gone {
        std::future::pending::<()>().await;
    }
}

/// Before a connection is dialled: holds what the client sends until the link is no longer silent. A client that
/// gives up in the meantime ends the connection, so that a long silence does not collect dead ones.
async fn wait_for_passage<R: AsyncRead + Unpin>(
    client: &mut R,
    mut settings: watch::Receiver<Setting>,
    opened: Setting,
) -> Result<Vec<u8>, Broken> {
    let mut early = Vec::new();
    if opened.mode != Mode::SilentBeforeHandshake {
        return Ok(early);
    }
    let mut buffer = vec![0; CHUNK];
    loop {
        let room = CHUNK.min(WINDOW - early.len());
        tokio::select! {
            passable = settings.wait_for(|now| now.mode == Mode::Clear || now.mode == Mode::SilentAfterHandshake) => {
                // A connection from before the silence after a handshake stays frozen; it is dialled all the same.
                return if passable.is_ok() { Ok(early) } else { Err(Broken) };
            }
            read = client.read(&mut buffer[..room]), if room > 0 => match read? {
                0 => return Err(Broken),
                count => early.extend_from_slice(&buffer[..count]),
            },
        }
    }
}

/// Which sides have said that they will send no more.
#[derive(Default)]
struct Ends {
    client: AtomicBool,
    upstream: AtomicBool,
    news: Notify,
}

impl Ends {
    fn note(&self, way: Way) {
        let side = if way == Way::Up { &self.client } else { &self.upstream };
        side.store(true, Ordering::Relaxed);
        self.news.notify_one();
    }

    /// Returns when the link is silent and both sides have ended: nobody is left to wait for a thaw.
    async fn abandoned(&self, mut settings: watch::Receiver<Setting>) {
        loop {
            let now = *settings.borrow_and_update();
            let frozen = matches!(now.mode, Mode::SilentBeforeHandshake | Mode::SilentAfterHandshake);
            if frozen && self.client.load(Ordering::Relaxed) && self.upstream.load(Ordering::Relaxed) {
                return;
            }
            tokio::select! {
                changed = settings.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
                () = self.news.notified() => {}
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
}

struct Direction<'a> {
    link: &'a Link,
    opened: Setting,
    way: Way,
    random: Random,
    ends: &'a Ends,
}

impl Direction<'_> {
    /// Moves bytes until the end of the stream has passed.
    async fn pump<R, W>(&self, from: &mut R, to: &mut W, early: Vec<u8>) -> Result<(), Broken>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut settings = self.link.settings();
        let mut line = Line::new(settings.borrow().shape, self.random.clone(), Instant::now());
        let mut handshake =
            (self.way == Way::Up && self.opened.mode == Mode::SilentAfterHandshake).then(HandshakeEnd::default);
        for chunk in early.chunks(CHUNK) {
            line.push(chunk, Instant::now());
        }
        let mut buffer = vec![0; CHUNK];
        let mut passed = 0_u64;
        let mut ended = false;
        loop {
            let setting = *settings.borrow_and_update();
            line.reshape(setting.shape, Instant::now());
            let room = if ended { 0 } else { line.room() };
            let allowed = self.allowed(setting, handshake.as_ref(), passed);
            tokio::select! {
                changed = settings.changed() => changed.map_err(|_| Broken)?,
                read = from.read(&mut buffer[..room]), if room > 0 => {
                    let count = read?;
                    if count == 0 {
                        ended = true;
                        line.finish(Instant::now());
                        self.ends.note(self.way);
                    } else {
                        if let Some(handshake) = &mut handshake {
                            handshake.read(&buffer[..count]);
                        }
                        line.push(&buffer[..count], Instant::now());
                    }
                }
                left = deliver(to, line.next(), allowed), if allowed > 0 => match left? {
                    0 => return Ok(()),
                    count => {
                        line.advance(count);
                        passed += count as u64;
                        self.link.counters().passed(self.way == Way::Up, count as u64);
                    }
                },
            }
        }
    }

    /// How many bytes may pass at the moment.
    fn allowed(&self, now: Setting, handshake: Option<&HandshakeEnd>, passed: u64) -> usize {
        match now.mode {
            Mode::Clear => usize::MAX,
            Mode::Refuse | Mode::SilentBeforeHandshake => 0,
            Mode::SilentAfterHandshake if now.since != self.opened.since => 0,
            Mode::SilentAfterHandshake => match handshake.and_then(HandshakeEnd::offset) {
                Some(end) => usize::try_from(end.saturating_sub(passed)).unwrap_or(usize::MAX),
                None => usize::MAX,
            },
        }
    }
}

/// Writes what is next when it is due, and returns how much of it left; 0 is the end of the stream. May be cancelled at
/// any time without losing a byte.
async fn deliver<W: AsyncWrite + Unpin>(to: &mut W, next: Option<Next<'_>>, allowed: usize) -> Result<usize, Broken> {
    let Some(next) = next else { return std::future::pending().await };
    tokio::time::sleep_until(next.due).await;
    if next.lost_for_good {
        return Err(Broken);
    }
    if next.bytes.is_empty() {
        to.shutdown().await?;
        return Ok(0);
    }
    match to.write(&next.bytes[..next.bytes.len().min(allowed)]).await? {
        0 => Err(Broken),
        count => Ok(count),
    }
}
