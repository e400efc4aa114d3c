//! Development tasks of wildcam, run as `cargo xtask TASK`.

mod bench;
mod binary;
mod ci;
mod firmware;
mod generated;
mod machine;
mod peers;
mod program;
mod schemas;
mod static_build;
mod steps;
mod targets;
mod terminal;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use workspace::Workspace;

/// Development tasks of wildcam
#[derive(Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything a change must pass; stops at the first failure
    Ci {
        /// Only these steps, in their own order
        #[arg(value_name = "STEP")]
        only: Vec<String>,
    },
    /// The full enumerations and schedules of which the tests run a part; hours on two cores
    Soak {
        /// Only the tests whose name holds this
        filter: Option<String>,
    },
    /// Install what the tests need from others into the cache folder (WILDCAM_PEERS, else target/peers)
    Peers,
    /// Measure, beside a named peer or the least possible
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Write templates/schemas/ from the providers' own
    Schemas,
    /// Build the static wildcam that goes into the gateway's image
    Static {
        /// Without optimisation: for tests
        #[arg(long)]
        debug: bool,
    },
    /// Write completions/
    Completions,
    /// Write the manual pages into target/man
    Man,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::fail(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), String> {
    let workspace = Workspace::open;
    match task {
        Task::Ci { only } => ci::run(&workspace()?, &only),
        Task::Soak { filter } => ci::soak(&workspace()?, filter.as_deref()),
        // Without asking Cargo: a benchmark starts this program again, and measures its start too.
        Task::Bench(bench) => bench::run(&bench),
        Task::Static { debug } => static_build::build(&workspace()?, debug).map(|_| ()),
        Task::Peers => peers::install_all(&workspace()?),
        Task::Schemas => schemas::run(&workspace()?),
        Task::Completions => generated::write_completions(&workspace()?),
        Task::Man => generated::write_manual(&workspace()?),
    }
}
