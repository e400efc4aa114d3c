//! What a custom cloud can do, found by looking and, for conditional writes, by trying under a key of our own.

use std::sync::Arc;

use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion, path::Path};

use super::{
    super::{
        control::{Failure, FailureKind, Finding, Severity},
        s3::{S3, Sub},
    },
    Backing, Custom, folder,
    settings::SETTINGS,
    state,
};
use crate::project::{Store, Via};

/// A store's clock may differ by this much; beyond five minutes signatures begin to fail.
const SKEW_WARNING_S: u64 = 60;

fn good(subject: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding { severity: Severity::Good, subject: subject.into(), message: message.into(), next_step: None }
}

fn warning(subject: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, ..good(subject, message) }
}

fn bad(subject: impl Into<String>, failure: &Failure) -> Finding {
    Finding {
        severity: Severity::Bad,
        subject: subject.into(),
        message: failure.to_string(),
        next_step: failure.next_step.clone(),
    }
}

/// Everything.
pub(super) async fn all(custom: &Custom) -> Vec<Finding> {
    let mut found = match &custom.backing {
        Backing::Folder(path) => folder_findings(custom, path).await,
        Backing::S3 { s3, bucket } => s3_findings(custom, s3, bucket).await,
    };
    if let Some(cloud) = custom.project.settings.clouds.get(&custom.name) {
        if cloud.database.is_some() {
            found.extend(super::postgres::check::all(custom.server("custom.database")).await);
        }
        for host in &cloud.hosts {
            let listen = host.listen.unwrap_or(custom.project.settings.gateway.listen);
            match host.via {
                Via::Ssh | Via::Systemd => found.push(machine_finding(custom, &host.name, host.ssh.as_deref()).await),
                Via::Process => found.push(port_finding(custom, &host.name, listen).await),
                Via::Files => (),
            }
        }
    }
    found
}

async fn folder_findings(custom: &Custom, path: &std::path::Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for word in ["versioning", "object lock", "lifecycle", "encryption"] {
        let message = format!("a folder has no {word}");
        found.push(warning(format!("store {word}"), message));
    }
    if path.is_dir() {
        let store = Store::Folder { path: path.to_owned() };
        found.push(conditions(custom, &store, "the pictures' folder", None).await);
    } else {
        found.push(good("store", format!("{} does not stand yet", path.display())));
    }
    let marks = folder::marks(path).map(|marks| marks.owner());
    if let Ok(Some(owner)) = marks
        && owner.project != custom.project.settings.project.name
    {
        let message = format!("{} belongs to the project {}", path.display(), owner.project);
        found.push(warning("store", message));
    }
    found
}

async fn s3_findings(custom: &Custom, s3: &S3, bucket: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let buckets = match s3.buckets().await {
        Ok(buckets) => {
            found.push(good("credentials", format!("the store answers and lists {} buckets", buckets.len())));
            buckets
        }
        Err(error) => {
            found.push(bad("credentials", &error.failure));
            return found;
        }
    };
    found.extend(clock_finding(custom, s3).await);
    let state = state::place(custom).map(|(_, store)| store).ok();
    let named = |store: &Store| match store {
        Store::S3 { bucket, .. } => Some(bucket.clone()),
        _ => None,
    };
    let state_bucket = state.as_ref().and_then(named).filter(|name| buckets.contains(name));
    // A bucket that stands tells what the store knows; a store may refuse what it does not know even for none.
    let probed = state_bucket.clone().unwrap_or_else(|| bucket.to_owned());
    let all = SETTINGS.iter().copied().chain([("Tags", Sub::Tagging)]);
    for (name, sub) in all {
        let subject = format!("store {name}");
        match s3.configuration(&probed, sub).await {
            Ok(_) => found.push(good(subject, format!("the store knows {name}"))),
            Err(error) if error.is_unsupported() => {
                let message = format!("this store does not support {name}: what a template asks for is left out");
                found.push(warning(subject, message));
            }
            Err(error) if error.failure.kind == FailureKind::NotFound => {
                found.push(good(subject, format!("not known before a bucket stands: {name}")));
            }
            Err(error) => found.push(bad(subject, &error.failure)),
        }
    }
    match (state, state_bucket) {
        (Some(store), Some(name)) => found.push(conditions(custom, &store, &name, Some(s3)).await),
        _ if buckets.iter().any(|name| name == bucket) => {
            if let Some(store) = custom.project.stores.get(&custom.name) {
                found.push(conditions(custom, store, bucket, Some(s3)).await);
            }
        }
        _ => found.push(good("conditional writes", "not tried before a bucket stands")),
    }
    found
}

async fn clock_finding(custom: &Custom, s3: &S3) -> Option<Finding> {
    let said = s3.date().await.ok()??;
    let there = jiff::fmt::rfc2822::parse(&said).ok()?.timestamp().as_second();
    let here = i64::try_from(custom.clock.unix_s()).ok()?;
    let skew = here.abs_diff(there);
    Some(if skew <= SKEW_WARNING_S {
        good("clock", format!("the store's clock differs by {skew} s"))
    } else {
        let found = warning("clock", format!("the store's clock differs by {skew} s"));
        Finding { next_step: Some("set the clock of this machine, or of the store".to_owned()), ..found }
    })
}

/// Tries the conditions that registers and leases rest on.
async fn conditions(custom: &Custom, store: &Store, place: &str, s3: Option<&S3>) -> Finding {
    const SUBJECT: &str = "conditional writes";
    let objects = match super::super::objects(&custom.name, store, &custom.project.dir, &*custom.lookup, None) {
        Ok(objects) => objects,
        Err(error) => return bad(SUBJECT, &Failure::new(FailureKind::Invalid, "store", error.to_string())),
    };
    let key = format!(".wildcam/probe-{:016x}", custom.random.u64());
    let result = try_conditions(&objects, &Path::from(key.as_str())).await;
    // With the versions that the tries left, where the store has them and lets us.
    let mut removed = objects.delete(&Path::from(key.as_str())).await.is_ok();
    if let (Some(s3), Store::S3 { bucket, .. }) = (s3, store) {
        removed = s3.remove_versions(bucket, &key).await.is_ok() && removed;
    }
    match result {
        Ok(()) if removed => good(SUBJECT, format!("{place} honours If-None-Match and If-Match")),
        Ok(()) => warning(SUBJECT, format!("{place} honours them; the probe {key} could not be removed")),
        Err(message) => {
            let failure = Failure::new(FailureKind::Unsupported, place, message);
            bad(SUBJECT, &failure.next_step("use a store with conditional writes: the state and the leases need them"))
        }
    }
}

async fn put(objects: &Arc<dyn ObjectStore>, key: &Path, mode: PutMode) -> Result<UpdateVersion, StoreError> {
    objects.put_opts(key, "{}".into(), mode.into()).await.map(UpdateVersion::from)
}

async fn try_conditions(objects: &Arc<dyn ObjectStore>, key: &Path) -> Result<(), String> {
    let failed = |error: StoreError| format!("a write failed: {error}");
    let first = put(objects, key, PutMode::Create).await.map_err(failed)?;
    match put(objects, key, PutMode::Create).await {
        Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => (),
        Ok(_) => return Err("If-None-Match is not honoured: an object was made twice".to_owned()),
        Err(error) => return Err(failed(error)),
    }
    put(objects, key, PutMode::Update(first)).await.map_err(failed)?;
    let other = UpdateVersion { e_tag: Some("\"00000000000000000000000000000000\"".to_owned()), version: None };
    match put(objects, key, PutMode::Update(other)).await {
        Err(StoreError::Precondition { .. }) => Ok(()),
        Ok(_) => Err("If-Match is not honoured: an object was changed under another's hands".to_owned()),
        Err(error) => Err(failed(error)),
    }
}

async fn machine_finding(custom: &Custom, host: &str, ssh: Option<&str>) -> Finding {
    let subject = format!("host {host}");
    match custom.gateways.reach(ssh).await {
        Ok(()) => good(subject, "systemd answers there"),
        Err(failure) => bad(subject, &failure),
    }
}

async fn port_finding(custom: &Custom, host: &str, listen: std::net::SocketAddr) -> Finding {
    let subject = format!("host {host}");
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_) => good(subject, format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            // Ours, perhaps: then it is as it should be.
            let own = custom.gateways.list("global").await.unwrap_or_default();
            let runs = own
                .iter()
                .filter_map(|listed| listed.live.as_ref())
                .any(|live| live.properties["Running"] == true && live.properties["Address"] == listen.to_string());
            if runs {
                good(subject, format!("its gateway holds {listen}"))
            } else {
                let found = warning(subject, format!("something else listens on {listen}"));
                Finding { next_step: Some("give the host another listen in wildcam.toml".to_owned()), ..found }
            }
        }
        Err(error) => {
            let failure = Failure::new(FailureKind::Invalid, "listen", format!("{listen}: {error}"));
            bad(subject, &failure)
        }
    }
}
