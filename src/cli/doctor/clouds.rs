//! `wildcam doctor --cloud`: what each cloud says of our credentials, permissions and quotas.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde::Serialize;

use crate::{
    cli::{CommandError, CommandResult, Context, Kind, open::variable},
    cloud::{
        self, Surroundings,
        control::{Finding, Severity},
    },
    project::{Cloud, Project},
    ui::{JsonLine, Table},
};

/// A cloud that does not answer within this is reported as such, and the others are shown.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct FindingLine<'a> {
    cloud: &'a str,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl JsonLine for FindingLine<'_> {
    const REASON: &'static str = "cloud-finding";
}

#[derive(Serialize)]
struct Summary {
    clouds: usize,
    bad: usize,
    warnings: usize,
}

impl JsonLine for Summary {
    const REASON: &'static str = "doctor-cloud";
}

/// Asks all clouds, or one, at once.
pub(super) async fn run(only: Option<&str>, context: &Context) -> CommandResult {
    let project = context.open_project()?;
    let known: Vec<&str> = project.settings.clouds.keys().map(String::as_str).collect();
    if let Some(name) = only.filter(|name| !known.contains(name)) {
        return Err(CommandError::new(Kind::Usage, format!("wildcam.toml has no cloud {}", name.escape_debug()))
            .next_step(format!("wildcam doctor --cloud {}", known.join("|"))));
    }
    let wanted = project.settings.clouds.iter().filter(|(name, _)| only.is_none_or(|only| only == name.as_str()));
    let mut asked: FuturesUnordered<_> =
        wanted.map(|(name, cloud)| async { (name.as_str(), ask(name, cloud, &project, context).await) }).collect();
    let clouds = asked.len();
    context.ui.status(format_args!("asking {clouds} {}", if clouds == 1 { "cloud" } else { "clouds" }));
    let mut findings: Vec<(&str, Finding)> = Vec::new();
    loop {
        tokio::select! {
            answer = asked.next() => match answer {
                Some((name, found)) => findings.extend(found.into_iter().map(|finding| (name, finding))),
                None => break,
            },
            () = context.interrupt.cancelled() => {
                return Err(CommandError::new(Kind::Interrupted, "interrupted; nothing was changed"));
            }
        }
    }
    // The worst first; a stable order within, whichever cloud answered first.
    findings.sort_by(|(a, one), (b, other)| {
        other.severity.cmp(&one.severity).then_with(|| a.cmp(b)).then_with(|| one.subject.cmp(&other.subject))
    });
    show(context, &findings, clouds)
}

async fn ask(name: &str, cloud: &Cloud, project: &Project, context: &Context) -> Vec<Finding> {
    let surroundings = Surroundings {
        name,
        project,
        cloud,
        lookup: Arc::new(variable),
        clock: context.clock.clone(),
        random: context.random.clone(),
    };
    let work = async {
        match cloud::control_plane(&surroundings).await {
            Ok(plane) => plane.check().await,
            Err(failure) => vec![Finding {
                severity: Severity::Bad,
                subject: "control plane".to_owned(),
                message: failure.to_string(),
                next_step: failure.next_step,
            }],
        }
    };
    match tokio::time::timeout(LONGEST, work).await {
        Ok(found) => found,
        Err(_) => vec![Finding {
            severity: Severity::Bad,
            subject: "control plane".to_owned(),
            message: format!("no answer within {} s", LONGEST.as_secs()),
            next_step: Some("look at the provider's status page, then run it again".to_owned()),
        }],
    }
}

fn show(context: &Context, findings: &[(&str, Finding)], clouds: usize) -> CommandResult {
    let ui = &context.ui;
    let mut table = Table::new(["", "cloud", "check", "found"]);
    for (cloud, finding) in findings {
        let sign = match finding.severity {
            Severity::Good => "ok",
            Severity::Warning => "warning",
            Severity::Bad => "bad",
        };
        table.row([sign, cloud, &finding.subject, &finding.message].map(str::to_owned));
        ui.json(&FindingLine { cloud, finding });
    }
    ui.result(&table);
    let mut steps = findings.iter().filter_map(|(cloud, finding)| Some((cloud, finding, finding.next_step.as_ref()?)));
    if let Some(first) = steps.next() {
        ui.result("\nNext:");
        for (cloud, finding, step) in std::iter::once(first).chain(steps) {
            ui.result(format_args!("  {cloud}, {}: {step}", finding.subject));
        }
    }
    let count = |severity| findings.iter().filter(|(_, finding)| finding.severity == severity).count();
    let summary = Summary { clouds, bad: count(Severity::Bad), warnings: count(Severity::Warning) };
    ui.json(&summary);
    match summary.bad {
        0 => Ok(()),
        1 => Err(CommandError::new(Kind::Failed, "1 finding would stop a deploy")),
        bad => Err(CommandError::new(Kind::Failed, format!("{bad} findings would stop a deploy"))),
    }
}
