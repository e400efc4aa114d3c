//! Who is asked next in a download, and for how long.

use super::{Error, call::Chances, documents::ReleasePath, stream::Wanted};
use crate::{link::Set, wire::Text};

/// How often all endpoints are tried anew without anything coming, after something came.
const ROUNDS: u8 = 2;

/// The search for endpoints that bring what is wanted.
pub(super) struct Hunt {
    /// Those that are left out in this round.
    pub(super) avoid: Set,
    /// Those that gave wrong bytes.
    pub(super) wrong: Set,
    /// Of which object.
    pub(super) wrong_about: ReleasePath,
    pub(super) chances: Chances,
    pub(super) last: Error,
    /// Attempts since something came.
    pub(super) attempts: usize,
    /// Rounds that are left.
    pub(super) rounds: u8,
    pub(super) path: ReleasePath,
    /// The furthest byte of the object that was wanted: what comes before it came before.
    pub(super) reached: u32,
}

impl Hunt {
    pub(super) fn new() -> Self {
        Self {
            avoid: Set::default(),
            wrong: Set::default(),
            wrong_about: Text::new(),
            chances: Chances::ALL,
            last: Error::Answer,
            attempts: 0,
            rounds: 0,
            path: Text::new(),
            reached: 0,
        }
    }

    pub(super) fn look_for(&mut self, wanted: &Wanted) {
        if self.path != wanted.path {
            (self.path, self.reached) = (wanted.path.clone(), wanted.offset);
        }
    }

    /// Bytes were taken, and the object is wanted from `next` on; `None` when it is not wanted any more.
    pub(super) fn took(&mut self, next: Option<u32>) {
        if next.is_none_or(|next| next > self.reached) {
            self.reached = next.unwrap_or(self.reached);
            (self.attempts, self.rounds, self.chances) = (0, ROUNDS, Chances::ALL);
        }
    }

    pub(super) fn leave(&mut self, index: usize, why: Error) {
        self.avoid.insert(index);
        self.last = why;
    }
}
