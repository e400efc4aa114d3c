//! Writing the journal: one segment at a time, and what waits meanwhile goes into the next one together.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    Error,
    cipher::{self, Cipher},
    object::{Belongs, write_line},
    spread::{self, Store},
};
use crate::{
    clock::Random,
    deploy::{
        ledger::Line,
        state::{Record, State},
    },
    journal::lease::Lease,
};

/// A segment that has grown this large is written before more is taken in; one more record always fits.
const FULL_BYTES: usize = 1 << 20;
/// So many requests may wait.
const WAITING: usize = 4096;

/// Records that belong together: they are written into one segment or not at all.
struct Request {
    records: Vec<Record>,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// What a journal is written with.
pub(super) struct Pen {
    pub(super) folder: String,
    pub(super) belongs: Belongs,
    pub(super) cipher: Option<Cipher>,
    pub(super) random: Random,
    pub(super) stores: Vec<Store>,
    pub(super) needed: usize,
    pub(super) all: usize,
    pub(super) lease: Arc<Lease>,
}

/// The journal of one run.
pub(super) struct Journal {
    sender: mpsc::Sender<Request>,
    state: Arc<Mutex<State>>,
    broken: Arc<OnceLock<Error>>,
    writer: JoinHandle<()>,
}

impl Journal {
    pub(super) fn begin(pen: Pen, state: State) -> Self {
        let (sender, requests) = mpsc::channel(WAITING);
        let (state, broken) = (Arc::new(Mutex::new(state)), Arc::new(OnceLock::new()));
        let writer = Writer { pen, state: Arc::clone(&state), broken: Arc::clone(&broken), number: 1 };
        Self { sender, state, broken, writer: tokio::spawn(writer.run(requests)) }
    }

    /// Returns when the records are durable in a majority and in the state.
    pub(super) async fn append(&self, records: Vec<Record>) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.sender.send(Request { records, answer }).await.map_err(|_| Error::Broken)?;
        answered.await.map_err(|_| Error::Broken)?
    }

    /// The state with everything that is durable in it.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the writer and gives back the state, and why it could not write, if so.
    pub(super) async fn end(self) -> (State, Option<Error>) {
        drop(self.sender);
        let _ = self.writer.await;
        let state = match Arc::try_unwrap(self.state) {
            Ok(state) => state.into_inner().unwrap_or_else(PoisonError::into_inner),
            Err(shared) => shared.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        (state, Arc::into_inner(self.broken).and_then(OnceLock::into_inner))
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.get().is_some()
    }
}

struct Writer {
    pen: Pen,
    state: Arc<Mutex<State>>,
    broken: Arc<OnceLock<Error>>,
    /// The position of the next segment.
    number: u64,
}

impl Writer {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.recv().await {
            if self.broken.get().is_some() {
                let _ = first.answer.send(Err(Error::Broken));
                continue;
            }
            // Whoever was woken by the same event gets a chance to write in the same segment.
            tokio::task::yield_now().await;
            let before = self.state.lock().unwrap_or_else(PoisonError::into_inner).serial;
            let mut serial = before;
            let (mut lines, mut batch) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(request) = next {
                match encode(&mut lines, &mut serial, &request.records) {
                    Ok(()) => batch.push(request),
                    Err(why) => _ = request.answer.send(Err(Error::Unwritable { why })),
                }
                next = if lines.len() < FULL_BYTES { requests.try_recv().ok() } else { None };
            }
            if batch.is_empty() {
                continue;
            }
            match self.put(before + 1, serial - before, &lines).await {
                Ok(()) => self.take_in(before, batch),
                Err(error) => {
                    let _ = self.broken.set(error);
                    batch.into_iter().for_each(|request| _ = request.answer.send(Err(Error::Broken)));
                }
            }
        }
    }

    async fn put(&mut self, first: u64, count: u64, lines: &[u8]) -> Result<(), Error> {
        let pen = &self.pen;
        let epoch = pen.lease.epoch();
        let key = format!("{}/journal/{epoch:012}-{:08}.jsonl", pen.folder, self.number);
        let text = pen.belongs.segment(epoch, self.number, first, count, lines);
        let bytes = cipher::close(pen.cipher.as_ref(), &key, text, &pen.random).map_err(Error::Cipher)?;
        if !pen.lease.is_held() {
            return Err(Error::LeaseLost);
        }
        let spread = spread::put_everywhere(&pen.stores, &key, Bytes::from(bytes), pen.needed, &pen.random).await;
        if spread.there.len() < pen.needed {
            // A process that was suspended had no answers either; why is the lease.
            if !pen.lease.is_held() {
                return Err(Error::LeaseLost);
            }
            if !spread.other.is_empty() {
                return Err(Error::Fenced);
            }
            let reached = spread.there.len();
            return Err(Error::NoMajority { reached, needed: pen.needed, all: pen.all, away: spread.away });
        }
        // What was written by somebody who has lost the lease meanwhile may be sealed off already.
        if !pen.lease.is_held() {
            return Err(Error::LeaseLost);
        }
        self.number += 1;
        Ok(())
    }

    fn take_in(&self, before: u64, batch: Vec<Request>) {
        let mut serial = before;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answers = Vec::with_capacity(batch.len());
        for Request { records, answer } in batch {
            for record in records {
                serial += 1;
                state.absorb(Line { serial, record });
            }
            answers.push(answer);
        }
        drop(state);
        // A caller that has gone does not need to know.
        answers.into_iter().for_each(|answer| _ = answer.send(Ok(())));
    }
}

fn encode(lines: &mut Vec<u8>, serial: &mut u64, records: &[Record]) -> Result<(), String> {
    let (length, first) = (lines.len(), *serial);
    for record in records {
        *serial += 1;
        if let Err(why) = write_line(lines, *serial, record) {
            lines.truncate(length);
            *serial = first;
            return Err(why);
        }
    }
    Ok(())
}
