//! A registry that others wrote, on loopback, and what tests put in front of it.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::peers;

/// A registry; it ends with this value.
pub(crate) struct Registry {
    child: Child,
    pub(crate) address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one user of a registry with passwords.
pub(crate) const USER: &str = "keeper";
pub(crate) const PASSWORD: &str = "sesame-of-the-registry";
/// bcrypt of the password, as `htpasswd -B` writes it.
const PASSWORDS: &str = "keeper:$2y$05$3eiWtBXmM/ZLLWh7j2IW4uiiS0mgT9taztgM450nmGWMR2CjKgTsa\n";

/// Who may come in.
pub(crate) enum Door {
    Open,
    Passwords,
    /// Tokens of this realm, signed by the key of this JSON web key set.
    Tokens {
        realm: String,
        keys: String,
    },
}

impl Registry {
    /// Starts one, if its program is here.
    pub(crate) fn start(door: &Door) -> Option<Self> {
        let program = peers::require("registry")?;
        let folder = tempfile::tempdir().unwrap();
        let auth = match door {
            Door::Open => String::new(),
            Door::Passwords => {
                let path = folder.path().join("passwords");
                fs::write(&path, PASSWORDS).unwrap();
                format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.display())
            }
            Door::Tokens { realm, keys } => {
                let path = folder.path().join("keys.json");
                fs::write(&path, keys).unwrap();
                format!(
                    "auth:\n  token:\n    realm: {realm}\n    service: registry.test\n    issuer: issuer.test\n    jwks: {}\n    \
                     signingalgorithms: [EdDSA]\n",
                    path.display()
                )
            }
        };
        // Another process may take a free port before the registry does.
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
            let config = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n{auth}",
                folder.path().join("data").display()
            );
            let path = folder.path().join("config.yml");
            fs::write(&path, config).unwrap();
            let mut child = Command::new(&program)
                .arg("serve")
                .arg(&path)
                .env("OTEL_TRACES_EXPORTER", "none")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            loop {
                if TcpStream::connect(&address).is_ok() {
                    return Some(Self { child, address, _folder: folder });
                }
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        panic!("the registry does not start");
    }
}

/// Passes connections on and cuts the first that has sent this much.
pub(crate) struct Cutting {
    pub(crate) address: String,
    cuts: Arc<AtomicUsize>,
}

impl Cutting {
    pub(crate) fn before(registry: &Registry, after_bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (to, cuts) = (registry.address.clone(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&cuts);
        // The thread ends with the test's process: it only waits for connections.
        std::thread::spawn(move || {
            for incoming in listener.incoming().flatten() {
                let (to, cuts) = (to.clone(), Arc::clone(&counted));
                std::thread::spawn(move || pass(incoming, &to, after_bytes, &cuts));
            }
        });
        Self { address, cuts }
    }

    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

fn pass(client: TcpStream, to: &str, after_bytes: usize, cuts: &AtomicUsize) {
    let Ok(server) = TcpStream::connect(to) else { return };
    let (mut back_from, mut back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut back_from, &mut back_to);
        let _ = back_to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to, mut sent) = (client, server, 0);
    let mut buffer = [0; 32 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
        sent += count;
        if sent > after_bytes && cuts.fetch_add(1, Ordering::SeqCst) == 0 {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// The program of skopeo, and arguments that let it read from this registry.
pub(crate) fn skopeo() -> Option<PathBuf> {
    peers::require("skopeo")
}
