//! Pushing an image to a registry (OCI Distribution Specification 1.1): what is there already is not sent again, an
//! upload that broke goes on where it was, and the registry's digests are compared with ours.

mod challenge;
mod repository;
mod session;
mod upload;

use crate::{
    clock::Random,
    cloud::control::RegistryLogin,
    deploy::image::{Digest, Image},
};

pub use repository::{Repository, RepositoryError};

use session::Session;

/// Where an image goes, and who brings it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The repository.
    pub repository: Repository,
    /// Who we are to it; absent: nobody.
    pub login: Option<RegistryLogin>,
    /// The certificate authority of the registry (PEM); absent: the public ones.
    pub authority_pem: Option<String>,
}

/// What happens while an image is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The registry has this blob already.
    There {
        /// Which.
        digest: Digest,
    },
    /// This blob is being sent.
    Sending {
        /// Which.
        digest: Digest,
        /// Its length.
        bytes: u64,
    },
    /// It broke, and goes on from here.
    Resuming {
        /// Which.
        digest: Digest,
        /// How much the registry has.
        from: u64,
    },
}

/// An image that lies in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Its name by its digest: `HOST/PATH@sha256:DIGEST`.
    pub reference: String,
    /// The tag that keeps registries from cleaning it away as untagged; it is another one for each content.
    pub tag: String,
    /// How many blobs were sent.
    pub sent: usize,
    /// Their length in bytes.
    pub sent_bytes: u64,
    /// Whether the manifest was sent.
    pub manifest_sent: bool,
}

/// Why an image was not pushed. No message holds a password, a token, or an address with one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The HTTP client cannot be set up.
    #[error("the connection to the registry cannot be set up")]
    Client(#[from] crate::net::client::Error),
    /// No answer came.
    #[error("{call}: no answer from the registry: {cause}")]
    Transport {
        /// What was asked.
        call: &'static str,
        /// What the innermost layer said.
        cause: String,
    },
    /// The registry answered with an error.
    #[error("{call}: the registry answered {status}: {message}")]
    Status {
        /// What was asked.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// What it said, cut to 300 characters.
        message: String,
    },
    /// The registry does not let us in.
    #[error("{call}: the registry {host} does not let us in (status {status})")]
    Denied {
        /// What was asked.
        call: &'static str,
        /// The registry or its token service.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not one of a registry.
    #[error("{call}: {what}")]
    Protocol {
        /// What was asked.
        call: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// The registry has other bytes than were sent.
    #[error("{call}: the registry says {theirs}, and {ours} was sent")]
    Digest {
        /// What was asked.
        call: &'static str,
        /// Ours.
        ours: Digest,
        /// The registry's.
        theirs: String,
    },
    /// A layer's file cannot be read.
    #[error("a layer cannot be read")]
    Layer(#[from] std::io::Error),
}

impl Error {
    /// Whether another try may help.
    fn passes(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 416 | 425 | 429 | 500..=599),
            // A proxy cut the body; the registry says so by its digest.
            Self::Digest { .. } => true,
            _ => false,
        }
    }

    /// What to do about it, where there is something.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Denied { host, .. } => Some(format!(
                "export WILDCAM_REGISTRY_USERNAME and WILDCAM_REGISTRY_PASSWORD for {host}, and check that they may push"
            )),
            Self::Status { status: 404, .. } => {
                Some("make the repository first: wildcam deploy --only '*/registry/*'".to_owned())
            }
            _ => None,
        }
    }
}

/// Pushes an image.
///
/// # Errors
/// When the registry refuses, cannot be reached within the policy of retries, or has other bytes than were sent.
pub async fn push(
    image: &Image,
    target: &Target,
    random: &Random,
    listener: &(dyn Fn(Event) + Sync),
) -> Result<Pushed, Error> {
    let digest = image.digest();
    let tag = format!("wildcam-{}", digest.hex().get(..16).unwrap_or_default());
    let reference = format!("{}@{digest}", target.repository);
    let session = Session::open(target, random)?;
    let mut pushed = Pushed { reference, tag, sent: 0, sent_bytes: 0, manifest_sent: false };
    for blob in upload::blobs(image) {
        if session.has_blob(&blob.digest).await? {
            listener(Event::There { digest: blob.digest });
            continue;
        }
        listener(Event::Sending { digest: blob.digest.clone(), bytes: blob.bytes });
        session.upload(&blob, listener).await?;
        pushed.sent += 1;
        pushed.sent_bytes += blob.bytes;
    }
    if !session.has_manifest(&digest, &pushed.tag).await? {
        session.put_manifest(&image.manifest, &digest, &pushed.tag).await?;
        pushed.manifest_sent = true;
    }
    session.verify_manifest(&digest).await?;
    Ok(pushed)
}
