//! The projects that together render every template in every way.

use std::{fmt::Write as _, path::Path};

use wildcam::project::{Project, Provider};

/// What a project asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) providers: Vec<Provider>,
    pub(crate) scale: &'static str,
    pub(crate) strategy: &'static str,
    /// Which of the things that may be there are: image, database, zone, ci, second region, budget and mail.
    pub(crate) with: [bool; 6],
    /// A custom cloud whose store is a folder.
    pub(crate) folder: bool,
}

impl Wish {
    pub(crate) fn has_everything(&self) -> bool {
        self.with.iter().all(|on| *on) && self.scale == "medium" && self.strategy == "active-active" && !self.folder
    }
}

const SCALES: [&str; 3] = ["small", "medium", "large"];
const STRATEGIES: [&str; 3] = ["active-active", "active-passive", "hybrid"];

/// Every provider alone, in every combination; and all four together in every tier and strategy.
pub(crate) fn all() -> Vec<Wish> {
    let mut wishes = Vec::new();
    for scale in SCALES {
        for strategy in STRATEGIES {
            for bits in 0..64_u8 {
                let with = std::array::from_fn(|bit| bits >> bit & 1 == 1);
                for provider in [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Custom] {
                    let folder = provider == Provider::Custom && bits & 16 != 0 && bits & 1 == 0;
                    wishes.push(Wish { providers: vec![provider], scale, strategy, with, folder });
                }
            }
            for with in [[true; 6], [false; 6]] {
                let providers = vec![Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Custom];
                wishes.push(Wish { providers, scale, strategy, with, folder: false });
            }
        }
    }
    wishes
}

/// The text of its wildcam.toml.
pub(crate) fn text(wish: &Wish) -> String {
    let [image, database, zone, ci, second, budget] = wish.with;
    let mut text = format!("[project]\nname = 'reserve'\nscale = '{}'\nstrategy = '{}'\n", wish.scale, wish.strategy);
    for (index, provider) in wish.providers.iter().enumerate() {
        let weight = u32::from(wish.strategy == "active-active" || index == 0);
        cloud(&mut text, *provider, weight, second, wish.folder);
    }
    let copies = wish.providers.len().min(2);
    write!(text, "[gateway]\ncopies = {copies}\nsigning_key = 'file:secrets/gateway.pem'\n")
        .expect("as the test wants it");
    text.push_str("[fleet]\nonline_key = 'file:secrets/online.pem'\n");
    write!(text, "[deploy]\ndatabase = {database}\n").expect("as the test wants it");
    if zone {
        text.push_str("zone = 'cameras.example.org'\n");
    }
    if image {
        text.push_str("[deploy.images]\n");
        for provider in &wish.providers {
            let digest = "0".repeat(64);
            writeln!(text, "{} = 'registry.example/wildcam@sha256:{digest}'", provider.as_str())
                .expect("as the test wants it");
        }
    }
    if ci {
        text.push_str("[ci]\ngithub = 'reserve/cameras'\n");
    }
    if budget {
        text.push_str(
            "[budget]\nmonthly_usd = 250.0\n[notify]\nemail = ['ranger@example.org', 'warden@example.org']\n",
        );
    }
    text
}

fn cloud(text: &mut String, provider: Provider, weight: u32, second: bool, folder: bool) {
    let (regions, account, store) = match provider {
        Provider::Aws => (["eu-central-1", "eu-west-1"], "account = '123456789012'\n", ""),
        Provider::Azure => (["westeurope", "northeurope"], "account = '00000000-0000-0000-0000-000000000001'\n", ""),
        Provider::Gcp => (["europe-west3", "europe-west1"], "account = 'reserve-cameras'\n", ""),
        Provider::Custom if folder => (["site-1", "site-2"], "", "store = { path = 'pictures' }\n"),
        Provider::Custom => (
            ["site-1", "site-2"],
            "",
            "store = { endpoint = 'https://store.example:9000', region = 'us-east-1', access_key = 'env:K', \
             secret_key = 'env:S' }\n",
        ),
    };
    let name = provider.as_str();
    let regions = if second { format!("'{}', '{}'", regions[0], regions[1]) } else { format!("'{}'", regions[0]) };
    write!(text, "[clouds.{name}]\nprovider = '{name}'\nregions = [{regions}]\nweight = {weight}\n{account}{store}")
        .expect("as the test wants it");
    if provider == Provider::Custom {
        text.push_str("[clouds.custom.database]\nadmin = 'env:ADMIN'\npassword = 'env:PASSWORD'\n");
        for (host, via, more) in [
            ("north", "ssh", "ssh = 'wildcam@north.example'\n"),
            ("south", "systemd", ""),
            ("east", "files", "folder = 'out/east'\n"),
            ("west", "process", "folder = 'run/west'\n"),
        ] {
            write!(text, "[[clouds.custom.hosts]]\nname = '{host}'\nvia = '{via}'\n{more}")
                .expect("as the test wants it");
            writeln!(text, "url = 'https://{host}.example:8443'").expect("as the test wants it");
        }
    }
}

/// The project of a text.
pub(crate) fn project(text: &str) -> Project {
    Project::parse(text, Path::new("wildcam.toml"), Path::new("."), None)
        .unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}
