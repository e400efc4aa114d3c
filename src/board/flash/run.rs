//! Doing what was planned.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    AT_ONCE, Device, EfusePlan, Error, Job, Part, compare, efuse,
    error::said_by,
    record::{Journal, Record, Unfinished},
};
use crate::{
    board::provision::{self, Registry},
    clock::{Clock, Random},
};

/// How often a part is written anew because the board's MD5 said that it is wrong.
const WRITES: u32 = 3;

/// What flashing needs of its surroundings.
pub struct Options<'a> {
    /// The folder of the journals.
    pub journals: PathBuf,
    /// Where flashed cameras are recorded; `None` when none are (an image of somebody else).
    pub registry: Option<&'a Mutex<Registry>>,
    /// Cancelled when the user asks to stop.
    pub stop: CancellationToken,
    /// The time.
    pub clock: Clock,
    /// Randomness, for keys.
    pub random: Random,
}

/// What is happening to a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part is being written: this much of what differs in all parts is done.
    Progress {
        /// The board.
        board: String,
        /// The part.
        part: String,
        /// Bytes done.
        done: u64,
        /// Bytes to do, as far as it is known.
        total: u64,
    },
    /// A part holds what it should.
    Verified {
        /// The board.
        board: String,
        /// The part.
        part: String,
        /// How much of it had to be written.
        written_bytes: u32,
    },
    /// The link failed, and is tried again in another way.
    Retrying {
        /// The board.
        board: String,
        /// How.
        how: String,
        /// Why.
        why: String,
    },
}

/// A board that was flashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flashed {
    /// Chip and address.
    pub board: String,
    /// The address.
    pub mac: String,
    /// The camera that it is.
    pub camera: Option<String>,
    /// The camera's public key, hexadecimal.
    pub public_key: Option<String>,
    /// An identity was written.
    pub new_identity: bool,
    /// How much was written.
    pub written_bytes: u64,
    /// How much was there already.
    pub same_bytes: u64,
    /// An earlier flash was taken up.
    pub resumed: bool,
    /// What was burnt into its eFuses, or was there.
    pub efuses: Option<EfusePlan>,
    /// How long it took.
    pub took: Duration,
}

/// Flashes all boards, up to eight at a time, and says how each went, in their order.
pub fn run(jobs: Vec<Job>, options: &Options<'_>, listener: &(dyn Fn(Event) + Sync)) -> Vec<Result<Flashed, Error>> {
    let count = jobs.len();
    let waiting: Mutex<VecDeque<(usize, Job)>> = Mutex::new(jobs.into_iter().enumerate().collect());
    let results: Mutex<Vec<Option<Result<Flashed, Error>>>> = Mutex::new((0..count).map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..count.min(AT_ONCE) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((number, mut job)) = next else { return };
                    let board = job.found.device.description().name();
                    // A fault at one board must not end the flash of the others.
                    let result = catch_unwind(AssertUnwindSafe(|| {
                        Run { job: &mut job, options, listener, done: 0, total: 0, same: 0 }.flash()
                    }));
                    let result =
                        result.unwrap_or_else(|panic| Err(Error::Fault { board, why: said_by(panic.as_ref()) }));
                    results.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|result| result.unwrap_or(Err(Error::Interrupted))).collect()
}

struct Run<'a> {
    job: &'a mut Job,
    options: &'a Options<'a>,
    listener: &'a (dyn Fn(Event) + Sync),
    done: u64,
    total: u64,
    same: u64,
}

impl Run<'_> {
    fn board(&self) -> String {
        self.job.found.device.description().name()
    }

    fn flash(mut self) -> Result<Flashed, Error> {
        let begun = self.options.clock.monotonic();
        self.stop_if_asked()?;
        self.job.unfinished(&self.options.journals);
        self.job.check()?;
        let description = self.job.found.device.description().clone();
        let (mut journal, before) = Journal::open(&self.options.journals, &self.board(), &description.mac)?;
        let firmware = self.job.firmware.sha256.clone();
        let resumed = before.as_ref().is_some_and(|state| state.firmware == firmware);
        if !resumed {
            let version = self.job.firmware.version.clone();
            journal.note(&Record::Begun { firmware, version, at_s: self.options.clock.unix_s() })?;
        }
        for part in self.job.parts() {
            let written_bytes = self.part(&part)?;
            journal.note(&Record::Part { name: part.name.clone() })?;
            (self.listener)(Event::Verified { board: self.board(), part: part.name, written_bytes });
        }
        let new_identity = self.job.writes_identity();
        if new_identity {
            self.identity(&mut journal)?;
        }
        self.record(before)?;
        let efuses = self.burn(&mut journal)?;
        self.retrying(|device| device.start())?;
        journal.done()?;
        let held = self.job.found.held.as_ref();
        Ok(Flashed {
            board: self.board(),
            mac: description.mac,
            camera: held.map(|held| held.camera.as_str().to_owned()),
            public_key: held.map(|held| provision::hexadecimal(&held.public_key)),
            new_identity,
            written_bytes: self.done,
            same_bytes: self.same,
            resumed,
            efuses,
            took: self.options.clock.monotonic().saturating_sub(begun),
        })
    }

    fn stop_if_asked(&self) -> Result<(), Error> {
        if self.options.stop.is_cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Does something with the board; when the link fails, does it again over a slower one.
    fn retrying<T>(&mut self, mut work: impl FnMut(&mut dyn Device) -> Result<T, Error>) -> Result<T, Error> {
        loop {
            match work(self.job.found.device.as_mut()) {
                Err(error) if error.may_pass() => {
                    self.stop_if_asked()?;
                    self.recover(error)?;
                }
                other => return other,
            }
        }
    }

    /// Makes the link anew; when there is no way left, returns why it was needed.
    fn recover(&mut self, error: Error) -> Result<(), Error> {
        let mut cause = error;
        loop {
            match self.job.found.device.recover() {
                Ok(Some(how)) => {
                    let why = std::error::Error::source(&cause).map_or_else(|| cause.to_string(), ToString::to_string);
                    (self.listener)(Event::Retrying { board: self.board(), how, why });
                    return Ok(());
                }
                Ok(None) => return Err(cause),
                Err(error) if error.may_pass() => {
                    self.stop_if_asked()?;
                    cause = error;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a part hold what it should. Returns how much had to be written.
    fn part(&mut self, part: &Part) -> Result<u32, Error> {
        let length = u32::try_from(part.bytes.len()).unwrap_or(u32::MAX);
        let mut first_look = None;
        let mut wrong = 0;
        loop {
            self.stop_if_asked()?;
            let tried = self.write_differences(part);
            match tried {
                Ok(changed) => {
                    let first = *first_look.get_or_insert(changed);
                    if changed == 0 {
                        self.same += u64::from(length - first.min(length));
                        return Ok(first);
                    }
                    wrong += 1;
                    if wrong > WRITES {
                        return Err(Error::Verify { board: self.board(), part: part.name.clone() });
                    }
                    // Looked at once more: no difference is found when all is well, and that is the check.
                }
                Err(error) if error.may_pass() => {
                    self.stop_if_asked()?;
                    self.recover(error)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes the sectors of a part that differ, and returns their length.
    fn write_differences(&mut self, part: &Part) -> Result<u32, Error> {
        let changes = compare::differences(self.job.found.device.as_mut(), part.offset, &part.bytes)?;
        let changed: u32 = changes.iter().map(|change| change.bytes).sum();
        self.total = self.done + u64::from(changed);
        let board = self.board();
        for change in changes {
            let (listener, stop, total) = (self.listener, &self.options.stop, self.total);
            let done = &mut self.done;
            let mut written = |bytes: u32| {
                *done += u64::from(bytes);
                listener(Event::Progress { board: board.clone(), part: part.name.clone(), done: *done, total });
                if stop.is_cancelled() { Err(Error::Interrupted) } else { Ok(()) }
            };
            let device = self.job.found.device.as_mut();
            if change.blank {
                device.erase(change.offset, change.bytes)?;
                written(change.bytes)?;
            } else {
                let from = (change.offset - part.offset) as usize;
                device.write(change.offset, &part.bytes[from..from + change.bytes as usize], &mut written)?;
            }
        }
        Ok(changed)
    }

    /// Writes a new identity and reads it back.
    fn identity(&mut self, journal: &mut Journal) -> Result<(), Error> {
        let board = self.board();
        let (Some(layout), Some(provision)) = (self.job.layout(), &self.job.provision) else { return Ok(()) };
        let sequence = self.job.found.held.as_ref().map_or(1, |held| held.sequence.saturating_add(1));
        let now_ms = self.options.clock.unix_ms();
        let made = provision::make(provision, sequence, now_ms, &self.options.random)
            .map_err(|source| Error::Provision { board: board.clone(), source })?;
        journal.note(&Record::Identity {
            camera: made.held.camera.as_str().to_owned(),
            public_key: provision::hexadecimal(&made.held.public_key),
            group: provision.assignment.group.clone(),
        })?;
        let part = Part { name: "identity".to_owned(), offset: layout.identity.offset, bytes: made.region.to_vec() };
        // Its bytes are a secret, and so the copy is wiped as well.
        let part = Wiped(part);
        let written_bytes = self.part(&part.0)?;
        let region = layout.identity;
        let back = self.retrying(|device| device.read(region.offset, region.bytes))?;
        let mut back = zeroize::Zeroizing::new(back);
        let held = super::newest(&mut back);
        if held.as_ref() != Some(&made.held) {
            return Err(Error::Verify { board, part: "identity".to_owned() });
        }
        self.job.found.held = held;
        self.job.found.unreadable = false;
        (self.listener)(Event::Verified { board, part: "identity".to_owned(), written_bytes });
        Ok(())
    }

    /// Burns what was planned. It comes after everything that can be done again, and before the firmware starts and seals
    /// what was written.
    fn burn(&mut self, journal: &mut Journal) -> Result<Option<EfusePlan>, Error> {
        if !self.job.burn {
            return Ok(None);
        }
        self.stop_if_asked()?;
        let Some(planned) = self.job.efuses else {
            return Err(Error::EfusesRefused { board: self.board(), why: "it was not planned" });
        };
        let begun = journal.efuses;
        let device = self.job.found.device.as_mut();
        // Nothing is tried again in here: whether a command arrived that had no answer is not known.
        efuse::burn(device, planned, begun, &self.options.random, &mut |record| journal.note(record)).map(Some)
    }

    /// Records the camera in the project.
    fn record(&self, before: Option<Unfinished>) -> Result<(), Error> {
        let (Some(registry), Some(held)) = (self.options.registry, &self.job.found.held) else { return Ok(()) };
        let Some(board) = self.job.firmware.board else { return Ok(()) };
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let description = self.job.found.device.description();
        // A flash that was cut off between the identity and this line knew the group; a re-flash need not be told it again.
        let public_key = provision::hexadecimal(&held.public_key);
        let noted = before.and_then(|state| state.identity).filter(|(_, key, _)| *key == public_key);
        let given = self.job.provision.as_ref().map(|provision| provision.assignment.group.clone());
        let named = |group: &String| !group.is_empty();
        let group = given.filter(named).or(noted.map(|(_, _, group)| group).filter(named));
        let camera = provision::Camera {
            id: held.camera.as_str().to_owned(),
            mac: description.mac.clone(),
            board: board.name().to_owned(),
            public_key,
            version: self.job.firmware.version.clone(),
            build_id: self.job.firmware.build_id.clone(),
            flashed_s: self.options.clock.unix_s(),
            group,
        };
        registry.record(camera).map_err(|source| Error::Journal { board: self.board(), source })
    }
}

/// A part whose bytes are overwritten when it is dropped.
struct Wiped(Part);

impl Drop for Wiped {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::board::{
        Board,
        flash::{BANK_BYTES, Description, Firmware, FlashFile, Found, device::Written},
    };

    /// A board at which a fault of ours shows.
    struct Faulty(Description);

    impl Device for Faulty {
        fn description(&self) -> &Description {
            &self.0
        }
        fn md5(&mut self, _: u32, _: u32) -> Result<[u8; 16], Error> {
            panic!("a fault at {}", self.0.port)
        }
        fn read(&mut self, _: u32, _: u32) -> Result<Vec<u8>, Error> {
            Err(Error::Interrupted)
        }
        fn write(&mut self, _: u32, _: &[u8], _: Written<'_>) -> Result<(), Error> {
            Ok(())
        }
        fn erase(&mut self, _: u32, _: u32) -> Result<(), Error> {
            Ok(())
        }
        fn recover(&mut self) -> Result<Option<String>, Error> {
            Ok(None)
        }
        fn start(&mut self) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn a_fault_at_one_board_is_its_error_and_the_others_are_flashed() {
        let folder = tempfile::tempdir().unwrap();
        let faulty = Description {
            chip: "qemu-virt".to_owned(),
            board: Some(Board::QemuVirt),
            mac: "02:00:00:00:00:01".to_owned(),
            flash_bytes: BANK_BYTES,
            port: "here".to_owned(),
        };
        let file = FlashFile::open(&folder.path().join("a.flash")).unwrap();
        let firmware = Arc::new(Firmware {
            path: "x".into(),
            chip_id: 0xffff,
            board: Some(Board::QemuVirt),
            version: "1".to_owned(),
            build_id: String::new(),
            sha256: "f".to_owned(),
            parts: vec![Part { name: "slot-a".to_owned(), offset: 0x2_0000, bytes: vec![7; 4096] }],
        });
        let devices: [Box<dyn Device>; 2] = [Box::new(Faulty(faulty)), Box::new(file)];
        let jobs = devices.map(|device| Job {
            found: Found { device, held: None, unreadable: false },
            firmware: Arc::clone(&firmware),
            provision: None,
            burn: false,
            efuses: None,
        });
        let options = Options {
            journals: folder.path().to_owned(),
            registry: None,
            stop: CancellationToken::new(),
            clock: Clock::system(),
            random: Random::seeded(1),
        };
        let results = run(jobs.into(), &options, &|_| {});
        let Err(Error::Fault { board, why }) = &results[0] else { panic!("{:?}", results[0]) };
        assert_eq!((board.as_str(), why.as_str()), ("qemu-virt 02:00:00:00:00:01", "a fault at here"));
        assert_eq!(results[1].as_ref().unwrap().written_bytes, 4096);
    }
}
