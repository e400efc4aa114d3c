//! Google's services: where each answers, and how its operations look.

use std::collections::BTreeMap;

use url::Url;

use crate::project::Cloud;

/// One of Google's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Service {
    ArtifactRegistry,
    Billing,
    Budgets,
    Compute,
    Dns,
    Iam,
    IamCredentials,
    Kms,
    Monitoring,
    ResourceManager,
    Run,
    Secrets,
    Sql,
    Storage,
    Sts,
    Usage,
}

impl Service {
    pub(super) const ALL: [Self; 16] = [
        Self::ArtifactRegistry,
        Self::Billing,
        Self::Budgets,
        Self::Compute,
        Self::Dns,
        Self::Iam,
        Self::IamCredentials,
        Self::Kms,
        Self::Monitoring,
        Self::ResourceManager,
        Self::Run,
        Self::Secrets,
        Self::Sql,
        Self::Storage,
        Self::Sts,
        Self::Usage,
    ];

    /// Google's short word: the name of its discovery document, of its host, and the key under `endpoints`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::ArtifactRegistry => "artifactregistry",
            Self::Billing => "cloudbilling",
            Self::Budgets => "billingbudgets",
            Self::Compute => "compute",
            Self::Dns => "dns",
            Self::Iam => "iam",
            Self::IamCredentials => "iamcredentials",
            Self::Kms => "cloudkms",
            Self::Monitoring => "monitoring",
            Self::ResourceManager => "cloudresourcemanager",
            Self::Run => "run",
            Self::Secrets => "secretmanager",
            Self::Sql => "sqladmin",
            Self::Storage => "storage",
            Self::Sts => "sts",
            Self::Usage => "serviceusage",
        }
    }

    /// What stands before every path of the version that is spoken.
    pub(super) const fn root(self) -> &'static str {
        match self {
            Self::Compute => "compute/v1",
            Self::Dns => "dns/v1",
            Self::Monitoring => "v3",
            Self::Run => "v2",
            // What gcloud speaks too; its shapes are those of v1.
            Self::Sql => "sql/v1beta4",
            Self::Storage => "storage/v1",
            _ => "v1",
        }
    }
}

/// Where the services answer: their own hosts, or what wildcam.toml says instead.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    all: Option<String>,
    single: BTreeMap<&'static str, String>,
}

impl Hosts {
    /// As wildcam.toml says; a key under `endpoints` that is no service of wildcam's is passed over.
    pub(super) fn of(cloud: &Cloud) -> Self {
        let text = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        let single = Service::ALL
            .into_iter()
            .filter_map(|service| Some((service.word(), text(cloud.endpoints.get(service.word())?))))
            .collect();
        Self { all: cloud.endpoint.as_ref().map(text), single }
    }

    /// The address of a service, without a slash at its end.
    pub(super) fn base(&self, service: Service) -> String {
        let own = || format!("https://{}.googleapis.com", service.word());
        self.single.get(service.word()).cloned().or_else(|| self.all.clone()).unwrap_or_else(own)
    }
}
