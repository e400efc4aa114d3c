//! A project in three clouds, its forty resources, and the program that deploys them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use super::{
    arm,
    cloud_control::{self, Seed},
    front::{self, Front},
    google,
    steps::{Shared, Steps, Trap},
    stores::{self, Store, Tongue},
    support::{Output, Running, TestDir},
};

/// How many resources the templates make.
pub(crate) const RESOURCES: usize = 40;

/// No run of the program may take longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// A project, its clouds, and its stores.
pub(crate) struct Camp {
    pub(crate) folder: TestDir,
    pub(crate) aws: cloud_control::Fake,
    pub(crate) azure: arm::Fake,
    pub(crate) google: google::Fake,
    pub(crate) buckets: Store,
    pub(crate) blobs: Store,
    pub(crate) front: Front,
    pub(crate) steps: Shared,
}

fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The project's own templates: the camp, and nothing of what wildcam would make by itself.
fn templates(project: &Path) {
    for provider in ["aws", "azure", "gcp"] {
        let folder = project.join("templates").join(provider);
        fs::create_dir_all(&folder).expect("a folder");
        for entry in fs::read_dir(own("templates").join(provider)).expect("wildcam's templates") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "yaml") {
                let stack = path.file_stem().expect("a name").to_string_lossy().into_owned();
                let text = format!("stack: {stack}\nsummary: left out\nresources: {{}}\n");
                fs::write(folder.join(format!("{stack}.yaml")), text).expect("a template");
            }
        }
        let camp = own("tests/deploy_killed/templates").join(provider).join("camp.yaml");
        fs::copy(camp, folder.join("camp.yaml")).expect("the camp's template");
    }
}

impl Camp {
    /// Pitches one. `lease` is that of wildcam.toml.
    pub(crate) async fn pitch(seed: u64, lease: &str) -> Self {
        let steps: Shared = Arc::new(Steps::default());
        let folder = TestDir::new();
        let aws = cloud_control::start(Seed::default());
        let azure = arm::start(seed).await;
        let google = google::start(seed);
        google.hide_new(1);
        let buckets = stores::start("aws", Tongue::S3, Arc::clone(&steps));
        let blobs = stores::start("az", Tongue::Blob, Arc::clone(&steps));
        azure.blobs(&blobs.url, "ZmFrZQ==");
        let front = front::start(&google.url, Arc::clone(&steps)).await;
        let project = folder.project();
        templates(&project);
        fs::write(project.join("authority.pem"), &azure.authority_pem).expect("the authority");
        fs::write(project.join("google.json"), google.credentials()).expect("the credentials");
        let at = azure.url.as_str();
        let text = format!(
            "[project]\nname = 'reserve'\n\n[deploy]\nlease = '{lease}'\n\n\
             [clouds.aws]\nprovider = 'aws'\nregions = ['eu-central-1']\nendpoint = '{}'\nendpoints = {{ s3 = '{}' }}\n\
             [clouds.aws.store]\nbucket = 'reserve-pictures'\n\n\
             [clouds.az]\nprovider = 'azure'\nregions = ['westeurope']\naccount = '{}'\nendpoint = '{at}'\n\
             endpoints = {{ login = '{at}', metadata = '{at}', vault = '{at}vault' }}\nauthority = 'authority.pem'\n\n\
             [clouds.gcp]\nprovider = 'gcp'\nregions = ['europe-west3']\naccount = '{}'\nendpoint = '{}'\n",
            aws.url,
            buckets.url,
            arm::SUBSCRIPTION,
            google::PROJECT,
            front.url,
        );
        fs::write(project.join("wildcam.toml"), text).expect("wildcam.toml");
        Self { folder, aws, azure, google, buckets, blobs, front, steps }
    }

    /// Changes a template of the project.
    pub(crate) fn edit(&self, provider: &str, from: &str, to: &str) {
        let path = self.folder.project().join(format!("templates/{provider}/camp.yaml"));
        let text = fs::read_to_string(&path).expect("the template");
        assert!(text.contains(from), "{from} is in the template");
        fs::write(path, text.replace(from, to)).expect("the template");
    }

    /// `wildcam ARGUMENTS`, with what signs in to the clouds.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.wildcam(arguments);
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "AKIDFAKE"),
            ("AWS_SECRET_ACCESS_KEY", "fake/secret+key"),
            ("AZURE_TENANT_ID", arm::TENANT),
            ("AZURE_CLIENT_ID", arm::CLIENT),
            ("AZURE_CLIENT_SECRET", arm::SECRET),
            ("CAMP_WORD", "what the owl said"),
            ("USER", "ranger"),
            ("HOSTNAME", "hut"),
        ] {
            command.env(name, value);
        }
        command.env("GOOGLE_APPLICATION_CREDENTIALS", self.folder.project().join("google.json"));
        command
    }

    /// Starts `wildcam ARGUMENTS`; a trap counts from here.
    pub(crate) fn start(&self, arguments: &[&str], trap: Option<Trap>) -> Running {
        self.steps.set(trap);
        let running = self.folder.start(self.command(arguments));
        self.steps.aim(running.id());
        running
    }

    /// Runs `wildcam ARGUMENTS` to its end, or to that of the trap.
    pub(crate) async fn run(&self, arguments: &[&str], trap: Option<Trap>) -> Output {
        finish(self.start(arguments, trap)).await
    }

    /// The entries of the state, by address, as the program tells them.
    pub(crate) async fn state(&self) -> BTreeMap<String, Value> {
        let lines = self.run(&["state", "show", "--json"], None).await.expect_code(0).json_lines();
        let entries = lines.into_iter().filter(|line| line["reason"] == "state-entry");
        entries.map(|line| (text(&line["address"]), line["entry"].clone())).collect()
    }
}

/// Waits for the end of a run without holding up the servers.
pub(crate) async fn finish(running: Running) -> Output {
    tokio::task::spawn_blocking(move || running.finish(LIMIT)).await.expect("the wait")
}

/// A text of JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
