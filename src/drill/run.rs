//! One drill: steady before, the fault, the recovery, the loss while the cloud is down, the way back, the judgement.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    Error,
    environment::{Environment, EnvironmentFacts},
    experiment::{Experiment, Variant},
    loss::{self, Ledger},
    observation::{Line, Observation},
    result::{self, DrillResult, Loss},
    timeline::{Due, Facts, Timeline},
    undo::{OpenFault, UndoLog},
};
use crate::{clock::Clock, data::compare};

/// How a drill is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long the acknowledgement rate is measured before the fault.
    pub before: Duration,
    /// How long the recovery may take before the drill gives up waiting. The objective still decides the verdict.
    pub patience: Duration,
    /// How long the stores may take to hold the same objects after the cloud is back.
    pub converge_within: Duration,
    /// The lease of each fault. It is renewed at a third of this.
    pub lease: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            before: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            converge_within: Duration::from_secs(60),
            lease: Duration::from_secs(30),
        }
    }
}

/// What happens, for whoever draws it.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The acknowledgement rate before the fault is being measured.
    MeasuringBefore,
    /// The fault was made.
    FaultMade {
        /// The cloud it hits.
        cloud: String,
    },
    /// A phase is over.
    PhaseOver(result::Phase),
    /// Every confirmed picture is being read from the survivors.
    JudgingLoss {
        /// How many were confirmed.
        acked: u64,
    },
    /// The fault was undone; the stores are given time to become the same.
    CloudBack,
    /// All stores hold the same objects.
    Converged,
}

/// Everything that a drill works with.
pub struct Drill<'a, E> {
    /// Where it runs.
    pub environment: &'a mut E,
    /// The undo records.
    pub undo: &'a mut UndoLog,
    /// The time.
    pub clock: &'a Clock,
    /// Ctrl-C.
    pub interrupt: &'a CancellationToken,
    /// Told what happens.
    pub listener: &'a mut (dyn FnMut(Progress) + Send),
    /// How it is run.
    pub settings: Settings,
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

impl<E: Environment> Drill<'_, E> {
    /// Runs one variant. The ledger goes on from variant to variant of one environment.
    ///
    /// # Errors
    /// When the environment fails, or the user interrupts. In each case the fault was undone, or its undo record is
    /// still open.
    pub async fn run(
        &mut self,
        experiment: &Experiment,
        variant: &Variant,
        run: &str,
        ledger: &mut Ledger,
    ) -> Result<DrillResult, Error> {
        let facts = self.environment.facts();
        let cloud = choose_cloud(&facts, variant)?;
        let started_at = self.clock.timestamp();

        (self.listener)(Progress::MeasuringBefore);
        let before = self.watch_before(&cloud, ledger).await?;
        let rate_before = before.rate;

        let id = format!("{run}-{}", variant.name);
        self.undo.before(OpenFault {
            id: id.clone(),
            environment: self.environment.address(),
            cloud: cloud.clone(),
            fault: variant.fault,
            at: self.clock.timestamp(),
        })?;
        let measured = self.with_fault(&id, &cloud, variant, &facts, before, ledger).await;
        self.environment.undo(&id).await?;
        self.undo.undone(&id)?;
        let (timeline, acked_around, mut loss, lost) = measured?;
        (self.listener)(Progress::CloudBack);

        let converged = self.wait_for_convergence(ledger).await?;
        loss.recovered = loss::recovered(ledger, &lost, &self.environment.stores()).await;

        let objectives = &experiment.objectives;
        let (verdict, reasons) = result::judge(objectives, timeline.rta_ms(), &loss, acked_around, converged);
        Ok(DrillResult {
            run: run.to_owned(),
            scenario: scenario_name(experiment, variant),
            environment: facts.name.clone(),
            practice: facts.practice,
            started_at,
            cloud,
            verdict,
            reasons,
            rta_ms: timeline.rta_ms(),
            rto_ms: objectives.rto_s * 1000,
            loss,
            rpo_s: objectives.rpo_s,
            phases: timeline.phases(),
            converged,
            rate_before,
            notes: notes(&facts),
        })
    }

    async fn pause(&self, time: Duration) -> Result<(), Error> {
        tokio::select! {
            () = self.interrupt.cancelled() => Err(Error::Interrupted),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    fn take_observations(&mut self, ledger: &mut Ledger) -> Result<Vec<Line>, Error> {
        let lines = self.environment.observations()?;
        lines.iter().for_each(|line| ledger.note(line));
        Ok(lines)
    }

    /// Measures the rate, and learns what was due when.
    async fn watch_before(&mut self, cloud: &str, ledger: &mut Ledger) -> Result<Before, Error> {
        let mut before = Before { from_ms: self.now_ms(), ..Before::default() };
        let mut acks = 0_u64;
        let until = tokio::time::Instant::now() + self.settings.before;
        while tokio::time::Instant::now() < until {
            for line in self.take_observations(ledger)? {
                acks += u64::from(line.t_ms >= before.from_ms && matches!(line.what, Observation::Acked { .. }));
                before.note(&line, cloud);
            }
            self.pause(LOOK_EVERY).await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds are far below 2^52")]
        let rate = acks as f64 / self.settings.before.as_secs_f64();
        Ok(Before { rate, ..before })
    }

    async fn with_fault(
        &mut self,
        id: &str,
        cloud: &str,
        variant: &Variant,
        facts: &EnvironmentFacts,
        mut before: Before,
        ledger: &mut Ledger,
    ) -> Result<(Timeline, u64, Loss, Vec<String>), Error> {
        let lease = self.settings.lease;
        let t0_ms = self.environment.inject(id, cloud, variant.fault, lease).await?;
        (self.listener)(Progress::FaultMade { cloud: cloud.to_owned() });
        let mut timeline = Timeline::new(Facts {
            cloud: cloud.to_owned(),
            fault: variant.fault,
            t0_ms,
            rate_before: before.rate,
            cameras: facts.cameras,
            watch: facts.watch,
            due: before.due(facts),
        });
        let started = tokio::time::Instant::now();
        let mut renewed = started;
        let mut told = HashSet::new();
        while started.elapsed() < self.settings.patience {
            let answers = self.environment.answers().await;
            timeline.answered(self.now_ms(), &answers);
            for line in self.take_observations(ledger)? {
                timeline.note(&line);
                // What began before the fault is often noted only after it.
                if line.began_ms() < t0_ms {
                    before.note(&line, cloud);
                }
            }
            timeline.due(before.due(facts));
            let steady = before.rate > 0.0 && timeline.steady_at(self.now_ms());
            for phase in timeline.phases().into_iter().filter(|phase| phase.ms.is_some()) {
                if told.insert(phase.name.clone()) {
                    (self.listener)(Progress::PhaseOver(phase));
                }
            }
            if steady || (before.rate <= 0.0 && started.elapsed() >= self.settings.before) {
                break;
            }
            if renewed.elapsed() > lease / 3 {
                self.environment.renew(id, lease).await?;
                renewed = tokio::time::Instant::now();
            }
            self.pause(LOOK_EVERY).await?;
        }
        // The lease must outlast the reading of all pictures.
        self.environment.renew(id, lease.saturating_mul(4)).await?;
        let acked_around = ledger.acked_since(before.from_ms);
        (self.listener)(Progress::JudgingLoss { acked: ledger.acked_since(0) });
        let survivors: Vec<_> = self.environment.stores().into_iter().filter(|(name, _)| name != cloud).collect();
        let (loss, lost) = loss::assess(ledger, &survivors, t0_ms).await;
        Ok((timeline, acked_around, loss, lost))
    }

    /// Waits until every acknowledged object is in all stores. Cameras go on sending meanwhile, so the stores are
    /// compared for what was acknowledged a little while ago.
    async fn wait_for_convergence(&mut self, ledger: &mut Ledger) -> Result<bool, Error> {
        let stores = self.environment.stores();
        let cut_ms = self.clock.unix_ms();
        let until = tokio::time::Instant::now() + self.settings.converge_within;
        loop {
            self.take_observations(ledger)?;
            if let Ok(differences) = compare::stores(&stores).await
                && differences.sizes.is_empty()
                && differences.missing.keys().all(|key| is_later(key, cut_ms))
            {
                (self.listener)(Progress::Converged);
                return Ok(true);
            }
            if tokio::time::Instant::now() >= until {
                return Ok(false);
            }
            self.pause(Duration::from_millis(500)).await?;
        }
    }
}

/// Whether an object was made after `cut_ms`, by the ULID in its key: those are still on their way.
fn is_later(key: &str, cut_ms: u64) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    ulid::Ulid::from_string(stem).is_ok_and(|ulid| ulid.timestamp_ms() > cut_ms)
}

/// What was seen before the fault.
#[derive(Default)]
struct Before {
    rate: f64,
    from_ms: u64,
    last_probe_ms: Option<u64>,
    probes: u64,
    last_picture_ms: BTreeMap<String, u64>,
    last_report_ms: BTreeMap<String, u64>,
}

impl Before {
    fn note(&mut self, line: &Line, cloud: &str) {
        match &line.what {
            Observation::Probed { cloud: probed, started_ms, .. } if probed == cloud => {
                self.last_probe_ms = Some(*started_ms);
                self.probes += 1;
            }
            Observation::Queued { camera, .. } => _ = self.last_picture_ms.insert(camera.clone(), line.t_ms),
            Observation::Reported { camera, started_ms, .. } => {
                self.last_report_ms.insert(camera.clone(), *started_ms);
            }
            _ => {}
        }
    }

    fn due(&self, facts: &EnvironmentFacts) -> Due {
        let next_exchange = |(camera, last): (&String, &u64)| {
            let report = last + facts.report_every_ms;
            let picture = self.last_picture_ms.get(camera).map(|last| last + facts.upload_every_ms);
            picture.map_or(report, |picture| picture.min(report))
        };
        Due {
            probe_ms: self.last_probe_ms.map(|last| last + facts.watch.interval_ms),
            probes_before: self.probes,
            pictures_ms: self.last_picture_ms.values().map(|last| last + facts.upload_every_ms).collect(),
            exchanges_ms: self.last_report_ms.iter().map(next_exchange).collect(),
        }
    }
}

fn choose_cloud(facts: &EnvironmentFacts, variant: &Variant) -> Result<String, Error> {
    let known = || facts.clouds.iter().map(|cloud| cloud.name.as_str()).collect::<Vec<_>>().join(", ");
    let chosen = match &variant.cloud {
        Some(name) => facts.clouds.iter().find(|cloud| &cloud.name == name),
        None => facts.clouds.iter().rev().max_by_key(|cloud| cloud.weight),
    };
    chosen
        .map(|cloud| cloud.name.clone())
        .ok_or_else(|| Error::UnknownCloud { name: variant.cloud.clone().unwrap_or_default(), known: known() })
}

fn scenario_name(experiment: &Experiment, variant: &Variant) -> String {
    if experiment.variants.len() == 1 {
        experiment.scenario.clone()
    } else {
        format!("{}/{}", experiment.scenario, variant.name)
    }
}

fn notes(facts: &EnvironmentFacts) -> Vec<String> {
    let mut notes = Vec::new();
    if facts.practice {
        notes.push("practice, not evidence for real clouds".to_owned());
    }
    if facts.copies < 2 {
        notes.push("copies = 1: there is no protection against the loss of a cloud".to_owned());
    }
    notes
}

/// Writes a run's evidence: the result, the ledger and the report, each whole or not at all.
///
/// # Errors
/// When a file cannot be written.
pub fn keep_evidence(folder: &Path, results: &[DrillResult]) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Environment { what: format!("writing {}", path.display()), source }
    };
    std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
    for (name, text) in [
        ("result.json", serde_json::to_string_pretty(results).unwrap_or_default() + "\n"),
        ("report.html", super::report::html(results)),
    ] {
        let path = folder.join(name);
        crate::journal::atomic::write(&path, text.as_bytes()).map_err(|error| failed(&path)(error.into()))?;
    }
    Ok(())
}
