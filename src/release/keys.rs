//! Keys and signers. A signer may be a file today and a key management service later; callers see only the trait.

use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

use ed25519_dalek::{
    Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes, spki::der::pem::LineEnding},
};
use futures_util::future::BoxFuture;
use wildcam_core::cose::kind;
use zeroize::Zeroizing;

use super::Error;
use crate::journal::atomic;

/// A key in PEM is under 200 bytes; comments around it may be there.
const KEY_FILE_LIMIT_BYTES: u64 = 16 << 10;

/// What a key is for, after The Update Framework; a key of one role never signs for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Lies on gateways and in CI: lists of endpoints, the time, tokens, commands, what cameras are set to. No code that a
    /// camera would run: which release one shall run is its to say, and not what a release is.
    Online,
    /// Names the keys of all roles of updates: offline, best several people.
    Root,
    /// Says what an update is: offline.
    Release,
    /// Says which update is the newest: where it can sign every few days.
    Timestamp,
}

impl Role {
    /// The roles that a root names.
    pub const OF_UPDATES: [Self; 3] = [Self::Root, Self::Release, Self::Timestamp];

    /// Whether a key of this role may sign documents of `kind`.
    #[must_use]
    pub fn may_sign(self, kind: &str) -> bool {
        match self {
            Self::Online => [kind::ENDPOINTS, kind::TIME, kind::TOKEN, kind::COMMAND, kind::CONFIG].contains(&kind),
            Self::Root => kind == kind::ROOT,
            Self::Release => kind == kind::RELEASE,
            Self::Timestamp => kind == kind::TIMESTAMP,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "online",
            Self::Root => "root",
            Self::Release => "release",
            Self::Timestamp => "timestamp",
        })
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::OF_UPDATES.into_iter().find(|role| role.to_string() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// The name is of no role of updates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role; the roles are root, release and timestamp")]
pub struct UnknownRole(pub String);

/// Makes Ed25519 signatures (RFC 8032) with a key that callers never see.
pub trait Signer: Send + Sync + fmt::Debug {
    /// What the key is for.
    fn role(&self) -> Role;

    /// The public half.
    fn public_key(&self) -> VerifyingKey;

    /// Signs `bytes`.
    ///
    /// # Errors
    /// [`Error::Signer`] when the key lies elsewhere and does not answer.
    fn sign<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], Error>>;
}

/// A key from a file or a text, held in memory and wiped when dropped.
pub struct FileSigner {
    role: Role,
    key: SigningKey,
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSigner").field("role", &self.role).finish_non_exhaustive()
    }
}

impl FileSigner {
    /// Reads a key in PKCS#8 PEM.
    ///
    /// # Errors
    /// [`Error::Exposed`] when others than its owner may read or change the file (on Unix), [`Error::File`],
    /// [`Error::NotAKey`].
    pub fn from_file(path: &Path, role: Role) -> Result<Self, Error> {
        let failed = |action| move |source| Error::File { action, path: path.to_owned(), source };
        let file = File::open(path).map_err(failed("open"))?;
        refuse_exposed(&file, path)?;
        let mut text = Zeroizing::new(String::new());
        file.take(KEY_FILE_LIMIT_BYTES).read_to_string(&mut text).map_err(failed("read"))?;
        Self::parse(&text, role, || path.display().to_string())
    }

    /// A key from text in PKCS#8 PEM, for secrets that do not lie in files. The caller wipes the text.
    ///
    /// # Errors
    /// [`Error::NotAKey`].
    pub fn from_pem(text: &str, role: Role) -> Result<Self, Error> {
        Self::parse(text, role, || "the text".to_owned())
    }

    /// Makes a new key and writes it to `path`, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::File`] when there is such a file already: a key is never overwritten. [`Error::Write`],
    /// [`Error::Randomness`].
    pub fn create(path: &Path, role: Role) -> Result<Self, Error> {
        if path.symlink_metadata().is_ok() {
            let source = std::io::ErrorKind::AlreadyExists.into();
            return Err(Error::File { action: "create", path: PathBuf::from(path), source });
        }
        let pem = generate_key()?;
        atomic::write_private(path, pem.as_bytes()).map_err(Error::Write)?;
        Self::from_pem(&pem, role)
    }

    fn parse(text: &str, role: Role, origin: impl FnOnce() -> String) -> Result<Self, Error> {
        let key =
            SigningKey::from_pkcs8_pem(text.trim()).map_err(|source| Error::NotAKey { origin: origin(), source })?;
        Ok(Self { role, key })
    }
}

impl Signer for FileSigner {
    fn role(&self) -> Role {
        self.role
    }

    fn public_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    fn sign<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], Error>> {
        Box::pin(async move { Ok(self.key.sign(bytes).to_bytes()) })
    }
}

#[cfg(unix)]
fn refuse_exposed(file: &File, path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(Error::Exposed { path: path.to_owned(), mode }) }
}

// A home folder on Windows is closed to others by inheritance; there are no mode bits to look at.
#[cfg(not(unix))]
fn refuse_exposed(_: &File, _: &Path) -> Result<(), Error> {
    Ok(())
}

/// A new Ed25519 private key in PKCS#8 PEM (RFC 8410, without the optional public key, which older OpenSSL refuses).
///
/// # Errors
/// [`Error::Randomness`].
pub fn generate_key() -> Result<Zeroizing<String>, Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(Error::Randomness)?;
    let key = KeypairBytes { secret_key: *seed, public_key: None };
    key.to_pkcs8_pem(LineEnding::LF).map_err(|source| Error::NotAKey { origin: "the new key".to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_made_here_signs_and_its_public_half_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("online.pem");
        let made = FileSigner::create(&path, Role::Online).unwrap();
        let read = FileSigner::from_file(&path, Role::Online).unwrap();
        assert_eq!(made.public_key(), read.public_key());
        let signature = read.sign(b"bytes").await.unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&signature);
        made.public_key().verify_strict(b"bytes", &signature).unwrap();
        made.public_key().verify_strict(b"other", &signature).unwrap_err();
        assert!(matches!(FileSigner::create(&path, Role::Online), Err(Error::File { action: "create", .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("online.pem");
        FileSigner::create(&path, Role::Online).unwrap();
        for mode in [0o604, 0o640, 0o620, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = FileSigner::from_file(&path, Role::Online).unwrap_err();
            assert!(matches!(error, Error::Exposed { mode: found, .. } if found == mode), "{error}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        FileSigner::from_file(&path, Role::Online).unwrap();
    }

    #[test]
    fn what_is_not_a_key_is_named_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("online.pem");
        atomic::write_private(&path, b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").unwrap();
        let error = FileSigner::from_file(&path, Role::Online).unwrap_err();
        assert!(error.to_string().contains("online.pem") && !error.to_string().contains("c2VjcmV0"), "{error}");
        assert!(matches!(FileSigner::from_pem("", Role::Online), Err(Error::NotAKey { .. })));
        let pem = generate_key().unwrap();
        let signer = FileSigner::from_pem(&pem, Role::Online).unwrap();
        let secret = format!("{:?}", signer.key.to_bytes());
        assert!(!format!("{signer:?}").contains(&secret));
        // A key from RFC 8410, section 10.3.
        let known = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let public = FileSigner::from_pem(known, Role::Online).unwrap().public_key();
        assert_eq!(public.as_bytes()[..4], [0x19, 0xbf, 0x44, 0x09]);
    }

    #[test]
    fn the_online_role_signs_nothing_that_runs() {
        assert!(Role::Online.may_sign(kind::TOKEN) && Role::Online.may_sign(kind::CONFIG));
        assert!(!Role::Online.may_sign("release"));
        for role in Role::OF_UPDATES {
            for kind in [kind::ROOT, kind::RELEASE, kind::TIMESTAMP, kind::COMMAND] {
                assert_eq!(role.may_sign(kind), role.to_string() == kind, "{role} {kind}");
            }
        }
    }
}
