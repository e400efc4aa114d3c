use std::time::Duration;

/// A bar with an end time. It draws nothing where no progress is wanted, and vanishes when it is dropped.
pub struct Progress {
    bar: indicatif::ProgressBar,
}

impl Progress {
    pub(super) fn new(bars: &indicatif::MultiProgress, what: &str, steps: u64) -> Self {
        let bar = bars.add(indicatif::ProgressBar::new(steps));
        let style = indicatif::ProgressStyle::with_template("{msg:24} [{bar:30}] {pos}/{len}, {eta} left");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Sets how many steps are done.
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// Sets how many steps there are, where that becomes known on the way.
    pub fn length(&self, steps: u64) {
        self.bar.set_length(steps);
    }

    /// Says what the work is at.
    pub fn message(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
