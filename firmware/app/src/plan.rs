//! How often things happen.

/// The intervals of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Between two pictures without motion; 0 for none.
    pub(crate) picture_every_ms: u64,
    /// Between two reports.
    pub(crate) report_every_ms: u64,
    /// How long an image on trial may take until a gateway has taken its first report.
    pub(crate) trial_ms: u64,
    /// Whether the board sleeps deeply when nothing is left to do.
    pub(crate) deep_sleep: bool,
}

impl Plan {
    /// A timelapse of one picture an hour beside what moves, and a report as often.
    pub(crate) const DEFAULT: Self =
        Self { picture_every_ms: 3_600_000, report_every_ms: 3_600_000, trial_ms: 300_000, deep_sleep: true };
}
