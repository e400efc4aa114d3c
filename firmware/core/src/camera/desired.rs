//! Enrolment, reports, and what a camera should have.

use core::fmt::Write as _;

use base64ct::{Base64, Encoding as _};

use super::{Camera, Error, call::Call};
use crate::{
    http::{Bytes, Response},
    link::{Dial, Rng, Set, Timer},
    wire::{ProblemKind, Registration, STATUS_MAX_BYTES, Status, Text, clipped, json},
};

/// Longest enrolment token in characters.
const MAX_TOKEN: usize = 1024;

/// The fleet knows the camera's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolled {
    /// Since now.
    New,
    /// It did already.
    Already,
}

/// What a camera should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired<'a> {
    /// Nothing new since the last time.
    Unchanged,
    /// Nothing at all.
    Nothing,
    /// An endpoint list, which is in use from now on. Keep the document: it is what the next start begins with.
    Endpoints {
        /// Its number.
        seq: u64,
        /// Whether it differs from the one that was in use.
        changed: bool,
        /// The signed document.
        document: &'a [u8],
    },
}

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// Registers the camera's public key with an enrolment token.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`ProblemKind::Token`] when the token is not valid, and with status 409 when another key
    /// has this name; [`Error`] otherwise.
    pub async fn enrol(&mut self, token: &str) -> Result<Enrolled, Error> {
        let mut public_key = [0; 44];
        let public_key =
            Base64::encode(self.key.verifying_key().as_bytes(), &mut public_key).map_err(|_| Error::Request)?;
        let registration = Registration { camera: self.id.clone(), public_key: clipped(public_key) };
        let mut body = [0; 192];
        let n = json::to_slice(&registration, &mut body).map_err(|_| Error::Request)?;
        let mut authorization: Text<{ MAX_TOKEN + 7 }> = Text::new();
        write!(authorization, "Bearer {token}").map_err(|_| Error::Request)?;
        let call = Call {
            method: "POST",
            path: "/api/cameras/register",
            content_type: "application/json",
            authorization: &authorization,
            ..Call::default()
        };
        let response = self.call(&call, &mut Bytes::new(&body[..n])).await?;
        match response.status {
            201 => Ok(Enrolled::New),
            200 => Ok(Enrolled::Already),
            _ => Err(self.unexpected(&response)),
        }
    }

    /// Sends a report.
    ///
    /// # Errors
    /// [`Error`]; a report that could not be sent is simply followed by the next.
    pub async fn report_status(&mut self, status: &Status) -> Result<(), Error> {
        let mut body = [0; STATUS_MAX_BYTES];
        let n = json::to_slice(status, &mut body).map_err(|_| Error::Request)?;
        let path = self.path("status")?;
        let call = Call { method: "POST", path: &path, content_type: "application/json", ..Call::default() };
        let response = self.call(&call, &mut Bytes::new(&body[..n])).await?;
        if (200..300).contains(&response.status) { Ok(()) } else { Err(self.unexpected(&response)) }
    }

    /// Asks what the camera should have, and applies an endpoint list that is newer and validly signed.
    ///
    /// # Errors
    /// [`Error::Document`] when the document is not signed by the pinned key, has expired, is older than the one in
    /// use, or is of a kind that this build does not know; [`Error`] otherwise. The list in use remains.
    pub async fn fetch_desired(&mut self) -> Result<Desired<'_>, Error> {
        let path = self.path("desired")?;
        let tag = self.desired_tag.clone();
        let call = Call { method: "GET", path: &path, if_none_match: &tag, ..Call::default() };
        let response = self.call(&call, &mut Bytes::new(b"")).await?;
        match (response.status, self.problem(&response)) {
            (200, _) => {}
            (304, _) if !tag.is_empty() => return Ok(Desired::Unchanged),
            (404, ProblemKind::NotFound) => return Ok(Desired::Nothing),
            _ => return Err(self.unexpected(&response)),
        }
        let now_s = self.unix_ms() / 1000;
        let document = response.body(&self.buffer);
        let changed = self.link.update(document, now_s).map_err(Error::Document)?;
        // Only what was applied may be left out the next time.
        self.desired_tag.clear();
        if let Some(tag) = response.header(&self.buffer, "etag") {
            let _ = self.desired_tag.push_str(tag);
        }
        if changed {
            // They belong to places in the old list.
            (self.open, self.answered_by, self.doubted) = (None, None, Set::default());
        }
        Ok(Desired::Endpoints { seq: self.link.seq(), changed, document })
    }

    pub(super) fn path(&self, what: &str) -> Result<Text<96>, Error> {
        let mut path = Text::new();
        write!(path, "/api/cameras/{}/{what}", self.id).map_err(|_| Error::Request)?;
        Ok(path)
    }

    pub(super) fn unexpected(&self, response: &Response) -> Error {
        match response.status {
            400.. => Error::Refused { status: response.status, kind: self.problem(response) },
            _ => Error::Answer,
        }
    }
}
