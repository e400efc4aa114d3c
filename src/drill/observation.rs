//! What the parts of a fleet noticed, on one clock, in files outside the clouds.
//!
//! Cameras and the failover controller append JSON lines; a drill reads them as they grow. The lines of the cameras are
//! the ledger: they say which picture was acknowledged, and its digests, so that nothing in a cloud has to be believed.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// One line: when, and what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Milliseconds of [`crate::clock::Clock::monotonic`].
    pub t_ms: u64,
    /// What was noticed.
    #[serde(flatten)]
    pub what: Observation,
}

impl Line {
    /// When what was noticed began: a probe or an exchange is noted at its end.
    #[must_use]
    pub fn began_ms(&self) -> u64 {
        match &self.what {
            Observation::Probed { started_ms, .. }
            | Observation::Acked { started_ms, .. }
            | Observation::Reported { started_ms, .. } => *started_ms,
            _ => self.t_ms,
        }
    }
}

/// What can be noticed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Observation {
    /// A camera put a detection into its queue.
    Queued {
        /// The camera.
        camera: String,
        /// The detection.
        ulid: String,
        /// SHA-256 of the picture, in hexadecimal.
        image_sha256: String,
        /// SHA-256 of the event's JSON, in hexadecimal.
        event_sha256: String,
        /// Size of the picture.
        bytes: u32,
    },
    /// A camera began to send a detection (each try is a line).
    Attempted {
        /// The camera.
        camera: String,
        /// The detection.
        ulid: String,
    },
    /// A gateway said "stored".
    Acked {
        /// The camera.
        camera: String,
        /// The detection.
        ulid: String,
        /// The cloud whose gateway said it.
        cloud: String,
        /// In how many stores it said the detection lies.
        copies: u8,
        /// When this try began.
        started_ms: u64,
    },
    /// A gateway took a camera's status report.
    Reported {
        /// The camera.
        camera: String,
        /// The cloud whose gateway took it.
        cloud: String,
        /// When this try began.
        started_ms: u64,
    },
    /// A gateway refused a detection for good.
    Refused {
        /// The camera.
        camera: String,
        /// The detection.
        ulid: String,
        /// The kind of the refusal.
        kind: String,
    },
    /// The controller probed a cloud.
    Probed {
        /// The cloud.
        cloud: String,
        /// When the probe began.
        started_ms: u64,
        /// Whether it was answered well.
        ok: bool,
    },
    /// The first failure in a row.
    FirstFailure {
        /// The cloud.
        cloud: String,
    },
    /// The controller holds the cloud to be down.
    DeclaredDown {
        /// The cloud.
        cloud: String,
        /// Which rule decided.
        rule: String,
    },
    /// The controller holds the cloud to be up again.
    Recovered {
        /// The cloud.
        cloud: String,
    },
    /// New routes are in force, in the register and in the DNS.
    RoutesCommitted {
        /// The fencing epoch.
        epoch: u64,
        /// The sequence number within it.
        seq: u64,
        /// The clouds that traffic is sent to.
        clouds: Vec<String>,
    },
}

/// Appends lines to a file. Each line is one write, so that a reader never sees half of one for long.
pub struct Journal {
    file: File,
}

impl Journal {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::options().create(true).append(true).open(path)? })
    }

    /// Appends a line.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())
    }
}

/// Reads the lines that were added to a set of files since the last look.
pub struct Tail {
    files: Vec<(PathBuf, u64)>,
}

impl Tail {
    /// Follows these files from their beginnings; a file may come later.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: paths.into_iter().map(|path| (path, 0)).collect() }
    }

    /// The new whole lines of all files, in the order of their times.
    ///
    /// # Errors
    /// Those of the file system; a line that is no observation is an error too, because a ledger with a hole proves
    /// nothing.
    pub fn read(&mut self) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for (path, offset) in &mut self.files {
            let mut file = match File::open(&*path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            file.seek(SeekFrom::Start(*offset))?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            let Some(end) = text.iter().rposition(|&byte| byte == b'\n') else { continue };
            for line in text[..end].split(|&byte| byte == b'\n') {
                lines.push(serde_json::from_slice(line)?);
            }
            *offset += end as u64 + 1;
        }
        lines.sort_by_key(|line: &Line| line.t_ms);
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(t_ms: u64) -> Line {
        Line { t_ms, what: Observation::Reported { camera: "cam-1".into(), cloud: "a".into(), started_ms: t_ms - 1 } }
    }

    #[test]
    fn a_tail_sees_each_whole_line_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cameras.jsonl");
        let mut tail = Tail::new([path.clone(), folder.path().join("none.jsonl")]);
        assert!(tail.read().unwrap().is_empty());
        let mut journal = Journal::open(&path).unwrap();
        journal.append(&report(5)).unwrap();
        journal.append(&report(3)).unwrap();
        let times: Vec<u64> = tail.read().unwrap().iter().map(|line| line.t_ms).collect();
        assert_eq!(times, [3, 5]);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"t_ms\":9,").unwrap();
        assert!(tail.read().unwrap().is_empty());
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"\"event\":\"recovered\",\"cloud\":\"a\"}\n")
            .unwrap();
        assert_eq!(tail.read().unwrap()[0].what, Observation::Recovered { cloud: "a".into() });
    }
}
