//! The providers' own schemas, fetched and trimmed to the types that the stacks use: names, types, bounds and marks, no
//! prose. They lie in templates/schemas/, so that a template can be checked without a network.

mod aws;
mod azure;
mod fetch;
mod format;
mod gcp;
mod terraform;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use serde::Deserialize;

use crate::{terminal, workspace::Workspace};
use fetch::Packages;
use format::Draft;

/// Which types are kept, and where they come from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    aws: Aws,
    azure: Vec<azure::Package>,
    gcp: Gcp,
    terraform: terraform::Terraform,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aws {
    package: String,
    version: String,
    types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gcp {
    package: String,
    version: String,
    types: BTreeMap<String, gcp::Kind>,
}

/// Writes the files, and the list that embeds them. Files of types that are not wanted any more go.
///
/// # Errors
///
/// When a package cannot be had or is not what it was, or a file cannot be written.
pub(crate) fn run(workspace: &Workspace) -> Result<(), String> {
    let list = workspace.root().join("xtask/schemas.toml");
    let text = fs::read_to_string(&list).map_err(|error| format!("cannot read {}: {error}", list.display()))?;
    let wanted: Wanted = toml::from_str(&text).map_err(|error| format!("xtask/schemas.toml: {error}"))?;
    let packages = Packages::open(workspace)?;
    let unpacked = packages.python(&wanted.aws.package, &wanted.aws.version)?;
    let aws = aws::drafts(&unpacked, &wanted.aws.package, &wanted.aws.version, &wanted.aws.types)?;
    let azure = azure::drafts(&packages, &wanted.azure)?;
    let unpacked = packages.python(&wanted.gcp.package, &wanted.gcp.version)?;
    let gcp = gcp::drafts(&unpacked, &wanted.gcp.package, &wanted.gcp.version, &wanted.gcp.types)?;
    let terraform = terraform::drafts(&packages, &wanted.terraform)?;
    let root = workspace.root().join("templates/schemas");
    let mut embedded = BTreeMap::new();
    for (provider, drafts) in [("aws", aws), ("azure", azure), ("gcp", gcp), ("terraform", terraform)] {
        embedded.insert(provider, write(&root.join(provider), &drafts)?);
    }
    embed(workspace, &embedded)
}

/// Writes one provider's files; returns type and file name of each.
fn write(folder: &Path, drafts: &[Draft]) -> Result<BTreeMap<String, String>, String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let mut names = BTreeMap::new();
    let mut bytes = 0;
    for draft in drafts {
        let path = folder.join(draft.file());
        let text = draft.text();
        bytes += text.len();
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        names.insert(draft.kind.clone(), draft.file());
    }
    let kept: BTreeSet<&String> = names.values().collect();
    let present = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    for old in present.flatten() {
        if old.file_name().to_str().is_some_and(|name| !kept.contains(&name.to_owned())) {
            fs::remove_file(old.path()).map_err(|error| format!("cannot remove {}: {error}", old.path().display()))?;
        }
    }
    terminal::say(&format!("{:<48} {:>4} types {bytes:>8} bytes", folder.display().to_string(), names.len()));
    Ok(names)
}

/// Writes the Rust list of all files in templates/schemas, hand-written ones too.
fn embed(workspace: &Workspace, generated: &BTreeMap<&str, BTreeMap<String, String>>) -> Result<(), String> {
    let mut all = generated.clone();
    all.insert("custom", by_hand(&workspace.root().join("templates/schemas/custom"))?);
    let mut text = String::from(
        "//! The schemas in the binary, by the provider's word and the type; written by `cargo xtask schemas`.\n\n\
         /// Provider, type, text; in that order.\n\
         #[rustfmt::skip]\n\
         pub(super) const FILES: &[(&str, &str, &str)] = &[\n",
    );
    for (provider, files) in &all {
        for (kind, file) in files {
            let line = format!(
                "    ({provider:?}, {kind:?}, include_str!(\"../../../templates/schemas/{provider}/{file}\")),"
            );
            writeln!(text, "{line}").map_err(|error| error.to_string())?;
        }
    }
    text.push_str("];\n");
    let path = workspace.root().join("src/deploy/validate/embedded.rs");
    fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn by_hand(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut names = BTreeMap::new();
    let Ok(present) = fs::read_dir(folder) else { return Ok(names) };
    for file in present.flatten() {
        let text = fs::read_to_string(file.path()).map_err(|error| error.to_string())?;
        let schema: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.path().display()))?;
        let kind = schema["type"].as_str().ok_or_else(|| format!("{} names no type", file.path().display()))?;
        names.insert(kind.to_owned(), file.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}
