//! What all acts share: the session, the numbers of operations, when to stop, and following an operation to its end.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    cloud::{
        control::{Address, ControlPlane, Failure, FailureKind, Live, Pending, Step, USUAL_WAIT},
        rules::TypeRules,
    },
    deploy::{
        calls::{About, Leave, Patience, Slot},
        event::{Doing, Event},
        ledger,
        shelf::Session,
        site::Site,
        state::{Act, Entry, Operation, Record, Standing},
    },
};

/// How long an operation may take whose type says nothing.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// No pause between two questions is longer, whatever the provider says.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why an act did not end well.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It failed, and what stands is in the journal.
    Failed(Failure),
    /// How it ended is not known; its intent is in the journal, and the next run looks into it.
    Unclear(Failure),
    /// It was stopped before or between calls; where it is, is in the journal.
    Stopped,
}

/// What every act works with.
pub(super) struct Worker<'a> {
    pub(super) site: &'a Site,
    pub(super) session: &'a Session<'a>,
    /// Cancelled when nothing new may be begun.
    pub(super) stop: CancellationToken,
    pub(super) data_may_go: &'a BTreeSet<Address>,
    numbers: AtomicU64,
    hash_key: String,
}

/// How an operation that was followed ended.
pub(super) enum Followed {
    /// It is done.
    Done { id: String, live: Option<Live> },
    /// It failed for good.
    Failed(Failure),
    /// It failed for a reason that passes: it may be begun again, as a new operation.
    Again(Failure),
    /// The provider does not know its handle any more.
    Forgotten,
    /// It is not known yet.
    Unclear(Failure),
    /// It was left where it is.
    Stopped,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        site: &'a Site,
        session: &'a Session<'a>,
        stop: CancellationToken,
        data_may_go: &'a BTreeSet<Address>,
    ) -> Self {
        let (last, hash_key) = {
            let state = session.state();
            (state.last_operation, state.hash_key.clone())
        };
        Self { site, session, stop, data_may_go, numbers: AtomicU64::new(last), hash_key }
    }

    /// The number and token of a new operation. The number becomes durable with the intent that bears it.
    pub(super) fn operation(&self, address: &Address, act: Act) -> Operation {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let (project, environment) = (&self.site.project.settings.project.name, &self.site.environment);
        let token = ledger::token(&self.hash_key, project, environment, &address.to_string(), number);
        Operation { number, act, token, pending: None, intended: serde_json::Value::Null }
    }

    pub(super) fn plane(&self, cloud: &str) -> Result<&'a dyn ControlPlane, Trouble> {
        self.site.calls.plane(cloud).map_err(Trouble::Failed)
    }

    pub(super) fn rules(&self, address: &Address, kind: &str) -> &'static TypeRules {
        self.site.type_rules(&address.cloud, kind)
    }

    /// Whether a new call may be begun.
    pub(super) fn may_act(&self) -> bool {
        !self.stop.is_cancelled() && self.session.may_act()
    }

    /// Waits for the right to call, and refuses it where nothing new may be begun.
    pub(super) async fn slot(&self, address: &Address) -> Result<Slot, Trouble> {
        if !self.may_act() {
            return Err(Trouble::Stopped);
        }
        tokio::select! {
            slot = self.site.calls.slot(&address.cloud) => if self.may_act() { Ok(slot) } else { Err(Trouble::Stopped) },
            () = self.stop.cancelled() => Err(Trouble::Stopped),
        }
    }

    /// Makes one call that may change something.
    pub(super) async fn act<T>(
        &self,
        about: About<'_>,
        slot: Slot,
        call: BoxFuture<'_, Result<T, Failure>>,
    ) -> Result<T, Failure> {
        // What is under way when a run is stopped goes on to its end; what the lease no longer covers does not.
        let leave = Leave { begin: &|| self.may_act(), go_on: &|| self.session.may_act() };
        self.site.calls.act(about, slot, leave, call).await
    }

    /// Makes records durable. When that fails nothing may be begun any more.
    pub(super) async fn record(&self, records: Vec<Record>) -> Result<(), Trouble> {
        match self.session.append(records).await {
            Ok(()) => Ok(()),
            Err(crate::deploy::shelf::Error::Unwritable { why }) => {
                Err(Trouble::Failed(Failure::new(FailureKind::Invalid, "journal", why)))
            }
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be written; nothing more is begun");
                self.stop.cancel();
                Err(Trouble::Stopped)
            }
        }
    }

    pub(super) async fn ended(&self, address: &Address, entry: Option<Entry>) -> Result<(), Trouble> {
        self.record(vec![Record::Ended { address: address.clone(), entry: entry.map(Box::new) }]).await
    }

    pub(super) fn entry(&self, address: &Address) -> Option<Entry> {
        self.session.state().resources.get(address).cloned()
    }

    pub(super) fn about<'b>(&'b self, address: &'b Address, kind: &'b str) -> About<'b> {
        About { cloud: &address.cloud, kind, stop: &self.stop }
    }

    pub(super) fn waiting(&self, address: &Address, doing: Doing, since: Instant, after: Option<&Failure>) {
        let elapsed = since.elapsed();
        self.site.tell(Event::Waiting { address: address.clone(), doing, elapsed, after: after.cloned() });
    }

    /// Reads a resource.
    pub(super) async fn read(
        &self,
        address: &Address,
        (kind, region, id): (&str, &str, &str),
        patience: Patience,
    ) -> Result<Live, Failure> {
        let plane = self.site.calls.plane(&address.cloud)?;
        self.site
            .calls
            .until(self.about(address, kind), patience, None, &|_| {}, || plane.read(kind, region, id).boxed())
            .await
    }

    /// Asks for the end of an operation until there is one, or its time is over. `changed` hears of a new handle.
    pub(super) async fn follow(
        &self,
        address: &Address,
        doing: Doing,
        first: Pending,
        changed: &(dyn Fn(Pending) -> Vec<Record> + Send + Sync),
    ) -> Result<Followed, Trouble> {
        let plane = self.plane(&address.cloud)?;
        let minutes = self.rules(address, &first.kind).timeout_minutes;
        let timeout = if minutes > 0.0 { Duration::from_secs_f64(minutes.min(1e6) * 60.0) } else { USUAL_TIMEOUT };
        let (started, mut pending, mut troubled) = (Instant::now(), first, None::<Instant>);
        loop {
            let wait = if pending.wait_ms == 0 { USUAL_WAIT } else { Duration::from_millis(pending.wait_ms) };
            tokio::select! {
                () = tokio::time::sleep(wait.min(LONGEST_WAIT)) => {}
                () = self.stop.cancelled() => return Ok(Followed::Stopped),
            }
            let slot = match self.slot(address).await {
                Ok(slot) => slot,
                Err(_) => return Ok(Followed::Stopped),
            };
            let about = self.about(address, &pending.kind);
            let answer = self.act(about, slot, plane.poll(&pending).boxed()).await;
            let failure = match answer {
                Ok(Step::Done { id, live }) => return Ok(Followed::Done { id, live }),
                Ok(Step::Pending(next)) => {
                    troubled = None;
                    if next.handle != pending.handle || next.id != pending.id {
                        self.record(changed(next.clone())).await?;
                    }
                    pending = next;
                    self.waiting(address, doing, started, None);
                    if started.elapsed() > timeout {
                        let message = format!("still under way after {} minutes", timeout.as_secs() / 60);
                        let failure = Failure::new(FailureKind::Unreachable, "operation", message)
                            .next_step("run wildcam deploy again: it goes on waiting where it was");
                        return Ok(Followed::Unclear(failure));
                    }
                    continue;
                }
                Err(failure) => failure,
            };
            match failure.kind {
                FailureKind::NotFound => return Ok(Followed::Forgotten),
                FailureKind::Credentials => return Ok(Followed::Unclear(failure)),
                FailureKind::NotYet | FailureKind::Busy => return Ok(Followed::Again(failure)),
                FailureKind::Throttled | FailureKind::Unavailable | FailureKind::Unreachable => {
                    let since = *troubled.get_or_insert_with(Instant::now);
                    if since.elapsed() > USUAL_TIMEOUT.min(timeout) {
                        return Ok(Followed::Unclear(failure));
                    }
                    let asked = failure.retry_after_ms.unwrap_or(0).min(300_000);
                    pending.wait_ms = (pending.wait_ms.saturating_mul(2)).clamp(1000, 30_000).max(asked);
                    self.waiting(address, doing, started, Some(&failure));
                }
                _ => return Ok(Followed::Failed(failure)),
            }
        }
    }
}

/// An entry under way.
pub(super) fn begun(entry: &Entry, operation: Operation) -> Entry {
    Entry { standing: Standing::Begun(operation), ..entry.clone() }
}
