//! Which gateway a camera talks to.
//!
//! A signed list names up to eight endpoints. [`Link`] measures each of them, gives up those that fail for a while that
//! grows and is jittered, and draws the order of the others by lot: by weight, less for failures and slowness, so that a
//! fleet spreads over what works without any coordination. To connect it races: the next endpoint is started when the
//! one before it has had 250 ms, or has failed, and the first that is usable (TLS included) wins.
//!
//! Everything from outside comes through [`Dial`], [`Timer`] and [`Rng`]. Nothing allocates; a link takes about 1.8 KB,
//! and a race holds one dialling future for each contender.

mod quality;
mod race;
#[cfg(test)]
pub(crate) mod sim;
mod timed;

use core::fmt;

use ed25519_dalek::VerifyingKey;
use embedded_io_async::{Read, Write};

pub use quality::{Breaker, Quality};
pub use race::HEAD_START_MS;
pub use timed::{Measured, Timed, TimedError};

use crate::{
    cose::{self, Endpoint, Endpoints, MAX_ENDPOINTS},
    wire::LinkStatus,
};
use race::{Fate, Lane};

/// Opens connections.
#[allow(async_fn_in_trait, reason = "whether the future is Send is for the concrete network to say")]
pub trait Dial {
    /// A usable connection: when it is returned, TLS has been agreed on and the certificate checked.
    type Connection: Read + Write;
    /// Why it failed.
    type Error: fmt::Debug;

    /// Connects to `endpoint`. Dropping the future must give the attempt up.
    ///
    /// # Errors
    /// When no usable connection came about; the link tries another endpoint.
    async fn dial(&self, endpoint: &Endpoint) -> Result<Self::Connection, Self::Error>;
}

/// Time that only rises.
#[allow(async_fn_in_trait, reason = "whether the future is Send is for the concrete timer to say")]
pub trait Timer {
    /// Milliseconds since any fixed moment.
    fn now_ms(&self) -> u64;
    /// Waits.
    async fn sleep_ms(&self, ms: u64);
}

/// Randomness for jitter and lots; it need not be secret.
pub trait Rng {
    /// The next random number.
    fn next_u32(&mut self) -> u32;
}

/// A set of endpoints by their place in the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Set(u8);

impl Set {
    /// Adds an endpoint.
    pub fn insert(&mut self, index: usize) {
        self.0 |= 1u8.checked_shl(index as u32).unwrap_or(0);
    }

    /// Whether an endpoint is in it.
    #[must_use]
    pub fn contains(self, index: usize) -> bool {
        self.0 & 1u8.checked_shl(index as u32).unwrap_or(0) != 0
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectError {
    /// No endpoint list was ever loaded.
    NoEndpoints,
    /// Every endpoint was given up for now.
    AllOpen {
        /// Milliseconds until the first of them is tried again.
        retry_in_ms: u64,
    },
    /// Every endpoint that was tried failed, or the time is up.
    Failed,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoints => f.write_str("no endpoint is known"),
            Self::AllOpen { retry_in_ms } => write!(f, "every endpoint failed lately; next try in {retry_in_ms} ms"),
            Self::Failed => f.write_str("no endpoint could be reached"),
        }
    }
}

impl core::error::Error for ConnectError {}

/// Why an endpoint list was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateError {
    /// It is not signed by the pinned key, not valid now, or no endpoint list.
    Document(cose::Error),
    /// A newer list is in use.
    Older {
        /// The sequence number in use.
        have: u64,
        /// The sequence number offered.
        got: u64,
    },
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(_) => f.write_str("the endpoint list is not valid"),
            Self::Older { have, got } => write!(f, "endpoint list {got} is older than {have}, which is in use"),
        }
    }
}

impl core::error::Error for UpdateError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Document(error) => Some(error),
            Self::Older { .. } => None,
        }
    }
}

/// The endpoints of a camera and what it knows of them. `RACERS` is how many are dialled at the same time.
#[derive(Debug, Clone)]
pub struct Link<const RACERS: usize = 2> {
    trusted: VerifyingKey,
    seq: u64,
    list: Endpoints,
    quality: [Quality; MAX_ENDPOINTS],
    failures: u32,
    last: Option<usize>,
}

impl<const RACERS: usize> Link<RACERS> {
    /// A link that trusts lists signed by `trusted` and begins with `list`, numbered `seq` (0 for one that was put
    /// into the camera without a document).
    #[must_use]
    pub fn new(trusted: VerifyingKey, list: Endpoints, seq: u64) -> Self {
        Self { trusted, seq, list, quality: [Quality::default(); MAX_ENDPOINTS], failures: 0, last: None }
    }

    /// Takes a new list from a signed document and returns whether it differs from the one in use. What was measured
    /// of endpoints that remain is kept.
    ///
    /// # Errors
    /// [`UpdateError`]; the list in use remains.
    pub fn update(&mut self, document: &[u8], now_s: u64) -> Result<bool, UpdateError> {
        let document = cose::verify(document, &self.trusted).map_err(UpdateError::Document)?;
        document.check_time(now_s).map_err(UpdateError::Document)?;
        let list = Endpoints::from_document(&document).map_err(UpdateError::Document)?;
        // The same number again is the same list on its second way; with other content it would be a signer's fault,
        // and the first one stays.
        if document.seq <= self.seq {
            let same = document.seq == self.seq && list == self.list;
            let older = UpdateError::Older { have: self.seq, got: document.seq };
            return if same { Ok(false) } else { Err(older) };
        }
        let place = |list: &Endpoints, one: &Endpoint| {
            list.0
                .iter()
                .position(|old| (&old.host, old.port, &old.server_name) == (&one.host, one.port, &one.server_name))
        };
        let mut quality = [Quality::default(); MAX_ENDPOINTS];
        for (new, one) in quality.iter_mut().zip(&list.0) {
            *new = place(&self.list, one).map(|old| self.quality[old]).unwrap_or_default();
        }
        self.last = self.last.and_then(|last| place(&list, self.list.0.get(last)?));
        let changed = list != self.list;
        (self.quality, self.list, self.seq) = (quality, list, document.seq);
        Ok(changed)
    }

    /// The number of the list in use.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The key that lists must be signed with.
    #[must_use]
    pub fn trusted(&self) -> &VerifyingKey {
        &self.trusted
    }

    /// The endpoints in use.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.list.0
    }

    /// What was measured of an endpoint; of one that is not in the list, nothing.
    #[must_use]
    pub fn quality(&self, index: usize) -> Quality {
        self.quality.get(index).copied().unwrap_or_default()
    }

    /// What to report.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        let quality = self.last.map(|last| self.quality(last)).unwrap_or_default();
        let endpoint = self.last.and_then(|last| self.list.0.get(last));
        LinkStatus {
            endpoint: endpoint.map(|one| one.name.clone()).unwrap_or_default(),
            rtt_ms: quality.rtt_ms,
            bytes_per_s: quality.bytes_per_s,
            failures: self.failures,
        }
    }

    /// Records that an endpoint answered.
    pub fn record_success(&mut self, index: usize, measured: Measured) {
        let Some(quality) = self.quality.get_mut(index) else { return };
        quality.succeeded();
        if let Some(ms) = measured.rtt_ms {
            quality.round_trip(ms);
        }
        if let Some((bytes, ms)) = measured.speed {
            quality.speed(bytes, ms);
        }
        self.last = Some(index);
    }

    /// Records that an endpoint failed after it was connected, or that it answered that it cannot serve.
    pub fn record_failure(&mut self, index: usize, now_ms: u64, rng: &mut impl Rng) {
        self.failures = self.failures.saturating_add(1);
        if let Some(quality) = self.quality.get_mut(index) {
            quality.failed(now_ms, rng);
        }
    }

    /// Connects to the best endpoint that can be reached before `deadline_ms`, and returns its place in the list.
    /// Endpoints in `avoid` are not tried.
    ///
    /// # Errors
    /// [`ConnectError`] when there is none.
    pub async fn connect<D: Dial, T: Timer>(
        &mut self,
        dial: &D,
        timer: &T,
        rng: &mut impl Rng,
        avoid: Set,
        deadline_ms: u64,
    ) -> Result<(usize, D::Connection), ConnectError> {
        if self.list.0.is_empty() {
            return Err(ConnectError::NoEndpoints);
        }
        let order = self.order(timer.now_ms(), rng, avoid);
        if order.is_empty() {
            return Err(self.all_open(timer.now_ms(), avoid));
        }
        for heat in order.chunks(RACERS.max(1)) {
            let left_ms = deadline_ms.saturating_sub(timer.now_ms());
            if left_ms == 0 {
                return Err(ConnectError::Failed);
            }
            let lanes: [Option<Lane<'_>>; RACERS] = core::array::from_fn(|n| {
                let index = *heat.get(n)?;
                // A dial is two round trips at least, and a handshake may compute for a while on a small chip.
                let limit_ms = (self.quality(index).stall_ms(0) * 2).min(left_ms);
                Some(Lane { endpoint: self.list.0.get(index)?, limit_ms })
            });
            let (winner, fates) = race::race(dial, timer, &lanes).await;
            let now = timer.now_ms();
            for (&index, fate) in heat.iter().zip(fates) {
                match fate {
                    Fate::Idle => {}
                    // Not yet a success: an endpoint may greet and then say nothing.
                    Fate::Won(ms) => {
                        if self.quality[index].rtt_ms == 0 {
                            self.quality[index].round_trip(ms);
                        }
                    }
                    Fate::Running(ms) if ms >= HEAD_START_MS => self.quality[index].overtaken(ms, now, rng),
                    Fate::Running(_) => {}
                    Fate::Failed => self.record_failure(index, now, rng),
                }
            }
            if let Some((n, connection)) = winner {
                return heat.get(n).map(|&index| (index, connection)).ok_or(ConnectError::Failed);
            }
        }
        Err(ConnectError::Failed)
    }

    fn all_open(&self, now_ms: u64, avoid: Set) -> ConnectError {
        let waits = (0..self.list.0.len()).filter(|&n| !avoid.contains(n)).filter_map(|n| {
            match self.quality[n].breaker(now_ms) {
                Breaker::Open { until_ms } => Some(until_ms - now_ms),
                _ => None,
            }
        });
        waits.min().map_or(ConnectError::Failed, |retry_in_ms| ConnectError::AllOpen { retry_in_ms })
    }

    /// The endpoints that are worth a try, best first: a lottery without replacement in which each share is a lot,
    /// after it those of weight 0.
    fn order(&self, now_ms: u64, rng: &mut impl Rng, avoid: Set) -> heapless::Vec<usize, MAX_ENDPOINTS> {
        let usable = |n: usize| !avoid.contains(n) && !matches!(self.quality[n].breaker(now_ms), Breaker::Open { .. });
        let fastest = self.quality.iter().map(|q| q.rtt_ms).filter(|&ms| ms > 0).min().unwrap_or(1);
        let mut lots: heapless::Vec<(usize, u64), MAX_ENDPOINTS> = (0..self.list.0.len())
            .filter(|&n| usable(n))
            .map(|n| (n, self.quality[n].share(self.list.0[n].weight, fastest)))
            .collect();
        let mut order = heapless::Vec::new();
        for primary in [true, false] {
            loop {
                let in_turn = |&(n, _): &(usize, u64)| (self.list.0[n].weight > 0) == primary;
                let total: u64 = lots.iter().filter(|lot| in_turn(lot)).map(|(_, share)| share).sum();
                if total == 0 {
                    break;
                }
                let mut ticket = (u64::from(rng.next_u32()) << 32 | u64::from(rng.next_u32())) % total;
                let drawn = lots.iter().position(|lot| {
                    let hit = in_turn(lot) && ticket < lot.1;
                    if in_turn(lot) && !hit {
                        ticket -= lot.1;
                    }
                    hit
                });
                let Some(at) = drawn else { break };
                // Holds as many as the list.
                let _ = order.push(lots.swap_remove(at).0);
            }
        }
        order
    }
}

#[cfg(test)]
mod tests;
