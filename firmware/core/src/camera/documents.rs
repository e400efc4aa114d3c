//! Small signed documents, which the caller verifies: those of releases, and what this camera should run.

use super::{Camera, Error, call::Call};
use crate::{
    http::Bytes,
    link::{Dial, Rng, Set, Timer},
    wire::{ProblemKind, Text, keys},
};

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// Asks for a signed document of a release by its key, such as `releases/timestamp.cose`; `None` when there is none.
    ///
    /// Nothing of it is verified: hand it to [`crate::trust::Trust`], and when that refuses it, say so with
    /// [`Camera::doubt`].
    ///
    /// # Errors
    /// [`Error::Request`] for a key that no release has; [`Error::Exchange`] with [`crate::http::Error::TooLarge`] when what
    /// comes is larger than the buffer, which any such document fits into; [`Error`] otherwise.
    pub async fn fetch_release(&mut self, key: &str) -> Result<Option<&[u8]>, Error> {
        let path = release_path(key)?;
        let call = Call { method: "GET", path: &path, avoid: self.doubted, ..Call::default() };
        let response = match self.call(&call, &mut Bytes::new(b"")).await {
            Ok(response) => response,
            Err(error) => {
                self.doubted = Set::default();
                return Err(error);
            }
        };
        match (response.status, self.problem(&response)) {
            (200, _) => {}
            (404, ProblemKind::NotFound) => return Ok(None),
            _ => return Err(self.unexpected(&response)),
        }
        Ok(Some(response.body(&self.buffer)))
    }

    /// Asks for the signed document that says what this camera should run; `None` when there is none, or still the one for
    /// which [`Camera::accept_config_tag`] was called.
    ///
    /// Nothing of it is verified.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn fetch_config(&mut self) -> Result<Option<&[u8]>, Error> {
        let path = self.path("config")?;
        let tag = self.config_tags.0.clone();
        let call = Call { method: "GET", path: &path, if_none_match: &tag, ..Call::default() };
        let response = self.call(&call, &mut Bytes::new(b"")).await?;
        match (response.status, self.problem(&response)) {
            (200, _) => {}
            (304, _) if !tag.is_empty() => return Ok(None),
            (404, ProblemKind::NotFound) => return Ok(None),
            _ => return Err(self.unexpected(&response)),
        }
        let mut came = Text::new();
        if let Some(tag) = response.header(&self.buffer, "etag") {
            // One that is too long is left out, and the whole document comes again.
            let _ = came.push_str(tag);
        }
        self.config_tags = (Text::new(), came);
        Ok(Some(response.body(&self.buffer)))
    }

    /// Notes that the config document that came last was dealt with, taken on or refused for good: gateways may leave it
    /// out from now on. Without this it comes again.
    pub fn accept_config_tag(&mut self) {
        if !self.config_tags.1.is_empty() {
            self.config_tags.0 = core::mem::take(&mut self.config_tags.1);
        }
    }

    /// Notes that the document of a release that came last is not what it should be, such as one that nobody signed: its
    /// endpoint is not asked for such documents again, until every other one was doubted too, or cannot be asked.
    pub fn doubt(&mut self) {
        let Some(index) = self.answered_by.take() else { return };
        self.doubted.insert(index);
        self.open.take_if(|open| open.index == index);
        if (0..self.link.endpoints().len()).all(|index| self.doubted.contains(index)) {
            self.doubted = Set::default();
        }
    }
}

/// Where gateways serve an object of a release.
pub(super) type ReleasePath = Text<{ keys::MAX_RELEASE + 5 }>;

/// The path of an object by its key.
pub(super) fn release_path(key: &str) -> Result<ReleasePath, Error> {
    let mut path = ReleasePath::new();
    let whole = keys::is_release(key) && path.push_str("/api/").and_then(|()| path.push_str(key)).is_ok();
    if whole { Ok(path) } else { Err(Error::Request) }
}
