//! Connects to several endpoints with a head start for the better ones.

use core::{
    future::{pending, poll_fn},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::Poll,
};

use embassy_futures::select::{Either, select, select_array};

use super::{Dial, Timer};
use crate::cose::Endpoint;

/// Head start of each contender over the next, in milliseconds (RFC 8305 section 8 recommends 250).
pub const HEAD_START_MS: u64 = 250;

/// One contender: who, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Lane<'e> {
    pub(super) endpoint: &'e Endpoint,
    pub(super) limit_ms: u64,
}

/// What became of each contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was never started.
    Idle,
    /// It was still at it when another won, after this many milliseconds.
    Running(u64),
    /// It failed, or took longer than its limit.
    Failed,
    /// It was usable first, after this many milliseconds.
    Won(u64),
}

/// Runs the race. The first contender starts at once; each other starts when the one before it has had its head start,
/// or as soon as all before it have failed. The first that is usable wins, the others are dropped.
pub(super) async fn race<D: Dial, T: Timer, const N: usize>(
    dial: &D,
    timer: &T,
    lanes: &[Option<Lane<'_>>; N],
) -> (Option<(usize, D::Connection)>, [Fate; N]) {
    let board = Board { lanes, dial, timer, begun_ms: timer.now_ms(), states: [const { AtomicU32::new(WAITING) }; N] };
    let contenders: [_; N] = core::array::from_fn(|n| board.contend(n));
    let (winner, _) = select_array(contenders).await;
    let now = board.elapsed_ms();
    let fates = core::array::from_fn(|n| match (board.states[n].load(Relaxed), &winner) {
        (WAITING, _) => Fate::Idle,
        (FAILED, _) => Fate::Failed,
        (at, Some((first, _))) if *first == n => Fate::Won(u64::from(now.saturating_sub(at))),
        (at, _) => Fate::Running(u64::from(now.saturating_sub(at))),
    });
    (winner, fates)
}

/// States of a contender; every other value is the moment at which it was started, in milliseconds of the race.
const WAITING: u32 = u32::MAX;
const FAILED: u32 = u32::MAX - 1;

/// All contenders run in one task, and each wake polls all of them in order, so a contender may watch those before it
/// through plain variables. They are atomics, only loaded and stored, so that hosts may move the future between threads.
struct Board<'r, 'e, D, T, const N: usize> {
    lanes: &'r [Option<Lane<'e>>; N],
    dial: &'r D,
    timer: &'r T,
    begun_ms: u64,
    states: [AtomicU32; N],
}

impl<D: Dial, T: Timer, const N: usize> Board<'_, '_, D, T, N> {
    async fn contend(&self, n: usize) -> Option<(usize, D::Connection)> {
        let Some(lane) = self.lanes[n] else {
            return if n == 0 { None } else { pending().await };
        };
        if n > 0 {
            let before = n - 1;
            self.until(|| self.states[before].load(Relaxed) != WAITING).await;
            select(self.timer.sleep_ms(HEAD_START_MS), self.until(|| self.all_failed(..n))).await;
        }
        self.states[n].store(self.elapsed_ms(), Relaxed);
        match select(self.dial.dial(lane.endpoint), self.timer.sleep_ms(lane.limit_ms)).await {
            Either::First(Ok(connection)) => return Some((n, connection)),
            Either::First(Err(_)) | Either::Second(()) => self.states[n].store(FAILED, Relaxed),
        }
        if self.all_failed(..) { None } else { pending().await }
    }

    fn all_failed(&self, range: impl core::slice::SliceIndex<[usize], Output = [usize]>) -> bool {
        let order: [usize; N] = core::array::from_fn(|n| n);
        order[range].iter().all(|&n| self.lanes[n].is_none() || self.states[n].load(Relaxed) == FAILED)
    }

    fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.timer.now_ms().saturating_sub(self.begun_ms)).unwrap_or(FAILED).min(FAILED - 1)
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        poll_fn(|_| if condition() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}
