//! What is about to be done to a board, in the words that a user consents to.

use std::{path::Path, sync::Arc};

use wildcam_core::layout::Layout;

use super::{
    EfusePlan, Error, Firmware, Found, Part, chip_name, efuse, md5,
    record::{self, Unfinished},
};
use crate::board::provision::Provision;

/// A board and what shall be put on it.
pub struct Job {
    /// The board.
    pub found: Found,
    /// The firmware.
    pub firmware: Arc<Firmware>,
    /// The identity to write; `None` keeps the one that is there, or writes none.
    pub provision: Option<Provision>,
    /// A key of its own is to be burnt into the chip's eFuses.
    pub burn: bool,
    /// What will be burnt, once [`Job::plan`] has looked; [`super::run`] burns this and nothing else.
    pub efuses: Option<EfusePlan>,
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
    /// What it is told anew although it keeps its identity; [`Job::plan`] leaves it empty.
    pub changes: Vec<String>,
    /// How many parts an earlier flash with the same firmware had done when it was cut off.
    pub resumes: Option<usize>,
    /// What happens to the eFuses, or what an earlier burn left undone.
    pub efuses: Option<EfusePlan>,
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
            for (name, region) in [("settings", layout.settings), ("trust", layout.trust), ("config", layout.config)] {
                parts.push(Part::blank(name, region));
            }
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
        if self.burn && !description.board.is_some_and(efuse::is_supported) {
            return Err(Error::NoEfuses { board: description.name() });
        }
        let right = match self.firmware.board {
            Some(board) => description.board == Some(board),
            None => description.chip == chip_name(self.firmware.chip_id),
        };
        if !right {
            return Err(Error::WrongChip {
                board: description.name(),
                port: description.port.clone(),
                wanted: chip_name(self.firmware.chip_id),
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
                let camera = held.camera.as_str().to_owned();
                Err(Error::Identity { board: description.name(), consent: camera.clone(), camera: Some(camera) })
            }
            (Some(provision), None) if self.found.unreadable && !(provision.replaces && provision.may_replace) => {
                Err(Error::Identity { board: description.name(), consent: description.mac.clone(), camera: None })
            }
            _ => Ok(()),
        }
    }

    /// What an earlier flash of this board left undone. An identity that it was writing when it was cut off cannot be read,
    /// and nothing is lost with it that was not to be lost then.
    pub(super) fn unfinished(&mut self, journal_folder: &Path) -> Option<Unfinished> {
        let unfinished = record::unfinished(journal_folder, &self.found.device.description().mac);
        if unfinished.as_ref().is_some_and(|state| state.identity.is_some()) {
            self.found.unreadable = false;
        }
        unfinished
    }

    /// What would be done. Asks the board what it holds, and changes nothing.
    ///
    /// # Errors
    /// Those of [`Job::check`] and of the device.
    pub fn plan(&mut self, journal_folder: &Path) -> Result<BoardPlan, Error> {
        let unfinished = self.unfinished(journal_folder);
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
        let ends = self.ends_identity();
        if self.firmware.board.is_none() {
            loses.push("whatever the image covers; wildcam cannot manage this board afterwards".to_owned());
        }
        if let Some(held) = &self.found.held {
            let camera = &held.camera;
            if ends {
                loses.push(format!("the key, counters and waiting pictures of {camera}"));
            } else {
                keeps.push(format!("the identity of {camera}, its settings and the pictures that wait"));
            }
        } else if self.found.unreadable {
            if ends {
                loses.push("an identity that cannot be read: its key, counters and waiting pictures".to_owned());
            } else {
                keeps.push("an identity that cannot be read, its settings and the pictures that wait".to_owned());
            }
        }
        let held = self.found.held.as_ref().filter(|_| !ends).map(|held| held.camera.clone());
        let camera = match &self.provision {
            Some(provision) if writes_identity => Some(provision.assignment.camera.clone()),
            _ => held,
        };
        self.efuses = self.look_at_efuses(journal_folder)?;
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
            changes: Vec::new(),
            resumes,
            efuses: self.efuses,
        })
    }

    fn look_at_efuses(&mut self, journal_folder: &Path) -> Result<Option<EfusePlan>, Error> {
        let begun = record::unfinished_efuses(journal_folder, &self.found.device.description().mac);
        if !self.burn {
            return Ok(begun.map(|begun| EfusePlan::CutOff { block: begun.block }));
        }
        let mut looked = efuse::look(self.found.device.as_mut(), begun);
        while looked.as_ref().is_err_and(Error::may_pass) && self.found.device.recover()?.is_some() {
            looked = efuse::look(self.found.device.as_mut(), begun);
        }
        looked.map(Some)
    }

    /// Whether the board is somebody now and is not afterwards: a new identity replaces that one, or an image of somebody else
    /// comes, which knows nothing of the places where a camera keeps its key and its pictures.
    #[must_use]
    pub fn ends_identity(&self) -> bool {
        self.found.is_somebody() && (self.writes_identity() || self.firmware.board.is_none())
    }

    /// Whether an identity is written: one is to be, and none is there that stays.
    #[must_use]
    pub fn writes_identity(&self) -> bool {
        self.provision.as_ref().is_some_and(|provision| provision.replaces || self.found.held.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        board::{
            Board,
            flash::{FlashFile, record::Journal, record::Record},
            provision::{Assignment, Trust},
        },
        project::Secret,
    };

    fn provision(replaces: bool, may_replace: bool) -> Provision {
        let assignment = Assignment {
            camera: wildcam_core::wire::CameraId::new("ridge-1").unwrap(),
            token: Secret::new(String::new()),
            wifi: None,
            group: String::new(),
        };
        let trust = Trust { online_key: [0; 32], authority: Vec::new(), endpoints: Vec::new(), root: Vec::new() };
        Provision { assignment, trust: Arc::new(trust), replaces, may_replace }
    }

    /// A job for a board where something that cannot be read lies in the place of the identity.
    fn job(folder: &Path, provision: Option<Provision>) -> Job {
        let firmware = Firmware {
            path: "x".into(),
            chip_id: 0xffff,
            board: Some(Board::QemuVirt),
            version: "1".to_owned(),
            build_id: String::new(),
            sha256: "f".to_owned(),
            parts: Vec::new(),
        };
        let device = Box::new(FlashFile::open(&folder.join("a.flash")).unwrap());
        let found = Found { device, held: None, unreadable: true };
        Job { found, firmware: Arc::new(firmware), provision, burn: false, efuses: None }
    }

    #[test]
    fn an_identity_that_cannot_be_read_is_replaced_with_consent_only() {
        let folder = tempfile::tempdir().unwrap();
        for (replaces, may_replace) in [(false, false), (false, true), (true, false)] {
            let error = job(folder.path(), Some(provision(replaces, may_replace))).plan(folder.path()).unwrap_err();
            assert!(error.to_string().contains("holds an identity that cannot be read"), "{error}");
            assert!(error.next_step().contains("--new-identity --allow-data-loss 02:"), "{}", error.next_step());
        }
        let plan = job(folder.path(), Some(provision(true, true))).plan(folder.path()).unwrap();
        assert!(plan.new_identity && plan.loses[0].contains("cannot be read"), "{plan:?}");
        let names: Vec<_> = plan.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["settings", "trust", "config", "queue"], "what belongs to the lost key goes with it");
        // Firmware alone leaves it as it is.
        let plan = job(folder.path(), None).plan(folder.path()).unwrap();
        assert!(!plan.new_identity && plan.keeps[0].contains("cannot be read"), "{plan:?}");
    }

    #[test]
    fn an_identity_that_was_cut_off_while_it_was_written_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut job = job(folder.path(), Some(provision(false, false)));
        let mac = job.found.device.description().mac.clone();
        let (mut journal, _) = Journal::open(folder.path(), "board", &mac).unwrap();
        journal.note(&Record::Begun { firmware: "f".into(), version: "1".into(), at_s: 5 }).unwrap();
        assert!(job.plan(folder.path()).is_err(), "it was not writing an identity yet");
        let (camera, public_key, group) = ("ridge-1".to_owned(), "aa".to_owned(), String::new());
        journal.note(&Record::Identity { camera, public_key, group }).unwrap();
        assert!(job.plan(folder.path()).unwrap().new_identity);
    }
}
