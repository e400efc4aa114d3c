//! The supervisor: starts every process of a lab, starts again what ends by itself, makes and undoes faults, and takes
//! everything down. It is the only parent, so when it dies every process sees its standard input close and ends.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Error,
    child::{Process, Recipe},
    faults::{self, LinkControl},
    layout::Layout,
    remote::{FaultState, LabState, ProcessState},
};
use crate::{clock::Clock, drill::experiment::Fault};

/// How long a process may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// A process that ends by itself more often than this stays down, and `lab status` says so.
const RESTARTS: u32 = 5;

/// A running lab.
#[derive(Clone)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

struct Shared {
    layout: Layout,
    folder: PathBuf,
    clock: Clock,
    links: LinkControl,
    inner: Mutex<Inner>,
    /// Cancelled when the lab must go down.
    stop: CancellationToken,
}

struct Inner {
    processes: Vec<Process>,
    faults: BTreeMap<String, ActiveFault>,
}

struct ActiveFault {
    cloud: String,
    fault: Fault,
    until: Instant,
}

impl Supervisor {
    /// Starts the processes in the order of `recipes`, and waits until each is ready.
    ///
    /// # Errors
    /// When one does not start or does not become ready; those already started are gone then.
    pub async fn start(
        recipes: Vec<Vec<Recipe>>,
        layout: Layout,
        folder: &Path,
        executable: &Path,
        clock: Clock,
        links: LinkControl,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs).map_err(|source| Error::File { path: logs.clone(), source })?;
        let mut processes = Vec::new();
        for stage in recipes {
            let from = processes.len();
            for recipe in stage {
                let mut process = Process::new(recipe, executable, &logs);
                process.start()?;
                processes.push(process);
            }
            for process in &mut processes[from..] {
                tokio::select! {
                    ready = ready(process) => ready?,
                    () = stop.cancelled() => return Err(Error::Unknown("more time: it was interrupted".to_owned())),
                }
            }
        }
        let inner = Mutex::new(Inner { processes, faults: BTreeMap::new() });
        let shared = Shared { layout, folder: folder.to_owned(), clock, links, inner, stop };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Watches the processes and the leases until the lab must go down, then takes everything down.
    pub async fn watch(&self) {
        while !self.shared.stop.is_cancelled() {
            tokio::select! {
                () = self.shared.stop.cancelled() => break,
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
            self.restart_what_ended().await;
            self.end_expired_leases().await;
        }
        let mut inner = self.shared.inner.lock().await;
        // Cameras first, so that they do not report the end of the world to their logs.
        for process in inner.processes.iter_mut().rev() {
            process.stop().await;
        }
    }

    /// Asks the lab to go down; [`Supervisor::watch`] returns when it is.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }

    async fn restart_what_ended(&self) {
        let mut inner = self.shared.inner.lock().await;
        for process in &mut inner.processes {
            if process.has_ended() {
                process.restarts += 1;
                tracing::warn!(name = process.recipe.name, "a process ended by itself");
                if process.restarts > RESTARTS || process.start().is_err() {
                    process.held = true;
                }
            }
        }
    }

    async fn end_expired_leases(&self) {
        let now = Instant::now();
        let expired: Vec<String> = {
            let inner = self.shared.inner.lock().await;
            inner.faults.iter().filter(|(_, fault)| fault.until <= now).map(|(id, _)| id.clone()).collect()
        };
        for id in expired {
            tracing::warn!(id, "the lease of a fault ended; it is undone");
            if let Err(error) = self.undo(&id).await {
                tracing::error!(%error, id, "the fault could not be undone; it is tried again");
            }
        }
    }

    /// Makes a fault. Returns its moment on the monotonic clock, in milliseconds.
    ///
    /// # Errors
    /// When there is no such cloud, or its links cannot be reached.
    pub async fn inject(&self, id: &str, cloud: &str, fault: Fault, lease: Duration) -> Result<u64, Error> {
        if !self.shared.layout.clouds.iter().any(|candidate| candidate.name == cloud) {
            return Err(Error::Unknown(format!("cloud {cloud}")));
        }
        let mut inner = self.shared.inner.lock().await;
        let until = Instant::now() + lease;
        let active = ActiveFault { cloud: cloud.to_owned(), fault, until };
        // Known before it is made: should making it fail half way, the lease still undoes it.
        inner.faults.insert(id.to_owned(), active);
        let t0 = self.shared.clock.monotonic();
        if fault == Fault::Kill {
            let ours = |process: &&mut Process| process.recipe.cloud.as_deref() == Some(cloud);
            inner.processes.iter_mut().filter(ours).for_each(Process::kill);
            for process in inner.processes.iter_mut().filter(ours) {
                process.gone().await;
            }
        } else {
            faults::set_links(&self.shared.links, &self.shared.layout, cloud, Some(fault)).await?;
        }
        Ok(u64::try_from(t0.as_millis()).unwrap_or(u64::MAX))
    }

    /// Prolongs a lease.
    ///
    /// # Errors
    /// When there is no such fault.
    pub async fn renew(&self, id: &str, lease: Duration) -> Result<(), Error> {
        let mut inner = self.shared.inner.lock().await;
        let fault = inner.faults.get_mut(id).ok_or_else(|| Error::Unknown(format!("fault {id}")))?;
        fault.until = Instant::now() + lease;
        Ok(())
    }

    /// Undoes a fault; harmless when there is none of that id.
    ///
    /// # Errors
    /// When a process does not start again or links cannot be reached. The fault stays on the list then.
    pub async fn undo(&self, id: &str) -> Result<(), Error> {
        let mut inner = self.shared.inner.lock().await;
        if self.shared.stop.is_cancelled() {
            // The lab goes down and takes its faults with it; nothing may be started any more.
            return Ok(());
        }
        let Some(ActiveFault { cloud, fault, .. }) = inner.faults.get(id) else { return Ok(()) };
        let (cloud, fault) = (cloud.clone(), *fault);
        if fault == Fault::Kill {
            for process in &mut inner.processes {
                if process.recipe.cloud.as_deref() == Some(&cloud) && process.held {
                    process.gone().await;
                    process.start()?;
                    ready(process).await?;
                }
            }
        } else {
            faults::set_links(&self.shared.links, &self.shared.layout, &cloud, None).await?;
        }
        inner.faults.remove(id);
        Ok(())
    }

    /// What runs, and which faults are made.
    pub async fn state(&self) -> LabState {
        let inner = self.shared.inner.lock().await;
        let now = Instant::now();
        LabState {
            folder: self.shared.folder.clone(),
            layout: self.shared.layout.clone(),
            processes: inner
                .processes
                .iter()
                .map(|process| ProcessState {
                    name: process.recipe.name.clone(),
                    cloud: process.recipe.cloud.clone(),
                    pid: process.pid(),
                    port: process.recipe.ready_port,
                    held: process.held,
                    restarts: process.restarts,
                })
                .collect(),
            faults: inner
                .faults
                .iter()
                .map(|(id, fault)| FaultState {
                    id: id.clone(),
                    cloud: fault.cloud.clone(),
                    fault: fault.fault,
                    lease_ms: u64::try_from(fault.until.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX),
                })
                .collect(),
        }
    }
}

async fn ready(process: &mut Process) -> Result<(), Error> {
    let Some(port) = process.recipe.ready_port else { return Ok(()) };
    let until = Instant::now() + READY_WITHIN;
    loop {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        if process.has_ended() || Instant::now() >= until {
            return Err(Error::NotReady { name: process.recipe.name.clone(), last_words: process.last_words() });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
