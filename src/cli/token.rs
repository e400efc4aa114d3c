//! `wildcam token`.

use super::{CommandError, CommandResult, Context, Kind};

/// The arguments of `wildcam token`.
#[derive(clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments, _context: &Context) -> CommandResult {
    Err(CommandError::new(Kind::Failed, "under construction"))
}
