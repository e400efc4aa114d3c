//! The released program over HTTP: a custom cloud whose buckets lie in the lab's store, served by this process, which
//! takes a second to make some of them.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use axum::{
    extract::Request,
    http::Method,
    middleware::{self, Next},
    response::Response,
};
use tokio_util::sync::CancellationToken;
use wildcam::{
    clock::Clock,
    lab::store::{Credentials, StoreOptions, router},
    net::serve::{Limits, serve},
};

use super::{
    super::Failure,
    process::{self, Ran},
};

const KEY: &str = "ADMINISTRATOR";
const SECRET: &str = "administrator-secret";
/// Buckets whose names begin so take their time.
pub(super) const SLOW: &str = "slow-";
/// And those do not.
pub(super) const QUICK: &str = "quick-";
const LATENCY: Duration = Duration::from_secs(1);

/// A project of `count` buckets in a store of its own; both end with this value.
pub(super) struct Scene {
    folder: PathBuf,
    binary: PathBuf,
    stop: CancellationToken,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scene {
    /// Serves the store and writes the project; the buckets' names begin with `prefix`.
    pub(super) async fn begin(folder: &Path, binary: &Path, count: usize, prefix: &str) -> Result<Self, Failure> {
        let templates = folder.join("templates/custom");
        fs::create_dir_all(&templates)?;
        let writer = Credentials::new("WRITER", "writer-secret");
        let options = StoreOptions::new(folder.join("store"), "elsewhere", writer, Credentials::new(KEY, SECRET));
        let router = router(&options, &Clock::system())?.layer(middleware::from_fn(slowly));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        tokio::spawn(serve(listener, None, router, Limits::default(), stop.clone()));
        let file = format!(
            "[project]\nname = \"bench\"\n[clouds.site]\nprovider = \"custom\"\n[clouds.site.store]\n\
             endpoint = \"http://{address}\"\nbucket = \"bench-pictures\"\naccess_key = \"env:SITE_KEY\"\n\
             secret_key = \"env:SITE_SECRET\"\n[gateway]\ncopies = 1\n"
        );
        fs::write(folder.join("wildcam.toml"), file)?;
        let mut text = "stack: storage\nresources:\n".to_owned();
        for number in 0..count {
            writeln!(
                text,
                "  n{number:04}:\n    type: custom.bucket\n    region: global\n    properties:\n      \
                 Bucket: {prefix}{number:04}"
            )?;
        }
        fs::write(templates.join("storage.yaml"), text)?;
        Ok(Self { folder: folder.to_owned(), binary: binary.to_owned(), stop })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--project").arg(&self.folder).args(arguments);
        command.env("SITE_KEY", KEY).env("SITE_SECRET", SECRET);
        command
    }

    pub(super) fn deploy(&self) -> Result<Ran, Failure> {
        process::measure(&mut self.command(&["deploy", "--yes"]), &self.folder.join("log"))
    }

    /// A plan that must find nothing to do.
    pub(super) fn check(&self) -> Result<Ran, Failure> {
        process::measure(&mut self.command(&["plan", "--exit-code"]), &self.folder.join("log"))
    }

    /// Seconds to the first line of a plan.
    pub(super) fn first_line(&self) -> Result<f64, Failure> {
        process::first_line(&mut self.command(&["plan"]))
    }
}

/// Only the making of a bucket waits.
async fn slowly(request: Request, next: Next) -> Response {
    let name = request.uri().path().trim_matches('/');
    if request.method() == Method::PUT
        && name.starts_with(SLOW)
        && !name.contains('/')
        && request.uri().query().is_none_or(str::is_empty)
    {
        tokio::time::sleep(LATENCY).await;
    }
    next.run(request).await
}
