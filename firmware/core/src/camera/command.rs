//! What the fleet asks of this one camera, once.

use super::{Camera, Error, call::Call};
use crate::{
    cose::{self, Action, CommandBody},
    http::Bytes,
    link::{Dial, Rng, Timer, UpdateError},
    wire::ProblemKind,
};

/// A command that is signed, meant for this camera, valid now, and newer than the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// Its number. Keep it before doing anything, and pass it to the next [`Camera::fetch_command`]: that is what makes a
    /// command single-use, whatever happens while it is carried out.
    pub seq: u64,
    /// What to do.
    pub action: Action,
}

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// Asks for a command with a number above `after`, that of the last one taken on; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Document`] when what is there is not signed by the pinned key, is for another camera, has expired, or asks
    /// for what this build does not know; [`Error`] otherwise.
    pub async fn fetch_command(&mut self, after: u64) -> Result<Option<Command>, Error> {
        let path = self.path("command")?;
        let call = Call { method: "GET", path: &path, ..Call::default() };
        let response = self.call(&call, &mut Bytes::new(b"")).await?;
        match (response.status, self.problem(&response)) {
            (200, _) => {}
            (404, ProblemKind::NotFound) => return Ok(None),
            _ => return Err(self.unexpected(&response)),
        }
        let now_s = self.unix_ms() / 1000;
        let invalid = |error| Error::Document(UpdateError::Document(error));
        let document = cose::verify(response.body(&self.buffer), self.link.trusted()).map_err(invalid)?;
        // A gateway goes on showing the last command; what was taken on is no news, and may expire in peace.
        if document.kind == cose::kind::COMMAND && document.seq <= after {
            return Ok(None);
        }
        document.check_time(now_s).map_err(invalid)?;
        let body = CommandBody::from_document(&document).map_err(invalid)?;
        if body.camera != self.id {
            return Err(invalid(cose::Error::Kind));
        }
        Ok(Some(Command { seq: document.seq, action: body.action }))
    }
}
