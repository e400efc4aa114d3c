//! Emulated boards: the real firmware in QEMU, with a file as its flash.
//!
//! A board is two processes. One relays: it starts the machine, reads its console, and notes in the ledger what the camera
//! says it did; when the machine ends by itself it is started again on the same flash, as power comes back. The other
//! becomes the machine.

mod console;
mod machine;
mod read_only;
mod rebuilt;

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

pub use machine::become_machine;
pub use read_only::ReadOnly;
pub use rebuilt::at_another_time;

use super::Error;
use crate::{clock::Clock, drill::observation::Journal};
use console::Console;

/// Longest line of a console; a firmware that has lost its mind prints longer ones.
const LONGEST_LINE: usize = 4096;

/// The configuration of an emulated board.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BoardPart {
    /// The camera's name.
    pub name: String,
    /// The emulator.
    pub qemu: PathBuf,
    /// The first flash chip: the boot stage, the board's options, and its eFuses. The machine does not write it.
    pub boot: PathBuf,
    /// The second flash chip: slots, identity, queue.
    pub flash: PathBuf,
    /// The memory card, if there is one.
    #[serde(default)]
    pub card: Option<PathBuf>,
    /// Where it is noted what the camera did.
    pub events: PathBuf,
    /// This configuration, for the process that becomes the machine.
    pub config: PathBuf,
}

/// Runs a board until `stop`; `said` hears each line of its console.
///
/// # Errors
/// When the ledger cannot be opened, or the emulator cannot be started.
pub async fn run(
    part: &BoardPart,
    executable: &std::path::Path,
    clock: &Clock,
    stop: &CancellationToken,
    said: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    let journal = Journal::open(&part.events).map_err(|source| Error::File { path: part.events.clone(), source })?;
    let mut console = Console::new(part.name.clone(), clock.clone(), journal);
    while !stop.is_cancelled() {
        let mut machine = start(part, executable)?;
        said(&format!("power on: {} is process {}", part.name, machine.id().unwrap_or_default()));
        let ended = tokio::select! {
            ended = console.follow(&mut machine, said) => ended,
            () = stop.cancelled() => Ok(()),
        };
        let _ = machine.start_kill();
        let _ = machine.wait().await;
        ended.map_err(|source| Error::File { path: part.events.clone(), source })?;
        tokio::select! {
            () = stop.cancelled() => {}
            // A machine that cannot even start must not fill the disk with its complaints.
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    }
    Ok(())
}

fn start(part: &BoardPart, executable: &std::path::Path) -> Result<Child, Error> {
    Command::new(executable)
        .args(["process", "machine", "--detached", "--config"])
        .arg(&part.config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| Error::Start { name: part.name.clone(), source })
}

impl Console {
    /// Reads until the machine ends.
    async fn follow(&mut self, machine: &mut Child, said: &(dyn Fn(&str) + Sync)) -> std::io::Result<()> {
        let Some(output) = machine.stdout.take() else { return Ok(()) };
        let mut reader = BufReader::with_capacity(LONGEST_LINE, output);
        let mut line = Vec::new();
        loop {
            let bytes = reader.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(());
            }
            let (piece, used) = match memchr::memchr(b'\n', bytes) {
                Some(at) => (&bytes[..at], at + 1),
                None => (bytes, bytes.len()),
            };
            let whole = used > piece.len();
            line.extend_from_slice(&piece[..piece.len().min(LONGEST_LINE - line.len())]);
            reader.consume(used);
            if whole || line.len() == LONGEST_LINE {
                let text = String::from_utf8_lossy(&line);
                said(text.trim_end());
                self.line(text.trim_end())?;
                line.clear();
            }
        }
    }
}
