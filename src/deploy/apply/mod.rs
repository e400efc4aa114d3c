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
    state::{Entry, Record, Standing, State},
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

/// A run: the lease is held from its beginning to its end, so that a plan that is made within it fits.
pub struct Run<'a> {
    site: &'a Site,
    session: Session<'a>,
}

impl<'a> Run<'a> {
    /// Waits for the lease and takes it, seals what earlier runs left, and brings the state stores up to date; they are made
    /// where they are missing. `note` says what for, to those who have to wait: "a deploy".
    ///
    /// # Errors
    /// [`Error::Shelf`].
    pub async fn begin(site: &'a Site, note: &str, interrupt: &CancellationToken) -> Result<Self, Error> {
        let session = site.shelf.begin(&site.who, note, &*site.listener, interrupt).await?;
        Ok(Self { site, session })
    }

    /// The state as it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.session.state().clone()
    }

    /// Follows everything that earlier runs began to its end; a plan is made afterwards.
    ///
    /// # Errors
    /// [`Error::Shelf`].
    pub async fn resume(&self, interrupt: &CancellationToken) -> Result<Outcome, Error> {
        if !self.session.state().is_unsettled() {
            return Ok(Outcome::of_nothing(self.session.state().serial));
        }
        let plan = pending(self.site, &self.session);
        if plan.changes.is_empty() {
            return Ok(Outcome::of_nothing(self.session.state().serial));
        }
        act_on(self.site, &self.session, &plan, &BTreeSet::new(), interrupt, false).await
    }

    /// Applies a plan. `data_may_go` are the resources whose data the person has consented to lose; consent for the plan as
    /// a whole was checked before.
    ///
    /// When `interrupt` is cancelled nothing new is begun, and what is under way is followed to where it is in the journal.
    ///
    /// # Errors
    /// [`Error::Moved`] and the other guards, before anything is done. What cannot be written any more shows when the run
    /// is ended.
    pub async fn apply(
        &self,
        plan: &Plan,
        data_may_go: &BTreeSet<Address>,
        interrupt: &CancellationToken,
    ) -> Result<Outcome, Error> {
        guard(self.site, &self.session, plan)?;
        act_on(self.site, &self.session, plan, data_may_go, interrupt, false).await
    }

    /// As [`Run::apply`], for a plan that deletes everything.
    ///
    /// # Errors
    /// As [`Run::apply`].
    pub async fn destroy(
        &self,
        plan: &Plan,
        data_may_go: &BTreeSet<Address>,
        interrupt: &CancellationToken,
    ) -> Result<Outcome, Error> {
        guard(self.site, &self.session, plan)?;
        act_on(self.site, &self.session, plan, data_may_go, interrupt, true).await
    }

    /// Folds the journal and gives the lease back. Returns the state.
    ///
    /// # Errors
    /// [`Error::Shelf`] when the journal or the fold could not be written: what is durable is there for the next run.
    pub async fn end(self) -> Result<State, Error> {
        Ok(self.session.close().await?)
    }

    /// Ends the run, and removes the state stores where nothing is left and no other environment has its state in them.
    /// Returns the places that were removed.
    ///
    /// # Errors
    /// [`Error::Shelf`]; [`shelf::Error::Remove`] when a state store could not be removed: calling [`remove`] goes on.
    pub async fn end_for_good(self) -> Result<Vec<String>, Error> {
        if !self.session.state().is_empty() || !self.site.without.is_empty() {
            self.session.close().await?;
            return Ok(Vec::new());
        }
        self.session.close_for_good().await?;
        Ok(self.site.shelf.remove_stores().await?)
    }
}

/// Applies a plan that was made before: as [`Run::apply`], in a run of its own.
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
    let run = Run::begin(site, "a deploy", interrupt).await?;
    let outcome = run.apply(&plan, data_may_go, interrupt).await;
    end(run, outcome).await
}

/// Ends a run, whatever came of it.
async fn end(run: Run<'_>, outcome: Result<Outcome, Error>) -> Result<Outcome, Error> {
    let ended = run.end().await;
    let outcome = outcome?;
    Ok(Outcome { serial: ended?.serial, ..outcome })
}

/// Applies a plan that deletes everything, in a run of its own, and removes the state stores when nothing is left and no
/// other environment has its state in them.
///
/// # Errors
/// As [`run`], and [`shelf::Error::Remove`] when a state store could not be removed; calling it again goes on.
pub async fn destroy(
    site: &Site,
    plan: Plan,
    data_may_go: &BTreeSet<Address>,
    interrupt: &CancellationToken,
) -> Result<Outcome, Error> {
    if plan.changes.is_empty() && site.shelf.is_absent().await {
        return Ok(Outcome { removed: site.shelf.remove_stores().await?, ..Outcome::of_nothing(0) });
    }
    let run = Run::begin(site, "a destroy", interrupt).await?;
    match run.destroy(&plan, data_may_go, interrupt).await {
        Ok(outcome) if outcome.ending == Ending::Complete => {
            let serial = run.session.state().serial;
            Ok(Outcome { removed: run.end_for_good().await?, serial, ..outcome })
        }
        other => end(run, other).await,
    }
}

/// Removes what is left of the state stores of a project that was destroyed: a removal that was cut off. Returns the places
/// that were removed; `None` where there is a state, and so a destroy has something to do.
///
/// # Errors
/// [`Error::Shelf`].
pub async fn remove(site: &Site) -> Result<Option<Vec<String>>, Error> {
    if site.shelf.is_absent().await { Ok(Some(site.shelf.remove_stores().await?)) } else { Ok(None) }
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
    let serial = session.state().serial;
    Ok(Outcome { ending, done, failed, skipped, serial, removed: Vec::new() })
}

/// A plan that follows everything that is pending in the clouds that are not left out.
fn pending(site: &Site, session: &Session<'_>) -> Plan {
    let state = session.state();
    let is_open = |entry: &Entry| entry.standing != Standing::Ready;
    let standing = state.resources.iter().filter(|(_, entry)| is_open(entry));
    let left =
        state.leftovers.iter().filter_map(|(address, left)| Some((address, left.iter().find(|left| is_open(left))?)));
    let all = left.chain(standing);
    let open: BTreeMap<&Address, &Entry> = all.filter(|(address, _)| !site.without.contains(&address.cloud)).collect();
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
