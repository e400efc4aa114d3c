//! `wildcam key list`.

use serde::Serialize;

use super::super::{
    CommandResult, Context,
    releasing::{Places, chain_error, day},
};
use crate::{
    release::{
        Role, chain, roles,
        vault::{Place, key_name},
    },
    ui::{JsonLine, Table},
};

/// The arguments of `wildcam key list`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    places: Places,
}

#[derive(Serialize)]
struct Listed {
    role: String,
    key: String,
    /// Whether the newest root names it.
    has_say: bool,
    place: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    command: Vec<String>,
    threshold: Option<u8>,
    root: Option<u64>,
    root_expires_s: Option<u64>,
}

impl JsonLine for Listed {
    const REASON: &'static str = "key";
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let (folder, vault) = (arguments.places.folder(context), arguments.places.vault(context)?);
    let roots = folder.roots().map_err(|error| chain_error(&error))?;
    let camera = match roots.as_slice() {
        [] => None,
        roots => Some(chain::camera(roots, "any", None).map_err(|error| chain_error(&error))?),
    };
    let mut lines = Vec::new();
    for role in Role::OF_UPDATES {
        let named = camera.as_ref().map(|camera| roles::keys_of(camera.root(), role));
        let mut line = |id, place: Option<&Place>, has_say| {
            let (word, command) = match place {
                Some(Place::Here) => ("here", Vec::new()),
                Some(Place::Program(command)) => ("program", command.clone()),
                Some(Place::Elsewhere) | None => ("elsewhere", Vec::new()),
            };
            lines.push(Listed {
                role: role.to_string(),
                key: key_name(id),
                has_say,
                place: word,
                command,
                threshold: named.map(wildcam_core::trust::Role::threshold),
                root: camera.as_ref().map(|camera| camera.state().root.sequence),
                root_expires_s: camera.as_ref().map(wildcam_core::trust::Trust::root_expires_s),
            });
        };
        for key in named.map(wildcam_core::trust::Role::keys).unwrap_or_default() {
            let id = roles::id_of(key);
            line(id, vault.key(role, id).map(|key| &key.place), true);
        }
        for key in vault.keys().iter().filter(|key| key.role == role) {
            if named.is_none_or(|named| named.key(key.id).is_none()) {
                line(key.id, Some(&key.place), false);
            }
        }
    }
    show(&lines, context);
    Ok(())
}

fn show(lines: &[Listed], context: &Context) {
    let mut table = Table::new(["ROLE", "KEY", "SIGNS", "PRIVATE HALF"]);
    for line in lines {
        let signs = match (line.has_say, line.threshold) {
            (true, Some(threshold)) => {
                let of = lines.iter().filter(|other| other.role == line.role && other.has_say).count();
                format!("{threshold} of {of}")
            }
            _ => "no".to_owned(),
        };
        let place = match line.place {
            "here" => format!("{}-{}.age", line.role, line.key),
            "program" => line.command.join(" "),
            other => other.to_owned(),
        };
        table.row([line.role.clone(), line.key.clone(), signs, place]);
        context.ui.json(line);
    }
    if lines.is_empty() {
        context.ui.status("there are no keys; next: wildcam key init");
        return;
    }
    context.ui.result(&table);
    match lines.first().and_then(|line| Some((line.root?, line.root_expires_s?))) {
        Some((root, expires_s)) => {
            context.ui.result(format_args!("\nroot {root}, until {}", day(expires_s)));
        }
        None => context.ui.status("there is no root yet; next: wildcam key init"),
    }
}
