//! Applying a plan: each act's intent is durable in the journal before the cloud is called, its handle as soon as there is
//! one, and its end when it was read back. A run that dies anywhere is gone on with by the next one, and nothing is made
//! twice.

mod change;
mod create;
pub(in crate::deploy) mod fits;
mod nodes;
mod outcome;
mod remove;
mod resume;
mod schedule;
pub(in crate::deploy) mod wanted;
mod worker;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use self::outcome::{Done, Ending, Failed, Outcome, Skipped};
use self::worker::Worker;
use super::{
    ledger,
    plan::{Action, Plan, Planned},
    shelf::{self, Session},
    site::Site,
    state::{Entry, Record, Standing},
};
use crate::cloud::control::Address;

/// The version of the plan's shape that is applied.
pub const PLAN_VERSION: u32 = 1;

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
    let session = open(site, "a deploy", interrupt).await?;
    match work(site, &session, plan, data_may_go, interrupt, false).await {
        Ok(outcome) => close(session, outcome).await,
        Err(error) => {
            session.close().await?;
            Err(error)
        }
    }
}

/// Applies a plan that deletes everything, and removes the state stores when nothing is left and no other environment has
/// its state in them.
///
/// # Errors
/// As [`run`], and [`shelf::Error::Remove`] when a state store could not be removed.
pub async fn destroy(
    site: &Site,
    plan: Plan,
    data_may_go: &BTreeSet<Address>,
    interrupt: &CancellationToken,
) -> Result<Outcome, Error> {
    if plan.changes.is_empty() && site.shelf.is_absent().await {
        let removed = site.shelf.remove_stores().await?;
        return Ok(Outcome { removed, ..nothing_done(0) });
    }
    let session = open(site, "a destroy", interrupt).await?;
    let mut outcome = match work(site, &session, plan, data_may_go, interrupt, true).await {
        Ok(outcome) => outcome,
        Err(error) => {
            session.close().await?;
            return Err(error);
        }
    };
    if outcome.ending != Ending::Complete || !session.state().is_empty() || !site.without.is_empty() {
        return close(session, outcome).await;
    }
    outcome.serial = session.state().serial;
    session.close_for_good().await?;
    outcome.removed = site.shelf.remove_stores().await?;
    Ok(outcome)
}

/// Follows everything that earlier runs began to its end; a new plan is made afterwards. Does nothing, without taking the
/// lease, when nothing is pending.
///
/// # Errors
/// [`Error::Shelf`].
pub async fn resume(site: &Site, interrupt: &CancellationToken) -> Result<Outcome, Error> {
    let stored = site.shelf.read().await?;
    if !stored.state.is_unsettled() {
        return Ok(nothing_done(stored.state.serial));
    }
    let session = open(site, "going on with a deploy", interrupt).await?;
    let plan = pending(site, &session);
    let outcome = act_on(site, &session, &plan, &BTreeSet::new(), interrupt, false).await?;
    close(session, outcome).await
}

fn nothing_done(serial: u64) -> Outcome {
    let (done, failed, skipped, removed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Outcome { ending: Ending::Complete, done, failed, skipped, serial, removed }
}

async fn open<'a>(site: &'a Site, note: &str, interrupt: &CancellationToken) -> Result<Session<'a>, Error> {
    Ok(site.shelf.begin(&site.who, note, &*site.listener, interrupt).await?)
}

async fn close(session: Session<'_>, mut outcome: Outcome) -> Result<Outcome, Error> {
    outcome.serial = session.close().await?.serial;
    Ok(outcome)
}

async fn work(
    site: &Site,
    session: &Session<'_>,
    plan: Plan,
    data_may_go: &BTreeSet<Address>,
    interrupt: &CancellationToken,
    destroys: bool,
) -> Result<Outcome, Error> {
    guard(site, session, &plan)?;
    act_on(site, session, &plan, data_may_go, interrupt, destroys).await
}

/// Refuses a plan that was made for something else.
fn guard(site: &Site, session: &Session<'_>, plan: &Plan) -> Result<(), Error> {
    let whose = |project: &str, environment: &str| format!("{project} ({environment})");
    let (planned, here) =
        (whose(&plan.project, &plan.environment), whose(&site.project.settings.project.name, &site.environment));
    if plan.v != PLAN_VERSION {
        return Err(Error::BadPlan {
            why: format!("it is of version {}, and this wildcam reads {PLAN_VERSION}", plan.v),
        });
    }
    if planned != here {
        return Err(Error::OtherProject { planned, here });
    }
    if plan.without != site.without {
        let list = |clouds: &BTreeSet<String>| match clouds.is_empty() {
            true => "nothing".to_owned(),
            false => clouds.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        return Err(Error::OtherClouds { planned: list(&plan.without), here: list(&site.without) });
    }
    let state = session.state();
    if plan.state_serial != state.serial || plan.state_digest != state.digest() {
        return Err(Error::Moved { planned: plan.state_serial, now: state.serial });
    }
    Ok(())
}

async fn act_on(
    site: &Site,
    session: &Session<'_>,
    plan: &Plan,
    data_may_go: &BTreeSet<Address>,
    interrupt: &CancellationToken,
    destroys: bool,
) -> Result<Outcome, Error> {
    let nodes = nodes::nodes(plan, &session.state(), data_may_go, destroys).map_err(|why| Error::BadPlan { why })?;
    let digest = serde_json::to_vec(plan).map(|bytes| ledger::sha256(&bytes)).unwrap_or_default();
    let began = Record::Began { who: site.who.clone(), at_ms: site.clock.unix_ms(), plan: digest };
    session.append(vec![began]).await?;
    let stop = interrupt.child_token();
    let worker = Worker::new(site, session, stop.clone(), data_may_go);
    let tally = {
        let work = schedule::Schedule::new(&worker, plan, nodes).run();
        tokio::pin!(work);
        tokio::select! {
            tally = &mut work => tally,
            // What is under way learns that nothing may be written any more, and ends.
            () = session.lost().cancelled_owned() => {
                stop.cancel();
                work.await
            }
        }
    };
    let ending = tally.ending(interrupt);
    // A journal that cannot be written any more says so when it is closed.
    let closed = Record::Closed { at_ms: site.clock.unix_ms(), complete: ending == Ending::Complete };
    let _ = session.append(vec![closed]).await;
    let schedule::Tally { done, failed, skipped, .. } = tally;
    Ok(Outcome { ending, done, failed, skipped, serial: 0, removed: Vec::new() })
}

/// A plan that follows everything that is pending.
fn pending(site: &Site, session: &Session<'_>) -> Plan {
    let state = session.state();
    let is_open = |entry: &Entry| entry.standing != Standing::Ready;
    let standing = state.resources.iter().filter(|(_, entry)| is_open(entry));
    let left =
        state.leftovers.iter().filter_map(|(address, left)| Some((address, left.iter().find(|left| is_open(left))?)));
    let open: BTreeMap<&Address, &Entry> = left.chain(standing).collect();
    let changes = open
        .iter()
        .map(|(address, entry)| {
            let rules = site.type_rules(&address.cloud, &entry.kind);
            // What stands on another pending one waits for it; a pending deletion goes the other way, and reads only.
            let after = entry.needs.iter().filter(|need| open.contains_key(need)).cloned().collect();
            Planned {
                address: (*address).clone(),
                kind: entry.kind.clone(),
                region: entry.region.clone(),
                words: rules.words.clone(),
                action: Action::Resume,
                wanted: Value::Null,
                template: Value::Null,
                after,
                needs: BTreeSet::new(),
                loses: String::new(),
                minutes: rules.minutes,
                usd_month: [0.0, 0.0],
            }
        })
        .collect();
    Plan {
        v: PLAN_VERSION,
        project: state.project.clone(),
        environment: state.environment.clone(),
        made_ms: site.clock.unix_ms(),
        state_serial: state.serial,
        state_digest: String::new(),
        without: site.without.clone(),
        changes,
        unchanged: state.resources.len(),
        drifted: Vec::new(),
        notes: Vec::new(),
    }
}
