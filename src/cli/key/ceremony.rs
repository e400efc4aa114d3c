//! Documents that need more keys than one machine has.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wildcam_core::{
    cose::kind,
    trust::{Root, Signed},
    wire::keys,
};

use super::super::{
    CommandError, CommandResult, Context, Kind,
    releasing::{Passphrases, Places, chain_error, day, newest_root},
};
use crate::{
    release::{
        Role,
        chain::{self, MAX_DOCUMENT},
        folder::{Folder, PART},
        roles,
        signing::{Demand, Draft, demand},
        vault::{Vault, key_name},
    },
    ui::JsonLine,
};

/// The arguments of `wildcam key sign`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    places: Places,
    /// The document, whose name ends with .part
    #[arg(value_name = "PART")]
    part: PathBuf,
}

/// A document that is being signed.
pub(super) struct Begun {
    pub(super) draft: Draft,
    /// Its key as an object.
    pub(super) key: String,
    /// The root before it, whose keys have to sign; `None` for the first root.
    pub(super) old: Option<Root>,
    /// The root that it is; `None` for a release.
    pub(super) new: Option<Root>,
}

#[derive(Serialize)]
struct SignedLine<'a> {
    file: &'a Path,
    complete: bool,
    signatures: Vec<String>,
    missing: usize,
}

impl JsonLine for SignedLine<'_> {
    const REASON: &'static str = "signed";
}

/// The key of a document's part.
pub(super) fn part_of(key: &str) -> String {
    format!("{key}.{PART}")
}

impl Begun {
    fn demands(&self) -> Vec<Demand<'_>> {
        match (&self.old, &self.new) {
            (old, Some(new)) => old.iter().chain([new]).map(|root| demand(root, Role::Root)).collect(),
            (Some(old), None) => vec![demand(old, Role::Release)],
            (None, None) => Vec::new(),
        }
    }
}

/// Signs with what is here, and writes the document, or the part of it.
pub(super) async fn finish(
    mut begun: Begun,
    folder: &Folder,
    vault: &Vault,
    passphrases: &mut Passphrases<'_>,
    context: &Context,
) -> CommandResult {
    let mut draft = begun.draft.clone();
    passphrases.sign(&mut draft, vault, &begun.demands()).await?;
    begun.draft = draft;
    let demands = begun.demands();
    let missing = begun.draft.missing(&demands).into_iter().max().unwrap_or(0);
    let part = part_of(&begun.key);
    let failed = |error| chain_error(&error);
    let file = if missing == 0 {
        let bytes = begun.draft.complete(&demands).map_err(failed)?;
        if begun.new.is_some() {
            // As cameras follow it.
            let roots: Vec<_> = folder.roots().map_err(failed)?.into_iter().chain([bytes.clone()]).collect();
            chain::camera(&roots, "any", None).map_err(failed)?;
        }
        folder.put(&begun.key, &bytes).map_err(failed)?;
        let _ = std::fs::remove_file(folder.file(&part));
        folder.file(&begun.key)
    } else {
        if begun.draft.signers().next().is_none() {
            let message = "none of the keys that have to sign is on this machine";
            return Err(CommandError::new(Kind::Guard, message).next_step("wildcam key list shows where they lie"));
        }
        folder.replace(&part, &begun.draft.bytes().map_err(failed)?).map_err(failed)?;
        folder.file(&part)
    };
    let signatures: Vec<String> = begun.draft.signers().map(key_name).collect();
    if missing == 0 {
        let plural = if signatures.len() == 1 { "" } else { "s" };
        context.ui.result(format_args!("{}: complete, with {} signature{plural}", file.display(), signatures.len()));
    } else {
        context.ui.result(format_args!("{}: {missing} more signatures are needed", file.display()));
        context.ui.status(format_args!("next, where another key is: wildcam key sign {}", file.display()));
    }
    context.ui.json(&SignedLine { file: &file, complete: missing == 0, signatures, missing });
    Ok(())
}

/// Adds this machine's signatures to a part.
pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let folder = arguments.places.folder(context);
    let vault = arguments.places.vault(context)?;
    let name = arguments.part.display().to_string();
    let failed = |error| chain_error(&error);
    let bytes = read(&arguments.part)?;
    let mut draft = Draft::parse(&bytes, &name).map_err(failed)?;
    let signed = Signed::parse(&bytes).map_err(|error| {
        CommandError::new(Kind::Usage, format!("{name} is no document that can be signed")).because(error)
    })?;
    let document = *signed.document();
    let begun = match document.kind {
        kind::ROOT => {
            let new = roles::read(&bytes, &name).map_err(failed)?;
            let old = if document.seq == 1 { None } else { Some(newest_root(&folder)?) };
            if old.as_ref().is_some_and(|(number, ..)| number.saturating_add(1) != document.seq) {
                let message = format!("{name} is root {}, and does not follow the newest one here", document.seq);
                return Err(CommandError::new(Kind::Usage, message).next_step("fetch the newest folder of releases"));
            }
            let key = keys::release_root(document.seq).to_string();
            Begun { draft: draft.clone(), key, old: old.map(|(_, root, _)| root), new: Some(new) }
        }
        kind::RELEASE => {
            let manifest = wildcam_core::trust::Manifest::from_document(&document)
                .map_err(|error| CommandError::new(Kind::Usage, format!("{name} is no release")).because(error))?;
            let key = keys::release_manifest(manifest.class, document.seq).unwrap_or_default().to_string();
            context.ui.status(format_args!("release {} for {}: {}", document.seq, manifest.class, manifest.version));
            Begun { draft: draft.clone(), key, old: Some(newest_root(&folder)?.1), new: None }
        }
        _ => {
            let message = format!("{name} is neither a root nor a release");
            return Err(CommandError::new(Kind::Usage, message));
        }
    };
    if let Some(new) = &begun.new {
        describe(begun.old.as_ref(), new, document.seq, document.expires_s, context);
    }
    let question = format!("Sign {} with this machine's keys?", begun.key);
    if !context.ui.confirm(&question)? {
        return Err(CommandError::new(Kind::Guard, "nothing was signed"));
    }
    draft.clean(&begun.demands()).map_err(failed)?;
    let begun = Begun { draft, ..begun };
    finish(begun, &folder, &vault, &mut arguments.places.passphrases(context), context).await
}

/// Says what a root changes, so that nobody signs what they have not seen.
fn describe(old: Option<&Root>, new: &Root, number: u64, expires_s: u64, context: &Context) {
    context.ui.status(format_args!("root {number}, until {}:", day(expires_s)));
    for role in Role::OF_UPDATES {
        let keys = roles::keys_of(new, role);
        context.ui.status(format_args!("  {role}: {} of {} keys", keys.threshold(), keys.keys().len()));
        let before = old.map(|old| roles::keys_of(old, role));
        for key in keys.keys() {
            let known = before.is_some_and(|before| before.keys().contains(key));
            let word = if known { "stays" } else { "new" };
            context.ui.status(format_args!("    {} {word}", key_name(roles::id_of(key))));
        }
        for key in before.map(|before| before.keys()).unwrap_or_default() {
            if !keys.keys().contains(key) {
                context.ui.status(format_args!("    {} goes", key_name(roles::id_of(key))));
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| {
        CommandError::new(Kind::Usage, format!("cannot read {}", path.display())).because(error)
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
