//! `wildcam ci`.

use std::{
    path::{Path, PathBuf},
    process::Command as Process,
};

use serde::Serialize;

use super::{CommandError, CommandResult, Context, Kind};
use crate::{
    deploy::{
        ci_setup::{self, Setup},
        project_file,
    },
    journal::atomic,
    project::{FILE_NAME, Origin, Project},
    ui::{JsonLine, Table},
};

const EXAMPLES: &str = "Examples:
  wildcam ci setup github --repository river-reserve/cameras
  wildcam ci setup github --write";

/// The arguments of `wildcam ci`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Let a CI system plan and deploy without a key of any cloud
    Setup {
        #[command(subcommand)]
        system: System,
    },
}

#[derive(clap::Subcommand)]
enum System {
    /// GitHub Actions: plans on pull requests, deploys on a merge
    Github(Github),
}

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
struct Github {
    /// The repository whose jobs may deploy; default: ci.github, else the remote `origin`
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// The branch whose jobs may deploy; default: ci.branch
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Write the workflow to .github/workflows/wildcam.yml instead of printing it
    #[arg(long)]
    write: bool,
}

#[derive(Serialize)]
struct SetupLine<'a> {
    repository: &'a str,
    branch: &'a str,
    changed: Vec<String>,
    workflow: &'a str,
    written: Option<&'a Path>,
    settings: Vec<SettingLine<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct SettingLine<'a> {
    name: &'a str,
    secret: bool,
    optional: bool,
    holds: &'a str,
}

impl JsonLine for SetupLine<'_> {
    const REASON: &'static str = "ci-setup";
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let Command::Setup { system: System::Github(github) } = &arguments.command;
    let project = context.open_project()?;
    if project.origin == Origin::BuiltInLab {
        return Err(
            CommandError::new(Kind::Usage, format!("there is no {FILE_NAME} here to deploy")).next_step("wildcam init")
        );
    }
    let root = repository_root(&project.dir);
    let repository = repository(github, &project, &root)?;
    let branch = github.branch.clone().unwrap_or_else(|| project.settings.ci.branch.clone());
    let changed = change_project(&project, &repository, &branch, context)?;
    let setup = ci_setup::setup(&project, &folder_below(&root, &project.dir), &branch)
        .map_err(|error| CommandError::of(Kind::Usage, &error))?;
    let written = if github.write { Some(write(&root.join(ci_setup::WORKFLOW_PATH), &setup, context)?) } else { None };
    context.ui.json(&SetupLine {
        repository: &repository,
        branch: &branch,
        changed,
        workflow: &setup.workflow,
        written: written.as_deref(),
        settings: setup
            .settings
            .iter()
            .map(|one| SettingLine { name: &one.name, secret: one.secret, optional: one.optional, holds: &one.holds })
            .collect(),
        notes: &setup.notes,
    });
    say(context, &setup, &repository, &branch, written.as_deref());
    Ok(())
}

/// The folder that holds `.git`, from the project's upwards; the project's own without one.
fn repository_root(dir: &Path) -> PathBuf {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    dir.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&dir).to_owned()
}

fn folder_below(root: &Path, dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let below: Vec<String> = dir
        .strip_prefix(root)
        .map(|below| below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    if below.is_empty() { ".".to_owned() } else { below.join("/") }
}

fn repository(github: &Github, project: &Project, root: &Path) -> Result<String, CommandError> {
    if let Some(named) = github.repository.clone().or_else(|| project.settings.ci.github.clone()) {
        return Ok(named);
    }
    let origin = Process::new("git").arg("-C").arg(root).args(["remote", "get-url", "origin"]).output();
    let address = origin.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    address.and_then(|address| github_name(String::from_utf8_lossy(&address).trim())).ok_or_else(|| {
        CommandError::new(Kind::Usage, "the repository is not known: there is no ci.github and no remote at GitHub")
            .next_step("wildcam ci setup github --repository OWNER/NAME")
    })
}

/// `OWNER/NAME` of an address at GitHub, in each of the forms that git takes.
fn github_name(address: &str) -> Option<String> {
    let forms = ["git@github.com:", "ssh://git@github.com/", "https://github.com/"];
    let rest = forms.iter().find_map(|form| address.strip_prefix(form))?;
    let name = rest.trim_end_matches('/');
    let name = name.strip_suffix(".git").unwrap_or(name);
    (name.split('/').count() == 2).then(|| name.to_owned())
}

/// Shows what changes in wildcam.toml, asks, and writes it. Returns the changed keys.
fn change_project(
    project: &Project,
    repository: &str,
    branch: &str,
    context: &Context,
) -> Result<Vec<String>, CommandError> {
    let failed = |error: project_file::Error| CommandError::of(Kind::Usage, &error).next_step("wildcam project show");
    let edits = ci_setup::edits(project, repository, branch);
    if edits.is_empty() {
        return Ok(Vec::new());
    }
    let (path, text) = project_file::read(project).map_err(failed)?;
    let new = project_file::edited(&text, &path, &edits).map_err(failed)?;
    project_file::check(project, &path, &new).map_err(failed)?;
    context.ui.status(format_args!("{}:", path.display()));
    for line in changed_lines(&text, &new) {
        context.ui.status(format_args!("  {line}"));
    }
    if !context.ui.confirm(&format!("Write this into {}?", path.display()))? {
        return Err(CommandError::new(Kind::Guard, format!("{} was left as it is", path.display())));
    }
    project_file::write(project, &path, &new).map_err(failed)?;
    Ok(edits.iter().map(|edit| edit.path.join(".")).collect())
}

/// The lines that go and come. Edits touch single lines, so what is common at both ends is enough to tell.
fn changed_lines(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let gone = old[head..old.len() - tail].iter().map(|line| format!("- {line}"));
    let come = new[head..new.len() - tail].iter().map(|line| format!("+ {line}"));
    gone.chain(come).collect()
}

fn write(path: &Path, setup: &Setup, context: &Context) -> Result<PathBuf, CommandError> {
    let failed = |message: String| CommandError::new(Kind::Failed, message);
    match std::fs::read_to_string(path) {
        Ok(there) if there == setup.workflow => return Ok(path.to_owned()),
        Ok(_)
            if !context
                .ui
                .confirm(&format!("{} differs from what would be written. Overwrite it?", path.display()))? =>
        {
            return Err(CommandError::new(Kind::Guard, format!("{} was left as it is", path.display())));
        }
        _ => {}
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| failed(format!("the folder {} cannot be made", folder.display())).because(error))?;
    }
    atomic::write(path, setup.workflow.as_bytes())
        .map_err(|error| failed("the workflow cannot be written".to_owned()).because(error))?;
    Ok(path.to_owned())
}

fn say(context: &Context, setup: &Setup, repository: &str, branch: &str, written: Option<&Path>) {
    let ui = &context.ui;
    match written {
        Some(path) => ui.result(format_args!("wrote {}", path.display())),
        // The workflow alone on standard output, so that it can be put into a file.
        None => ui.result(setup.workflow.trim_end()),
    }
    ui.status("");
    ui.status(format_args!("The next wildcam deploy lets jobs of {repository} on {branch} in, and makes for that:"));
    for makes in &setup.makes {
        if makes.what.is_empty() {
            ui.status(format_args!("  {}: nothing; its keys are secrets of the repository", makes.cloud));
        }
        for what in &makes.what {
            ui.status(format_args!("  {}: {what}", makes.cloud));
        }
    }
    ui.status("");
    ui.status("Set in the repository, under Settings, Secrets and variables, Actions:");
    let mut table = Table::new(["", "name", "holds"]);
    for one in &setup.settings {
        let kind = match (one.secret, one.optional) {
            (true, _) => "secret",
            (false, false) => "variable",
            (false, true) => "optional",
        };
        table.row([kind.to_owned(), one.name.clone(), one.holds.clone()]);
    }
    ui.status(&table);
    for note in &setup.notes {
        ui.warn(note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_read_from_each_form_of_address() {
        for address in [
            "git@github.com:river-reserve/cameras.git",
            "https://github.com/river-reserve/cameras",
            "ssh://git@github.com/river-reserve/cameras.git/",
        ] {
            assert_eq!(github_name(address).as_deref(), Some("river-reserve/cameras"), "{address}");
        }
        for other in ["https://example.org/a/b", "https://github.com/a", "", "https://github.com.example/a/b"] {
            assert_eq!(github_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_change_is_shown_by_its_lines() {
        assert_eq!(changed_lines("a\nb\nc\n", "a\nx\nc\n"), ["- b", "+ x"]);
        assert_eq!(changed_lines("a\n", "a\n\n[ci]\n"), ["+ ", "+ [ci]"]);
        assert_eq!(changed_lines("a\na\n", "a\na\na\n"), ["+ a"]);
    }
}
