//! Consent to burning eFuses. It cannot be undone, and so `--yes` is none: a phrase is typed, or each board is named, as the loss
//! of a camera is.

use super::{Arguments, CommandError, Context, Kind, failure};
use crate::board::{
    Board,
    flash::{EfusePlan, Error, Found, Job, burns_efuses},
};

/// Refuses what can be known to be senseless before a board is looked at.
pub(super) fn check(arguments: &Arguments) -> Result<(), CommandError> {
    if arguments.burn_efuses && arguments.board == Some(Board::QemuVirt) {
        return Err(CommandError::new(Kind::Usage, "an emulated board has no eFuses to burn")
            .next_step("leave --burn-efuses out: boards of a lab get their sealing key from it"));
    }
    Ok(())
}

/// Refuses a chip whose eFuses wildcam does not know.
pub(super) fn check_board(found: &Found) -> Result<(), CommandError> {
    let description = found.device.description();
    if description.board.is_some_and(burns_efuses) {
        return Ok(());
    }
    Err(failure(&Error::NoEfuses { board: description.name() }))
}

/// What has to be typed for this many boards.
fn phrase(boards: usize) -> String {
    if boards == 1 { "burn 1 board".to_owned() } else { format!("burn {boards} boards") }
}

/// Asks, where eFuses are to be burnt and a board is not named. `None` when nothing had to be asked: the ordinary question is
/// still open then.
pub(super) fn consent(jobs: &[Job], arguments: &Arguments, context: &Context) -> Result<Option<bool>, CommandError> {
    let burns = |job: &&Job| job.efuses.is_some_and(EfusePlan::burns);
    let named = |job: &&Job| arguments.allow_burn.iter().any(|name| job.found.is_named(name));
    let all = jobs.iter().filter(burns).count();
    let open: Vec<&Job> = jobs.iter().filter(burns).filter(|job| !named(job)).collect();
    if open.is_empty() {
        return Ok(None);
    }
    let question = match all {
        1 => "The eFuses of 1 board are burnt as said above, and nothing undoes that.".to_owned(),
        _ => format!("The eFuses of {all} boards are burnt as said above, and nothing undoes that."),
    };
    let mac = |job: &&Job| format!("--allow-burn {}", job.found.device.description().mac);
    let instead = open.iter().map(mac).collect::<Vec<_>>().join(" ");
    context.ui.confirm_typed(&question, &phrase(all), &instead).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phrase_says_how_many() {
        assert_eq!(phrase(1), "burn 1 board");
        assert_eq!(phrase(2), "burn 2 boards");
    }
}
