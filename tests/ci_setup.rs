//! `wildcam ci setup github`: what it writes, checked by actionlint, and what it leaves alone.

#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

#[path = "support/peers.rs"]
mod peers;

const CUSTOM: &str = "\
# Ours.
[project]
name = \"reserve\"   # the name

[clouds.site]
provider = \"custom\"
[clouds.site.store]
endpoint = \"https://store.example:9000\"
access_key = \"env:SITE_ID\"
secret_key = \"env:SITE_SECRET\"

[ci]
branch = \"main\"    # protected
";

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wildcam.toml"), text).unwrap();
    folder
}

fn wildcam(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wildcam")).args(arguments).current_dir(dir).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The workflow of a project that `wildcam init` writes for these clouds.
fn of_clouds(clouds: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    text(&wildcam(folder.path(), &["init", "--name", "reserve", "--clouds", clouds]));
    let setup = ["--yes", "--quiet", "ci", "setup", "github", "--repository", "river-reserve/cameras"];
    text(&wildcam(folder.path(), &setup))
}

/// What actionlint says of a workflow.
fn lint(actionlint: &PathBuf, workflow: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wildcam.yml");
    fs::write(&path, workflow).unwrap();
    // Without the checkers of scripts that some machines have and others have not.
    Command::new(actionlint).args(["-no-color", "-shellcheck=", "-pyflakes="]).arg(path).output().unwrap()
}

/// The scripts of a workflow, by indentation: what stands under each `run:`.
fn scripts(workflow: &str) -> Vec<String> {
    let mut scripts = Vec::new();
    let mut lines = workflow.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((before, first)) = line.split_once("run:") else { continue };
        let depth = before.len() - before.trim_start().len();
        let mut script = first.to_owned();
        while let Some(next) =
            lines.next_if(|next| next.trim().is_empty() || next.len() - next.trim_start().len() > depth + 1)
        {
            script.push_str(next);
            script.push('\n');
        }
        scripts.push(script);
    }
    scripts
}

#[test]
fn every_combination_of_clouds_makes_a_workflow_that_actionlint_accepts() {
    let Some(actionlint) = peers::require("actionlint") else { return };
    for clouds in ["aws", "azure", "gcp", "custom", "aws,azure,gcp", "custom,custom,custom", "aws,aws,custom"] {
        let workflow = of_clouds(clouds);
        let output = lint(&actionlint, &workflow);
        assert!(output.status.success(), "{clouds}: {}\n{workflow}", String::from_utf8_lossy(&output.stdout));
        let broken = workflow.replace("github.event_name == 'push'", "github.event_nam == 'push'");
        assert_ne!(broken, workflow);
        assert!(!lint(&actionlint, &broken).status.success(), "actionlint sees nothing");
    }
}

#[test]
fn no_text_of_others_is_put_into_a_script_and_rights_are_given_where_they_are_used() {
    let workflow = of_clouds("aws,azure,gcp");
    let scripts = scripts(&workflow);
    assert!(scripts.len() >= 8, "{scripts:?}");
    for script in &scripts {
        assert!(!script.contains("${{"), "{script}");
    }
    assert!(!workflow.contains('@') || !workflow.contains("@branch@"), "{workflow}");
    assert!(!workflow.contains("\n  pull_request_target"), "code of strangers would get rights");
    let job = |name: &str| {
        let start = workflow.find(&format!("\n  {name}:\n")).unwrap() + 1;
        let rest = &workflow[start..];
        let next = ["check", "plan", "approve", "deploy"]
            .iter()
            .filter_map(|other| rest[3..].find(&format!("\n  {other}:\n")));
        &rest[..next.min().map_or(rest.len(), |end| end + 3)]
    };
    assert!(workflow.contains("\npermissions: {}\n"));
    for (name, identity, comments) in [("check", false, false), ("plan", true, true), ("deploy", true, false)] {
        assert_eq!(job(name).contains("id-token: write"), identity, "{name}");
        assert_eq!(job(name).contains("pull-requests: write"), comments, "{name}");
        assert!(job(name).contains("persist-credentials: false"), "{name}");
    }
    assert!(!job("check").contains("secrets.") && !job("approve").contains("secrets."));
    assert!(job("plan").contains("github.event.pull_request.head.repo.full_name == github.repository"));
    assert!(job("plan").contains("vars.WILDCAM_AWS_ROLE_PLAN }}") && !job("plan").contains("vars.WILDCAM_AWS_ROLE }}"));
    assert!(
        job("plan").contains("vars.WILDCAM_GCP_ACCOUNT_PLAN }}")
            && job("plan").contains("vars.WILDCAM_AZURE_CLIENT_ID_PLAN }}")
    );
    assert!(job("deploy").contains("AWS_ROLE_ARN: ${{ vars.WILDCAM_AWS_ROLE }}"));
    assert!(job("deploy").contains("cancel-in-progress: false"));
    assert!(job("approve").contains("environment: wildcam"));
    assert!(!job("deploy").contains("environment:"), "the clouds trust the branch's name in the token");
}

#[test]
fn the_file_is_changed_after_consent_alone_and_keeps_its_comments() {
    let folder = folder(CUSTOM);
    let setup = ["ci", "setup", "github", "--repository", "river-reserve/cameras", "--branch", "live"];
    let asked = wildcam(folder.path(), &setup);
    assert_eq!(asked.status.code(), Some(4), "there is no terminal to ask on");
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(said.contains("- branch = \"main\"    # protected") && said.contains("+ github = "), "{said}");
    let read = || fs::read_to_string(folder.path().join("wildcam.toml")).unwrap();
    assert_eq!(read(), CUSTOM);
    let done = wildcam(folder.path(), &[&["--yes"][..], &setup].concat());
    assert!(text(&done).contains("branches: ['live']"));
    let wanted = CUSTOM.replace(
        "branch = \"main\"    # protected\n",
        "branch = \"live\"    # protected\ngithub = \"river-reserve/cameras\"\n",
    );
    assert_eq!(read(), wanted);
    // The second time there is nothing to ask.
    let again = wildcam(folder.path(), &["--json", "ci", "setup", "github"]);
    let line: Value = serde_json::from_str(text(&again).lines().next().unwrap()).unwrap();
    assert_eq!((&line["changed"], &line["repository"]), (&serde_json::json!([]), &"river-reserve/cameras".into()));
    let names: Vec<&str> =
        line["settings"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["WILDCAM_SOURCE", "WILDCAM_REVISION", "SITE_ID", "SITE_SECRET"]);
    assert!(line["workflow"].as_str().unwrap().contains("SITE_SECRET: ${{ secrets.SITE_SECRET }}"));
}

#[test]
fn it_is_written_where_the_repository_begins_and_not_over_what_differs() {
    let repository = tempfile::tempdir().unwrap();
    fs::create_dir(repository.path().join(".git")).unwrap();
    let project = repository.path().join("sites/river");
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("wildcam.toml"), CUSTOM.replace("[ci]", "[ci]\ngithub = \"river-reserve/cameras\""))
        .unwrap();
    let write = ["ci", "setup", "github", "--write"];
    text(&wildcam(&project, &write));
    let path = repository.path().join(".github/workflows/wildcam.yml");
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.contains("working-directory: 'sites/river'"), "{written}");
    text(&wildcam(&project, &write));
    fs::write(&path, "mine: true\n").unwrap();
    assert_eq!(wildcam(&project, &write).status.code(), Some(4));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine: true\n");
    text(&wildcam(&project, &[&["--yes"][..], &write].concat()));
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
}

#[test]
fn what_is_no_repository_is_refused_before_anything_is_written() {
    let folder = folder(CUSTOM);
    let fails = |arguments: &[&str], words: &str| {
        let output = wildcam(folder.path(), &[&["--yes", "ci", "setup", "github"][..], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
        assert_eq!(fs::read_to_string(folder.path().join("wildcam.toml")).unwrap(), CUSTOM);
    };
    fails(&[], "--repository OWNER/NAME");
    fails(&["--repository", "o/n'; echo"], "a GitHub repository is OWNER/NAME");
    fails(&["--repository", "o/n", "--branch", "${{ github.head_ref }}"], "no name of a branch");
}
