//! Counts the writes of the journal, whichever store they go to, and strikes at one of them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{sync::Notify, time::Instant};

/// The folder of the registers: not steps of the journal, for they are also written when time passes.
const LEASE: &str = "fleet/registers/deploy.default.lease.json";
const HEAD: &str = "fleet/registers/deploy.default.head.json";

/// When the program is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The write has left the program and reaches no store.
    Before,
    /// The store has it and has not answered.
    After,
}

/// What the program is struck with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGSTOP; the write waits until [`Steps::let_go`], and then reaches the store.
    Stop,
}

/// At which step, when and how the program is struck.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trap {
    pub(crate) step: usize,
    pub(crate) moment: Moment,
    pub(crate) blow: Blow,
}

/// One write that a store has taken.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) cloud: &'static str,
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Inner {
    trap: Option<Trap>,
    process: Option<u32>,
    /// Steps since the trap was set.
    steps: usize,
    struck: bool,
    written: Vec<Written>,
}

/// The steps of one project.
#[derive(Default)]
pub(crate) struct Steps {
    inner: Mutex<Inner>,
    gone_on: Notify,
}

/// Whether a write is a step: of the journal, of a fold, or of the register that names the fold.
fn is_step(key: &str) -> bool {
    key.starts_with("deploy/default/journal/") || key.starts_with("deploy/default/state/") || key == HEAD
}

/// Whether a write is one of the lease.
pub(crate) fn is_lease(key: &str) -> bool {
    key == LEASE
}

impl Steps {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts from here, and strikes where the trap says.
    pub(crate) fn set(&self, trap: Option<Trap>) {
        let mut inner = self.lock();
        inner.trap = trap;
        inner.process = None;
        inner.steps = 0;
        inner.struck = false;
    }

    /// Whom to strike.
    pub(crate) fn aim(&self, process: u32) {
        self.lock().process = Some(process);
    }

    /// Steps since the trap was set.
    pub(crate) fn count(&self) -> usize {
        self.lock().steps
    }

    /// Whether the blow has fallen.
    pub(crate) fn has_struck(&self) -> bool {
        self.lock().struck
    }

    /// What the stores have taken, in order.
    pub(crate) fn written(&self) -> Vec<Written> {
        self.lock().written.clone()
    }

    /// Writes that wait since a [`Blow::Stop`] go on.
    pub(crate) fn let_go(&self) {
        self.gone_on.notify_waiters();
    }

    /// A write has arrived; whether the store takes it, and how it is struck afterwards.
    pub(crate) async fn arrive(&self, key: &str) -> (bool, Option<Blow>) {
        let trap = {
            let mut inner = self.lock();
            if !is_step(key) {
                return (true, None);
            }
            inner.steps += 1;
            let steps = inner.steps;
            match inner.trap.filter(|trap| trap.step == steps) {
                Some(trap) => {
                    inner.trap = None;
                    trap
                }
                None => return (true, None),
            }
        };
        match (trap.moment, trap.blow) {
            (Moment::Before, Blow::Kill) => {
                self.strike(Signal::KILL).await;
                (false, None)
            }
            (Moment::Before, Blow::Stop) => {
                let gone_on = self.gone_on.notified();
                self.strike(Signal::STOP).await;
                gone_on.await;
                (true, None)
            }
            (Moment::After, blow) => (true, Some(blow)),
        }
    }

    /// The store has taken a write.
    pub(crate) fn taken(&self, cloud: &'static str, key: &str, body: &[u8]) {
        let written = Written { cloud, key: key.to_owned(), body: body.to_vec(), at: Instant::now() };
        self.lock().written.push(written);
    }

    /// The store is about to answer.
    pub(crate) async fn answering(&self, blow: Option<Blow>) {
        match blow {
            Some(Blow::Kill) => self.strike(Signal::KILL).await,
            Some(Blow::Stop) => {
                let gone_on = self.gone_on.notified();
                self.strike(Signal::STOP).await;
                gone_on.await;
            }
            None => {}
        }
    }

    /// Returns when the process does nothing any more.
    async fn strike(&self, signal: Signal) {
        let process = loop {
            if let Some(process) = self.lock().process {
                break process;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let id = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process id");
        // Before the blow: whoever waits for the end of the process asks right after it.
        self.lock().struck = true;
        kill_process(id, signal).expect("a signal to the program that this test started");
        while !is_still(process) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Whether a process is dead or stopped.
fn is_still(process: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return true };
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    matches!(state, Some('Z' | 'X' | 'T'))
}

/// Lets a stopped process go on.
pub(crate) fn wake(process: u32) {
    let id = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(id, Signal::CONT).expect("a signal to the program that this test started");
}

/// Shared by the stores of a project.
pub(crate) type Shared = Arc<Steps>;
