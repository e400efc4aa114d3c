//! The types that wildcam knows of Google's services: where each lies, how it is named, changed and marked.
//!
//! Most of Google's resources differ in nothing else, so they share one adapter (shape.rs, plane.rs) and are told apart
//! here. What needs steps of its own has a [`Manner`] and a file.

use super::service::Service;

/// Where the owner's marks are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// In a map of labels at this pointer.
    Labels(&'static str),
    /// At the end of a text at this pointer, in brackets: for types that have a description and no labels.
    Text(&'static str),
    /// Nowhere: the name alone says whose it is, since every name carries the project and the environment.
    Name,
}

/// How it is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// PATCH with the fields that change, named in `updateMask`.
    Mask,
    /// The same, with the mask and the resource inside the body.
    MaskInBody,
    /// PATCH that is merged with what stands (RFC 7396).
    Merge,
    /// It cannot be changed.
    Never,
}

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comes {
    /// The answer is the resource, or nothing.
    AtOnce,
    /// The answer is an operation that has to be asked about.
    Later,
}

/// What is not as with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Nothing.
    Usual,
    /// Buckets: emptied object by object, under another conditions' name.
    Bucket,
    /// Keys of KMS: never deleted, only made useless; told the time of their next rotation.
    Key,
    /// Key rings: stay for ever.
    Ring,
    /// Versions of a secret: added, never named, destroyed in the end.
    Version,
    /// Cloud SQL: protected against deletion, and one operation at a time.
    Instance,
    /// Users of Cloud SQL: deleted by query.
    User,
    /// Kept for 30 days after their deletion, and brought back instead of made again.
    Undeletable,
    /// Services of the project: enabled, and left so.
    Api,
    /// What a project has by itself, looked up for what others need of it.
    Given,
    /// One member of one role in the policy of something.
    Member,
}

/// One type.
#[derive(Debug)]
pub(super) struct Kind {
    /// As in templates.
    pub(super) name: &'static str,
    pub(super) service: Service,
    /// Where it is made and listed, below the service's root. `{project}`, `{region}` and properties in braces.
    pub(super) collection: &'static str,
    /// Its id, which is also its path below the root (for buckets, below `b/`). Empty: Google gives it.
    pub(super) id: &'static str,
    /// Properties that go into the address of the creation, as parameters.
    pub(super) query: &'static [&'static str],
    /// Properties that stand in the path alone.
    pub(super) path: &'static [&'static str],
    /// Where the resource itself stands in the request of its creation.
    pub(super) envelope: Option<&'static str>,
    pub(super) marks: Marks,
    pub(super) update: Update,
    pub(super) made: Comes,
    pub(super) changed: Comes,
    pub(super) deleted: Comes,
    /// The field of a list's answer that holds the resources; empty: there is no list without a parent.
    pub(super) items: &'static str,
    pub(super) manner: Manner,
    /// The property that stands for the id where Google gives it and marks cannot be kept.
    pub(super) title: &'static str,
}

const USUAL: Kind = Kind {
    name: "",
    service: Service::Usage,
    collection: "",
    id: "",
    query: &[],
    path: &[],
    envelope: None,
    marks: Marks::Name,
    update: Update::Never,
    made: Comes::AtOnce,
    changed: Comes::AtOnce,
    deleted: Comes::AtOnce,
    items: "",
    manner: Manner::Usual,
    title: "",
};

/// All of them.
pub(super) static KINDS: [Kind; 33] = [
    Kind {
        name: "artifactregistry.repositories",
        service: Service::ArtifactRegistry,
        collection: "projects/{project}/locations/{region}/repositories",
        id: "projects/{project}/locations/{region}/repositories/{repositoryId}",
        query: &["repositoryId"],
        marks: Marks::Labels("/labels"),
        update: Update::Mask,
        made: Comes::Later,
        deleted: Comes::Later,
        items: "repositories",
        ..USUAL
    },
    member("artifactregistry.repositories.iamMembers", Service::ArtifactRegistry),
    Kind {
        name: "billingbudgets.budgets",
        service: Service::Budgets,
        collection: "{parent}/budgets",
        path: &["parent"],
        update: Update::Mask,
        items: "budgets",
        title: "/displayName",
        ..USUAL
    },
    Kind {
        name: "cloudkms.cryptoKeys",
        service: Service::Kms,
        collection: "{parent}/cryptoKeys",
        id: "{parent}/cryptoKeys/{cryptoKeyId}",
        query: &["cryptoKeyId"],
        path: &["parent"],
        marks: Marks::Labels("/labels"),
        update: Update::Mask,
        manner: Manner::Key,
        ..USUAL
    },
    member("cloudkms.cryptoKeys.iamMembers", Service::Kms),
    Kind {
        name: "cloudkms.keyRings",
        service: Service::Kms,
        collection: "projects/{project}/locations/{region}/keyRings",
        id: "projects/{project}/locations/{region}/keyRings/{keyRingId}",
        query: &["keyRingId"],
        items: "keyRings",
        manner: Manner::Ring,
        ..USUAL
    },
    member("cloudresourcemanager.projects.iamMembers", Service::ResourceManager),
    Kind {
        name: "compute.networks",
        service: Service::Compute,
        collection: "projects/{project}/global/networks",
        id: "projects/{project}/global/networks/{name}",
        marks: Marks::Text("/description"),
        update: Update::Merge,
        made: Comes::Later,
        changed: Comes::Later,
        deleted: Comes::Later,
        items: "items",
        ..USUAL
    },
    Kind {
        name: "compute.subnetworks",
        service: Service::Compute,
        collection: "projects/{project}/regions/{region}/subnetworks",
        id: "projects/{project}/regions/{region}/subnetworks/{name}",
        marks: Marks::Text("/description"),
        update: Update::Merge,
        made: Comes::Later,
        changed: Comes::Later,
        deleted: Comes::Later,
        items: "items",
        ..USUAL
    },
    Kind {
        name: "dns.managedZones",
        service: Service::Dns,
        collection: "projects/{project}/managedZones",
        id: "projects/{project}/managedZones/{name}",
        marks: Marks::Labels("/labels"),
        update: Update::Merge,
        changed: Comes::Later,
        items: "managedZones",
        ..USUAL
    },
    Kind {
        name: "dns.resourceRecordSets",
        service: Service::Dns,
        collection: "projects/{project}/managedZones/{managedZone}/rrsets",
        id: "projects/{project}/managedZones/{managedZone}/rrsets/{name}/{type}",
        path: &["managedZone"],
        update: Update::Merge,
        ..USUAL
    },
    Kind {
        name: "iam.roles",
        service: Service::Iam,
        collection: "projects/{project}/roles",
        id: "projects/{project}/roles/{roleId}",
        envelope: Some("role"),
        marks: Marks::Text("/role/description"),
        update: Update::Mask,
        items: "roles",
        manner: Manner::Undeletable,
        ..USUAL
    },
    Kind {
        name: "iam.serviceAccounts",
        service: Service::Iam,
        collection: "projects/{project}/serviceAccounts",
        id: "projects/{project}/serviceAccounts/{accountId}@{domain}",
        envelope: Some("serviceAccount"),
        marks: Marks::Text("/serviceAccount/description"),
        update: Update::MaskInBody,
        items: "accounts",
        ..USUAL
    },
    member("iam.serviceAccounts.iamMembers", Service::Iam),
    Kind {
        name: "iam.workloadIdentityPools",
        service: Service::Iam,
        collection: "projects/{project}/locations/global/workloadIdentityPools",
        id: "projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}",
        query: &["workloadIdentityPoolId"],
        marks: Marks::Text("/description"),
        update: Update::Mask,
        made: Comes::Later,
        changed: Comes::Later,
        deleted: Comes::Later,
        items: "workloadIdentityPools",
        manner: Manner::Undeletable,
        ..USUAL
    },
    Kind {
        name: "iam.workloadIdentityPools.providers",
        service: Service::Iam,
        collection: "{parent}/providers",
        id: "{parent}/providers/{workloadIdentityPoolProviderId}",
        query: &["workloadIdentityPoolProviderId"],
        path: &["parent"],
        marks: Marks::Text("/description"),
        update: Update::Mask,
        made: Comes::Later,
        changed: Comes::Later,
        deleted: Comes::Later,
        manner: Manner::Undeletable,
        ..USUAL
    },
    monitored("monitoring.alertPolicies", "projects/{project}/alertPolicies", "alertPolicies"),
    monitored("monitoring.notificationChannels", "projects/{project}/notificationChannels", "notificationChannels"),
    monitored("monitoring.uptimeCheckConfigs", "projects/{project}/uptimeCheckConfigs", "uptimeCheckConfigs"),
    Kind {
        name: "run.services",
        service: Service::Run,
        collection: "projects/{project}/locations/{region}/services",
        id: "projects/{project}/locations/{region}/services/{serviceId}",
        query: &["serviceId"],
        marks: Marks::Labels("/labels"),
        update: Update::Mask,
        made: Comes::Later,
        changed: Comes::Later,
        deleted: Comes::Later,
        items: "services",
        ..USUAL
    },
    member("run.services.iamMembers", Service::Run),
    Kind {
        name: "secretmanager.secrets",
        service: Service::Secrets,
        collection: "projects/{project}/secrets",
        id: "projects/{project}/secrets/{secretId}",
        query: &["secretId"],
        marks: Marks::Labels("/labels"),
        update: Update::Mask,
        items: "secrets",
        ..USUAL
    },
    member("secretmanager.secrets.iamMembers", Service::Secrets),
    Kind {
        name: "secretmanager.secrets.versions",
        service: Service::Secrets,
        collection: "{parent}:addVersion",
        path: &["parent"],
        manner: Manner::Version,
        ..USUAL
    },
    Kind {
        name: "serviceusage.services",
        service: Service::Usage,
        collection: "projects/{project}/services",
        id: "projects/{project}/services/{name}",
        made: Comes::Later,
        items: "services",
        manner: Manner::Api,
        ..USUAL
    },
    Kind {
        name: "sqladmin.databases",
        service: Service::Sql,
        collection: "projects/{project}/instances/{instance}/databases",
        id: "projects/{project}/instances/{instance}/databases/{name}",
        update: Update::Merge,
        made: Comes::Later,
        changed: Comes::Later,
        deleted: Comes::Later,
        ..USUAL
    },
    Kind {
        name: "sqladmin.instances",
        service: Service::Sql,
        collection: "projects/{project}/instances",
        id: "projects/{project}/instances/{name}",
        marks: Marks::Labels("/settings/userLabels"),
        update: Update::Merge,
        made: Comes::Later,
        changed: Comes::Later,
        deleted: Comes::Later,
        items: "items",
        manner: Manner::Instance,
        ..USUAL
    },
    Kind {
        name: "sqladmin.users",
        service: Service::Sql,
        collection: "projects/{project}/instances/{instance}/users",
        id: "projects/{project}/instances/{instance}/users/{name}",
        made: Comes::Later,
        deleted: Comes::Later,
        manner: Manner::User,
        ..USUAL
    },
    Kind {
        name: "storage.buckets",
        service: Service::Storage,
        collection: "b",
        id: "{name}",
        query: &["enableObjectRetention"],
        marks: Marks::Labels("/labels"),
        update: Update::Merge,
        items: "items",
        manner: Manner::Bucket,
        ..USUAL
    },
    member("storage.buckets.iamMembers", Service::Storage),
    given("cloudbilling.projects.billingInfo", Service::Billing, "projects/{project}/billingInfo"),
    given("cloudresourcemanager.projects", Service::ResourceManager, "projects/{project}"),
    given("storage.projects.serviceAccount", Service::Storage, "projects/{project}/serviceAccount"),
];

/// A type of Cloud Monitoring: named by Google, known by its labels, without etags.
const fn monitored(name: &'static str, collection: &'static str, items: &'static str) -> Kind {
    Kind {
        name,
        service: Service::Monitoring,
        collection,
        marks: Marks::Labels("/userLabels"),
        update: Update::Mask,
        items,
        ..USUAL
    }
}

/// A member of a role in the policies of one type.
const fn member(name: &'static str, service: Service) -> Kind {
    Kind { name, service, manner: Manner::Member, ..USUAL }
}

/// Something that every project has.
const fn given(name: &'static str, service: Service, id: &'static str) -> Kind {
    Kind { name, service, collection: id, id, manner: Manner::Given, ..USUAL }
}

/// The type of this name.
pub(super) fn of(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
