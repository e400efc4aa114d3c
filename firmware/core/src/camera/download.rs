//! Brings the bytes of a release, from whichever endpoint has them.
//!
//! ```text
//!   wants() -> GET /api/{key}, Range -> endpoint A ---bytes---> take(), take(), ... cut
//!   wants() -> GET /api/{key}, Range -> endpoint B ---bytes---> take(), ... until nothing is wanted
//! ```
//!
//! Every request asks for what the [`Sink`] wants at that moment, so a download goes on at the same byte, on another
//! endpoint, in another wake. An endpoint that fails is left for the others; when all have failed the first is asked again,
//! as long as something came meanwhile. **Who is to blame for wrong bytes** is the endpoint that gave all of them since
//! the byte that is wanted then. When several had a part in them nobody is blamed, and the last one is asked for all of
//! them: an endpoint that gives a little rubbish and hangs up cannot have another one shut out.

use core::fmt;

use ed25519_dalek::Signer as _;
use embedded_io_async::ErrorKind;

use super::{
    Camera, Error, Open, Sink,
    call::{MAX_ATTEMPTS, Step},
    hunt::Hunt,
    stream::{End, Wanted, stream},
};
use crate::{
    http, httpsig,
    link::{ConnectError, Dial, Measured, Rng, Set, Timed, Timer},
};

/// How long a download waits for the next byte of an answer that has begun, in milliseconds. Until it has begun, the
/// endpoint has the patience that it has earned, as with every request.
pub const STALL_MS: u64 = 20_000;

/// Longest wait for an endpoint that was given up lately, in milliseconds; the caller waits longer, if it wants to.
const LONGEST_WAIT_MS: u64 = 5_000;

/// What downloads cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Downloaded {
    /// Bytes of the bodies that came, also those that were skipped or refused.
    pub received: u64,
    /// Connections that were opened.
    pub connections: u32,
}

/// Why a download ended before everything was there. What was taken was taken: the next one goes on there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownloadError {
    /// Nobody brought what is wanted; this was the last reason.
    Call(Error),
    /// Every endpoint gave bytes that are not what the manifest names.
    Wrong,
    /// The sink wanted to end.
    Stopped,
    /// The time that the caller gave is up.
    TimeUp,
}

impl fmt::Display for DownloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call(_) => "the download could not go on",
            Self::Wrong => "every gateway gave bytes that are not what the manifest names",
            Self::Stopped => "what was downloaded could not be kept",
            Self::TimeUp => "the time for the download is up",
        })
    }
}

impl core::error::Error for DownloadError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Call(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for DownloadError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// Downloads what `sink` wants until it wants nothing more, for `limit_ms` milliseconds at most.
    ///
    /// What it cost is in [`super::Counts::downloaded`] too, where it can be read after an error.
    ///
    /// # Errors
    /// [`DownloadError`]; [`Error::Request`] in it when the sink wants what no release has.
    pub async fn download<S: Sink>(&mut self, sink: &mut S, limit_ms: u64) -> Result<Downloaded, DownloadError> {
        let deadline_ms = self.timer.now_ms().saturating_add(limit_ms);
        let before = self.counts.downloaded;
        let mut hunt = Hunt::new();
        while let Some(wanted) = Wanted::of(sink)? {
            hunt.look_for(&wanted);
            self.forgive(&mut hunt)?;
            if self.timer.now_ms() >= deadline_ms {
                return Err(DownloadError::TimeUp);
            }
            if hunt.attempts >= MAX_ATTEMPTS {
                return Err(hunt.last.into());
            }
            hunt.attempts += 1;
            match self.reach(hunt.avoid, deadline_ms).await {
                Ok((open, kept)) => self.ask(open, kept, &wanted, sink, &mut hunt, deadline_ms).await?,
                Err(error) => self.begin_round(error, &mut hunt, deadline_ms).await?,
            }
        }
        let now = self.counts.downloaded;
        Ok(Downloaded {
            received: now.received.saturating_sub(before.received),
            connections: now.connections.saturating_sub(before.connections),
        })
    }

    /// When every endpoint gave wrong bytes of one object, they are asked for another one all the same: a patch that
    /// nobody can apply is the same everywhere.
    fn forgive(&self, hunt: &mut Hunt) -> Result<(), DownloadError> {
        let all = self.link.endpoints().len();
        if all == 0 || !(0..all).all(|index| hunt.wrong.contains(index)) {
            return Ok(());
        }
        if hunt.wrong_about == hunt.path {
            return Err(DownloadError::Wrong);
        }
        (hunt.wrong, hunt.avoid) = (Set::default(), Set::default());
        Ok(())
    }

    /// No endpoint is left to be asked: all of them once more, if something came since the last time.
    async fn begin_round(
        &mut self,
        error: ConnectError,
        hunt: &mut Hunt,
        deadline_ms: u64,
    ) -> Result<(), DownloadError> {
        let now_ms = self.timer.now_ms();
        if now_ms >= deadline_ms {
            return Err(DownloadError::TimeUp);
        }
        let nobody_was_asked = hunt.avoid == hunt.wrong;
        if nobody_was_asked {
            hunt.last = Error::Connect(error);
        }
        let wait_ms = match error {
            ConnectError::AllOpen { retry_in_ms } if nobody_was_asked => retry_in_ms,
            _ => 0,
        };
        if hunt.rounds == 0 || wait_ms > LONGEST_WAIT_MS {
            return Err(hunt.last.into());
        }
        hunt.rounds -= 1;
        hunt.avoid = hunt.wrong;
        if wait_ms > 0 {
            self.timer.sleep_ms(wait_ms.min(deadline_ms - now_ms)).await;
        }
        Ok(())
    }

    /// Asks one endpoint, and draws the conclusions.
    async fn ask<S: Sink>(
        &mut self,
        mut open: Open<D::Connection>,
        kept: bool,
        wanted: &Wanted,
        sink: &mut S,
        hunt: &mut Hunt,
        deadline_ms: u64,
    ) -> Result<(), DownloadError> {
        let index = open.index;
        let counter = self.next_counter();
        let reached = hunt.reached;
        let connections = &mut self.counts.downloaded.connections;
        *connections = connections.saturating_add(u32::from(!kept));
        let (end, measured) = self.fetch(index, &mut open.connection, counter, wanted, sink, hunt, deadline_ms).await?;
        let now_ms = self.timer.now_ms();
        let came = hunt.reached > reached || wanted.still(sink).is_none();
        match end {
            End::Stopped => return Err(DownloadError::Stopped),
            End::TimeUp => return Err(DownloadError::TimeUp),
            // That the time was too short is not the endpoint's fault.
            End::Failed(http::Error::Connection(ErrorKind::TimedOut))
            | End::Broke(http::Error::Connection(ErrorKind::TimedOut))
                if now_ms >= deadline_ms =>
            {
                return Err(DownloadError::TimeUp);
            }
            // A server may close a connection that was kept, at any time; that says nothing about it.
            End::Failed(http::Error::Closed) if kept => {}
            End::Failed(http::Error::Connection(kind)) if kept && kind != ErrorKind::TimedOut => {}
            End::Failed(http::Error::Request) => return Err(Error::Request.into()),
            End::Came { keep } => {
                self.link.record_success(index, measured);
                if keep {
                    self.open = Some(open);
                }
            }
            End::Refused(response) => {
                if response.keep_alive {
                    self.open = Some(open);
                }
                match self.judge(&response, index, counter, measured, &mut hunt.chances) {
                    Step::Again => {}
                    Step::Elsewhere(error) => hunt.leave(index, error),
                    Step::Done => hunt.leave(index, self.unexpected(&response)),
                }
                // It has the object, and says that it is shorter than the manifest does.
                if response.status == 416 {
                    self.link.record_failure(index, now_ms, &mut self.rng);
                }
            }
            End::Failed(error) | End::Broke(error) => {
                // An endpoint that goes on where it was cut is not given up for the cuts.
                if came {
                    self.link.record_success(index, measured);
                }
                self.link.record_failure(index, now_ms, &mut self.rng);
                hunt.leave(index, Error::Exchange(error));
            }
            End::Unfit => {
                self.link.record_failure(index, now_ms, &mut self.rng);
                hunt.leave(index, Error::Answer);
            }
            End::Wrong { alone: true } => {
                self.link.record_failure(index, now_ms, &mut self.rng);
                hunt.leave(index, Error::Answer);
                hunt.wrong.insert(index);
                hunt.wrong_about = wanted.path.clone();
            }
            End::Wrong { alone: false } => hunt.last = Error::Answer,
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one attempt, used in one place")]
    async fn fetch<S: Sink>(
        &mut self,
        index: usize,
        connection: &mut D::Connection,
        counter: u64,
        wanted: &Wanted,
        sink: &mut S,
        hunt: &mut Hunt,
        deadline_ms: u64,
    ) -> Result<(End, Measured), Error> {
        let created_s = self.unix_ms() / 1000;
        let Self { id, key, link, timer, buffer, counts, .. } = self;
        let endpoint = link.endpoints().get(index).ok_or(Error::Request)?;
        let signed = httpsig::sign(
            &httpsig::Request { method: "GET", path: &wanted.path, ..httpsig::Request::default() },
            &httpsig::Parameters { keyid: id.as_str(), created_s, counter },
            |base| key.sign(base).to_bytes(),
        )
        .map_err(|_| Error::Request)?;
        let range = wanted.header();
        let request = http::Request {
            method: "GET",
            target: &wanted.path,
            host: &endpoint.server_name,
            port: endpoint.port,
            headers: &[
                // Offsets count bytes as they are.
                ("Accept-Encoding", "identity"),
                ("Range", &range),
                ("Signature-Input", &signed.signature_input),
                ("Signature", &signed.signature),
            ],
        };
        let mut timed = Timed::new(connection, timer, link.quality(index), deadline_ms).patient(STALL_MS);
        let is_late = || timer.now_ms() >= deadline_ms;
        let end = match http::begin(&mut timed, &request, &mut buffer[..]).await {
            Err(error) => End::Failed(error),
            Ok(answer) => match (wanted.begins_at(&answer), answer.status()) {
                (Some(at), _) => stream(answer, at, wanted, sink, hunt, &mut counts.downloaded.received, is_late).await,
                (None, 400..) => answer.whole().await.map_or_else(End::Failed, End::Refused),
                (None, _) => End::Unfit,
            },
        };
        Ok((end, timed.measured()))
    }
}
