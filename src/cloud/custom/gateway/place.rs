//! Where a gateway lies, and what can be done there.

use std::{
    collections::BTreeMap,
    io::Read,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    super::{
        super::{
            Lookup,
            control::{Failure, FailureKind},
        },
        blocking,
    },
    KIND, Wish,
    bundle::Bundle,
    health, invalid,
    machine::{self, Machine},
    process::Process,
    unit::{ENVIRONMENT, environment},
};
use crate::{
    journal::atomic,
    project::{Secret, Via},
};

/// The most that is read of one file of a gateway, and the most files.
const LARGEST_FILE: u64 = 4 << 20;
const MOST_FILES: usize = 100;

/// What lies in a folder: the manifest as it is, and the digest of every file.
pub(super) type Seen = (Vec<u8>, BTreeMap<String, String>);

/// A machine and a folder on it.
pub(super) struct Place {
    via: Via,
    host: String,
    ssh: Option<String>,
    /// As wildcam.toml writes it, or the default.
    folder: String,
    unit: String,
    at: At,
}

enum At {
    /// On this machine, in the folder.
    Folder(PathBuf),
    /// A systemd unit.
    Unit(Machine),
}

/// A name that is one part of a path, and harmless in it.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// What an id is made of: way, `user@machine`, folder, host.
pub(super) fn parse(id: &str) -> Result<(Via, Option<String>, String, String), Failure> {
    let parts: Vec<&str> = id.split('|').collect();
    let [via, ssh, folder, host] = parts.as_slice() else { return Err(invalid("this is no id of a gateway")) };
    let via = match *via {
        "files" => Via::Files,
        "systemd" => Via::Systemd,
        "ssh" => Via::Ssh,
        "process" => Via::Process,
        _ => return Err(invalid("this is no id of a gateway")),
    };
    let ssh = Some((*ssh).to_owned()).filter(|text| !text.is_empty());
    Ok((via, ssh, (*folder).to_owned(), (*host).to_owned()))
}

impl Place {
    /// Of a host. `unit` is the name of the unit and of the default folder; `dir` the project's folder.
    pub(super) fn new(wish: &Wish, unit: &str, dir: &Path, lookup: &Lookup) -> Result<Self, Failure> {
        let host = wish.host.as_str();
        let good = host.len() <= 32
            && host.starts_with(|first: char| first.is_ascii_lowercase())
            && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !good {
            return Err(invalid("a host's name is 1 to 32 of a-z, 0-9 and -, beginning with a letter"));
        }
        if (wish.via == Via::Ssh) != wish.ssh.is_some() {
            return Err(invalid("a host has ssh = \"user@machine\" where via is \"ssh\", and only there"));
        }
        let default = match wish.via {
            Via::Files | Via::Process => format!(".wildcam/gateways/{unit}"),
            Via::Systemd | Via::Ssh => format!("/opt/{unit}"),
        };
        let folder = wish.folder.clone().unwrap_or(default);
        if folder.is_empty() || folder.contains('|') || folder.chars().any(char::is_control) {
            return Err(invalid("the folder of a host has a name that cannot be used"));
        }
        let at = match wish.via {
            Via::Files | Via::Process => {
                // A gateway runs in this folder, so nothing that it is given may depend on where wildcam was called.
                let folder = std::path::absolute(dir.join(&folder));
                At::Folder(folder.map_err(|error| invalid(format!("the folder of a host: {error}")))?)
            }
            Via::Systemd | Via::Ssh => {
                let plain = folder.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_plain));
                if !plain {
                    return Err(invalid("the folder of a systemd unit is absolute, of letters, digits, ., _ and -"));
                }
                At::Unit(Machine::new(wish.ssh.as_deref(), lookup)?)
            }
        };
        Ok(Self { via: wish.via, host: host.to_owned(), ssh: wish.ssh.clone(), folder, unit: unit.to_owned(), at })
    }

    /// The id: all that is needed to find it again.
    pub(super) fn id(&self) -> String {
        let via = match self.via {
            Via::Files => "files",
            Via::Systemd => "systemd",
            Via::Ssh => "ssh",
            Via::Process => "process",
        };
        format!("{via}|{}|{}|{}", self.ssh.as_deref().unwrap_or_default(), self.folder, self.host)
    }

    pub(super) fn unit(&self) -> &str {
        &self.unit
    }

    /// The folder as the machine that runs the gateway names it. What is only written here is meant for the same folder
    /// everywhere.
    pub(super) fn folder_there(&self) -> String {
        match (&self.at, self.via) {
            (_, Via::Files) => format!("/opt/{}", self.unit),
            (At::Folder(path), _) => path.display().to_string(),
            (At::Unit(_), _) => self.folder.clone(),
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        match (&self.at, &self.ssh) {
            (At::Unit(_), Some(ssh)) => format!("{ssh}:{}", self.folder),
            (At::Unit(_), None) => self.folder.clone(),
            (At::Folder(path), _) => path.display().to_string(),
        }
    }

    /// Whether wildcam starts the gateway itself.
    pub(super) fn runs_it(&self) -> bool {
        self.via != Via::Files
    }

    /// Whether the gateway there is this program.
    pub(super) fn takes_program(&self) -> bool {
        self.via != Via::Files
    }

    /// The manifest and the digests of the files beside it; `None` where there is no manifest.
    pub(super) async fn look(&self, manifest: &'static str) -> Result<Option<Seen>, Failure> {
        match &self.at {
            At::Folder(path) => {
                let path = path.clone();
                blocking(move || look_here(&path, manifest)).await
            }
            At::Unit(machine) => machine.look(&self.folder, manifest).await,
        }
    }

    /// Whether it runs; `None` where nobody can tell.
    pub(super) async fn is_running(&self) -> Result<Option<bool>, Failure> {
        match (&self.at, self.via) {
            (_, Via::Files) => Ok(None),
            (At::Folder(path), _) => {
                let process = Process::of(path)?;
                blocking(move || Ok(Some(process.find()?.is_some()))).await
            }
            (At::Unit(machine), _) => Ok(Some(machine.is_active(&self.unit).await?)),
        }
    }

    /// Puts everything there, starts it, and waits until it answers.
    pub(super) async fn install(
        &self,
        bundle: &Bundle,
        manifest: &[u8],
        manifest_name: &'static str,
        secrets: &BTreeMap<String, Secret>,
        program: Option<&Path>,
        listen: SocketAddr,
    ) -> Result<(), Failure> {
        let mut files = bundle.files.clone();
        files.insert(manifest_name.to_owned(), manifest.to_vec());
        match &self.at {
            At::Folder(path) => {
                let running = Process::of(path)?;
                if self.via == Via::Process {
                    running.stop().await?;
                }
                let place = path.clone();
                blocking(move || write_here(&place, &files)).await?;
                let (Via::Process, Some(program)) = (self.via, program) else { return Ok(()) };
                let mut arguments = vec!["--project".to_owned(), path.display().to_string()];
                arguments.extend(bundle.arguments.iter().cloned());
                arguments.push(path.join("data/index.sqlite").display().to_string());
                running.start(program, &arguments, secrets).await?;
                let ready = health::ready(bundle, here(listen), &running.alive()).await;
                if ready.is_err() {
                    // What does not answer must not hold the port.
                    let words = running.last_words();
                    running.stop().await?;
                    return ready.map_err(|failure| {
                        let message = format!("{}; its last words: {words}", failure.message);
                        Failure::new(failure.kind, failure.call, message)
                    });
                }
                Ok(())
            }
            At::Unit(machine) => {
                let text = environment(secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())));
                let text = Secret::new(text);
                machine.put(&self.folder, &files, (ENVIRONMENT, &text)).await?;
                if let Some(program) = program {
                    machine.put_program(&self.folder, program).await?;
                }
                machine.start(&self.folder, &self.unit).await?;
                let active = machine.alive(&self.unit);
                match (self.via, &self.ssh) {
                    (Via::Systemd, _) => health::ready(bundle, here(listen), &active).await,
                    // From here only the public address of another machine is known, if at all, and cameras need not
                    // be able to reach it yet.
                    _ => machine::stays(&active).await,
                }
            }
        }
    }

    /// Stops it and removes what was put there; the manifest goes last.
    pub(super) async fn remove(&self, names: &[String], manifest: &'static str) -> Result<(), Failure> {
        match &self.at {
            At::Folder(path) => {
                if self.via == Via::Process {
                    Process::of(path)?.stop().await?;
                }
                let (path, names) = (path.clone(), names.to_vec());
                blocking(move || remove_here(&path, &names, manifest)).await
            }
            At::Unit(machine) => machine.remove(&self.folder, &self.unit, names, manifest).await,
        }
    }
}

/// The address at which a listener on this machine is reached from it.
fn here(listen: SocketAddr) -> SocketAddr {
    let address = if listen.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listen.ip() };
    SocketAddr::new(address, listen.port())
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> Failure {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => FailureKind::Denied,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => FailureKind::Quota,
        std::io::ErrorKind::NotFound => FailureKind::Invalid,
        _ => FailureKind::Unavailable,
    };
    Failure::new(kind, KIND, format!("{action} {}: {error}", path.display()))
}

/// The SHA-256 of some bytes, hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a file of any size.
pub(super) fn file_digest(path: &Path) -> Result<String, Failure> {
    let mut file = std::fs::File::open(path).map_err(|error| failed("read", path, &error))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(|error| failed("read", path, &error))? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            length => hash.update(&buffer[..length]),
        }
    }
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match std::fs::File::open(path) {
        Ok(file) => {
            let mut bytes = Vec::new();
            file.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(|error| failed("read", path, &error))?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn look_here(folder: &Path, manifest: &str) -> Result<Option<Seen>, Failure> {
    let Some(text) = read_file(&folder.join(manifest))? else { return Ok(None) };
    let mut digests = BTreeMap::new();
    let entries = std::fs::read_dir(folder).map_err(|error| failed("list", folder, &error))?;
    for entry in entries.take(MOST_FILES) {
        let entry = entry.map_err(|error| failed("list", folder, &error))?;
        let Some(name) = entry.file_name().to_str().filter(|name| is_plain(name)).map(str::to_owned) else { continue };
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Some(bytes) = read_file(&entry.path())?
        {
            digests.insert(name, digest(&bytes));
        }
    }
    Ok(Some((text, digests)))
}

fn write_here(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).map_err(|error| failed("make", &data, &error))?;
    for (name, bytes) in files {
        atomic::write(&folder.join(name), bytes)
            .map_err(|error| Failure::new(FailureKind::Unavailable, KIND, error.to_string()))?;
    }
    Ok(())
}

fn remove_here(folder: &Path, names: &[String], manifest: &str) -> Result<(), Failure> {
    let gone = |path: &Path, result: std::io::Result<()>| match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    };
    let data = folder.join("data");
    gone(&data, std::fs::remove_dir_all(&data))?;
    let own = super::process::FILES.iter().copied();
    for name in names.iter().map(String::as_str).chain(own).chain([manifest]) {
        let path = folder.join(name);
        gone(&path, std::fs::remove_file(&path))?;
    }
    // What somebody else put there stays, and so does the folder.
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn place(via: Via, ssh: Option<&str>, folder: Option<&str>, host: &str) -> Result<Place, Failure> {
        let wish = Wish {
            host: host.to_owned(),
            via,
            ssh: ssh.map(str::to_owned),
            folder: folder.map(str::to_owned),
            name: None,
            listen: None,
            url: None,
            executable: None,
            image: None,
        };
        let lookup: Lookup = Arc::new(|_: &str| None);
        Place::new(&wish, "wildcam-owls-site-a", Path::new("project"), &lookup)
    }

    #[test]
    fn an_id_finds_the_place_again() {
        for found in [
            place(Via::Process, None, None, "a"),
            place(Via::Files, None, Some("out of/the way"), "a"),
            place(Via::Systemd, None, None, "a"),
            place(Via::Ssh, Some("root@10.0.0.1"), Some("/srv/wildcam"), "b"),
        ] {
            let found = found.unwrap();
            let (via, ssh, folder, host) = parse(&found.id()).unwrap();
            let again = place(via, ssh.as_deref(), Some(&folder), &host).unwrap();
            assert_eq!((again.id(), again.shown()), (found.id(), found.shown()));
        }
    }

    #[test]
    fn hostile_places_are_refused() {
        for (via, ssh, folder, host) in [
            (Via::Process, None, None, "../a"),
            (Via::Process, None, Some("a|b"), "a"),
            (Via::Process, Some("root@x"), None, "a"),
            (Via::Ssh, None, None, "a"),
            (Via::Ssh, Some("-oProxyCommand=x"), None, "a"),
            (Via::Ssh, Some("root@-x"), None, "a"),
            (Via::Ssh, Some("root@x;reboot"), None, "a"),
            (Via::Ssh, Some("root@x y"), None, "a"),
            (Via::Systemd, None, Some("relative"), "a"),
            (Via::Systemd, None, Some("/opt/$(reboot)"), "a"),
            (Via::Systemd, None, Some("/opt/../etc"), "a"),
            (Via::Systemd, None, Some("/opt//x"), "a"),
        ] {
            assert!(place(via, ssh, folder, host).is_err(), "{via:?} {ssh:?} {folder:?} {host}");
        }
        for id in ["", "a|b", "process||x", "telnet||/x|a", "ssh|root@x|/opt/x|a|b"] {
            assert!(parse(id).is_err(), "{id}");
        }
    }
}
