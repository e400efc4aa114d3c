//! What the document says.

use core::fmt;

use super::{Refusal, Settings};
use crate::{
    cose::{self, Document, kind},
    trust::{
        self,
        body::{self, Fields, malformed},
    },
    wire::CameraId,
};

const CAMERA: u64 = 0;
const SETTINGS: u64 = 1;
const RELEASE: u64 = 2;

/// Why a document does not say what a camera is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// It is none that does.
    Document(cose::Error),
    /// This build does not take its settings.
    Refused(Refusal),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl From<cose::Error> for Error {
    fn from(error: cose::Error) -> Self {
        Self::Document(error)
    }
}

/// The body of a document of kind [`kind::CONFIG`]: `{0: camera, 1: settings, 2: release}`, without 2 where none is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigBody {
    /// The one camera it is for.
    pub camera: CameraId,
    /// All that it is set to.
    pub settings: Settings,
    /// The number of the release that it shall run, of its class; never 0.
    pub release: Option<u64>,
}

impl ConfigBody {
    /// Writes the body and returns its length.
    ///
    /// # Errors
    /// [`Error::Refused`] for a value that may not be; [`Error::Document`] with [`cose::Error::Malformed`] for release 0, with
    /// [`cose::Error::TooLarge`] when `out` is too small.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        self.settings.check().map_err(Error::Refused)?;
        if self.release == Some(0) {
            return Err(cose::Error::Malformed.into());
        }
        let written = body::encode(out, |encoder| {
            encoder.map(2 + u64::from(self.release.is_some()))?;
            encoder.u64(CAMERA)?.str(self.camera.as_str())?.u64(SETTINGS)?;
            self.settings.write(encoder)?;
            if let Some(release) = self.release {
                encoder.u64(RELEASE)?.u64(release)?;
            }
            Ok(())
        });
        written.map_err(|_| cose::Error::TooLarge.into())
    }

    /// Reads the body of `document`.
    ///
    /// # Errors
    /// [`Error::Document`] when it is of another kind or malformed; [`Error::Refused`] for a setting that this build does not
    /// know, or a value that it may not have.
    pub fn from_document(document: &Document<'_>) -> Result<Self, Error> {
        let (body, refusal) = Self::read(document)?;
        refusal.map_or(Ok(body), |refusal| Err(Error::Refused(refusal)))
    }

    /// The same, and beside it the first refusal: settings that are refused are not in the body, and the rest is.
    pub(super) fn read(document: &Document<'_>) -> Result<(Self, Option<Refusal>), cose::Error> {
        if document.kind != kind::CONFIG {
            return Err(cose::Error::Kind);
        }
        let read = body::decode(document.body, |decoder| {
            let (mut camera, mut settings, mut release) = (None, None, None);
            let mut fields = Fields::of(decoder)?;
            while let Some(key) = fields.next(decoder)? {
                match key {
                    CAMERA => camera = CameraId::new(decoder.str().map_err(malformed)?).ok(),
                    SETTINGS => settings = Some(Settings::read(decoder)?),
                    RELEASE => release = Some(decoder.u64().map_err(malformed)?),
                    _ => body::skip(decoder)?,
                }
            }
            let (settings, refusal) = settings.ok_or(trust::Error::Malformed)?;
            if release == Some(0) {
                return Err(trust::Error::Malformed);
            }
            Ok((Self { camera: camera.ok_or(trust::Error::Malformed)?, settings, release }, refusal))
        });
        read.map_err(|_| cose::Error::Malformed)
    }
}
