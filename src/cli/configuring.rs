//! What `config` and `ota` share: the stores and the key, what is about to change for people to read, and the push.

use std::path::PathBuf;

use ed25519_dalek::VerifyingKey;
use jiff::Timestamp;
use serde::Serialize;
use wildcam_core::wire::CameraId;

use super::{CommandError, CommandResult, Context, Kind, open::variable, signing};
use crate::{
    cloud::{self, NamedStores},
    fleet::{
        Published,
        config::{self, Change, Error, Standing},
        reports::{self, Heard},
    },
    project::{CameraSettings, Project},
    release::{FileSigner, Signer as _},
    ui::{JsonLine, Table},
};

/// A project's stores, and the key that signs what cameras are set to.
pub(super) struct Fleet {
    pub(super) project: Project,
    pub(super) stores: NamedStores,
    signer: FileSigner,
}

impl Fleet {
    pub(super) fn open(context: &Context) -> Result<Self, CommandError> {
        let project = context.open_project()?;
        let signer = signing::signer(&project)?;
        let stores = cloud::stores(&project, &variable)
            .map_err(|error| CommandError::new(Kind::Usage, "the stores cannot be used").because(error))?;
        Ok(Self { project, stores, signer })
    }

    pub(super) fn key(&self) -> VerifyingKey {
        self.signer.public_key()
    }

    /// What a push of this camera is based on.
    pub(super) async fn basis(&self, camera: &CameraId, context: &Context) -> Result<Standing, CommandError> {
        let standing = config::basis(&self.stores, &self.key(), camera, context.random.fork()).await;
        let standing = standing.map_err(|error| refused(&error, camera))?;
        if standing.given > standing.number() {
            context.ui.warn(format_args!(
                "number {} was given out for {camera} and never published: a push was cut short, or goes on elsewhere",
                standing.given
            ));
        }
        Ok(standing)
    }

    /// What stands for a camera, with a warning of each store that did not tell.
    pub(super) async fn standing(&self, camera: &CameraId, context: &Context) -> Result<Standing, CommandError> {
        let standing = config::standing(&self.stores, &self.key(), camera).await;
        let standing = standing.map_err(|error| refused(&error, camera))?;
        for (store, why) in &standing.failed {
            context
                .ui
                .warn(format_args!("the store of {store} could not be read, and may hold a later version: {why}"));
        }
        Ok(standing)
    }

    /// The camera's last report in the stores.
    pub(super) async fn heard(&self, camera: &CameraId, context: &Context) -> Result<Option<Heard>, CommandError> {
        let found = reports::last(&self.stores, camera, context.clock.unix_ms()).await;
        let found =
            found.map_err(|error| CommandError::of(Kind::Failed, &error).next_step("wildcam doctor --cloud"))?;
        for (store, why) in &found.failed {
            context.ui.warn(format_args!("the store of {store} could not be read, and may hold a later report: {why}"));
        }
        Ok(found.heard)
    }
}

/// The cameras of `--camera`, each once.
pub(super) fn cameras(named: &[String]) -> Result<Vec<CameraId>, CommandError> {
    let mut cameras = Vec::new();
    for name in named {
        let camera = CameraId::new(name)
            .map_err(|error| CommandError::new(Kind::Usage, format!("{name:?} is no camera id")).because(error))?;
        if !cameras.contains(&camera) {
            cameras.push(camera);
        }
    }
    Ok(cameras)
}

/// An error of the engine, with what to do about it.
pub(super) fn refused(error: &Error, camera: &CameraId) -> CommandError {
    let (kind, step) = match error {
        Error::UnknownCamera(_) => {
            (Kind::Failed, "check its name; a camera enrols when it first reaches a gateway".to_owned())
        }
        Error::Conflict { seen, .. } if *seen > 0 => {
            (Kind::Guard, format!("see what changed: wildcam config diff --camera {camera} {seen}; then push again"))
        }
        Error::Conflict { .. } | Error::Overtaken { .. } => {
            (Kind::Guard, format!("see what stands: wildcam config history --camera {camera}; then push again"))
        }
        Error::Newer { .. } => (Kind::Failed, "use the wildcam that pushed it, or a later one".to_owned()),
        Error::Sign(_) => (Kind::Failed, "wildcam doctor".to_owned()),
        Error::Number(_) | Error::Unreadable { .. } | Error::Stores { .. } => {
            (Kind::Failed, "wildcam doctor --cloud, then run it again".to_owned())
        }
    };
    CommandError::of(kind, error).next_step(step)
}

/// Runs a command until Ctrl-C.
pub(super) async fn until_interrupted(work: impl Future<Output = CommandResult>, context: &Context) -> CommandResult {
    tokio::select! {
        result = work => result,
        () = context.interrupt.cancelled() => {
            Err(CommandError::new(Kind::Interrupted, "interrupted; a version that was being written may stand")
                .next_step("wildcam config show --camera ID"))
        }
    }
}

/// What one camera shall be set to.
pub(super) struct Wish {
    pub(super) basis: Standing,
    pub(super) settings: CameraSettings,
    pub(super) release: Option<u64>,
}

/// One line of a difference.
#[derive(Serialize)]
pub(super) struct ChangeLine {
    key: &'static str,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct PushLine<'a> {
    camera: &'a str,
    /// The version that stands now.
    number: u64,
    /// The version that it is based on.
    based_on: u64,
    /// Whether a version was written.
    pushed: bool,
    changes: Vec<ChangeLine>,
    copies: usize,
    stores: usize,
}

impl JsonLine for PushLine<'_> {
    const REASON: &'static str = "config-push";
}

/// What differs, the release included.
pub(super) fn differences(
    before: (&CameraSettings, Option<u64>),
    after: (&CameraSettings, Option<u64>),
) -> Vec<ChangeLine> {
    let changes = config::changes(before.0, after.0).into_iter();
    let mut lines: Vec<ChangeLine> =
        changes.map(|Change { key, before, after }| ChangeLine { key, before, after }).collect();
    if before.1 != after.1 {
        let text = |release: Option<u64>| release.map(|number| number.to_string());
        lines.push(ChangeLine { key: "release", before: text(before.1), after: text(after.1) });
    }
    lines
}

/// A value as people read it.
pub(super) fn shown(value: Option<&String>, key: &str) -> String {
    match (value, key) {
        (Some(value), _) => value.clone(),
        (None, "release") => "any".to_owned(),
        (None, _) => "as the board has it".to_owned(),
    }
}

/// Changes in one line, for a column of a table.
pub(super) fn in_words(changes: &[ChangeLine]) -> String {
    let one = |change: &ChangeLine| {
        format!(
            "{} {} -> {}",
            change.key,
            shown(change.before.as_ref(), change.key),
            shown(change.after.as_ref(), change.key)
        )
    };
    changes.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A difference as a table.
pub(super) fn table(heads: [&str; 3], changes: &[ChangeLine]) -> Table {
    let mut table = Table::new(heads);
    for change in changes {
        let value = |value: &Option<String>| shown(value.as_ref(), change.key);
        table.row([change.key.to_owned(), value(&change.before), value(&change.after)]);
    }
    table
}

/// A time in seconds since 1970 as people read it.
pub(super) fn when(unix_s: u64) -> String {
    let time = i64::try_from(unix_s).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| unix_s.to_string(), |time| time.to_string())
}

/// How long ago something was, in its two largest units.
pub(super) fn ago(now_ms: u64, then_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(then_ms) / 1000;
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3600 => format!("{}m{}s ago", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{}m ago", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h ago", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A file that lies in the project's folder unless it was named.
pub(super) fn in_project(named: Option<&PathBuf>, project: &Project, default: &str) -> PathBuf {
    named.cloned().unwrap_or_else(|| project.dir.join(default))
}

/// Shows what changes, asks, and pushes to one camera after the other.
pub(super) async fn push(fleet: &Fleet, wishes: &[Wish], dry_run: bool, context: &Context) -> CommandResult {
    let mut changed = 0;
    for wish in wishes {
        let changes = of(wish);
        if changes.is_empty() {
            unchanged(fleet, wish, dry_run, context).await;
            continue;
        }
        changed += 1;
        context.ui.result(match wish.basis.number() {
            0 => format!("{}: the first version", wish.basis.camera),
            number => format!("{}: a version after {number}", wish.basis.camera),
        });
        context.ui.result(table(["setting", "before", "after"], &changes));
        if dry_run {
            context.ui.json(&line(fleet, wish, changes, None));
        }
    }
    if changed == 0 {
        return Ok(());
    }
    if dry_run {
        context.ui.result("Nothing was signed: this was a dry run.");
        return Ok(());
    }
    let question =
        if changed == 1 { "Sign and push it?".to_owned() } else { format!("Sign and push to {changed} cameras?") };
    if !context.ui.confirm(&question)? {
        return Err(CommandError::new(Kind::Guard, "nothing was done: the answer was no"));
    }
    let mut failures = Vec::new();
    for wish in wishes {
        let changes = of(wish);
        if !changes.is_empty()
            && let Err(error) = push_one(fleet, wish, changes, context).await
        {
            failures.push(error);
        }
    }
    if failures.len() > 1 || (changed > 1 && !failures.is_empty()) {
        let count = failures.len();
        for failure in failures {
            context.ui.warn(failure.in_one_line());
        }
        let message = format!("{count} of {changed} cameras were not set");
        return Err(CommandError::new(Kind::Failed, message).next_step("run it again: what is set already stays"));
    }
    failures.pop().map_or(Ok(()), Err)
}

fn of(wish: &Wish) -> Vec<ChangeLine> {
    let before = wish.basis.settings();
    differences((&before, wish.basis.release()), (&wish.settings, wish.release))
}

fn line<'a>(fleet: &Fleet, wish: &'a Wish, changes: Vec<ChangeLine>, published: Option<&Published>) -> PushLine<'a> {
    PushLine {
        camera: wish.basis.camera.as_str(),
        number: published.map_or(wish.basis.number(), |published| published.number),
        based_on: wish.basis.number(),
        pushed: published.is_some(),
        changes,
        copies: published.map_or(wish.basis.copies, |published| published.copies),
        stores: fleet.stores.len(),
    }
}

/// Nothing is to be changed; but a store that was away during the last push is given what it misses.
async fn unchanged(fleet: &Fleet, wish: &Wish, dry_run: bool, context: &Context) {
    let (camera, number) = (&wish.basis.camera, wish.basis.number());
    context.ui.result(match number {
        0 => format!("{camera}: nothing changes; nothing was ever set"),
        number => format!("{camera}: nothing changes; version {number} says this already"),
    });
    let misses = number > 0 && wish.basis.copies + wish.basis.failed.len() < fleet.stores.len();
    let mended = if misses && !dry_run {
        match config::mend(&fleet.stores, &fleet.key(), &wish.basis).await {
            Ok(published) => {
                context.ui.status(format_args!(
                    "version {number} was missing in some stores; {} of {} hold it now",
                    published.copies,
                    fleet.stores.len()
                ));
                published.copies
            }
            Err(error) => {
                context.ui.warn(refused(&error, camera).in_one_line());
                wish.basis.copies
            }
        }
    } else {
        wish.basis.copies
    };
    context.ui.json(&PushLine { copies: mended, ..line(fleet, wish, Vec::new(), None) });
}

async fn push_one(fleet: &Fleet, wish: &Wish, changes: Vec<ChangeLine>, context: &Context) -> CommandResult {
    let camera = &wish.basis.camera;
    let (now_s, random) = (context.clock.unix_s(), context.random.fork());
    let pushed =
        config::publish(&fleet.stores, &fleet.signer, &wish.basis, &wish.settings, wish.release, now_s, random).await;
    let published = pushed.map_err(|error| refused(&error, camera))?;
    for (store, why) in &published.failed {
        context.ui.warn(format_args!("the store of {store} does not hold version {}: {why}", published.number));
    }
    context.ui.result(format_args!(
        "Version {} for {camera}: {} of {} stores hold it; the camera asks after its next report.",
        published.number,
        published.copies,
        fleet.stores.len()
    ));
    context.ui.json(&line(fleet, wish, changes, Some(&published)));
    Ok(())
}
