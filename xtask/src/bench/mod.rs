//! Benchmarks: each compares with a named peer in the same run and prints a ratio, or prints the least possible beside
//! what was measured.

mod delta;
mod deploy;
mod failover;
#[cfg(unix)]
mod flash;
mod gateway;

use std::path::PathBuf;

use crate::workspace::cargo;

/// What a benchmark fails with.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Which benchmark.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Uploads a second through a gateway, beside a client that writes to the same stores itself
    Gateway {
        /// Uploads in each of the rounds
        #[arg(long, default_value_t = 400)]
        uploads: usize,
        /// Uploads at once
        #[arg(long, default_value_t = 16)]
        concurrency: usize,
    },
    /// How soon cameras are back after a cloud is lost
    Failover {
        /// Runs, of which the median is printed
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// One board and four, new and unchanged, beside esptool
    #[cfg(unix)]
    Flash {
        /// Runs, of which the median is printed
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// A patch from one file to another, beside those of detools
    Delta {
        /// The old file
        old: PathBuf,
        /// The new file
        new: PathBuf,
        /// Runs, of which the median is printed
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Plan and deploy beside Terraform or OpenTofu; fails when a bound is missed
    Deploy {
        /// Resources in a project
        #[arg(long, default_value_t = 1000)]
        resources: usize,
        /// Runs, of which the median is printed
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// One process of the bench deploy; started by it
    #[command(hide = true)]
    DeployPart {
        /// What it does
        part: deploy::own::Part,
        /// The project's folder
        folder: PathBuf,
    },
}

pub(crate) fn run(bench: &Bench) -> Result<(), String> {
    if cfg!(debug_assertions) {
        // The load comes from this process, which must not be slower than what it measures.
        let arguments = std::env::args_os().skip(1);
        let mut command = cargo();
        command.args(["run", "--release", "--quiet", "--package", "xtask", "--"]).args(arguments);
        return crate::program::run(&mut command);
    }
    let measured = match bench {
        Bench::Gateway { uploads, concurrency } => {
            release_binary().and_then(|binary| gateway::run(&binary, *uploads, *concurrency))
        }
        Bench::Failover { runs } => release_binary().and_then(|binary| failover::run(&binary, *runs)),
        #[cfg(unix)]
        Bench::Flash { runs } => release_binary().and_then(|binary| flash::run(&binary, *runs)),
        Bench::Delta { old, new, runs } => delta::run(old, new, *runs),
        Bench::Deploy { resources, runs } => {
            release_binary().and_then(|binary| deploy::run(&binary, *resources, *runs))
        }
        Bench::DeployPart { part, folder } => deploy::own::part(*part, folder),
    };
    measured.map_err(|error| error.to_string())
}

/// Builds the program as users run it.
fn release_binary() -> Result<PathBuf, Failure> {
    let status = cargo().args(["build", "--release", "--package", "wildcam"]).status()?;
    if !status.success() {
        return Err("the release build failed".into());
    }
    let name = format!("wildcam{}", std::env::consts::EXE_SUFFIX);
    Ok(std::path::absolute(target_folder().join("release").join(name))?)
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A program that `cargo xtask peers` installed.
fn peer(name: &str, executable: &str) -> Result<PathBuf, Failure> {
    let named = std::env::var_os("WILDCAM_PEERS").filter(|folder| !folder.is_empty());
    let cache = named.map_or_else(|| target_folder().join("peers"), PathBuf::from);
    let path = cache.join(name).join("bin").join(executable);
    if path.is_file() {
        return Ok(std::path::absolute(path)?);
    }
    Err(format!("there is no {}; `cargo xtask peers` installs it", path.display()).into())
}
