//! `wildcam process`.

use super::{CommandError, CommandResult, Context, Kind};

/// The arguments of `wildcam process`.
#[derive(clap::Args)]
pub(super) struct Arguments {}

pub(super) async fn run(_arguments: &Arguments, _context: &Context) -> CommandResult {
    Err(CommandError::new(Kind::Failed, "under construction"))
}
