//! `plan` and `deploy` over the model cloud, each a process of its own that does what the command does: the project
//! file, the templates, the state, the look, the comparison, the words, and the apply with its journal on the disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use tokio_util::sync::CancellationToken;
use wildcam::{
    clock::{Clock, Random},
    cloud::{self, control::ControlPlane},
    deploy::{
        apply::{self, Ending},
        compare::{self, Purpose, Question},
        consent::{self, Consent},
        event::{Event, Listener},
        plan::Plan,
        refresh,
        selector::Scope,
        site::{DEFAULT_ENVIRONMENT, Opening, Site},
        template, words,
    },
    project::{Project, Store},
    ui::{Options, Ui},
};

use super::{
    super::Failure,
    model::{self, KIND, Model},
    process::{self, Ran},
};

const CLOUD: &str = "site";

/// What a process of the bench does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// As `wildcam plan`
    Plan,
    /// As `wildcam deploy --yes`
    Deploy,
}

/// Writes a project whose own template has `count` resources.
pub(super) fn prepare(folder: &Path, count: usize) -> Result<(), Failure> {
    let templates = folder.join("templates/custom");
    fs::create_dir_all(&templates)?;
    let file = "[project]\nname = \"bench\"\n[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n\
                [gateway]\ncopies = 1\n";
    fs::write(folder.join("wildcam.toml"), file)?;
    let mut text = "stack: storage\nresources:\n".to_owned();
    for number in 0..count {
        writeln!(
            text,
            "  n{number:04}:\n    type: {KIND}\n    properties:\n      Name: \"n{number:04}\"\n      Size: {number}\n\
             \x20     Text: one of many"
        )?;
    }
    fs::write(templates.join("storage.yaml"), text)?;
    fs::create_dir_all(folder.join("state"))?;
    Ok(())
}

/// Runs a part as a process.
pub(super) fn measure(part: Part, folder: &Path) -> Result<Ran, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let part = if part == Part::Plan { "plan" } else { "deploy" };
    command.args(["bench", "deploy-part", part]).arg(folder);
    process::measure(&mut command, &folder.join("log"))
}

/// A part, in this process.
pub(crate) fn part(part: Part, folder: &Path) -> Result<(), Failure> {
    let ui = Ui::new(Options { json: false, quiet: false, no_color: true, yes: true });
    ui.status("reading wildcam.toml and the templates");
    let project = Project::load(folder, None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work(part, folder, project, &ui))
}

async fn work(part: Part, folder: &Path, project: Project, ui: &Ui) -> Result<(), Failure> {
    let graph = template::render(&project, DEFAULT_ENVIRONMENT)?;
    let (site, model) = open(folder, project, ui)?;
    let interrupt = CancellationToken::new();
    let state = site.shelf.read().await?.state;
    let seen = refresh::look(&site, &graph, &state, &|_| true, &interrupt).await;
    let plan = compare::plan(&Question {
        graph: &graph,
        state: &state,
        seen: &seen,
        scope: &Scope::default(),
        purpose: Purpose::Deploy,
        now_ms: site.clock.unix_ms(),
        secrets: &site.hashes(&state),
    })?;
    ui.result(words::text(&plan, 100).trim_end());
    match part {
        Part::Plan if plan.changes.is_empty() => Ok(()),
        Part::Plan => Err(format!("{} changes where nothing should differ", plan.changes.len()).into()),
        Part::Deploy => deploy(&site, &model, plan, ui, &interrupt).await,
    }
}

async fn deploy(site: &Site, model: &Model, plan: Plan, ui: &Ui, interrupt: &CancellationToken) -> Result<(), Failure> {
    consent::check(&plan, &Consent::default())?;
    let count = plan.changes.len();
    let outcome = apply::run(site, plan, &BTreeSet::new(), interrupt).await?;
    if outcome.ending != Ending::Complete || outcome.done.len() != count {
        return Err(format!("{} of {count} were made", outcome.done.len()).into());
    }
    model.save()?;
    ui.result(format_args!("Done: {count} created."));
    Ok(())
}

fn open(folder: &Path, project: Project, ui: &Ui) -> Result<(Site, Arc<Model>), Failure> {
    // The state store of a custom cloud in a folder: each object is synced before it has its name.
    let store = Store::Folder { path: folder.join("state") };
    let objects = cloud::objects(CLOUD, &store, &PathBuf::new(), &|_| None, None)?;
    let model = Arc::new(Model::open(CLOUD, &folder.join("cloud.json"), objects)?);
    let plane: Arc<dyn ControlPlane> = Arc::clone(&model) as Arc<dyn ControlPlane>;
    let opening = Opening {
        project,
        without: BTreeSet::new(),
        clock: Clock::system(),
        random: Random::from_os(),
        lookup: Arc::new(|_| None),
        listener: listener(ui),
        who: "the benchmark".to_owned(),
    };
    let mut site = Site::with_planes(opening, BTreeMap::from([(CLOUD.to_owned(), plane)]))?;
    site.rules = model::rules;
    Ok((site, model))
}

/// Says what the command says.
fn listener(ui: &Ui) -> Listener {
    let ui = ui.clone();
    Arc::new(move |event| match event {
        Event::Begun { address, words, doing, .. } => {
            ui.status(format_args!("  {address}: {} the {words}", doing.words()));
        }
        Event::Done { address, doing, elapsed } => {
            ui.status(format_args!("  {address}: {} after {:.1} s", doing.past(), elapsed.as_secs_f64()));
        }
        Event::Failed { address, failure, .. } => ui.status(format_args!("  {address}: failed: {failure}")),
        _ => {}
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deployed_has_no_changes_and_what_was_not_has() {
        let folder = tempfile::tempdir().expect("there is room");
        prepare(folder.path(), 5).expect("the project is written");
        assert!(part(Part::Plan, folder.path()).is_err(), "nothing stands yet");
        part(Part::Deploy, folder.path()).expect("all of it is made");
        part(Part::Plan, folder.path()).expect("nothing is to be done");
        let template = folder.path().join("templates/custom/storage.yaml");
        let text = fs::read_to_string(&template).expect("it was written");
        fs::write(&template, text.replace("Size: 3", "Size: 4")).expect("it can be written");
        assert!(part(Part::Plan, folder.path()).is_err(), "one differs");
    }
}
