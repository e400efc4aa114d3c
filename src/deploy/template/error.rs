//! Why templates do not make a graph: the file, the line, the caret, and what to write instead.

use std::path::PathBuf;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::pasted;

/// Why templates do not make a graph.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// A template or the folder of templates cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file in the folder of templates cannot be taken.
    #[error("{} {what}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
        /// What to do about it.
        #[help]
        help: &'static str,
    },
    /// wildcam.toml does not say what the templates need.
    #[error("wildcam.toml: {message}")]
    Settings {
        /// What is wrong.
        message: String,
        /// What to write.
        #[help]
        help: String,
    },
    /// Something in a template is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(Box<Invalid>),
}

/// What is wrong in a template, and where.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{file}:{line}: {message}")]
pub struct Invalid {
    /// The template.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    #[source_code]
    shown: NamedSource<String>,
    #[label("here")]
    span: SourceSpan,
    /// What to write instead.
    #[help]
    pub help: Option<String>,
}

/// A fault before it is placed in its template.
#[derive(Debug)]
pub(in crate::deploy) struct Fault {
    pub(in crate::deploy) line: u32,
    pub(in crate::deploy) message: String,
    pub(in crate::deploy) help: Option<String>,
}

impl Fault {
    pub(in crate::deploy) fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), help: None }
    }

    pub(in crate::deploy) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Suggests the name that was most likely meant, else lists what there is.
    pub(super) fn meant<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(written, &known) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if known.is_empty() => self,
            None => {
                let more = if known.len() > 12 { ", ..." } else { "" };
                self.help(format!("there is: {}{more}", known[..known.len().min(12)].join(", ")))
            }
        }
    }

    /// Places the fault in its template. What may be a pasted secret is masked in the lines that are shown.
    pub(in crate::deploy) fn within(self, file: &str, text: &str) -> Error {
        let masked = pasted::masked(text);
        let mut start = 0;
        let mut shown = "";
        for (index, line) in masked.split_inclusive('\n').enumerate() {
            shown = line;
            if index + 1 >= usize::try_from(self.line).unwrap_or(usize::MAX) {
                break;
            }
            start += line.len();
        }
        let indent = shown.len() - shown.trim_start().len();
        let length = shown.trim().len();
        let start = (start + indent).min(masked.len());
        Error::Invalid(Box::new(Invalid {
            file: file.to_owned(),
            line: self.line,
            message: self.message,
            span: (start..(start + length).min(masked.len())).into(),
            shown: NamedSource::new(file, masked),
            help: self.help,
        }))
    }
}

/// The name that was most likely meant, if one is near enough to be worth saying.
pub(in crate::deploy) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), *name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// A text from a template, for a message: short and without control characters.
pub(in crate::deploy) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        short.push_str("...");
    }
    short
}
