//! The tables that say how a project is deployed: `[deploy]`, `[ci]`, `[budget]`, and the machines and databases of
//! custom clouds.

use std::{collections::BTreeSet, time::Duration};

use url::Url;

use super::{super::read::Places, Fault, is_name, require_cloud};
use crate::project::{
    Settings,
    schema::{Cloud, Host, Provider, Via},
};

/// Below this a slow call would outlast the lease, above it a run that died blocks the next one for too long.
const LEASE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(3600)];

/// The longest name in the DNS, and the longest part of one.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

pub(super) fn check(settings: &Settings, places: &Places<'_>) -> Result<(), Fault> {
    for (name, cloud) in &settings.clouds {
        check_control_plane(name, cloud, places)?;
        check_hosts(name, cloud, places)?;
    }
    check_deploy(settings, places)?;
    check_images(settings, places)?;
    check_ci(settings, places)?;
    for (number, percent) in settings.budget.alert_percent.iter().enumerate() {
        if !(1..=200).contains(percent) {
            let place = places.of(&["budget", "alert_percent", &number.to_string()]);
            return Err(Fault::new(place, "a percentage of the budget is from 1 to 200"));
        }
    }
    Ok(())
}

fn check_control_plane(name: &str, cloud: &Cloud, places: &Places<'_>) -> Result<(), Fault> {
    let at = |key: &str| places.of(&["clouds", name, key]);
    let custom = cloud.provider == Provider::Custom;
    if custom && cloud.account.is_some() {
        return Err(Fault::new(at("account"), "a custom cloud has no account").help("leave `account` out"));
    }
    if !custom && cloud.database.is_some() {
        let message = format!("`database` is no key of a cloud of provider \"{}\"", cloud.provider.as_str());
        return Err(
            Fault::new(at("database"), message).help("wildcam makes a database there: [deploy] database = true")
        );
    }
    let endpoint = cloud.endpoint.iter().map(|url| (at("endpoint"), url));
    let endpoints = cloud.endpoints.iter().map(|(key, url)| (places.of(&["clouds", name, "endpoints", key]), url));
    for (place, url) in endpoint.chain(endpoints) {
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            let fault = Fault::new(place, "an endpoint begins with https:// or http://");
            return Err(fault.help("write scheme://host:port"));
        }
        if has_credentials(url) {
            return Err(Fault::new(place, "an endpoint carries no user name and no password"));
        }
    }
    Ok(())
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn check_hosts(name: &str, cloud: &Cloud, places: &Places<'_>) -> Result<(), Fault> {
    if cloud.hosts.is_empty() {
        return Ok(());
    }
    if cloud.provider != Provider::Custom {
        let message = format!("`hosts` is no key of a cloud of provider \"{}\"", cloud.provider.as_str());
        let fault = Fault::new(places.of(&["clouds", name, "hosts", "0"]), message);
        return Err(fault.help("the provider runs the gateway's container: wildcam gateway image --push"));
    }
    let mut names = BTreeSet::new();
    for (number, host) in cloud.hosts.iter().enumerate() {
        let number = number.to_string();
        let at = |key: &str| places.of(&["clouds", name, "hosts", &number, key]);
        if !is_name(&host.name, 32) {
            return Err(Fault::new(
                at("name"),
                "a host's name is 1 to 32 of a-z, 0-9 and -, beginning with a letter, not ending with -",
            ));
        }
        if !names.insert(host.name.as_str()) {
            return Err(Fault::new(at("name"), format!("the cloud `{name}` has two hosts `{}`", host.name))
                .help("give each host a name of its own"));
        }
        check_via(host, at)?;
        if let Some(url) = &host.url
            && (url.scheme() != "https" || url.host().is_none() || has_credentials(url))
        {
            return Err(Fault::new(at("url"), "a host's address is https://NAME, without user name and password"));
        }
    }
    Ok(())
}

/// What each way of putting a gateway on a machine needs, and what says nothing with it.
fn check_via(host: &Host, at: impl Fn(&str) -> std::ops::Range<usize>) -> Result<(), Fault> {
    let word = match host.via {
        Via::Files => "files",
        Via::Systemd => "systemd",
        Via::Ssh => "ssh",
        Via::Process => "process",
    };
    match (&host.ssh, host.via) {
        (None, Via::Ssh) => {
            return Err(
                Fault::new(at("via"), "via = \"ssh\" needs to know the machine").help("add ssh = \"user@machine\"")
            );
        }
        (Some(machine), Via::Ssh) if !is_ssh_machine(machine) => {
            return Err(Fault::new(at("ssh"), "this is no machine for ssh")
                .help("write user@machine, or a name of ~/.ssh/config"));
        }
        (Some(_), Via::Files | Via::Systemd | Via::Process) => {
            return Err(Fault::new(at("ssh"), format!("`ssh` says nothing with via = \"{word}\""))
                .help("leave it out, or write via = \"ssh\""));
        }
        _ => {}
    }
    if let Some(folder) = host.folder.as_ref().filter(|_| matches!(host.via, Via::Ssh | Via::Systemd))
        && !folder.is_absolute()
    {
        return Err(Fault::new(at("folder"), format!("with via = \"{word}\" the folder is an absolute path"))
            .help("write /..., or leave it out"));
    }
    Ok(())
}

/// The name goes to ssh as an argument, so it must not look like an option.
fn is_ssh_machine(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@:[]%".contains(&byte))
        && text.matches('@').count() <= 1
}

fn check_deploy(settings: &Settings, places: &Places<'_>) -> Result<(), Fault> {
    let deploy = &settings.deploy;
    if !(1..=256).contains(&deploy.parallel) {
        return Err(Fault::new(places.of(&["deploy", "parallel"]), "`parallel` must be from 1 to 256"));
    }
    if !(LEASE[0]..=LEASE[1]).contains(&deploy.lease.get()) {
        return Err(Fault::new(places.of(&["deploy", "lease"]), "`lease` must be from 5s to 1h"));
    }
    if let Some(zone) = deploy.zone.as_ref().filter(|zone| !is_zone(zone)) {
        let fault = Fault::new(places.of(&["deploy", "zone"]), "a zone is a name in the DNS");
        let better = zone.trim_end_matches('.').to_ascii_lowercase();
        return Err(if is_zone(&better) {
            fault.help(format!("write {better}"))
        } else {
            fault.help("as in cameras.example.org")
        });
    }
    Ok(())
}

fn is_zone(text: &str) -> bool {
    let label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= LONGEST_NAME && text.contains('.') && text.split('.').all(label)
}

fn check_images(settings: &Settings, places: &Places<'_>) -> Result<(), Fault> {
    for (name, image) in &settings.deploy.images {
        let at = || places.of(&["deploy", "images", name]);
        require_cloud(settings, name, at())?;
        if !is_pinned(image) {
            return Err(Fault::new(at(), "an image is named by its digest: REPOSITORY@sha256:DIGEST")
                .help(format!("wildcam gateway image --cloud {name} --push writes it")));
        }
    }
    Ok(())
}

fn is_pinned(image: &str) -> bool {
    let Some((repository, digest)) = image.split_once("@sha256:") else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:[]".contains(&byte);
    let named = repository.split_once('/').is_some_and(|(host, path)| !host.is_empty() && !path.is_empty());
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    repository.len() <= 512
        && named
        && repository.bytes().all(plain)
        && digest.len() == 64
        && digest.bytes().all(hexadecimal)
}

fn check_ci(settings: &Settings, places: &Places<'_>) -> Result<(), Fault> {
    let ci = &settings.ci;
    if ci.github.as_ref().is_some_and(|repository| !is_github_repository(repository)) {
        return Err(Fault::new(places.of(&["ci", "github"]), "a GitHub repository is OWNER/NAME"));
    }
    if !is_branch(&ci.branch) {
        return Err(Fault::new(places.of(&["ci", "branch"]), "this is no name of a branch")
            .help("letters, digits, and . _ - / between them"));
    }
    Ok(())
}

/// An owner is 1 to 39 letters, digits and hyphens, a name 1 to 100 of those and `.` and `_`.
fn is_github_repository(text: &str) -> bool {
    let Some((owner, name)) = text.split_once('/') else { return false };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=39).contains(&owner.len())
        && owner.bytes().all(letters)
        && !owner.starts_with('-')
        && (1..=100).contains(&name.len())
        && name.bytes().all(|byte| letters(byte) || matches!(byte, b'.' | b'_'))
        && !matches!(name, "." | "..")
}

/// Narrower than git's rule: the name stands in conditions of three clouds and in a workflow.
fn is_branch(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
        && text.split('/').all(|part| {
            !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock") && !part.ends_with('.')
        })
        && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::project::{Error, Project};

    const BASE: &str = "[project]\nname = 'x'\n[clouds.a]\nprovider = 'custom'\nstore = { path = 'a' }\n\
                        [clouds.b]\nprovider = 'aws'\nregions = ['eu-central-1']\n";

    /// The line under the fault and what is said of it.
    fn complaint(text: &str) -> (String, String) {
        let whole = format!("{BASE}{text}\n");
        let error = Project::parse(&whole, Path::new("x"), Path::new("."), None).unwrap_err();
        let Error::Invalid(invalid) = error else { panic!("{error}") };
        (whole.lines().nth(invalid.line - 1).unwrap().to_owned(), invalid.message.clone())
    }

    fn accepts(text: &str) {
        let whole = format!("{BASE}{text}\n");
        if let Err(error) = Project::parse(&whole, Path::new("x"), Path::new("."), None) {
            panic!("{text}: {error}");
        }
    }

    fn refuses(text: &str, line: &str, words: &str) {
        let (at, said) = complaint(text);
        assert!(at.starts_with(line) && said.contains(words), "{text:?} gave {said:?} at {at:?}");
    }

    #[test]
    fn deploy_has_bounds() {
        for bad in [0, 257] {
            refuses(&format!("[deploy]\nparallel = {bad}"), "parallel", "from 1 to 256");
        }
        for bad in ["4s", "61m"] {
            refuses(&format!("[deploy]\nlease = '{bad}'"), "lease", "from 5s to 1h");
        }
        accepts("[deploy]\nparallel = 256\nlease = '1h'");
        accepts("[deploy]\nparallel = 1\nlease = '5s'");
        refuses("[deploy]\nstate_key = '00112233'", "state_key", "a secret is named here, never written");
        accepts("[deploy]\nstate_key = 'env:KEY'");
        let long = format!("{}.org", "a".repeat(64));
        for bad in ["org", "a..org", "-a.org", "a_b.org", "A.org", "a.org.", &long] {
            refuses(&format!("[deploy]\nzone = '{bad}'"), "zone", "a name in the DNS");
        }
        accepts("[deploy]\nzone = 'cameras.example.org'");
    }

    #[test]
    fn images_are_pinned_and_belong_to_a_cloud() {
        let digest = "0".repeat(64);
        for bad in [
            "r.example/a:latest".to_owned(),
            format!("r.example@sha256:{digest}"),
            format!("r.example/a@sha256:{}", &digest[1..]),
            format!("r.example/a@sha256:{}", "G".repeat(64)),
            format!("r.example/a b@sha256:{digest}"),
        ] {
            refuses(&format!("[deploy.images]\na = '{bad}'"), "a = ", "named by its digest");
        }
        let good = format!("r.example:5000/a/b@sha256:{digest}");
        refuses(&format!("[deploy.images]\nc = '{good}'"), "c = ", "there is no cloud `c`");
        accepts(&format!("[deploy.images]\na = '{good}'"));
    }

    #[test]
    fn hosts_belong_to_custom_clouds_and_say_what_their_way_needs() {
        let host = |lines: &str| format!("[[clouds.a.hosts]]\nname = 'one'\n{lines}");
        refuses(
            "[[clouds.b.hosts]]\nname = 'one'\nvia = 'systemd'",
            "[[clouds.b.hosts]]",
            "no key of a cloud of provider \"aws\"",
        );
        refuses(&host("via = 'ssh'"), "via", "needs to know the machine");
        refuses(&host("via = 'ssh'\nssh = '-oProxyCommand=x'"), "ssh", "no machine for ssh");
        refuses(&host("via = 'ssh'\nssh = 'a b'"), "ssh", "no machine for ssh");
        refuses(&host("via = 'systemd'\nssh = 'u@m'"), "ssh", "says nothing");
        refuses(&host("via = 'ssh'\nssh = 'u@m'\nfolder = 'x'"), "folder", "absolute path");
        refuses(&host("via = 'systemd'\nurl = 'http://x.example'"), "url", "https://NAME");
        refuses(&host("via = 'systemd'\nurl = 'https://u:p@x.example'"), "url", "without user name");
        let second =
            |name: &str| host(&format!("via = 'systemd'\n[[clouds.a.hosts]]\nname = '{name}'\nvia = 'systemd'"));
        refuses(&second("one"), "name = 'one'", "two hosts `one`");
        refuses(&second("One"), "name = 'One'", "a host's name");
        accepts(&second("two"));
        accepts(&host("via = 'ssh'\nssh = 'u@m.example'\nfolder = '/opt/wildcam'\nurl = 'https://m.example'"));
        accepts(&host("via = 'process'"));
        accepts(&host("via = 'files'"));
        accepts(&host("via = 'process'\nfolder = 'run/one'\nlisten = '127.0.0.1:0'"));
    }

    #[test]
    fn a_database_and_an_account_have_their_providers() {
        let database = "database = { admin = 'env:A', password = 'env:B' }";
        refuses(
            &format!("[clouds.c]\nprovider = 'gcp'\n{database}"),
            "database",
            "no key of a cloud of provider \"gcp\"",
        );
        accepts(&format!("[clouds.c]\nprovider = 'custom'\nstore = {{ path = 'c' }}\n{database}"));
        refuses("[clouds.c]\nprovider = 'custom'\nstore = { path = 'c' }\naccount = '1'", "account", "has no account");
        accepts("[clouds.c]\nprovider = 'gcp'\naccount = 'reserve-1'");
        refuses("[clouds.c]\nprovider = 'gcp'\nendpoint = 'ftp://x'", "endpoint", "begins with https");
        refuses("[clouds.c]\nprovider = 'gcp'\nendpoints = { iam = 'https://u:p@x' }", "endpoints", "no user name");
    }

    #[test]
    fn ci_names_a_repository_and_a_branch() {
        for bad in ["owner", "owner/", "/name", "own er/name", "owner/na/me", "-owner/name", "owner/..", "o/n'; x"] {
            refuses(&format!("[ci]\ngithub = \"{bad}\""), "github", "OWNER/NAME");
        }
        accepts("[ci]\ngithub = 'river-reserve/wildcam.cameras_2'\nbranch = 'release/2026'");
        for bad in ["", "a b", "a..b", "/a", "a/", "-a", "a.lock", "a'b", "${{ x }}"] {
            refuses(&format!("[ci]\nbranch = \"{bad}\""), "branch", "no name of a branch");
        }
    }

    #[test]
    fn alerts_are_percentages() {
        refuses("[budget]\nalert_percent = [80, 0]", "alert_percent", "from 1 to 200");
        refuses("[budget]\nalert_percent = [201]", "alert_percent", "from 1 to 200");
        accepts("[budget]\nalert_percent = [1, 200]");
    }
}
