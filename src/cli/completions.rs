//! `wildcam completions`.

use super::{CommandError, CommandResult, Context, Kind};

/// The arguments of `wildcam completions`.
#[derive(clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments, _context: &Context) -> CommandResult {
    Err(CommandError::new(Kind::Failed, "under construction"))
}
