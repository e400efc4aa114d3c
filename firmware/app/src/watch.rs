//! Feeds the watchdog while the executor runs, and gives an image up that does not check in.

use embassy_time::{Duration, Instant, Timer, with_timeout};
use wildcam_core::boot;

use crate::{board::Board as _, boards::Chosen, state::State};

const EVERY: Duration = Duration::from_millis(500);

/// An image that no other can replace starts anew once a day: whatever keeps it from its gateways may be in itself, and
/// more would only cost pictures.
const ALONE_MS: u64 = 24 * 3_600_000;

/// How long a picture that is being stored may hold a reset up.
const STORING: Duration = Duration::from_secs(10);

/// Feeds for ever; on trial, until the time for the first check-in is over.
pub(crate) async fn run(state: &'static State) -> ! {
    let trial_ms = state.boot.filter(|entry| entry.state == boot::State::Trying).map(|entry| match entry.reason {
        boot::Reason::Only => ALONE_MS,
        _ => state.plan.get().trial_ms,
    });
    loop {
        Chosen::feed();
        if let Some(trial_ms) = trial_ms
            && !state.checked_in.get()
            && Instant::now().as_millis() > trial_ms
        {
            log::error!("trial: no check-in within {trial_ms} ms");
            // Who has the queue is not in the middle of a picture. A queue that is never free is a reason for a reset too.
            let _queue = with_timeout(STORING, state.queue.lock()).await;
            Chosen::reset(false);
        }
        Timer::after(EVERY).await;
    }
}
