use std::{error::Error, process::ExitCode};

use serde::Serialize;

use super::JsonLine;

/// How a command ended when it did not end well; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something failed: exit code 1.
    Failed,
    /// The command line or the configuration is wrong: exit code 2.
    Usage,
    /// The answer is "no" (an objective missed, a drift found): exit code 3.
    No,
    /// A guard stopped it before anything changed: exit code 4.
    Guard,
    /// It could not be judged (no data, inconclusive): exit code 5.
    CouldNotJudge,
    /// Interrupted, after undoing: exit code 130.
    Interrupted,
}

impl Kind {
    /// The number that the process exits with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::No => 3,
            Self::Guard => 4,
            Self::CouldNotJudge => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> Self {
        Self::from(kind.code())
    }
}

/// What every command returns.
pub type CommandResult = Result<(), CommandError>;

/// Why a command ended without its result: a kind, a message, the causes below it, and a next step.
#[derive(Debug)]
pub struct CommandError {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    next_step: Option<String>,
    report: Option<Box<miette::Report>>,
    silent: bool,
}

impl CommandError {
    /// An error with a message that stands on its own and does not repeat its cause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), next_step: None, report: None, silent: false }
    }

    /// An error whose message points into a file: the line, the caret, the help.
    #[must_use]
    pub fn from_report(kind: Kind, report: miette::Report) -> Self {
        let mut error = Self::new(kind, report.to_string());
        error.report = Some(Box::new(report));
        error
    }

    /// Ends with this kind's exit code and prints nothing more: the result that was printed says it all.
    #[must_use]
    pub fn already_said(kind: Kind) -> Self {
        Self { silent: true, ..Self::new(kind, "") }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        self.causes.extend(chain(Some(source.as_ref())));
        self
    }

    /// An error of an engine module: its message, and its causes below it.
    pub fn of(kind: Kind, error: &dyn Error) -> Self {
        Self { causes: chain(error.source()), ..Self::new(kind, error.to_string()) }
    }

    /// Adds what to do next, a command where one exists.
    #[must_use]
    pub fn next_step(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }

    /// The message and the next step in one line, for a failure that the command goes on after.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let step = self.next_step.as_ref().map(|step| format!("; next: {step}"));
        self.message.clone() + &step.unwrap_or_default()
    }

    /// The kind, which decides the exit code.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    pub(super) fn render(&self, colour: bool) -> String {
        if self.silent {
            return String::new();
        }
        let mut text = String::new();
        if let Some(report) = &self.report {
            let theme =
                if colour { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
            let handler = miette::GraphicalReportHandler::new_themed(theme);
            if handler.render_report(&mut text, report.as_ref().as_ref()).is_err() {
                text = format!("error: {}\n", self.message);
            }
        } else {
            text = format!("error: {}\n", self.message);
        }
        for cause in &self.causes {
            text.push_str(&format!("  because: {cause}\n"));
        }
        if let Some(step) = &self.next_step {
            text.push_str(&format!("  next: {step}\n"));
        }
        text
    }

    pub(super) fn json_line(&self) -> ErrorLine {
        ErrorLine {
            code: self.kind.code(),
            message: self.message.clone(),
            causes: self.causes.clone(),
            next_step: self.next_step.clone(),
        }
    }
}

/// The messages of an error and of everything below it.
fn chain(mut next: Option<&dyn Error>) -> Vec<String> {
    let mut causes = Vec::new();
    while let Some(error) = next {
        causes.push(error.to_string());
        next = error.source();
    }
    causes
}

/// The JSON line of a failure.
#[derive(Serialize)]
pub(super) struct ErrorLine {
    code: u8,
    message: String,
    causes: Vec<String>,
    next_step: Option<String>,
}

impl JsonLine for ErrorLine {
    const REASON: &'static str = "error";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_causes_and_the_next_step() {
        let error = CommandError::new(Kind::Failed, "the lab did not start")
            .because(std::io::Error::other("no free port"))
            .next_step("wildcam lab down");
        assert_eq!(
            error.render(false),
            "error: the lab did not start\n  because: no free port\n  next: wildcam lab down\n"
        );
        assert_eq!(error.kind().code(), 1);
    }
}
