//! The objects in the state stores: journal segments, seals and states, each a line that says what it is and checks the
//! rest, and then the rest. All of it may have been written by anybody, so nothing is believed before it is checked.

use serde::{Deserialize, Serialize};

use crate::deploy::{
    ledger::{self, Line, STATE_VERSION},
    state::{Record, State},
};

/// The largest record.
pub(super) const RECORD_LIMIT_BYTES: usize = 4 << 20;
/// The largest segment: some records of the largest size that belong together, and what was waiting before them.
pub(super) const SEGMENT_LIMIT_BYTES: usize = 24 << 20;
/// The largest state: tens of thousands of resources.
pub(super) const STATE_LIMIT_BYTES: usize = 256 << 20;
/// The longest first line.
const HEADER_LIMIT_BYTES: usize = 4096;

/// What kind of object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Journal,
    Seal,
    State,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    wildcam: Kind,
    v: u32,
    project: String,
    environment: String,
    /// The fencing epoch of the run that wrote it; for a seal, of the epoch that is sealed.
    epoch: u64,
    /// The position in the epoch, from 1; 0 for a state.
    number: u64,
    /// The serial of the first record, or of the state.
    serial: u64,
    /// How many records follow.
    count: u64,
    /// Of everything after this line.
    sha256: String,
}

/// Where an object belongs.
#[derive(Clone, Debug)]
pub(super) struct Belongs {
    pub(super) project: String,
    pub(super) environment: String,
}

/// What stands at a position of an epoch's journal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Segment {
    /// Records, in order, without a gap.
    Records(Vec<Line>),
    /// Nothing, and nothing will: a later run has closed the epoch here.
    Sealed,
}

impl Belongs {
    fn header(&self, kind: Kind, epoch: u64, number: u64, serial: u64, count: u64, body: &[u8]) -> Header {
        Header {
            wildcam: kind,
            v: STATE_VERSION,
            project: self.project.clone(),
            environment: self.environment.clone(),
            epoch,
            number,
            serial,
            count,
            sha256: ledger::sha256(body),
        }
    }

    /// A segment from records that were written as lines already, each with its line end.
    pub(super) fn segment(&self, epoch: u64, number: u64, first: u64, count: u64, lines: &[u8]) -> Vec<u8> {
        let header = self.header(Kind::Journal, epoch, number, first, count, lines);
        join(&header, lines)
    }

    /// A seal.
    pub(super) fn seal(&self, epoch: u64, number: u64) -> Vec<u8> {
        join(&self.header(Kind::Seal, epoch, number, 0, 0, &[]), &[])
    }

    /// A state.
    pub(super) fn state(&self, epoch: u64, state: &State) -> Result<Vec<u8>, String> {
        let body = serde_json::to_vec(state).map_err(|error| error.to_string())?;
        if body.len() > STATE_LIMIT_BYTES {
            return Err(format!("the state has {} bytes, more than the {STATE_LIMIT_BYTES} allowed", body.len()));
        }
        Ok(join(&self.header(Kind::State, epoch, 0, state.serial, 0, &body), &body))
    }

    fn split<'a>(&self, bytes: &'a [u8]) -> Result<(Header, &'a [u8]), String> {
        let within = &bytes[..bytes.len().min(HEADER_LIMIT_BYTES)];
        let end = memchr::memchr(b'\n', within).ok_or("it has no first line")?;
        let header: Header =
            serde_json::from_slice(&bytes[..end]).map_err(|error| format!("its first line is not one: {error}"))?;
        let body = &bytes[end + 1..];
        if header.v != STATE_VERSION {
            return Err(format!("it is of version {}, and this wildcam reads {STATE_VERSION}", header.v));
        }
        if header.project != self.project || header.environment != self.environment {
            return Err("it belongs to another project or environment".to_owned());
        }
        if header.sha256 != ledger::sha256(body) {
            return Err("its checksum does not fit".to_owned());
        }
        Ok((header, body))
    }

    /// Reads the object at a position.
    pub(super) fn read_segment(&self, epoch: u64, number: u64, bytes: &[u8]) -> Result<Segment, String> {
        let (header, body) = self.split(bytes)?;
        if (header.epoch, header.number) != (epoch, number) {
            return Err("it belongs to another position".to_owned());
        }
        match header.wildcam {
            Kind::State => Err("it is a state".to_owned()),
            Kind::Seal => Ok(Segment::Sealed),
            Kind::Journal => {
                let mut lines = Vec::new();
                for (index, text) in body.split_inclusive(|byte| *byte == b'\n').enumerate() {
                    let line: Line = serde_json::from_slice(text)
                        .map_err(|error| format!("its record {} is not one: {error}", index + 1))?;
                    let expected = header.serial.checked_add(index as u64);
                    if Some(line.serial) != expected || line.serial == u64::MAX {
                        return Err(format!("its record {} is out of order", index + 1));
                    }
                    lines.push(line);
                }
                if lines.len() as u64 != header.count || lines.is_empty() {
                    return Err("it has another number of records than it says".to_owned());
                }
                Ok(Segment::Records(lines))
            }
        }
    }

    /// Reads a state.
    pub(super) fn read_state(&self, bytes: &[u8]) -> Result<State, String> {
        let (header, body) = self.split(bytes)?;
        if header.wildcam != Kind::State {
            return Err("it is no state".to_owned());
        }
        let state: State = serde_json::from_slice(body).map_err(|error| format!("it is no state: {error}"))?;
        let fits = state.v == STATE_VERSION
            && state.serial == header.serial
            && state.project == self.project
            && state.environment == self.environment;
        if fits { Ok(state) } else { Err("it contradicts its first line".to_owned()) }
    }
}

fn join(header: &Header, body: &[u8]) -> Vec<u8> {
    // A header holds texts and numbers: nothing that JSON cannot hold.
    let mut bytes = serde_json::to_vec(header).unwrap_or_default();
    bytes.reserve(body.len() + 1);
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    bytes
}

/// Appends a record as a line, without copying it.
pub(super) fn write_line(lines: &mut Vec<u8>, serial: u64, record: &Record) -> Result<(), String> {
    #[derive(Serialize)]
    struct Borrowed<'a> {
        serial: u64,
        record: &'a Record,
    }
    let before = lines.len();
    let written = serde_json::to_writer(&mut *lines, &Borrowed { serial, record }).map_err(|error| error.to_string());
    let problem = match written {
        Err(error) => Some(error),
        Ok(()) if lines.len() - before > RECORD_LIMIT_BYTES => {
            Some(format!("a record has {} bytes, more than the {RECORD_LIMIT_BYTES} allowed", lines.len() - before))
        }
        Ok(()) => None,
    };
    match problem {
        Some(problem) => {
            lines.truncate(before);
            Err(problem)
        }
        None => {
            lines.push(b'\n');
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn belongs() -> Belongs {
        Belongs { project: "p".to_owned(), environment: "default".to_owned() }
    }

    fn segment() -> Vec<u8> {
        let mut lines = Vec::new();
        for serial in 5..8 {
            write_line(&mut lines, serial, &Record::Closed { at_ms: serial, complete: true }).unwrap();
        }
        belongs().segment(2, 1, 5, 3, &lines)
    }

    #[test]
    fn a_segment_is_read_as_it_was_written_at_its_place_alone() {
        let bytes = segment();
        let Segment::Records(lines) = belongs().read_segment(2, 1, &bytes).unwrap() else { panic!("sealed") };
        assert_eq!(lines.iter().map(|line| line.serial).collect::<Vec<_>>(), [5, 6, 7]);
        assert!(belongs().read_segment(2, 2, &bytes).is_err());
        assert!(belongs().read_segment(3, 1, &bytes).is_err());
        assert!(belongs().read_state(&bytes).is_err());
        let other = Belongs { environment: "staging".to_owned(), ..belongs() };
        assert!(other.read_segment(2, 1, &bytes).is_err());
        assert_eq!(belongs().read_segment(2, 1, &belongs().seal(2, 1)), Ok(Segment::Sealed));
    }

    #[test]
    fn every_torn_or_changed_segment_is_refused() {
        let bytes = segment();
        for index in 0..bytes.len() {
            assert!(belongs().read_segment(2, 1, &bytes[..index]).is_err(), "cut at {index}");
            let mut changed = bytes.clone();
            changed[index] ^= 0x10;
            assert!(belongs().read_segment(2, 1, &changed).is_err(), "changed at {index}");
        }
    }

    #[test]
    fn a_record_that_is_too_large_leaves_no_trace() {
        let mut lines = b"before\n".to_vec();
        let who = "x".repeat(RECORD_LIMIT_BYTES);
        let refused = write_line(&mut lines, 1, &Record::Began { who, at_ms: 0, plan: String::new() });
        assert!(refused.is_err());
        assert_eq!(lines, b"before\n");
    }

    proptest! {
        #[test]
        fn no_bytes_bring_a_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = belongs().read_segment(1, 1, &bytes);
            let _ = belongs().read_state(&bytes);
        }

        #[test]
        fn a_record_that_lies_about_its_serial_is_refused(first: u64, at in 0..3_usize, lie: u64) {
            let mut lines = Vec::new();
            let mut serials: Vec<u64> = (0..3).map(|step| first.wrapping_add(step)).collect();
            prop_assume!(serials[at] != lie);
            serials[at] = lie;
            for serial in serials {
                write_line(&mut lines, serial, &Record::Closed { at_ms: 0, complete: false }).unwrap();
            }
            prop_assert!(belongs().read_segment(1, 1, &belongs().segment(1, 1, first, 3, &lines)).is_err());
        }
    }
}
