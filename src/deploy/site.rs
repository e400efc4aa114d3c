//! Everything a deploy works with: the clouds' control planes, the state, time, randomness, and who listens.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::future::join_all;

use super::{
    calls::Calls,
    compare,
    event::{Event, Listener},
    shelf::{self, Shelf},
    state::State,
};
use crate::{
    clock::{Clock, Random},
    cloud::{
        self, Lookup, Surroundings,
        control::{Address, ControlPlane, Failure, FailureKind, Owner},
        rules::{Rules, TypeRules},
    },
    project::{Project, Provider, Secret, SecretError, SecretRef},
};

/// The environment's name where none was chosen.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// Control planes by the names of their clouds.
pub type Planes = BTreeMap<String, Arc<dyn ControlPlane>>;

/// What a [`Site`] is opened from.
#[derive(Clone)]
pub struct Opening {
    /// The project, with the environment's overrides laid over it.
    pub project: Project,
    /// The clouds that are left out: nothing of them is called.
    pub without: BTreeSet<String>,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Reads an environment variable.
    pub lookup: Lookup,
    /// Who is told what happens.
    pub listener: Listener,
    /// Who deploys, for those who have to wait: user and machine, or the CI job.
    pub who: String,
}

/// A project with its clouds at hand.
pub struct Site {
    /// The project.
    pub project: Project,
    /// The environment; [`DEFAULT_ENVIRONMENT`] where none was chosen.
    pub environment: String,
    /// The control planes of all clouds that are not left out.
    pub planes: Planes,
    /// The clouds that are left out.
    pub without: BTreeSet<String>,
    /// The state.
    pub shelf: Shelf,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Reads an environment variable.
    pub lookup: Lookup,
    /// Who is told what happens.
    pub listener: Listener,
    /// Who deploys.
    pub who: String,
    /// What is known of each provider's types.
    pub rules: fn(Provider) -> &'static Rules,
    /// The one way to the control planes.
    pub(crate) calls: Calls,
}

/// Why a site could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A cloud that is to be left out is not in the project.
    #[error("there is no cloud {name} in wildcam.toml (there are {known})")]
    UnknownCloud {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The control plane of a cloud cannot be used.
    #[error("the control plane of {cloud} cannot be used")]
    Plane {
        /// The cloud.
        cloud: String,
        /// Why not.
        source: Failure,
    },
    /// The state cannot be used.
    #[error(transparent)]
    Shelf(#[from] shelf::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::UnknownCloud { .. } => None,
            Self::Plane { cloud, source } => Some(source.next_step.clone().unwrap_or_else(|| {
                if source.kind == FailureKind::Credentials {
                    format!("log in to {cloud} again, or leave it out: --without {cloud}")
                } else {
                    format!("run wildcam doctor --cloud, or leave it out: --without {cloud}")
                }
            })),
            Self::Shelf(error) => error.next_step(),
        }
    }
}

impl Site {
    /// Opens the control planes of all clouds that are not left out. The state stores are asked for when they are first
    /// needed.
    ///
    /// # Errors
    /// When a cloud is unknown, a control plane cannot be used, or `deploy.state_key` is no key.
    pub async fn open(opening: Opening) -> Result<Self, Error> {
        let clouds = &opening.project.settings.clouds;
        let used = clouds.iter().filter(|(name, _)| !opening.without.contains(*name));
        let opened = join_all(used.map(async |(name, cloud)| {
            let surroundings = Surroundings {
                name,
                project: &opening.project,
                cloud,
                lookup: Arc::clone(&opening.lookup),
                clock: opening.clock.clone(),
                random: opening.random.fork(),
            };
            (name.clone(), cloud::control_plane(&surroundings).await)
        }))
        .await;
        let mut planes = Planes::new();
        for (cloud, plane) in opened {
            planes.insert(cloud.clone(), plane.map_err(|source| Error::Plane { cloud, source })?);
        }
        Self::with_planes(opening, planes)
    }

    /// A site with control planes that are open already.
    ///
    /// # Errors
    /// When a cloud that is left out is unknown, or `deploy.state_key` is no key.
    pub fn with_planes(opening: Opening, planes: Planes) -> Result<Self, Error> {
        let Opening { project, without, clock, random, lookup, listener, who } = opening;
        let clouds = &project.settings.clouds;
        if let Some(name) = without.iter().find(|name| !clouds.contains_key(*name)) {
            let known = clouds.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(Error::UnknownCloud { name: name.clone(), known });
        }
        let environment = project.env.clone().unwrap_or_else(|| DEFAULT_ENVIRONMENT.to_owned());
        let shelf = Shelf::new(&project, &environment, planes.clone(), &*lookup, random.fork())?;
        let providers = clouds.iter().map(|(name, cloud)| (name.clone(), cloud.provider)).collect();
        let calls = Calls::new(planes.clone(), &providers, project.settings.deploy.parallel, random.fork());
        Ok(Self {
            project,
            environment,
            planes,
            without,
            shelf,
            clock,
            random,
            lookup,
            listener,
            who,
            rules: Rules::of,
            calls,
        })
    }

    /// Tells the listener.
    pub(crate) fn tell(&self, event: Event) {
        (self.listener)(event);
    }

    /// Whose a resource is: what its marks must say.
    #[must_use]
    pub fn owner(&self, address: &Address) -> Owner {
        Owner {
            project: self.project.settings.project.name.clone(),
            environment: self.environment.clone(),
            address: address.clone(),
        }
    }

    /// What is known of a type, by the cloud that the resource is in. A type that is not known has the default rules:
    /// before a second call to create, marks are looked for.
    #[must_use]
    pub fn type_rules(&self, cloud: &str, kind: &str) -> &'static TypeRules {
        static UNKNOWN: std::sync::LazyLock<TypeRules> = std::sync::LazyLock::new(TypeRules::default);
        let provider = self.project.settings.clouds.get(cloud).map(|cloud| cloud.provider);
        provider.and_then(|provider| (self.rules)(provider).get(kind)).unwrap_or(&UNKNOWN)
    }

    /// Fetches a secret by the text of its reference.
    ///
    /// # Errors
    /// When it is no reference, or leads to no secret. No message repeats the secret.
    pub fn secret(&self, reference: &str) -> Result<Secret, SecretFailure> {
        let reference: SecretRef = reference.parse().map_err(|_| SecretFailure::NoReference)?;
        Ok(self.project.secret(&reference, &*self.lookup)?)
    }

    /// What hashes secrets as this state does, for the comparison.
    #[must_use]
    pub fn hashes<'s>(&'s self, state: &'s State) -> Hashes<'s> {
        Hashes { site: self, key: &state.hash_key }
    }

    /// The keyed hash of the secret that a reference leads to, as plans and state hold it.
    ///
    /// # Errors
    /// As [`Site::secret`].
    pub fn secret_hash(&self, hash_key: &str, reference: &str) -> Result<String, SecretFailure> {
        Ok(super::ledger::secret_hash(hash_key, &self.secret(reference)?))
    }
}

/// The hashes of a site's secrets under the key of one state.
pub struct Hashes<'s> {
    site: &'s Site,
    key: &'s str,
}

impl compare::SecretHashes for Hashes<'_> {
    fn hash(&self, reference: &SecretRef) -> Result<String, SecretError> {
        let secret = self.site.project.secret(reference, &*self.site.lookup)?;
        Ok(super::ledger::secret_hash(self.key, &secret))
    }
}

/// Why a secret that a template names cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretFailure {
    /// The text is no reference. It is not repeated: it may be the secret itself.
    #[error("what stands where a secret belongs is no reference (env:NAME or file:PATH)")]
    NoReference,
    /// It leads nowhere.
    #[error(transparent)]
    Secret(#[from] SecretError),
}
