//! What a plan is made from, and why there may be none.

use crate::{
    cloud::control::{Address, Failure, Owner},
    deploy::{graph::Graph, selector::Scope, state::State},
    project::{SecretError, SecretRef},
};

pub use crate::deploy::refresh::{Look, Seen};

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What the graph says shall stand, and nothing else.
    Deploy,
    /// Nothing shall stand.
    Destroy,
}

/// Hashes secrets with the state's key, so that a changed secret is seen without keeping it.
pub trait SecretHashes {
    /// The HMAC-SHA256 of the secret that a reference leads to, hexadecimal.
    ///
    /// # Errors
    /// As [`SecretRef::resolve`].
    fn hash(&self, reference: &SecretRef) -> Result<String, SecretError>;
}

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// What is wanted.
    pub graph: &'q Graph,
    /// What wildcam has made.
    pub state: &'q State,
    /// What was found.
    pub seen: &'q Seen,
    /// Which part of it is to be changed.
    pub scope: &'q Scope,
    /// Deploy or destroy.
    pub purpose: Purpose,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// The hashes of secrets.
    pub secrets: &'q dyn SecretHashes,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A resource could not be read, so nobody knows what would be done to it.
    #[error("`{address}` could not be read{}", and_more(*more))]
    Unread {
        /// The first one.
        address: Address,
        /// How many others could not be read either.
        more: usize,
        /// What the cloud said.
        #[source]
        source: Box<Failure>,
    },
    /// What stands in a resource's place belongs to somebody else.
    #[error(
        "`{address}`: `{id}` exists already and belongs to `{}` of the project `{}` (environment {})",
        owner.address, owner.project, owner.environment
    )]
    Owned {
        /// The resource.
        address: Address,
        /// The provider's id of what stands there.
        id: String,
        /// Whose it is.
        owner: Box<Owner>,
    },
    /// What stands in a resource's place differs in what cannot be changed.
    #[error("`{address}`: `{id}` exists already and differs in what cannot be changed: {}", properties.join(", "))]
    Unfit {
        /// The resource.
        address: Address,
        /// The provider's id of what stands there.
        id: String,
        /// The properties, as people write them, with what is there and what is wanted.
        properties: Vec<String>,
    },
    /// A secret cannot be fetched.
    #[error("`{address}` needs a secret")]
    Secret {
        /// The resource.
        address: Address,
        /// Why.
        #[source]
        source: Box<SecretError>,
    },
    /// A resource needs one that does not stand, in a cloud that is left out.
    #[error("`{address}` needs `{need}`, which does not stand and is left out")]
    NeedsLeftOut {
        /// The resource.
        address: Address,
        /// What it needs.
        need: Box<Address>,
    },
    /// A selector names nothing.
    #[error("nothing is named `{selector}`, neither in the templates nor in the state")]
    Selects {
        /// The selector.
        selector: String,
    },
}

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" (and {more} more)") }
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::Unread { address, source, .. } => source.next_step.clone().unwrap_or_else(|| {
                format!("wildcam doctor --cloud {0}; or leave the cloud out: --without {0}", address.cloud)
            }),
            Self::Owned { .. } => "choose another name in wildcam.toml or in the template; if it is yours, let the \
                                   project that has it give it up: wildcam state rm ADDRESS"
                .to_owned(),
            Self::Unfit { address, .. } => format!(
                "write the template so that it describes what exists, or choose another name; wildcam adopt {address} \
                 takes it over as it is"
            ),
            Self::Secret { source, .. } => source.next_step(),
            Self::NeedsLeftOut { need, .. } => {
                format!("deploy without --without {} first, or leave out what needs it", need.cloud)
            }
            Self::Selects { .. } => "wildcam state show lists what there is; a selector is cloud/stack/name, and * \
                                     stands for any part of it"
                .to_owned(),
        }
    }
}
