//! Why a project cannot be used: the file, the line, the caret, and the key that was meant.

use std::{ops::Range, path::PathBuf};

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::mask;

/// Why a project cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// There is no wildcam.toml where one was asked for.
    #[error("there is no {}", path.display())]
    #[diagnostic(help("wildcam init"))]
    NotFound {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than a project file can be.
    #[error("{} is larger than 1 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file does not have the environment that was asked for.
    #[error("{} has no environment `{name}`", path.display())]
    NoEnvironment {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// What to do about it.
        #[help]
        help: String,
    },
    /// Something in the file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(Box<Invalid>),
}

/// What is wrong in the file, and where.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{}:{line}: {message}", path.display())]
pub struct Invalid {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    #[source_code]
    shown: NamedSource<String>,
    #[label("{label}")]
    span: SourceSpan,
    label: &'static str,
    /// What to write instead.
    #[help]
    pub help: Option<String>,
}

/// A fault before it is placed in its file.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) label: &'static str,
    pub(super) help: Option<String>,
    pub(super) span: Range<usize>,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), label: "here", help: None, span }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn label(mut self, label: &'static str) -> Self {
        self.label = label;
        self
    }

    /// Places the fault in its file. What may be a pasted secret is masked in the lines that are shown.
    pub(super) fn within(self, text: &str, path: &std::path::Path) -> Error {
        let masked = mask::masked(text);
        let start = self.span.start.min(text.len());
        let line_end = text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| start + end);
        // A span over many lines (a whole table) is shown by its first line.
        let end = self.span.end.clamp(start, line_end);
        let line = text.as_bytes().iter().take(start).filter(|byte| **byte == b'\n').count() + 1;
        Error::Invalid(Box::new(Invalid {
            path: path.to_owned(),
            line,
            message: self.message,
            shown: NamedSource::new(path.display().to_string(), masked),
            span: (start..end).into(),
            label: self.label,
            help: self.help,
        }))
    }
}

/// The name that was most likely meant, if one is near enough to be worth saying.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&written.to_lowercase(), name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
