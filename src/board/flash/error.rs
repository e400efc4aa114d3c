//! Why a board could not be flashed.

use std::{any::Any, path::PathBuf};

pub(super) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a board could not be flashed. Each has a next step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such port.
    #[error("there is no port {port}")]
    Missing {
        /// The port.
        port: String,
    },
    /// Another program has the port.
    #[error("the port {port} is in use{}", holders.as_ref().map(|by| format!(" by {by}")).unwrap_or_default())]
    Busy {
        /// The port.
        port: String,
        /// The programs that have it, where the system tells.
        holders: Option<String>,
    },
    /// This user may not use the port.
    #[error("this user may not use the port {port}")]
    Denied {
        /// The port.
        port: String,
    },
    /// The port could not be used at all.
    #[error("the port {port} cannot be used")]
    Port {
        /// The port.
        port: String,
        /// What the system says.
        source: Source,
    },
    /// No chip's loader answers.
    #[error("nothing on {port} answers as an ESP32 chip in its loader")]
    Silent {
        /// The port.
        port: String,
        /// The last that was tried.
        source: Source,
    },
    /// The link failed; trying again may help.
    #[error("the link to {board} failed")]
    Link {
        /// The board.
        board: String,
        /// What failed.
        source: Source,
    },
    /// The port went away.
    #[error("{board} went away: there is no port {port} any more")]
    Vanished {
        /// The board.
        board: String,
        /// The port that it was on.
        port: String,
    },
    /// Another board answers where this one was.
    #[error("{found} answers on {port}, where {board} was")]
    Exchanged {
        /// The board that was there.
        board: String,
        /// The board that is there.
        found: String,
        /// The port.
        port: String,
    },
    /// What was read back is not what was written, after every try.
    #[error("{part} of {board} does not hold what was written to it")]
    Verify {
        /// The board.
        board: String,
        /// The part of the flash.
        part: String,
    },
    /// The firmware is for another chip.
    #[error("{board} on {port} is no {wanted}")]
    WrongChip {
        /// The board.
        board: String,
        /// The port.
        port: String,
        /// What the firmware is for.
        wanted: String,
    },
    /// The flash is too small.
    #[error("{board} has {has_bytes} bytes of flash, and {needed_bytes} are needed")]
    TooSmall {
        /// The board.
        board: String,
        /// Its flash.
        has_bytes: u32,
        /// What is needed.
        needed_bytes: u32,
    },
    /// An image cannot be used.
    #[error("{} is no firmware that can be flashed: {why}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file cannot be used.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be the flash of an emulated board.
    #[error("{} is no flash file of an emulated board: {why}", path.display())]
    FlashFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The flash already holds an identity, and it may not be lost.
    #[error("{board} {}: a new identity loses its key, its counters and the pictures that wait in it", match camera {
        Some(camera) => format!("is the camera {camera}"),
        None => "holds an identity that cannot be read".to_owned(),
    })]
    Identity {
        /// The board.
        board: String,
        /// What consent names: the camera that it is, or its address when that cannot be read.
        consent: String,
        /// The camera that it is, when that can be read.
        camera: Option<String>,
    },
    /// The identity does not fit, or was read back damaged.
    #[error("the identity of {board} could not be written")]
    Provision {
        /// The board.
        board: String,
        /// Why.
        source: wildcam_core::identity::Error,
    },
    /// Another wildcam flashes this board, or the disk failed.
    #[error("what is done to {board} cannot be noted")]
    Journal {
        /// The board.
        board: String,
        /// Why.
        source: crate::journal::Error,
    },
    /// The board has no eFuses that wildcam can burn.
    #[error("{board} has no eFuses that wildcam burns a key into: it does so on the esp32c3, esp32c6 and esp32s3")]
    NoEfuses {
        /// The board.
        board: String,
    },
    /// The eFuses of a board are such that nothing is burnt; nothing was.
    #[error("no key is burnt into the eFuses of {board}: {why}")]
    EfusesRefused {
        /// The board.
        board: String,
        /// Why not.
        why: &'static str,
    },
    /// A burn was begun and did not come to its end. What it left gives nobody a key that is not whole.
    #[error("burning the eFuses of {board} failed: {why}")]
    EfusesFailed {
        /// The board.
        board: String,
        /// What failed.
        why: &'static str,
    },
    /// A fault of ours.
    #[error("a fault in wildcam ended what was done to {board}: {why}")]
    Fault {
        /// The board.
        board: String,
        /// What the fault said.
        why: String,
    },
    /// The user asked to stop.
    #[error("stopped")]
    Interrupted,
}

impl Error {
    /// Whether another try may succeed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Link { .. } | Self::Silent { .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::Missing { .. } | Self::Denied { .. } | Self::Port { .. } => "wildcam doctor --usb".to_owned(),
            Self::Busy { holders: Some(_), .. } => "end that program, then run the same command".to_owned(),
            Self::Busy { holders: None, .. } => {
                "end the program that has it (a serial monitor, an IDE), then run the same command".to_owned()
            }
            Self::Silent { .. } => "hold the button BOOT while pressing RESET, let go, and run the same command; \
                 if that does not help: wildcam doctor --usb"
                .to_owned(),
            Self::Link { .. } => "use a shorter cable or --baud 115200, and run the same command".to_owned(),
            Self::Vanished { .. } => "plug it in again and run the same command: it goes on where it was".to_owned(),
            Self::Exchanged { .. } => "keep the boards on their ports, and run the same command".to_owned(),
            Self::Verify { .. } => {
                "run the same command; if it fails again, the flash chip is worn or broken".to_owned()
            }
            Self::WrongChip { .. } => "choose the port with --port, or the firmware with --board".to_owned(),
            Self::TooSmall { .. } => "use a board with more flash".to_owned(),
            Self::Image { .. } | Self::File { .. } => "wildcam build --board BOARD".to_owned(),
            Self::FlashFile { .. } => "give --port a file that is not there yet: it is made".to_owned(),
            Self::Identity { consent, camera: Some(_), .. } => {
                format!("--allow-data-loss {consent}, or leave --new-identity out")
            }
            Self::Identity { consent, camera: None, .. } => format!(
                "--new-identity --allow-data-loss {consent}, or --firmware-only to leave what lies there as it is"
            ),
            Self::Provision { .. } => "give shorter names and fewer endpoints".to_owned(),
            Self::Journal { .. } => "end the other wildcam, then run the same command".to_owned(),
            Self::NoEfuses { .. } | Self::EfusesRefused { .. } => {
                "leave --burn-efuses out: the camera works without, and does not seal what it knows".to_owned()
            }
            Self::EfusesFailed { .. } => {
                "use a shorter cable or --baud 115200, and run the same command: it looks at what \
                 was burnt, and goes on with it or takes the next block that is free"
                    .to_owned()
            }
            Self::Fault { .. } => {
                "run the same command: it goes on where it was; if it happens again, report it".to_owned()
            }
            Self::Interrupted => "run the same command again: it goes on where it was".to_owned(),
        }
    }
}

/// What a panic said.
pub(super) fn said_by(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().cloned();
    said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
