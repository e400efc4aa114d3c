//! `wildcam key`.

mod ceremony;
mod listing;

use std::path::PathBuf;

use ed25519_dalek::VerifyingKey;
use serde::Serialize;
use wildcam_core::{
    cose::KeyId,
    trust::{self, MAX_KEYS, Root},
    wire::keys,
};

use super::{
    CommandError, CommandResult, Context, Kind,
    releasing::{Lifetime, Passphrases, Places, chain_error, key_error, newest_root},
};
use crate::{
    release::{
        Role, external,
        roles::{self, Change},
        vault::{Vault, key_name, public_key},
    },
    ui::JsonLine,
};

const INIT_EXAMPLES: &str = "Examples:
  wildcam key init
  wildcam key init --root-keys 3 --root-threshold 2 --release-keys 2
  wildcam key init --role root --public alice.pub       a key that somebody else holds
  wildcam key init --role release --public hsm.pub --external 'hsm-sign --slot 2'
  wildcam key init --role root                          a key for somebody else's ceremony

With --role one key is made or taken up, and nothing else; without it, the keys that are still
missing are made, and the first root with all of them, which cameras get when they are flashed. A
program for --external reads what is to be signed from its standard input, and writes the
signature to its standard output: 64 bytes, or their base64.

Keep a copy of the folder of keys in another place, and carry the keys of the root away from
machines that are online: without them nobody can ever replace a stolen key, and after the root's
end no camera takes an update.";

const ROTATE_EXAMPLES: &str = "Examples:
  wildcam key rotate timestamp                        replace all keys of the role
  wildcam key rotate release --remove 3f2a8c0d11e4b7f6
  wildcam key rotate root --add 1 --threshold 2
  wildcam key rotate root --renew                     the same keys, a later end
  wildcam key rotate timestamp --passphrase env:DAILY --passphrase env:ROOT    DAILY for the new key

The next root is signed by the keys of the old one and by its own. Where one machine has too few
of them, it is written as releases/root/N.cose.part; carry that to the next machine, and there:
wildcam key sign PART.

Stolen keys: remove all of them in one rotation. Only when as many of a role's keys go as could
sign alone, do its numbers start anew, which a thief may have raised to their end. After a
rotation of release, sign a new release; after one of timestamp, refresh it.";

/// The arguments of `wildcam key`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make keys and the first root, or one key
    #[command(after_help = INIT_EXAMPLES)]
    Init(Init),
    /// Make the next root: with other keys, another threshold, or a later end
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate(Rotate),
    /// Add the signatures of this machine's keys to a document that lacks some
    #[command(after_help = "Examples:\n  wildcam key sign releases/root/2.cose.part")]
    Sign(ceremony::Arguments),
    /// Show which keys have a say, and where their private halves lie
    #[command(after_help = "Examples:\n  wildcam key list\n  wildcam key list --json")]
    List(listing::Arguments),
}

#[derive(clap::Args)]
struct Init {
    #[command(flatten)]
    places: Places,
    /// Make or take up one key of this role only: root, release or timestamp
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// The public half of a key that lies elsewhere (PEM)
    #[arg(long, value_name = "FILE", requires = "role")]
    public: Option<PathBuf>,
    /// The program with its arguments that signs for it
    #[arg(long, value_name = "COMMAND", requires = "public")]
    external: Option<String>,
    /// Keys of the root
    #[arg(long, value_name = "N", value_parser = count())]
    root_keys: Option<u8>,
    /// How many of them must sign
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = count())]
    root_threshold: u8,
    /// Keys of releases
    #[arg(long, value_name = "N", value_parser = count())]
    release_keys: Option<u8>,
    /// How many of them must sign
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = count())]
    release_threshold: u8,
    /// Keys of the timestamp
    #[arg(long, value_name = "N", value_parser = count())]
    timestamp_keys: Option<u8>,
    /// How many of them must sign
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = count())]
    timestamp_threshold: u8,
    /// How long the root is valid
    #[arg(long, value_name = "TIME", default_value = "5y")]
    expires: Lifetime,
}

#[derive(clap::Args)]
struct Rotate {
    #[command(flatten)]
    places: Places,
    /// The role: root, release or timestamp
    #[arg(value_name = "ROLE")]
    role: Role,
    /// A key that loses its say; may be repeated [default, without other changes: all keys of the role]
    #[arg(long, value_name = "KEYID")]
    remove: Vec<String>,
    /// How many keys to make [default: as many as go]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=8))]
    add: Option<u8>,
    /// The public half of a key that lies elsewhere and gets a say (PEM); may be repeated
    #[arg(long, value_name = "FILE")]
    public: Vec<PathBuf>,
    /// The program with its arguments that signs for it
    #[arg(long, value_name = "COMMAND", requires = "public")]
    external: Option<String>,
    /// How many keys of the role must sign
    #[arg(long, value_name = "M", value_parser = count())]
    threshold: Option<u8>,
    /// Keep keys and thresholds
    #[arg(long, conflicts_with_all = ["remove", "add", "public", "threshold"])]
    renew: bool,
    /// How long the new root is valid
    #[arg(long, value_name = "TIME", default_value = "5y")]
    expires: Lifetime,
}

fn count() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(1..=8)
}

#[derive(Serialize)]
struct KeyLine {
    role: String,
    key: String,
    file: PathBuf,
}

impl JsonLine for KeyLine {
    const REASON: &'static str = "key";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    match &arguments.command {
        Command::Init(init) => match init.role {
            Some(role) => one(init, role, context),
            None => all(init, context).await,
        },
        Command::Rotate(rotate) => self::rotate(rotate, context).await,
        Command::Sign(arguments) => ceremony::run(arguments, context).await,
        Command::List(arguments) => listing::run(arguments, context),
    }
}

/// Makes or takes up a single key.
fn one(init: &Init, role: Role, context: &Context) -> CommandResult {
    let mut vault = init.places.vault(context)?;
    let key = match &init.public {
        Some(path) => {
            let command =
                init.external.as_deref().map(external::words).transpose().map_err(|error| key_error(&error))?;
            let public = public_key(path).map_err(|error| key_error(&error))?;
            vault.take(role, public, command.unwrap_or_default())
        }
        None => vault.create(role, &init.places.passphrases(context).new_one()?),
    };
    let key = key.map_err(|error| key_error(&error))?;
    let (id, file) = (key_name(key.id), vault.folder().join(format!("{role}-{}.pub", key_name(key.id))));
    context.ui.result(format_args!("{role} key {id}; its public half: {}", file.display()));
    context.ui.json(&KeyLine { role: role.to_string(), key: id, file });
    Ok(())
}

/// Makes the keys that are missing, and the first root.
async fn all(init: &Init, context: &Context) -> CommandResult {
    let folder = init.places.folder(context);
    let first = keys::release_root(1);
    for name in [first.to_string(), ceremony::part_of(&first)] {
        if folder.file(&name).exists() {
            let message = format!("{} is there already, and cameras know it", folder.file(&name).display());
            return Err(CommandError::new(Kind::Guard, message)
                .next_step("wildcam key rotate ROLE replaces keys; wildcam key sign adds signatures"));
        }
    }
    let mut vault = init.places.vault(context)?;
    let mut passphrases = init.places.passphrases(context);
    let mut role = |role, keys: Option<u8>, threshold: u8| {
        let known = vault.keys().iter().filter(|key| key.role == role).count();
        let wanted = keys.map_or(known.max(usize::from(threshold)), usize::from);
        if known > wanted || usize::from(threshold) > wanted {
            let message =
                format!("{wanted} keys of the role {role}, {threshold} of which must sign, where {known} are known");
            return Err(CommandError::new(Kind::Usage, message).next_step("wildcam key list"));
        }
        make(&mut vault, role, wanted - known, &mut passphrases, context)?;
        let all = vault.keys().iter().filter(|key| key.role == role).map(|key| key.public.to_bytes());
        roles::role(role, threshold, &all.collect::<Vec<_>>()).map_err(|error| chain_error(&error))
    };
    let root = Root {
        root: role(Role::Root, init.root_keys, init.root_threshold)?,
        release: role(Role::Release, init.release_keys, init.release_threshold)?,
        timestamp: role(Role::Timestamp, init.timestamp_keys, init.timestamp_threshold)?,
    };
    let now_s = context.clock.unix_s();
    let draft = roles::draft(&root, 1, now_s, init.expires.after(now_s)).map_err(|error| chain_error(&error))?;
    ceremony::finish(
        ceremony::Begun { draft, key: first.to_string(), old: None, new: Some(root) },
        &folder,
        &vault,
        &mut passphrases,
        context,
    )
    .await?;
    context
        .ui
        .status("next: put a copy of the keys where this machine's loss does not reach, and wildcam release sign");
    Ok(())
}

/// Makes so many keys of a role.
fn make(
    vault: &mut Vault,
    role: Role,
    count: usize,
    passphrases: &mut Passphrases<'_>,
    context: &Context,
) -> Result<Vec<trust::PublicKey>, CommandError> {
    let mut made = Vec::new();
    for _ in 0..count {
        if context.interrupt.is_cancelled() {
            return Err(CommandError::new(Kind::Interrupted, "interrupted; keys that were made stay, and have no say"));
        }
        let key = vault.create(role, &passphrases.new_one()?).map_err(|error| key_error(&error))?;
        context.ui.status(format_args!("made a key of the role {role}: {}", key_name(key.id)));
        made.push(key.public.to_bytes());
    }
    Ok(made)
}

async fn rotate(rotate: &Rotate, context: &Context) -> CommandResult {
    let folder = rotate.places.folder(context);
    let (number, old, _) = newest_root(&folder)?;
    let next = keys::release_root(number.saturating_add(1));
    let part = folder.file(&ceremony::part_of(&next));
    if part.exists() {
        let message = format!("{} waits for signatures already", part.display());
        let step = format!("wildcam key sign {0}, or remove {0} to begin anew", part.display());
        return Err(CommandError::new(Kind::Guard, message).next_step(step));
    }
    let mut vault = rotate.places.vault(context)?;
    let mut passphrases = rotate.places.passphrases(context);
    let given = given(rotate, &mut vault)?;
    let keys = roles::keys_of(&old, rotate.role);
    let mut remove = Vec::new();
    for text in &rotate.remove {
        let id = named(keys, text, rotate.role)?;
        if !remove.contains(&id) {
            remove.push(id);
        }
    }
    let plain = rotate.remove.is_empty() && rotate.add.is_none() && given.is_empty() && rotate.threshold.is_none();
    if plain && !rotate.renew {
        remove = keys.keys().iter().map(roles::id_of).collect();
    }
    let count = rotate.add.map_or(remove.len().saturating_sub(given.len()), usize::from);
    if keys.keys().len() - remove.len() + given.len() + count > MAX_KEYS {
        return Err(CommandError::new(Kind::Usage, format!("a role has {MAX_KEYS} keys at most")));
    }
    let mut add: Vec<trust::PublicKey> = given.iter().map(VerifyingKey::to_bytes).collect();
    add.extend(make(&mut vault, rotate.role, count, &mut passphrases, context)?);
    let change = Change { role: rotate.role, remove, add, threshold: rotate.threshold };
    let (new, anew) = roles::changed(&old, &change).map_err(|error| chain_error(&error))?;
    let now_s = context.clock.unix_s();
    let draft = roles::draft(&new, number.saturating_add(1), now_s, rotate.expires.after(now_s));
    let draft = draft.map_err(|error| chain_error(&error))?;
    let begun = ceremony::Begun { draft, key: next.to_string(), old: Some(old), new: Some(new) };
    ceremony::finish(begun, &folder, &vault, &mut passphrases, context).await?;
    let numbers = if anew { "its numbers start anew with this root, and " } else { "" };
    context.ui.status(match rotate.role {
        _ if rotate.renew => "next: wildcam release publish".to_owned(),
        Role::Release => {
            format!("{numbers}releases that the old keys signed may count no more; next: wildcam release sign")
        }
        Role::Timestamp => format!("{numbers}the last timestamp may count no more; next: wildcam release refresh"),
        _ => "next: wildcam release publish".to_owned(),
    });
    Ok(())
}

/// The keys of `--public`, taken up where they are not known yet.
fn given(rotate: &Rotate, vault: &mut Vault) -> Result<Vec<VerifyingKey>, CommandError> {
    let command = rotate.external.as_deref().map(external::words).transpose().map_err(|error| key_error(&error))?;
    if command.is_some() && rotate.public.len() != 1 {
        return Err(CommandError::new(Kind::Usage, "--external signs for one key, so give --public once"));
    }
    let mut keys = Vec::new();
    for path in &rotate.public {
        let public = public_key(path).map_err(|error| key_error(&error))?;
        if vault.key(rotate.role, KeyId::of(&public)).is_none() {
            let taken = vault.take(rotate.role, public, command.clone().unwrap_or_default());
            taken.map_err(|error| key_error(&error))?;
        }
        keys.push(public);
    }
    Ok(keys)
}

/// The key whose name begins so.
fn named(role: &trust::Role, text: &str, name: Role) -> Result<KeyId, CommandError> {
    let mut found = role.keys().iter().map(roles::id_of).filter(|id| key_name(*id).starts_with(text));
    match (found.next(), found.next()) {
        (Some(id), None) if text.len() >= 4 => Ok(id),
        _ => {
            let message = format!("{text:?} names no single key of the role {name}");
            Err(CommandError::new(Kind::Usage, message).next_step("wildcam key list"))
        }
    }
}
