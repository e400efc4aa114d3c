//! The only place that prints.
//!
//! A command's result goes to standard output, everything else to standard error. With `--json` standard output holds
//! JSON lines and nothing else. No progress is drawn under `--quiet`, `--json`, or when standard error is no terminal.

mod failure;
mod hidden;
mod progress;
mod table;

use std::{
    io::{BufRead, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

pub use failure::{CommandError, CommandResult, Kind};
pub use progress::Progress;
pub use table::Table;

/// What the global flags ask of the output.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// `--json`: JSON lines on standard output.
    pub json: bool,
    /// `--quiet`: no progress and no status lines.
    pub quiet: bool,
    /// `--no-color`, or `NO_COLOR` in the environment.
    pub no_color: bool,
    /// `--yes`: ordinary questions are answered with yes. It never consents to loss.
    pub yes: bool,
}

/// Owns the terminal. Clones share it.
#[derive(Clone)]
pub struct Ui {
    options: Options,
    stderr_is_terminal: bool,
    output: Arc<Mutex<()>>,
    bars: indicatif::MultiProgress,
}

/// One machine-readable line: every type that is printed under `--json` implements this, and is made for it.
pub trait JsonLine: Serialize {
    /// The value of `reason`, by which a reader tells lines apart.
    const REASON: &'static str;
    /// The version of the line's shape, `v`. It rises when a field changes its meaning or goes away.
    const VERSION: u32 = 1;
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    reason: &'static str,
    v: u32,
    #[serde(flatten)]
    line: &'a T,
}

impl Ui {
    /// Takes the terminal.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let stderr_is_terminal = std::io::stderr().is_terminal();
        let bars = indicatif::MultiProgress::new();
        if options.quiet || options.json || !stderr_is_terminal {
            bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Self { options, stderr_is_terminal, output: Arc::default(), bars }
    }

    /// Whether standard output holds JSON lines.
    #[must_use]
    pub fn json_wanted(&self) -> bool {
        self.options.json
    }

    /// Whether lines may be coloured.
    #[must_use]
    pub fn colour(&self) -> bool {
        !self.options.no_color && self.stderr_is_terminal
    }

    /// A line of the result, for people. Nothing is printed under `--json`, where [`Ui::json`] speaks.
    pub fn result(&self, line: impl std::fmt::Display) {
        if !self.options.json {
            self.write_stdout(&format!("{line}\n"));
        }
    }

    /// The result exactly as given, without a line end, also under `--json`: for documents such as a schema.
    pub fn document(&self, text: &str) {
        self.write_stdout(text);
    }

    /// A line of the result, for programs. Nothing is printed without `--json`.
    pub fn json<T: JsonLine>(&self, line: &T) {
        if self.options.json {
            let envelope = Envelope { reason: T::REASON, v: T::VERSION, line };
            if let Ok(text) = serde_json::to_string(&envelope) {
                self.write_stdout(&format!("{text}\n"));
            }
        }
    }

    /// Says what is being done, on standard error.
    pub fn status(&self, line: impl std::fmt::Display) {
        if !self.options.quiet && !self.options.json {
            self.write_stderr(&format!("{line}\n"));
        }
    }

    /// Something the user should know although the command goes on.
    pub fn warn(&self, line: impl std::fmt::Display) {
        self.write_stderr(&format!("warning: {line}\n"));
    }

    /// A bar for long work with a known number of steps.
    #[must_use]
    pub fn progress(&self, what: &str, steps: u64) -> Progress {
        Progress::new(&self.bars, what, steps)
    }

    /// Whether ordinary questions are answered with yes, and nobody is asked.
    pub fn says_yes(&self) -> bool {
        self.options.yes
    }

    /// Asks a question that `--yes` may answer.
    ///
    /// # Errors
    /// With [`Kind::Guard`] when there is no terminal to ask on and `--yes` was not given.
    pub fn confirm(&self, question: &str) -> Result<bool, CommandError> {
        if self.options.yes {
            return Ok(true);
        }
        if !self.can_ask() {
            return Err(CommandError::new(Kind::Guard, format!("{question} There is no terminal to ask on"))
                .next_step("run it again with --yes"));
        }
        Ok(matches!(self.ask(&format!("{question} [y/N] "))?.trim(), "y" | "Y" | "yes"))
    }

    /// Asks for a phrase, which `--yes` does not give: for what cannot be undone.
    ///
    /// # Errors
    /// With [`Kind::Guard`] when there is no terminal to ask on. Its next step is `instead`.
    pub fn confirm_typed(&self, question: &str, phrase: &str, instead: &str) -> Result<bool, CommandError> {
        if !self.can_ask() {
            return Err(
                CommandError::new(Kind::Guard, format!("{question} There is no terminal to ask on")).next_step(instead)
            );
        }
        Ok(self.ask(&format!("{question} Type {phrase:?} to do it: "))?.trim() == phrase)
    }

    fn can_ask(&self) -> bool {
        self.stderr_is_terminal && std::io::stdin().is_terminal()
    }

    fn ask(&self, question: &str) -> Result<String, CommandError> {
        self.write_stderr(question);
        let mut answer = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| CommandError::new(Kind::Failed, "the answer could not be read").because(error))?;
        Ok(answer)
    }

    /// Prints why a command ended without its result.
    pub fn failure(&self, error: &CommandError) {
        self.write_stderr(&error.render(self.colour()));
        if self.options.json && !error.is_silent() {
            self.json(&error.json_line());
        }
    }

    // A closed pipe (`wildcam ... | head`) is no error worth a word: the reader has gone.
    fn write_stdout(&self, text: &str) {
        let _turn = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        self.bars.suspend(|| {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        });
    }

    fn write_stderr(&self, text: &str) {
        let _turn = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        self.bars.suspend(|| {
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        });
    }
}
