//! What a change must pass, cheap steps first, tests last.

use std::process::Command;

use crate::{
    binary, firmware, generated, machine, peers, program, static_build,
    steps::{self, Outcome, Step},
    targets, terminal,
    workspace::Workspace,
};

const STEPS: [Step; 15] = [
    Step { name: "format", about: "rustfmt has nothing to change", work: format },
    Step { name: "completions", about: "completions/ is fresh", work: generated::check_completions },
    Step { name: "clippy", about: "no warning in any target", work: clippy },
    Step { name: "doc", about: "the documentation builds without a warning", work: doc },
    Step {
        name: "bare",
        about: "the camera's crates build without std and without an allocator",
        work: targets::bare_metal,
    },
    Step { name: "peers", about: "what the tests need from others", work: install_peers },
    Step { name: "deny", about: "licences, sources and bans of the dependencies", work: deny },
    Step { name: "windows", about: "the binary compiles for Windows", work: targets::windows },
    Step { name: "release", about: "size and start-up of the release binary", work: binary::release },
    Step { name: "firmware", about: "the boards' firmware, and esptool on it", work: firmware::firmware },
    Step { name: "static", about: "the static program of the gateway's image, for its tests", work: static_program },
    Step { name: "doctests", about: "the examples in the documentation", work: doctests },
    Step { name: "core", about: "the camera's crate with its power-cut flash and its seeded bugs", work: core },
    Step { name: "unit", about: "the tests beside the code", work: unit },
    Step { name: "integration", about: "what a user sees, and the rules of the house", work: integration },
];

/// Runs the steps, or those named.
///
/// # Errors
///
/// The first failure, or an unknown name.
pub(crate) fn run(workspace: &Workspace, only: &[String]) -> Result<(), String> {
    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("there is no step `{unknown}`; the steps are {}", names.join(", ")));
    }
    let wanted = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    steps::run(workspace, &STEPS.iter().filter(wanted).collect::<Vec<_>>())
}

/// Runs the tests with `WILDCAM_SOAK=1`: they then enumerate everything instead of a part.
///
/// # Errors
///
/// The first failure.
pub(crate) fn soak(workspace: &Workspace, filter: Option<&str>) -> Result<(), String> {
    let soaked = |mut command: Command| {
        // Without capture: a soak says which states it has seen.
        command
            .env("WILDCAM_SOAK", "1")
            .args(filter.map(|_| "--no-fail-fast"))
            .arg("--")
            .args(filter)
            .args(["--nocapture", "--include-ignored"]);
        program::run(&mut command)
    };
    soaked(core_tests(workspace))?;
    soaked(workspace.cargo(&["test", "--locked", "--workspace", "--lib", "--bins", "--tests"]))
}

fn done(mut command: Command) -> Result<Outcome, String> {
    program::run(&mut command).map(|()| Outcome::Done)
}

fn format(workspace: &Workspace) -> Result<Outcome, String> {
    // The boards' programs are a workspace of their own.
    for manifest in ["Cargo.toml", "firmware/Cargo.toml"] {
        program::run(&mut workspace.cargo(&["fmt", "--all", "--check", "--manifest-path", manifest]))?;
    }
    Ok(Outcome::Done)
}

fn clippy(workspace: &Workspace) -> Result<Outcome, String> {
    done(workspace.cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

fn doc(workspace: &Workspace) -> Result<Outcome, String> {
    let mut command = workspace.cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "--deny warnings");
    done(command)
}

fn install_peers(workspace: &Workspace) -> Result<Outcome, String> {
    match peers::install_all(workspace) {
        Ok(()) => Ok(Outcome::Done),
        Err(error) if machine::is_ci() => Err(error),
        Err(error) => Ok(Outcome::Skipped(error)),
    }
}

fn deny(workspace: &Workspace) -> Result<Outcome, String> {
    let program = match peers::install(workspace, &peers::DENY) {
        Ok(program) => program,
        Err(error) if machine::is_ci() => return Err(error),
        Err(error) => return Ok(Outcome::Skipped(error)),
    };
    let mut command = Command::new(program);
    command.current_dir(workspace.root()).args(["--workspace", "--locked", "check", "bans", "licenses", "sources"]);
    done(command)
}

fn static_program(workspace: &Workspace) -> Result<Outcome, String> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Skipped("the gateway's image is built on Linux".to_owned()));
    }
    static_build::build(workspace, true).map(|_| Outcome::Done)
}

fn doctests(workspace: &Workspace) -> Result<Outcome, String> {
    done(workspace.cargo(&["test", "--locked", "--workspace", "--doc"]))
}

fn core_tests(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo(&["test", "--locked", "--package", "wildcam-core", "--all-targets"]);
    let features = workspace.features("wildcam-core", &["powercut", "mutants"]);
    if features.is_empty() {
        terminal::say("wildcam-core has neither of the features powercut and mutants");
    } else {
        command.arg("--features").arg(features.join(","));
    }
    command
}

fn core(workspace: &Workspace) -> Result<Outcome, String> {
    done(core_tests(workspace))
}

fn unit(workspace: &Workspace) -> Result<Outcome, String> {
    done(workspace.cargo(&["test", "--locked", "--workspace", "--no-fail-fast", "--lib", "--bins"]))
}

fn integration(workspace: &Workspace) -> Result<Outcome, String> {
    // Last, and by itself: the last lines of the run are then a count of tests that is not zero. The tests of
    // wildcam-core are the step `core`: some of them need its features, and cargo refuses them by name without.
    done(workspace.cargo(&["test", "--locked", "--package", "wildcam", "--no-fail-fast", "--test", "*"]))
}
