//! `wildcam validate`.

use serde::Serialize;

use super::{CommandError, CommandResult, Context, Kind, deploying};
use crate::{
    deploy::{parity, validate},
    ui::{JsonLine, Table},
};

const EXAMPLES: &str = "Examples:
  wildcam validate                   no network and no account is needed
  wildcam validate --env staging --json
  wildcam validate --parity          what a cloud cannot do like the others";

/// The arguments of `wildcam validate`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Show also what the clouds cannot do alike
    #[arg(long)]
    parity: bool,
}

#[derive(Serialize)]
struct FindingLine<'a> {
    #[serde(flatten)]
    finding: &'a validate::Finding,
}

impl JsonLine for FindingLine<'_> {
    const REASON: &'static str = "finding";
}

#[derive(Serialize)]
struct ValidLine {
    resources: usize,
    findings: usize,
}

impl JsonLine for ValidLine {
    const REASON: &'static str = "validated";
}

#[derive(Serialize)]
struct ParityLine<'a> {
    #[serde(flatten)]
    line: &'a parity::Line,
}

impl JsonLine for ParityLine<'_> {
    const REASON: &'static str = "parity";
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let project = context.open_project()?;
    let graph = deploying::graph(&project)?;
    let findings = validate::check(&graph);
    for finding in &findings {
        context.ui.json(&FindingLine { finding });
        context.ui.result(finding);
    }
    context.ui.json(&ValidLine { resources: graph.resources.len(), findings: findings.len() });
    if arguments.parity {
        let mut table = Table::new(["what the clouds do not do alike", "cloud", "what it does"]);
        for line in parity::report(&project) {
            context.ui.json(&ParityLine { line: &line });
            let mut title = line.title.clone();
            for (cloud, answer) in &line.clouds {
                table.row([std::mem::take(&mut title), cloud.clone(), answer.words.clone()]);
            }
        }
        context.ui.result(table);
    }
    if findings.is_empty() {
        context
            .ui
            .result(format_args!("{} resources agree with the schemas of their providers.", graph.resources.len()));
        return Ok(());
    }
    Err(CommandError::new(Kind::Usage, format!("{} faults in the templates", findings.len())))
}
