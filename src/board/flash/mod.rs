//! Putting firmware and an identity on boards.
//!
//! [`find`] talks to every board and sees what it holds, [`Job::plan`] says what would be written, kept and lost, and [`run`]
//! does it: up to eight boards at a time, only the sectors that differ, everything checked by the MD5 that the board makes.
//! A journal per board says what is being done before it is done, so that a flash that was cut off goes on where it was.

mod compare;
mod device;
mod efuse;
mod error;
mod file;
mod image;
mod plan;
mod record;
mod run;
mod serial;

use md5::{Digest as _, Md5};
use wildcam_core::{
    identity::{Form, MAX_RECORD, Record as IdentityRecord},
    layout::{Layout, SECTOR_BYTES},
    wire::CameraId,
};

pub use compare::{Change, differences};
pub use device::{Description, Device, Link, Place, Registers, connect};
pub use efuse::{Begun, EfusePlan, KEY_BLOCKS, block_name, is_supported as burns_efuses};
pub use error::Error;
pub(crate) use file::private;
pub use file::{BANK_BYTES, FlashFile};
pub use image::{Firmware, Part, chip_name};
pub use plan::{BoardPlan, Job, PartPlan};
pub use record::{Record, Unfinished, unfinished, unfinished_efuses};
pub use run::{Event, Flashed, Options, run};

/// How many boards are flashed at the same time: what a hub with its own supply carries.
pub const AT_ONCE: usize = 8;

fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// The identity that a flash holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The camera that the board is.
    pub camera: CameraId,
    /// Its public key.
    pub public_key: [u8; 32],
    /// The record's number.
    pub sequence: u32,
    /// Only the chip can read the rest of it.
    pub sealed: bool,
}

/// A board that was found.
pub struct Found {
    /// The way to its flash.
    pub device: Box<dyn Device>,
    /// Who it is, if anybody.
    pub held: Option<Held>,
    /// Where its identity belongs something lies that cannot be read: a damaged record, or what another program left there.
    /// It may be the only copy of a key, and so it counts as an identity that a new one would replace.
    pub unreadable: bool,
}

impl Found {
    /// Whether a new identity would replace something.
    #[must_use]
    pub fn is_somebody(&self) -> bool {
        self.held.is_some() || self.unreadable
    }

    /// Whether this names the board, as consent to a loss does: the camera that it is, or its address.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        let camera = self.held.as_ref().map(|held| held.camera.as_str());
        camera == Some(name) || self.device.description().mac.eq_ignore_ascii_case(name)
    }
}

/// The newest valid record in the identity region, as its bytes are.
fn newest(region: &mut [u8]) -> Option<Held> {
    let mut newest: Option<Held> = None;
    for sector in region.chunks_mut(SECTOR_BYTES as usize) {
        debug_assert_eq!(sector.len(), MAX_RECORD, "a record fills a sector");
        let Some(record) = IdentityRecord::parse(sector) else { continue };
        let head = record.head();
        if newest.as_ref().is_none_or(|best| head.sequence > best.sequence) {
            newest = Some(Held {
                camera: head.camera.clone(),
                public_key: head.public_key,
                sequence: head.sequence,
                sealed: head.form == Form::Sealed,
            });
        }
    }
    newest
}

/// Reads who a board is, and whether something is there that cannot be read. A blank region costs one question.
fn identity(device: &mut dyn Device) -> Result<(Option<Held>, bool), Error> {
    let Some(layout) = device.description().board.and_then(|_| Layout::of(device.description().flash_bytes)) else {
        return Ok((None, false));
    };
    let region = layout.identity;
    if device.md5(region.offset, region.bytes)? == md5(&vec![0xff; region.bytes as usize]) {
        return Ok((None, false));
    }
    let mut bytes = zeroize::Zeroizing::new(device.read(region.offset, region.bytes)?);
    let held = newest(&mut bytes);
    let unreadable = held.is_none();
    Ok((held, unreadable))
}

fn look(place: &Place, link: Link) -> Result<Found, Error> {
    let mut device = connect(place, link)?;
    let mut there = identity(device.as_mut());
    while there.as_ref().is_err_and(Error::may_pass) && device.recover()?.is_some() {
        there = identity(device.as_mut());
    }
    let (held, unreadable) = there?;
    Ok(Found { device, held, unreadable })
}

/// Talks to the boards at all places at the same time, and says what each is, in their order.
pub fn find(places: &[Place], link: Link) -> Vec<Result<Found, Error>> {
    std::thread::scope(|scope| {
        let looks: Vec<_> = places.iter().map(|place| scope.spawn(move || look(place, link))).collect();
        let ended = |place: &Place| {
            let port = match place {
                Place::Port(port) => port.clone(),
                Place::File(path) => path.display().to_string(),
            };
            Err(Error::Port { port, source: "the thread that talked to it ended".into() })
        };
        places.iter().zip(looks).map(|(place, look)| look.join().unwrap_or_else(|_| ended(place))).collect()
    })
}
