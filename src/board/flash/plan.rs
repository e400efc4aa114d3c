//! What is about to be done to a board, in the words that a user consents to.

use std::{path::Path, sync::Arc};

use wildcam_core::layout::Layout;

use super::{Error, Firmware, Found, Part, chip_id, chip_name, md5, record};
use crate::board::provision::Provision;

/// A board and what shall be put on it.
pub struct Job {
    /// The board.
    pub found: Found,
    /// The firmware.
    pub firmware: Arc<Firmware>,
    /// The identity to write; `None` keeps the one that is there, or writes none.
    pub provision: Option<Provision>,
}

/// What is planned for a part of the flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartPlan {
    /// Its name.
    pub name: String,
    /// Its first byte.
    pub offset: u32,
    /// Its length.
    pub bytes: u32,
    /// The board holds it already.
    pub same: bool,
}

/// What is planned for a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardPlan {
    /// Chip and address.
    pub board: String,
    /// Where it is.
    pub port: String,
    /// The address alone.
    pub mac: String,
    /// The camera that it is or becomes.
    pub camera: Option<String>,
    /// The firmware's version.
    pub version: String,
    /// The parts, in the order in which they are written.
    pub parts: Vec<PartPlan>,
    /// An identity is written.
    pub new_identity: bool,
    /// What stays.
    pub keeps: Vec<String>,
    /// What is gone afterwards.
    pub loses: Vec<String>,
    /// How many parts an earlier flash with the same firmware had done when it was cut off.
    pub resumes: Option<usize>,
}

impl Job {
    /// The layout of this board's flash; `None` for an image of somebody else.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        self.firmware.board.map(crate::board::Board::layout)
    }

    /// Everything that is written besides the identity.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = self.firmware.parts.clone();
        if let (Some(layout), Some(provision)) = (self.layout(), &self.provision)
            && (provision.replaces || self.found.held.is_none())
        {
            // Counters and pictures belong to the key that they were made with.
            parts.push(Part::blank("settings", layout.settings));
            if provision.replaces {
                parts.push(Part::blank("queue", layout.queue));
            }
        }
        parts
    }

    /// Checks that the firmware is for this board and fits.
    ///
    /// # Errors
    /// [`Error::WrongChip`], [`Error::TooSmall`], [`Error::Identity`].
    pub fn check(&self) -> Result<(), Error> {
        let description = self.found.device.description();
        let right = match self.firmware.board {
            Some(board) => description.board == Some(board),
            None => description.chip == chip_name(self.firmware.chip_id),
        };
        if !right {
            let wanted = self.firmware.board.map_or(self.firmware.chip_id, chip_id);
            return Err(Error::WrongChip {
                board: description.name(),
                port: description.port.clone(),
                wanted: chip_name(wanted),
            });
        }
        let needed = self.firmware.board.map_or(0, crate::board::Board::flash_bytes);
        let needed = self.firmware.parts.iter().map(Part::end).max().unwrap_or(0).max(needed);
        if description.flash_bytes < needed {
            let (board, has_bytes) = (description.name(), description.flash_bytes);
            return Err(Error::TooSmall { board, has_bytes, needed_bytes: needed });
        }
        match (&self.provision, &self.found.held) {
            (Some(provision), Some(held)) if provision.replaces && !provision.may_replace => {
                Err(Error::Identity { board: description.name(), camera: held.camera.as_str().to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// What would be done. Asks the board what it holds, and changes nothing.
    ///
    /// # Errors
    /// Those of [`Job::check`] and of the device.
    pub fn plan(&mut self, journal_folder: &Path) -> Result<BoardPlan, Error> {
        self.check()?;
        let description = self.found.device.description().clone();
        let mut parts = Vec::new();
        for part in self.parts() {
            let bytes = u32::try_from(part.bytes.len()).unwrap_or(u32::MAX);
            let mut there = self.found.device.md5(part.offset, bytes);
            while there.as_ref().is_err_and(Error::may_pass) && self.found.device.recover()?.is_some() {
                there = self.found.device.md5(part.offset, bytes);
            }
            parts.push(PartPlan { name: part.name, offset: part.offset, bytes, same: there? == md5(&part.bytes) });
        }
        let writes_identity = self.writes_identity();
        let (mut keeps, mut loses) = (Vec::new(), Vec::new());
        if self.firmware.board.is_none() {
            loses.push("whatever the image covers; wildcam cannot manage this board afterwards".to_owned());
        } else if let Some(held) = &self.found.held {
            let camera = &held.camera;
            if writes_identity {
                loses.push(format!("the key, counters and waiting pictures of {camera}"));
            } else {
                keeps.push(format!("the identity of {camera}, its settings and the pictures that wait"));
            }
        }
        let held = self.found.held.as_ref().filter(|_| !writes_identity).map(|held| held.camera.clone());
        let camera = match &self.provision {
            Some(provision) if writes_identity => Some(provision.assignment.camera.clone()),
            _ => held,
        };
        let unfinished = record::unfinished(journal_folder, &description.mac);
        let resumes = unfinished.filter(|state| state.firmware == self.firmware.sha256).map(|state| state.parts.len());
        Ok(BoardPlan {
            board: description.name(),
            port: description.port,
            mac: description.mac,
            camera: camera.map(|camera| camera.as_str().to_owned()),
            version: self.firmware.version.clone(),
            parts,
            new_identity: writes_identity,
            keeps,
            loses,
            resumes,
        })
    }

    /// Whether an identity is written: one is to be, and none is there that stays.
    #[must_use]
    pub fn writes_identity(&self) -> bool {
        self.provision.as_ref().is_some_and(|provision| provision.replaces || self.found.held.is_none())
    }
}
