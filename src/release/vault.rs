//! The folder of keys of updates.
//!
//! ```text
//! keys/                        only its owner may enter it
//!   keys.toml                  which keys there are, and what program signs for one; nothing in it is secret
//!   ROLE-KEYID.pub             the public half: SubjectPublicKeyInfo in PEM (RFC 8410)
//!   ROLE-KEYID.age             the private half: PKCS#8 in PEM under a passphrase, in age's format
//! ```
//!
//! A key without `.age` and without a program is held by somebody else, or on a stick that is not plugged in; nothing but
//! the file decides. So the private halves of the root can be carried away, and brought back for a rotation.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    VerifyingKey,
    pkcs8::{DecodePublicKey as _, EncodePublicKey as _, spki::der::pem::LineEnding},
};
use serde::{Deserialize, Serialize};
use wildcam_core::cose::KeyId;

use super::{Error, FileSigner, Role, Signer, age_file, external::ExternalSigner, generate_key};
use crate::{journal::atomic, project::Secret};

/// The list of the keys.
const LIST: &str = "keys.toml";

const LIST_HEAD: &str =
    "# The keys of this project's updates, for `wildcam key` and `wildcam release`. Nothing in it is secret.\n";

/// No list and no key is larger.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// A passphrase that keeps a key has at least so many characters.
const LEAST_PASSPHRASE: usize = 12;

/// Where a private half is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the folder, under a passphrase.
    Here,
    /// With a program that signs.
    Program(Vec<String>),
    /// With somebody else, or nowhere any more.
    Elsewhere,
}

/// A key that the folder knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is for.
    pub role: Role,
    /// What documents call it.
    pub id: KeyId,
    /// The public half.
    pub public: VerifyingKey,
    /// Where the private half is.
    pub place: Place,
}

/// What a key is called in files and on the command line: 16 hexadecimal digits.
#[must_use]
pub fn key_name(id: KeyId) -> String {
    id.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    role: String,
    id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    command: Vec<String>,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
    keys: Vec<Key>,
    work: u8,
}

impl Vault {
    /// Reads the folder; one that is not there holds no keys.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::List`], [`Error::NotPublic`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(LIST);
        let wrong = |why: String| Error::List { path: path.clone(), why };
        let list = match read(&path) {
            Ok(text) => toml::from_str::<List>(&text).map_err(|error| wrong(error.message().to_owned()))?,
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => List::default(),
            Err(error) => return Err(error),
        };
        let mut keys: Vec<Key> = Vec::new();
        for entry in list.key {
            let role: Role = entry.role.parse().map_err(|error: super::keys::UnknownRole| wrong(error.to_string()))?;
            let file = folder.join(format!("{role}-{}.pub", entry.id));
            let public = public_key(&file)?;
            let id = KeyId::of(&public);
            if key_name(id) != entry.id || keys.iter().any(|key| key.id == id && key.role == role) {
                return Err(wrong(format!("{} is not the key of that name, or stands there twice", file.display())));
            }
            let place = match entry.command {
                command if !command.is_empty() => Place::Program(command),
                _ if folder.join(format!("{role}-{}.age", entry.id)).is_file() => Place::Here,
                _ => Place::Elsewhere,
            };
            keys.push(Key { role, id, public, place });
        }
        Ok(Self { folder: folder.to_owned(), keys, work: age_file::WORK })
    }

    /// The same with so much work for a passphrase: tests make many keys, and in a lab the passphrase lies beside them.
    pub(crate) fn with_work(mut self, work: u8) -> Self {
        self.work = work;
        self
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All keys, in the order in which they came.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key of that name and role.
    #[must_use]
    pub fn key(&self, role: Role, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.role == role && key.id == id)
    }

    /// Makes a new key and keeps it under a passphrase.
    ///
    /// # Errors
    /// [`Error::Weak`], [`Error::Randomness`], [`Error::Age`], [`Error::Write`].
    pub fn create(&mut self, role: Role, passphrase: &Secret) -> Result<Key, Error> {
        if passphrase.expose().chars().count() < LEAST_PASSPHRASE {
            return Err(Error::Weak(LEAST_PASSPHRASE));
        }
        let pem = generate_key()?;
        let public = FileSigner::from_pem(&pem, role)?.public_key();
        let path = self.private_file(role, KeyId::of(&public));
        let sealed = age_file::seal(pem.as_bytes(), passphrase, self.work);
        let sealed = sealed.map_err(|source| Error::Age { path: path.clone(), source })?;
        self.make_folder()?;
        atomic::write_private(&path, &sealed).map_err(Error::Write)?;
        self.note(role, public, Place::Here)
    }

    /// Takes a key up whose private half is not kept here: with a program that signs for it, or with somebody else.
    ///
    /// # Errors
    /// [`Error::Known`] for one that is there; [`Error::Write`].
    pub fn take(&mut self, role: Role, public: VerifyingKey, command: Vec<String>) -> Result<Key, Error> {
        let id = KeyId::of(&public);
        if self.key(role, id).is_some() {
            return Err(Error::Known { role, id: key_name(id) });
        }
        self.make_folder()?;
        let place = if command.is_empty() { Place::Elsewhere } else { Place::Program(command) };
        self.note(role, public, place)
    }

    fn note(&mut self, role: Role, public: VerifyingKey, place: Place) -> Result<Key, Error> {
        let key = Key { role, id: KeyId::of(&public), public, place };
        let path = self.folder.join(format!("{role}-{}.pub", key_name(key.id)));
        let not_public = |_| Error::NotPublic { path: path.clone() };
        let pem = public.to_public_key_pem(LineEnding::LF).map_err(not_public)?;
        atomic::write(&path, pem.as_bytes()).map_err(Error::Write)?;
        self.keys.push(key.clone());
        let entry = |key: &Key| Entry {
            role: key.role.to_string(),
            id: key_name(key.id),
            command: if let Place::Program(command) = &key.place { command.clone() } else { Vec::new() },
        };
        let list = List { key: self.keys.iter().map(entry).collect() };
        let path = self.folder.join(LIST);
        let text =
            toml::to_string(&list).map_err(|error| Error::List { path: path.clone(), why: error.to_string() })?;
        atomic::write(&path, format!("{LIST_HEAD}\n{text}").as_bytes()).map_err(Error::Write)?;
        Ok(key)
    }

    /// What signs with `key`. `passphrase` is asked for keys that lie here, until one fits or it has none; the environment
    /// variables `hidden` are kept from programs.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] when its private half is not here; [`Error::Age`]; [`Error::NotAKey`].
    pub fn signer(
        &self,
        key: &Key,
        passphrase: &mut dyn FnMut(&Key) -> Option<Secret>,
        hidden: &[String],
    ) -> Result<Box<dyn Signer>, Error> {
        match &key.place {
            Place::Elsewhere => Err(Error::Elsewhere { role: key.role, id: key_name(key.id) }),
            Place::Program(command) => {
                Ok(Box::new(ExternalSigner::new(key.role, key.public, command.clone(), hidden.to_vec())))
            }
            Place::Here => {
                let path = self.private_file(key.role, key.id);
                let sealed = read_bytes(&path)?;
                let mut last = age_file::AgeError::Passphrase;
                while let Some(passphrase) = passphrase(key) {
                    match age_file::open(&sealed, &passphrase) {
                        Ok(pem) => return self.opened(key, &path, &pem),
                        Err(age_file::AgeError::Passphrase) => last = age_file::AgeError::Passphrase,
                        Err(other) => return Err(Error::Age { path, source: other }),
                    }
                }
                Err(Error::Age { path, source: last })
            }
        }
    }

    fn opened(&self, key: &Key, path: &Path, pem: &[u8]) -> Result<Box<dyn Signer>, Error> {
        let text = std::str::from_utf8(pem).unwrap_or_default();
        let signer = FileSigner::from_pem(text, key.role)?;
        if signer.public_key() == key.public {
            Ok(Box::new(signer))
        } else {
            let why = format!("{} holds another key than its name says", path.display());
            Err(Error::List { path: self.folder.join(LIST), why })
        }
    }

    fn private_file(&self, role: Role, id: KeyId) -> PathBuf {
        self.folder.join(format!("{role}-{}.age", key_name(id)))
    }

    fn make_folder(&self) -> Result<(), Error> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder).map_err(|source| Error::File {
            action: "make the folder of",
            path: self.folder.clone(),
            source,
        })
    }
}

/// Reads the public half of a key: SubjectPublicKeyInfo in PEM, as `openssl pkey -pubout` writes it.
///
/// # Errors
/// [`Error::File`], [`Error::NotPublic`].
pub fn public_key(path: &Path) -> Result<VerifyingKey, Error> {
    let text = read(path)?;
    VerifyingKey::from_public_key_pem(text.trim()).map_err(|_| Error::NotPublic { path: path.to_owned() })
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn read(path: &Path) -> Result<String, Error> {
    let text = String::from_utf8(read_bytes(path)?);
    text.map_err(|_| Error::List { path: path.to_owned(), why: "it is no text".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    /// Answers once, with this.
    fn once(text: &str) -> impl FnMut(&Key) -> Option<Secret> {
        let mut answer = Some(secret(text));
        move |_| answer.take()
    }

    #[tokio::test]
    async fn a_key_is_kept_under_its_passphrase_and_signs() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("keys");
        let mut vault = Vault::open(&folder).unwrap().with_work(4);
        assert!(matches!(vault.create(Role::Root, &secret("too short")), Err(Error::Weak(12))));
        assert!(!folder.exists());
        let made = vault.create(Role::Root, &secret("a long passphrase")).unwrap();

        let read = Vault::open(&folder).unwrap();
        assert_eq!(read.keys(), std::slice::from_ref(&made));
        let signer = read.signer(&made, &mut once("a long passphrase"), &[]).unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&signer.sign(b"text").await.unwrap());
        made.public.verify_strict(b"text", &signature).unwrap();
        let wrong = read.signer(&made, &mut once("another passphrase"), &[]).unwrap_err();
        assert!(matches!(wrong, Error::Age { source: age_file::AgeError::Passphrase, .. }), "{wrong}");

        for entry in fs::read_dir(&folder).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("PRIVATE"), "a key lies there in the clear");
        }
        // Carried away, it is known and cannot sign.
        fs::remove_file(folder.join(format!("root-{}.age", key_name(made.id)))).unwrap();
        let read = Vault::open(&folder).unwrap();
        assert_eq!(read.keys()[0].place, Place::Elsewhere);
        let error = read.signer(&read.keys()[0], &mut once("a long passphrase"), &[]).unwrap_err();
        assert!(matches!(error, Error::Elsewhere { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_enters_the_folder() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("keys");
        let mut vault = Vault::open(&folder).unwrap().with_work(4);
        let made = vault.create(Role::Release, &secret("a long passphrase")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&vault.private_file(made.role, made.id)), 0o600);
    }

    #[test]
    fn a_list_that_was_tampered_with_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("keys");
        let mut vault = Vault::open(&folder).unwrap().with_work(4);
        let one = vault.create(Role::Release, &secret("a long passphrase")).unwrap();
        let two = vault.create(Role::Release, &secret("a long passphrase")).unwrap();
        let taken = vault.take(Role::Release, two.public, Vec::new());
        assert!(matches!(taken, Err(Error::Known { .. })));
        let file = |key: &Key, ending: &str| folder.join(format!("release-{}.{ending}", key_name(key.id)));
        fs::copy(file(&one, "age"), file(&two, "age")).unwrap();
        let error = Vault::open(&folder).unwrap().signer(&two, &mut once("a long passphrase"), &[]).unwrap_err();
        assert!(error.to_string().contains("holds another key"), "{error}");
        fs::copy(file(&one, "pub"), file(&two, "pub")).unwrap();
        assert!(matches!(Vault::open(&folder), Err(Error::List { .. })));
        fs::write(folder.join(LIST), "[[key]]\nrole = \"boss\"\nid = \"00\"\n").unwrap();
        assert!(Vault::open(&folder).unwrap_err().to_string().contains("\"boss\" is no role"));
    }
}
