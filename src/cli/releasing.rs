//! What the commands of keys and of releases share: where things lie, passphrases, and how documents get their signatures.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use wildcam_core::trust::{self, Root, Trust};

use super::{CommandError, Context, Kind, open::variable};
use crate::{
    project::{Period, Secret, SecretRef, UnitError},
    release::{
        self,
        age_file::AgeError,
        chain::{self, ChainError},
        folder::Folder,
        signing::{Demand, Draft},
        vault::{Key, Vault, key_name},
    },
};

/// How often a passphrase is asked for again.
const TRIES: usize = 3;

/// Where keys and releases lie.
#[derive(clap::Args)]
pub(super) struct Places {
    /// The folder of releases [default: releases, in the project's folder]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The folder of keys [default: keys, in the project's folder]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Where the keys' passphrase is found: env:NAME or file:PATH; without it you are asked. More than once where keys have
    /// different ones: each is tried, and a key that is made gets the first
    #[arg(long, value_name = "REFERENCE")]
    passphrase: Vec<SecretRef>,
}

impl Places {
    pub(super) fn folder(&self, context: &Context) -> Folder {
        folder(self.folder.as_deref(), context)
    }

    pub(super) fn vault(&self, context: &Context) -> Result<Vault, CommandError> {
        let path = self.keys.clone().unwrap_or_else(|| context.project_folder().join("keys"));
        Vault::open(&path).map_err(|error| key_error(&error))
    }

    pub(super) fn passphrases<'c>(&self, context: &'c Context) -> Passphrases<'c> {
        Passphrases { references: self.passphrase.clone(), known: Vec::new(), context }
    }
}

/// The folder of releases: the one that was named, or the project's.
pub(super) fn folder(named: Option<&Path>, context: &Context) -> Folder {
    Folder::new(&named.map_or_else(|| context.project_folder().join("releases"), Path::to_owned))
}

/// How long something is valid: a length of time that may count years, of 365 days, as in `5y` or `1y30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime(Duration);

impl FromStr for Lifetime {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (years, rest) = match text.split_once('y') {
            Some((years, rest)) => (years.trim().parse::<u64>().map_err(|_| UnitError::Period)?, rest),
            None => (0, text),
        };
        let rest = if rest.is_empty() && years > 0 { Period::ZERO } else { rest.parse()? };
        let seconds = years.checked_mul(365 * 86_400).and_then(|years| years.checked_add(rest.get().as_secs()));
        match seconds {
            Some(seconds @ 1..=3_153_600_000) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(UnitError::TooLarge),
        }
    }
}

impl Lifetime {
    /// The end of what begins at `now_s`, in seconds since 1970.
    pub(super) fn after(self, now_s: u64) -> u64 {
        now_s.saturating_add(self.0.as_secs())
    }
}

/// A day, as people read it.
pub(super) fn day(unix_s: u64) -> String {
    let time = i64::try_from(unix_s).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("{unix_s} s after 1970"), |time| time.strftime("%Y-%m-%d").to_string())
}

/// The passphrases of keys.
pub(super) struct Passphrases<'c> {
    references: Vec<SecretRef>,
    /// Those of the first references, or those that were typed.
    known: Vec<Secret>,
    context: &'c Context,
}

impl Passphrases<'_> {
    /// The passphrase for keys that are made: asked for twice.
    pub(super) fn new_one(&mut self) -> Result<Secret, CommandError> {
        if !self.references.is_empty() {
            return self.known.first().cloned().map_or_else(|| self.referred(), Ok);
        }
        if let Some(known) = self.known.last() {
            return Ok(known.clone());
        }
        let instead = "give it as --passphrase env:NAME or file:PATH";
        let ui = &self.context.ui;
        let first = ui.ask_hidden("A passphrase for the new keys (12 characters or more)", instead)?;
        if *first != *ui.ask_hidden("The same again", instead)? {
            return Err(CommandError::new(Kind::Usage, "the two passphrases differ").next_step("run it again"));
        }
        self.known.push(Secret::new(first.to_string()));
        self.new_one()
    }

    /// The next one of the references.
    fn referred(&mut self) -> Result<Secret, CommandError> {
        let Some(reference) = self.references.get(self.known.len()) else {
            return Err(CommandError::new(Kind::Usage, "no passphrase was given"));
        };
        let folder = self.context.project_folder();
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        let secret = reference.resolve(folder, &variable).map_err(|error| {
            let step = error.next_step();
            CommandError::new(Kind::Usage, "the passphrase cannot be had").because(error).next_step(step)
        })?;
        self.known.push(secret.clone());
        Ok(secret)
    }

    /// Signs `draft` with the keys of the vault that its demands need, as far as they are here.
    pub(super) async fn sign(
        &mut self,
        draft: &mut Draft,
        vault: &Vault,
        demands: &[Demand<'_>],
    ) -> Result<(), CommandError> {
        for key in draft.wanted(vault, demands) {
            let signer = self.signer(vault, key)?;
            let signed = tokio::select! {
                signed = draft.sign(&*signer) => signed,
                () = self.context.interrupt.cancelled() => {
                    return Err(CommandError::new(Kind::Interrupted, "interrupted before everything was signed"));
                }
            };
            signed.map_err(|error| chain_error(&error))?;
        }
        Ok(())
    }

    fn signer(&mut self, vault: &Vault, key: &Key) -> Result<Box<dyn release::Signer>, CommandError> {
        let variable = |reference: &SecretRef| match reference {
            SecretRef::Env(name) => Some(name.clone()),
            _ => None,
        };
        let hidden: Vec<String> = self.references.iter().filter_map(variable).collect();
        let (mut tried, mut asked, mut failure) = (0, 0, None);
        let mut next = |key: &Key| {
            if tried == self.known.len() && tried < self.references.len() {
                failure = self.referred().err();
            } else if tried == self.known.len() && self.references.is_empty() && asked < TRIES {
                asked += 1;
                let question = format!("The passphrase of the key {} of the role {}", key_name(key.id), key.role);
                match self.context.ui.ask_hidden(&question, "give it as --passphrase env:NAME or file:PATH") {
                    Ok(answer) => self.known.push(Secret::new(answer.to_string())),
                    Err(error) => failure = Some(error),
                }
            }
            tried += 1;
            self.known.get(tried - 1).cloned()
        };
        let signer = vault.signer(key, &mut next, &hidden);
        match failure {
            Some(failure) => Err(failure),
            None => signer.map_err(|error| key_error(&error)),
        }
    }
}

/// The newest root of a folder, followed to from its first one; it must be there.
pub(super) fn newest_root(folder: &Folder) -> Result<(u64, Root, Vec<Vec<u8>>), CommandError> {
    let roots = folder.roots().map_err(|error| chain_error(&error))?;
    if roots.is_empty() {
        let message = format!("there is no root in {}", folder.path().display());
        return Err(CommandError::new(Kind::Usage, message).next_step("wildcam key init"));
    }
    let camera: Trust = chain::camera(&roots, "any", None).map_err(|error| chain_error(&error))?;
    Ok((camera.state().root.sequence, camera.root().clone(), roots))
}

/// An error of documents, with what to do about it.
pub(super) fn chain_error(error: &ChainError) -> CommandError {
    let (kind, step) = match error {
        ChainError::Key(error) => return key_error(error),
        ChainError::Missing(_) => {
            (Kind::Failed, "wildcam release sign makes a release, wildcam key init the first root")
        }
        ChainError::Refused { source, .. } => (Kind::Failed, after(*source)),
        ChainError::Conflict { .. } | ChainError::Payload { .. } | ChainError::TooLarge { .. } => {
            (Kind::Failed, "fetch the folder again from where it was made, or sign a new release: wildcam release sign")
        }
        ChainError::Patch { .. } => (Kind::Failed, "sign a new release: wildcam release sign"),
        ChainError::Image { .. } => (Kind::Usage, "wildcam build --board BOARD, and give its -app.bin"),
        ChainError::Signatures { .. } => (Kind::Guard, "sign where the keys are: wildcam key list"),
        ChainError::Asked(_) => (Kind::Usage, "wildcam key list, wildcam release show"),
        ChainError::Unwritable { .. } => (Kind::Usage, "wildcam key list"),
        ChainError::File { .. } | ChainError::Write(_) => return CommandError::of(Kind::Failed, error),
    };
    CommandError::of(kind, error).next_step(step)
}

/// What to do after cameras have said this.
fn after(judgement: trust::Error) -> &'static str {
    match judgement {
        trust::Error::Expired => "wildcam release refresh for the timestamp, wildcam release sign for a release",
        trust::Error::RootExpired => "wildcam key rotate root --renew",
        trust::Error::NotYetValid => "set this machine's clock right",
        trust::Error::Rollback | trust::Error::Conflict => {
            "fetch the newest folder; where keys were stolen: wildcam key rotate ROLE"
        }
        trust::Error::Threshold | trust::Error::UnknownKey => {
            "the keys of the newest root have to sign it: wildcam release sign, or wildcam key sign"
        }
        _ => "fetch the folder again from where it was made; publish nothing of it",
    }
}

/// An error of keys, with what to do about it.
pub(super) fn key_error(error: &release::Error) -> CommandError {
    use release::Error;
    let step = match error {
        Error::Age { source: AgeError::Passphrase, .. } => {
            "give the passphrase with which the key was made; --passphrase may be repeated where keys have different ones"
        }
        Error::Age { .. } | Error::List { .. } | Error::NotPublic { .. } => {
            "restore the folder of keys from its backup"
        }
        Error::Weak(_) => "choose a longer one; several words are easy to keep",
        Error::Elsewhere { .. } => "bring the file of the key back to the folder of keys, or sign where it is",
        Error::Signer(_) => "run the program by hand: it reads what to sign, and writes the signature",
        _ => return CommandError::of(Kind::Failed, error),
    };
    let kind = match error {
        Error::Signer(_) => Kind::Failed,
        _ => Kind::Usage,
    };
    CommandError::of(kind, error).next_step(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_count_years() {
        let seconds = |text: &str| text.parse::<Lifetime>().ok().map(|lifetime| lifetime.after(0));
        assert_eq!(seconds("5y"), Some(5 * 365 * 86_400));
        assert_eq!(seconds("1y30d"), Some(395 * 86_400));
        assert_eq!(seconds("30d"), Some(30 * 86_400));
        for none in ["", "y", "0y", "5years", "101y", "-1y", "1y1y", "0s", "999999999999999999999y"] {
            assert_eq!(seconds(none), None, "{none:?}");
        }
        assert_eq!(day(1_790_000_000), "2026-09-21");
    }
}
