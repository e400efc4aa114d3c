//! Stores that speak S3, each on a free port of loopback.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use wildcam::{
    clock::Clock,
    lab::store::{Credentials, StoreOptions, router},
    net::serve::{Limits, serve},
};

use crate::{
    setting::Setting,
    support::{TestDir, peers},
};

pub(crate) const KEY: &str = "ADMINISTRATOR";
pub(crate) const SECRET: &str = "administrator-secret";

/// A store that ends with this value.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    child: Option<Child>,
    stop: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The lab's store: no tags, no lifecycle, no encryption, always versions.
pub(crate) async fn lab(setting: &Setting) -> Served {
    let writer = Credentials::new("WRITER", "writer-secret");
    let options = StoreOptions::new(setting.path("store"), "elsewhere", writer, Credentials::new(KEY, SECRET));
    let router = router(&options, &Clock::system()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    tokio::spawn(serve(listener, None, router, Limits::default(), stop.clone()));
    Served { address, child: None, stop }
}

fn wait(child: Child, port: u16) -> Served {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let served = Served { address, child: Some(child), stop: CancellationToken::new() };
    let begun = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the store never listened");
        std::thread::sleep(Duration::from_millis(20));
    }
    served
}

/// A store that nobody here wrote: tags, object lock and, when asked for, versions; no lifecycle.
pub(crate) fn versitygw(setting: &Setting, versions: bool) -> Option<Served> {
    let program = peers::require("versitygw")?;
    let (root, older) = (setting.path("versity"), setting.path("versity-versions"));
    std::fs::create_dir_all(&root).unwrap();
    std::fs::create_dir_all(&older).unwrap();
    let port = free_port();
    let mut command = Command::new(program);
    command.args(["--port", &format!("127.0.0.1:{port}"), "--quiet", "posix"]);
    if versions {
        command.arg("--versioning-dir").arg(&older);
    }
    command.arg(&root).env_clear().env("ROOT_ACCESS_KEY", KEY).env("ROOT_SECRET_KEY", SECRET);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Some(wait(child, port))
}

/// Another that nobody here wrote, which knows every configuration of a bucket.
pub(crate) fn moto(setting: &Setting) -> Option<Served> {
    let program = peers::require("moto_server")?;
    let port = free_port();
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env_clear().env("HOME", setting.folder.path());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Some(wait(child, port))
}

/// The cloud `site` at this store.
pub(crate) fn site(setting: &mut Setting, address: SocketAddr) -> String {
    setting.set("SITE_KEY", KEY);
    setting.set("SITE_SECRET", SECRET);
    format!(
        "[clouds.site]\nprovider = \"custom\"\n[clouds.site.store]\nendpoint = \"http://{address}\"\nbucket = \"owls-pictures\"\n\
         access_key = \"env:SITE_KEY\"\nsecret_key = \"env:SITE_SECRET\"\n"
    )
}

/// What the aws client says of the store at `address`, as JSON; it must succeed.
pub(crate) fn aws(address: SocketAddr, arguments: &[&str]) -> Option<serde_json::Value> {
    let program = peers::require("aws")?;
    let folder = TestDir::new();
    let mut command = folder.command(&program);
    command.args(["--endpoint-url", &format!("http://{address}"), "--output", "json"]).args(arguments);
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ] {
        command.env(name, value);
    }
    let output = folder.run_within(Duration::from_secs(60), command).expect_code(0);
    Some(serde_json::from_str(&output.stdout).unwrap_or_default())
}

/// Writes a small file for the aws client.
pub(crate) fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("body");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}
