//! The command line: one file per command, its arguments beside its run.

mod adopt;
mod applying;
mod build;
mod ci;
mod command;
mod completions;
mod config;
mod configuring;
mod context;
mod deploy;
mod deploying;
mod destroy;
mod detections;
mod doctor;
mod drift;
mod drill;
mod drilling;
mod eject;
mod flags;
mod flash;
mod gateway;
mod help;
mod init;
mod key;
mod lab;
mod monitor;
mod open;
mod ota;
mod pack;
mod plan;
mod process;
mod project;
mod provisioning;
mod quickstart;
mod release;
mod releasing;
mod signing;
mod state;
mod status;
mod token;
mod validate;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use completions::completion_script;
pub use context::Context;

use crate::ui::{CommandError, CommandResult, Kind, Options, Ui};

/// Runs wildlife cameras on several clouds, and measures what losing one costs.
#[derive(Parser)]
#[command(name = "wildcam", version, about, max_term_width = 100, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    global: GlobalArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct GlobalArguments {
    /// The folder that holds wildcam.toml
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    project: Option<PathBuf>,
    /// The environment of wildcam.toml to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    env: Option<String>,
    /// JSON lines on standard output
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// Only results and errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    quiet: bool,
    /// Answer ordinary questions with yes; never consents to loss
    #[arg(long, global = true, help_heading = "Global options")]
    yes: bool,
    /// No colour (also: NO_COLOR)
    #[arg(long, global = true, help_heading = "Global options")]
    no_color: bool,
    /// Say more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Bring three clouds up on this machine, lose one, and see what was lost
    Quickstart(quickstart::Arguments),
    /// Write a wildcam.toml
    Init(init::Arguments),
    /// Show what wildcam.toml means
    Project(project::Arguments),
    /// Show what a deploy would do, what it costs, and what it could destroy
    Plan(plan::Arguments),
    /// Make the clouds hold what wildcam.toml says
    Deploy(deploy::Arguments),
    /// Take down what was deployed
    Destroy(destroy::Arguments),
    /// See whether somebody changed what was deployed
    Drift(drift::Arguments),
    /// Take something that exists into the state
    Adopt(adopt::Arguments),
    /// What wildcam has made
    State(state::Arguments),
    /// Check the templates against the providers' schemas, without a network
    Validate(validate::Arguments),
    /// Write what was deployed as Terraform or CloudFormation: an exit that works
    Eject(eject::Arguments),
    /// Compile the cameras' firmware
    Build(build::Arguments),
    /// Put firmware and an identity on every board that is plugged in
    Flash(flash::Arguments),
    /// Put prebuilt firmware, tokens and endpoint lists into one file, before leaving
    Pack(pack::Arguments),
    /// Whose signatures cameras believe when they are updated
    Key(key::Arguments),
    /// What cameras may be told to run
    Release(release::Arguments),
    /// Show what boards say, with backtraces in functions and lines
    Monitor(monitor::Arguments),
    /// Three small clouds on this machine
    Lab(lab::Arguments),
    /// Break something on purpose and measure the recovery
    Drill(drill::Arguments),
    /// Serve the API that cameras talk to
    Gateway(gateway::Arguments),
    /// List, get and export detections
    Detections(detections::Arguments),
    /// Ask one camera to do one thing, once
    #[command(name = "command")]
    Order(command::Arguments),
    /// Set cameras, and see what they were set to
    Config(config::Arguments),
    /// Tell cameras to run a release, and see how far they are
    Ota(ota::Arguments),
    /// Make a token that enrols a camera or reads detections
    Token(token::Arguments),
    /// What runs, and how it is
    Status(status::Arguments),
    /// Let a CI system deploy without a key of any cloud
    Ci(ci::Arguments),
    /// Check this machine and this project, or with --cloud its clouds
    Doctor(doctor::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Show help: all commands, or one
    Help(help::Arguments),
    /// A part of the lab; started by the lab
    #[command(hide = true)]
    Process(process::Arguments),
}

/// Parses, runs, and says how the process should exit.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command_tree().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are answers, not errors; clap knows which stream each belongs to.
            let _ = error.print();
            return if error.use_stderr() { Kind::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return Kind::Usage.into();
        }
    };
    let global = arguments.global;
    let ui = Ui::new(Options {
        json: global.json,
        quiet: global.quiet,
        no_color: global.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        yes: global.yes,
    });
    context::start_tracing(global.verbose);
    let context = Context::new(ui.clone(), global.project, global.env);
    match run(arguments.command, context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.failure(&error);
            error.kind().into()
        }
    }
}

/// The whole command tree, for completions and manual pages.
#[must_use]
pub fn command_tree() -> clap::Command {
    help::with_groups(Arguments::command())
}

fn run(command: Command, context: Context) -> CommandResult {
    match command {
        Command::Help(arguments) => help::run(&arguments, &context),
        Command::Completions(arguments) => completions::run(&arguments, &context),
        Command::Project(arguments) => project::run(&arguments, &context),
        Command::Init(arguments) => init::run(&arguments, &context),
        Command::Ci(arguments) => ci::run(&arguments, &context),
        Command::Token(arguments) => token::run(&arguments, &context),
        Command::Validate(arguments) => validate::run(&arguments, &context),
        Command::Plan(arguments) => context.block_on(plan::run(&arguments, &context)),
        Command::Deploy(arguments) => context.block_on(deploy::run(&arguments, &context)),
        Command::Destroy(arguments) => context.block_on(destroy::run(&arguments, &context)),
        Command::Drift(arguments) => context.block_on(drift::run(&arguments, &context)),
        Command::Adopt(arguments) => context.block_on(adopt::run(&arguments, &context)),
        Command::State(arguments) => context.block_on(state::run(&arguments, &context)),
        Command::Eject(arguments) => context.block_on(eject::run(&arguments, &context)),
        Command::Build(arguments) => context.block_on(build::run(&arguments, &context)),
        Command::Flash(arguments) => context.block_on(flash::run(&arguments, &context)),
        Command::Pack(arguments) => context.block_on(pack::run(&arguments, &context)),
        Command::Key(arguments) => context.block_on(key::run(&arguments, &context)),
        Command::Release(arguments) => context.block_on(release::run(&arguments, &context)),
        Command::Monitor(arguments) => context.block_on(monitor::run(&arguments, &context)),
        Command::Quickstart(arguments) => context.block_on(quickstart::run(&arguments, &context)),
        Command::Lab(arguments) => context.block_on(lab::run(&arguments, &context)),
        Command::Drill(arguments) => context.block_on(drill::run(&arguments, &context)),
        Command::Gateway(arguments) => context.block_on(gateway::run(&arguments, &context)),
        Command::Config(arguments) => context.block_on(config::run(&arguments, &context)),
        Command::Ota(arguments) => context.block_on(ota::run(&arguments, &context)),
        Command::Order(arguments) => context.block_on(command::run(&arguments, &context)),
        Command::Detections(arguments) => context.block_on(detections::run(&arguments, &context)),
        Command::Status(arguments) => context.block_on(status::run(&arguments, &context)),
        Command::Doctor(arguments) => context.block_on(doctor::run(&arguments, &context)),
        Command::Process(arguments) => context.block_on(process::run(&arguments, &context)),
    }
}
