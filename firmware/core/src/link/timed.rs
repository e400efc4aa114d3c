//! A connection that gives up, and measures.

use core::fmt;

use embassy_futures::select::{Either, select};
use embedded_io_async::{Error as _, ErrorKind, ErrorType, Read, Write};

use super::{Quality, Timer};

/// Bodies smaller than this say nothing about speed: they fit the buffers on the way.
const SPEED_MIN_BYTES: u64 = 16 * 1024;

/// How long to look for an early answer after a write got stuck, in milliseconds.
const STUCK_READ_MS: u64 = 100;

/// Why a read or write on a [`Timed`] connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedError(ErrorKind);

impl fmt::Display for TimedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ErrorKind::TimedOut => f.write_str("the other side fell silent"),
            kind => write!(f, "{kind:?}"),
        }
    }
}

impl core::error::Error for TimedError {}

impl embedded_io_async::Error for TimedError {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

/// A connection whose every read and write must make progress within the patience that its endpoint has earned, and
/// all of them within a deadline.
pub struct Timed<'c, C, T> {
    connection: &'c mut C,
    timer: &'c T,
    quality: Quality,
    deadline_ms: u64,
    first_write_ms: Option<u64>,
    last_write_ms: u64,
    sent_bytes: u64,
    answered_ms: Option<u64>,
    write_stalled: bool,
    body_patience_ms: Option<u64>,
}

impl<'c, C, T: Timer> Timed<'c, C, T> {
    /// Guards `connection` until `deadline_ms` by `timer`.
    pub fn new(connection: &'c mut C, timer: &'c T, quality: Quality, deadline_ms: u64) -> Self {
        Self {
            connection,
            timer,
            quality,
            deadline_ms,
            first_write_ms: None,
            last_write_ms: 0,
            sent_bytes: 0,
            answered_ms: None,
            write_stalled: false,
            body_patience_ms: None,
        }
    }

    /// Waits this long for each piece of an answer once its first byte is there, instead of what the endpoint has earned:
    /// there is more to lose by leaving a long body than by waiting for it.
    #[must_use]
    pub fn patient(self, body_patience_ms: u64) -> Self {
        Self { body_patience_ms: Some(body_patience_ms), ..self }
    }

    /// What was measured so far.
    #[must_use]
    pub fn measured(&self) -> Measured {
        let (Some(first), Some(answered)) = (self.first_write_ms, self.answered_ms) else {
            return Measured::default();
        };
        let upload_ms = answered.saturating_sub(first);
        Measured {
            rtt_ms: Some(answered.saturating_sub(self.last_write_ms)),
            speed: (self.sent_bytes >= SPEED_MIN_BYTES).then_some((self.sent_bytes, upload_ms)),
        }
    }

    fn limit_ms(&self, stall_ms: u64) -> u64 {
        stall_ms.min(self.deadline_ms.saturating_sub(self.timer.now_ms()))
    }
}

/// What one exchange tells of its endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// From the last byte sent to the first of the answer.
    pub rtt_ms: Option<u64>,
    /// Bytes sent, and the milliseconds from the first of them to the answer; only for large bodies.
    pub speed: Option<(u64, u64)>,
}

impl<C, T> ErrorType for Timed<'_, C, T> {
    type Error = TimedError;
}

impl<C: Read, T: Timer> Read for Timed<'_, C, T> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, TimedError> {
        // Until the first byte of the answer, what was sent may still be draining.
        let draining = if self.answered_ms.is_none() { self.sent_bytes } else { 0 };
        // After a write got stuck only an answer that is already here counts: the silence was waited out once.
        let patience = match (self.write_stalled, self.body_patience_ms) {
            (true, _) => STUCK_READ_MS,
            (false, Some(patience)) if self.answered_ms.is_some() => patience,
            _ => self.quality.stall_ms(draining),
        };
        let limit = self.limit_ms(patience);
        match select(self.connection.read(out), self.timer.sleep_ms(limit)).await {
            Either::First(Ok(n)) => {
                if n > 0 && self.answered_ms.is_none() {
                    self.answered_ms = Some(self.timer.now_ms());
                }
                Ok(n)
            }
            Either::First(Err(error)) => Err(TimedError(error.kind())),
            Either::Second(()) => Err(TimedError(ErrorKind::TimedOut)),
        }
    }
}

impl<C: Write, T: Timer> Write for Timed<'_, C, T> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TimedError> {
        self.first_write_ms.get_or_insert(self.timer.now_ms());
        let limit = self.limit_ms(self.quality.stall_ms(bytes.len() as u64));
        match select(self.connection.write(bytes), self.timer.sleep_ms(limit)).await {
            Either::First(Ok(n)) => {
                self.sent_bytes = self.sent_bytes.saturating_add(n as u64);
                self.last_write_ms = self.timer.now_ms();
                Ok(n)
            }
            Either::First(Err(error)) => Err(TimedError(error.kind())),
            Either::Second(()) => {
                self.write_stalled = true;
                Err(TimedError(ErrorKind::TimedOut))
            }
        }
    }

    async fn flush(&mut self) -> Result<(), TimedError> {
        let limit = self.limit_ms(self.quality.stall_ms(self.sent_bytes));
        match select(self.connection.flush(), self.timer.sleep_ms(limit)).await {
            Either::First(Ok(())) => {
                self.last_write_ms = self.timer.now_ms();
                Ok(())
            }
            Either::First(Err(error)) => Err(TimedError(error.kind())),
            Either::Second(()) => {
                self.write_stalled = true;
                Err(TimedError(ErrorKind::TimedOut))
            }
        }
    }
}
