//! Feeds the watchdog while the executor runs, and gives an image up that does not check in.

use embassy_time::{Duration, Instant, Timer};
use wildcam_core::boot;

use crate::{board::Board as _, boards::Chosen, state::State};

const EVERY: Duration = Duration::from_millis(500);

/// Feeds for ever; on trial, until the time for the first check-in is over.
pub(crate) async fn run(state: &'static State) -> ! {
    let on_trial = state.boot.is_some_and(|entry| entry.state == boot::State::Trying);
    loop {
        Chosen::feed();
        if on_trial && !state.checked_in.get() && Instant::now().as_millis() > state.plan.trial_ms {
            log::error!("trial: no check-in within {} ms", state.plan.trial_ms);
            Chosen::reset(false);
        }
        Timer::after(EVERY).await;
    }
}
