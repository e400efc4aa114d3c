//! What a deploy tells while it works, for whoever draws it.

use std::{sync::Arc, time::Duration};

use crate::cloud::control::{Address, Failure};

/// Who is told. It is called from several tasks at a time and must not block.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// A listener that hears nothing.
#[must_use]
pub fn nobody() -> Listener {
    Arc::new(|_| {})
}

/// What is done to a resource, in the words of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It is made.
    Creating,
    /// It is changed in place.
    Changing,
    /// It is deleted.
    Deleting,
    /// The old half of an exchange is deleted.
    DeletingOld,
    /// It is taken over as it stands.
    Adopting,
    /// An operation that an earlier run began is followed to its end.
    Resuming,
    /// The state forgets it.
    Forgetting,
}

impl Doing {
    /// As in "aws/storage/pictures: creating".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Changing => "changing",
            Self::Deleting => "deleting",
            Self::DeletingOld => "deleting the old one",
            Self::Adopting => "taking over",
            Self::Resuming => "following what was begun",
            Self::Forgetting => "forgetting",
        }
    }

    /// As in "aws/storage/pictures: created".
    #[must_use]
    pub const fn past(self) -> &'static str {
        match self {
            Self::Creating => "created",
            Self::Changing => "changed",
            Self::Deleting => "deleted",
            Self::DeletingOld => "deleted the old one",
            Self::Adopting => "taken over",
            Self::Resuming => "followed to its end",
            Self::Forgetting => "forgotten",
        }
    }
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// Another run has the lease.
    LeaseWaiting {
        /// Who: user and machine, or the CI job.
        holder: String,
        /// How long until it would be free if that run stayed silent.
        free_in: Duration,
    },
    /// The lease is ours.
    LeaseTaken {
        /// Its number, which rises with each holder.
        epoch: u64,
    },
    /// A state store does not answer; the others are enough.
    StoreAway {
        /// The cloud.
        cloud: String,
        /// What it does.
        why: String,
    },
    /// What is live is being read.
    LookBegun {
        /// How many resources are looked for.
        resources: usize,
    },
    /// What is live was read.
    LookDone {
        /// How many were looked for.
        resources: usize,
        /// How many could not be read.
        failed: usize,
        /// How many calls that took.
        calls: u64,
        /// How long it took.
        elapsed: Duration,
    },
    /// Work on a resource begins.
    Begun {
        /// Which one.
        address: Address,
        /// What it is, for people.
        words: String,
        /// What is done.
        doing: Doing,
        /// The usual time, in minutes, from and to.
        minutes: [f64; 2],
    },
    /// It is still under way: the cloud works on it, or a call is tried again.
    Waiting {
        /// Which one.
        address: Address,
        /// What is done.
        doing: Doing,
        /// Since when.
        elapsed: Duration,
        /// The failure after which it is tried again, if that is why.
        after: Option<Failure>,
    },
    /// It ended well.
    Done {
        /// Which one.
        address: Address,
        /// What was done.
        doing: Doing,
        /// How long it took.
        elapsed: Duration,
    },
    /// It ended badly; the rest goes on.
    Failed {
        /// Which one.
        address: Address,
        /// What was tried.
        doing: Doing,
        /// How long it took.
        elapsed: Duration,
        /// Why.
        failure: Failure,
    },
    /// It was not begun, because something before it failed or the run was stopped.
    Skipped {
        /// Which one.
        address: Address,
        /// Why.
        because: String,
    },
}
