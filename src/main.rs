//! The wildcam command: parse, run, exit.
use std::process::ExitCode;

fn main() -> ExitCode {
    wildcam::cli::main(std::env::args_os())
}
