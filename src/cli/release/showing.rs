//! `wildcam release verify` and `show`.

use std::path::PathBuf;

use serde::Serialize;
use wildcam_core::trust::{Gates, Link};

use super::{
    super::{
        CommandError, CommandResult, Context, Kind,
        releasing::{chain_error, day, folder},
    },
    read,
};
use crate::{
    release::{
        chain::MAX_DOCUMENT,
        verify::{self as checking, Named, Verified},
    },
    ui::{JsonLine, Table},
};

pub(super) const VERIFY_EXAMPLES: &str = "Examples:
  wildcam release verify
  wildcam release verify /mnt/copy/releases --root trusted-root.cose

Every document and every payload that the timestamp names is checked by the code that runs on
cameras; a patch is applied where the folder holds the image that it starts from. Without --root
the folder's first root is believed. Exit code 1 says that a camera would refuse something.";

/// The arguments of `wildcam release verify`.
#[derive(clap::Args)]
pub(super) struct Verify {
    /// The folder of releases [default: releases, in the project's folder]
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// A root that is trusted, such as the one that cameras were flashed with
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
}

/// The arguments of `wildcam release show`.
#[derive(clap::Args)]
pub(super) struct Show {
    /// The folder of releases [default: releases, in the project's folder]
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

#[derive(Serialize)]
struct Line<'a> {
    class: &'a str,
    number: u64,
    version: &'a str,
    issued_s: u64,
    expires_s: u64,
    image_bytes: u32,
    image_sha256: String,
    patches: Vec<PatchLine<'a>>,
    battery_mv: Option<u16>,
    links: Option<Vec<&'static str>>,
    survey: Option<[u8; 2]>,
    root: u64,
    root_expires_s: u64,
    timestamp: u64,
    timestamp_expires_s: u64,
}

#[derive(Serialize)]
struct PatchLine<'a> {
    uri: &'a str,
    bytes: u32,
    from_sha256: String,
    applied: bool,
}

impl JsonLine for Line<'_> {
    const REASON: &'static str = "release";
}

pub(super) fn verify(arguments: &Verify, context: &Context) -> CommandResult {
    let folder = folder(arguments.folder.as_deref(), context);
    let anchor = arguments.root.as_deref().map(read).transpose()?;
    if anchor.as_ref().is_some_and(|anchor| anchor.len() > MAX_DOCUMENT) {
        return Err(CommandError::new(Kind::Usage, "the trusted root is longer than any root"));
    }
    let verified = checking::verify(&folder, anchor.as_deref(), context.clock.unix_s());
    // What a camera would refuse is the answer to the question, whoever's fault it is.
    let verified = verified.map_err(|error| {
        let step = chain_error(&error).in_one_line().split_once("; next: ").map(|(_, step)| step.to_owned());
        let failed = CommandError::of(Kind::Failed, &error);
        step.into_iter().fold(failed, CommandError::next_step)
    })?;
    lines(&verified, context);
    for release in &verified.releases {
        let applied = release.patches.iter().filter(|patch| patch.applied).count();
        context.ui.result(format_args!(
            "{} {}: a camera takes {}; {applied} of {} patches were applied",
            release.class,
            release.number,
            release.version,
            release.patches.len()
        ));
    }
    context.ui.result(format_args!(
        "root {} until {}, timestamp until {}",
        verified.root,
        day(verified.root_expires_s),
        day(verified.timestamp_expires_s)
    ));
    Ok(())
}

pub(super) fn show(arguments: &Show, context: &Context) -> CommandResult {
    let folder = folder(arguments.folder.as_deref(), context);
    let verified = checking::verify(&folder, None, context.clock.unix_s()).map_err(|error| chain_error(&error))?;
    lines(&verified, context);
    let mut table = Table::new(["BOARD", "RELEASE", "VERSION", "SIGNED", "UNTIL", "IMAGE", "PATCHES", "ONLY"]).right(5);
    for release in &verified.releases {
        let patches: Vec<String> = release.patches.iter().map(|patch| kib(patch.bytes)).collect();
        table.row([
            release.class.clone(),
            release.number.to_string(),
            release.version.clone(),
            day(release.issued_s),
            day(release.expires_s),
            kib(release.image_bytes),
            if patches.is_empty() { "none".to_owned() } else { patches.join(", ") },
            gates(&release.gates),
        ]);
    }
    context.ui.result(&table);
    context.ui.result(format_args!(
        "\nCameras learn of these until {}; then: wildcam release refresh. Root {} ends on {}.",
        day(verified.timestamp_expires_s),
        verified.root,
        day(verified.root_expires_s)
    ));
    Ok(())
}

fn kib(bytes: u32) -> String {
    if bytes < 10_240 { format!("{bytes} B") } else { format!("{} KiB", bytes.div_ceil(1024)) }
}

fn words(gates: &Gates) -> Option<Vec<&'static str>> {
    let links = gates.links?;
    Some(Link::ALL.into_iter().filter(|link| links.hold(*link)).map(Link::word).collect())
}

/// What must be so, in words.
fn gates(gates: &Gates) -> String {
    let mut parts = Vec::new();
    parts.extend(words(gates).map(|words| format!("over {}", words.join(", "))));
    parts.extend(gates.least_battery_mv.map(|least| format!("from {least} mV")));
    parts.extend(gates.survey.map(|hours| format!("not {}-{} h UTC", hours.from, hours.to)));
    if parts.is_empty() { "always".to_owned() } else { parts.join("; ") }
}

fn lines(verified: &Verified, context: &Context) {
    for release in &verified.releases {
        context.ui.json(&line(release, verified));
    }
}

fn line<'a>(release: &'a Named, verified: &Verified) -> Line<'a> {
    let hexadecimal = |bytes: &[u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let patch = |patch: &'a checking::NamedPatch| PatchLine {
        uri: &patch.uri,
        bytes: patch.bytes,
        from_sha256: hexadecimal(&patch.from_sha256),
        applied: patch.applied,
    };
    Line {
        class: &release.class,
        number: release.number,
        version: &release.version,
        issued_s: release.issued_s,
        expires_s: release.expires_s,
        image_bytes: release.image_bytes,
        image_sha256: hexadecimal(&release.image_sha256),
        patches: release.patches.iter().map(patch).collect(),
        battery_mv: release.gates.least_battery_mv,
        links: words(&release.gates),
        survey: release.gates.survey.map(|hours| [hours.from, hours.to]),
        root: verified.root,
        root_expires_s: verified.root_expires_s,
        timestamp: verified.timestamp,
        timestamp_expires_s: verified.timestamp_expires_s,
    }
}
