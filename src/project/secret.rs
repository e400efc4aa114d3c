//! Secrets: what they are kept in, and the references by which wildcam.toml names them.

use std::{
    borrow::Cow,
    fmt,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// The most that a secret may hold: a key with its certificate chain is far below it.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Schemes that are understood and belong to parts of wildcam that this version does not have.
const LATER_SCHEMES: [&str; 6] = ["aws-secret", "azure-secret", "gcp-secret", "vault", "k8s-secret", "keyring"];

/// A secret's text. It is wiped from memory when it is dropped, shows itself as `[secret]`, and cannot be serialised.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret's text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. It must go nowhere but to the part that needs it: never into a message, a log or a file.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret is found: `env:NAME` (an environment variable) or `file:PATH` (relative to the project's folder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// The environment variable of this name.
    Env(String),
    /// The file at this path.
    File(PathBuf),
}

/// Why a text is no reference to a secret. No message repeats the text: it may be the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefError {
    /// It looks like a secret's value.
    #[error("a secret is named here, never written: use \"env:NAME\" or \"file:PATH\"")]
    Literal,
    /// A scheme of a later version.
    #[error(
        "{0}: references are not available in this version: they come with the issue that deploys to real clouds; \
         until then use \"env:NAME\" or \"file:PATH\""
    )]
    Later(&'static str),
}

impl FromStr for SecretRef {
    type Err = SecretRefError;

    fn from_str(text: &str) -> Result<Self, SecretRefError> {
        let Some((scheme, rest)) = text.split_once(':') else { return Err(SecretRefError::Literal) };
        if let Some(known) = LATER_SCHEMES.iter().find(|known| **known == scheme) {
            return Err(SecretRefError::Later(known));
        }
        match scheme {
            "env" if is_variable_name(rest) => Ok(Self::Env(rest.to_owned())),
            "file" if !rest.is_empty() && !rest.contains(['\n', '\0']) => Ok(Self::File(PathBuf::from(rest))),
            _ => Err(SecretRefError::Literal),
        }
    }
}

fn is_variable_name(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Why a reference did not lead to a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or empty.
    #[error("the environment variable {name} is not set")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("the secret file {} cannot be read", path.display())]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others than the owner may read the file.
    #[error("others than the owner may read the secret file {} (mode {mode:03o})", path.display())]
    NotPrivate {
        /// Where it lies.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is empty, too large, or no text.
    #[error("the secret file {} {what}", path.display())]
    Malformed {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl SecretError {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::NoVariable { name } => format!("export {name}=..., or name a file with \"file:PATH\""),
            Self::Unreadable { path, .. } => format!("put the secret into {} (mode 600)", path.display()),
            Self::NotPrivate { path, .. } => format!("chmod 600 {}", path.display()),
            Self::Malformed { path, .. } => format!("put one secret, as text, into {}", path.display()),
        }
    }
}

impl SecretRef {
    /// Fetches the secret. `base_dir` is the project's folder, `env_lookup` reads an environment variable. One line
    /// end at the end of a file is dropped, as editors add it.
    ///
    /// # Errors
    /// When there is no such variable or file, when others than the owner may read the file (Unix), or when it holds
    /// no text of 1 byte to 64 KiB.
    pub fn resolve(&self, base_dir: &Path, env_lookup: &dyn Fn(&str) -> Option<String>) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => match env_lookup(name) {
                Some(text) if !text.is_empty() => Ok(Secret::new(text)),
                _ => Err(SecretError::NoVariable { name: name.clone() }),
            },
            // A message names the file as the project file does, where that is this folder.
            Self::File(path) if base_dir == Path::new(".") => read_private(path),
            Self::File(path) => read_private(&base_dir.join(path)),
        }
    }
}

fn read_private(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let malformed = |what| SecretError::Malformed { path: path.to_owned(), what };
    // The permissions are asked of the opened file, so that it cannot be exchanged in between.
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(malformed("is no file"));
    }
    refuse_if_shared(path, &metadata)?;
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len().min(MAX_SECRET_BYTES)).unwrap_or(0) + 1));
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(malformed("is larger than 64 KiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed("is no UTF-8 text"))?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err(malformed("is empty"));
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(unix)]
fn refuse_if_shared(path: &Path, metadata: &std::fs::Metadata) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::NotPrivate { path: path.to_owned(), mode });
    }
    Ok(())
}

// Windows keeps files under the user's profile private by default; its access lists are not judged.
#[cfg(not(unix))]
fn refuse_if_shared(_: &Path, _: &std::fs::Metadata) -> Result<(), SecretError> {
    Ok(())
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

// Every kind of value is taken and refused here: serde's own message for a wrong type repeats the value.
impl<'de> de::Visitor<'de> for ReferenceVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a secret: \"env:NAME\" or \"file:PATH\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretRef, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(SecretRefError::Literal))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretRef, E> {
        Err(E::custom(SecretRefError::Literal))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<SecretRef, E> {
        Err(E::custom(SecretRefError::Literal))
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<SecretRef, E> {
        Err(E::custom(SecretRefError::Literal))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(E::custom(SecretRefError::Literal))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(E::custom(SecretRefError::Literal))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(de::Error::custom(SecretRefError::Literal))
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
            "description": "A reference to a secret: env:NAME or file:PATH (relative to the project's folder)"
        })
    }
}

/// The variable that holds, where a gateway runs, the secret of a key of wildcam.toml: `WILDCAM_FLEET_ONLINE_KEY` for
/// `fleet.online_key`.
#[must_use]
pub fn gateway_variable(key: &str) -> String {
    format!("WILDCAM_{}", key.to_uppercase().replace(['.', '-'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        (name == "CAMERA_KEY").then(|| "hunter2".to_owned())
    }

    #[test]
    fn a_secret_never_shows_itself() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn references_lead_to_variables() {
        let here = Path::new(".");
        let reference: SecretRef = "env:CAMERA_KEY".parse().unwrap();
        assert_eq!(reference.resolve(here, &environment).unwrap().expose(), "hunter2");
        let reference: SecretRef = "env:MISSING".parse().unwrap();
        let error = reference.resolve(here, &environment).unwrap_err();
        assert_eq!(error.to_string(), "the environment variable MISSING is not set");
    }

    #[test]
    fn values_and_later_schemes_are_refused_without_being_repeated() {
        for text in ["hunter2", "env:AKIA/+=", "https://key", "file:", "env:", ""] {
            let error = text.parse::<SecretRef>().unwrap_err();
            assert_eq!(error, SecretRefError::Literal, "{text:?}");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert_eq!("aws-secret:prod/key".parse::<SecretRef>(), Err(SecretRefError::Later("aws-secret")));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "hunter2\n").unwrap();
        let reference = SecretRef::File(PathBuf::from("key"));
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o640);
        let error = reference.resolve(dir.path(), &environment).unwrap_err();
        assert!(matches!(error, SecretError::NotPrivate { mode: 0o640, .. }));
        assert_eq!(error.next_step(), format!("chmod 600 {}", path.display()));
        set(0o600);
        assert_eq!(reference.resolve(dir.path(), &environment).unwrap().expose(), "hunter2");
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        let error = reference.resolve(dir.path(), &environment).unwrap_err();
        assert!(error.to_string().ends_with("is larger than 64 KiB"), "{error}");
    }
}
