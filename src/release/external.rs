//! A key that lies elsewhere: in hardware, or with a cloud's key management. A program of the user's is run for each
//! signature: what is to be signed goes to its standard input, and it writes the signature to its standard output, as 64
//! bytes or as their base64 in one line. What it says on standard error is shown when it fails.

use std::{process::Stdio, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use super::{Error, Role, Signer};

/// How long a program may take: a person may have to touch a token first.
const LIMIT: Duration = Duration::from_secs(120);

/// The most that is read of its standard output: base64 of a signature has 88 characters.
const MOST_OUTPUT: u64 = 128;

/// The most that is shown of its standard error.
const MOST_WORDS: u64 = 2048;

const SIGNATURE_BYTES: usize = 64;

/// A program that signs.
#[derive(Clone, Debug)]
pub struct ExternalSigner {
    role: Role,
    public_key: VerifyingKey,
    command: Vec<String>,
    hidden: Vec<String>,
    limit: Duration,
}

impl ExternalSigner {
    /// A program with its arguments that signs for `public_key`. The environment variables `hidden` are kept from it: they
    /// hold the passphrases of other keys.
    #[must_use]
    pub fn new(role: Role, public_key: VerifyingKey, command: Vec<String>, hidden: Vec<String>) -> Self {
        Self { role, public_key, command, hidden, limit: LIMIT }
    }

    async fn run(&self, bytes: &[u8]) -> Result<[u8; SIGNATURE_BYTES], Error> {
        let failed = |why: String| Error::Signer(format!("{}: {why}", self.command.join(" ")));
        let (program, arguments) = self.command.split_first().ok_or_else(|| failed("it is empty".to_owned()))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        for name in &self.hidden {
            command.env_remove(name);
        }
        let mut child = command.spawn().map_err(|error| failed(format!("it does not start: {error}")))?;
        let (mut input, output, words) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let talk = async {
            let give = async {
                if let Some(input) = &mut input {
                    // One that does not read all of it ends, and its output is judged.
                    let _ = input.write_all(bytes).await;
                }
                drop(input.take());
            };
            let ((), output, words) = tokio::join!(give, take(output, MOST_OUTPUT), take(words, MOST_WORDS));
            let status = child.wait().await?;
            output.map(|output| (status, output, words.unwrap_or_default()))
        };
        let ended = tokio::time::timeout(self.limit, talk).await;
        let ended = ended.map_err(|_| failed(format!("no answer within {} s", self.limit.as_secs())))?;
        let (status, output, words) = ended.map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            let words = String::from_utf8_lossy(&words);
            let words: String = words.trim().chars().filter(|letter| !letter.is_control() || *letter == '\n').collect();
            return Err(failed(format!("{status}{}{words}", if words.is_empty() { "" } else { ": " })));
        }
        signature(&output).ok_or_else(|| failed(format!("it wrote {} bytes, and no signature", output.len())))
    }
}

/// Reads at most `most` bytes and lets the rest go by, so that the program is not held up by a full pipe.
async fn take(from: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(most + 1).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 <= most {
            return Ok(bytes);
        }
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

fn signature(output: &[u8]) -> Option<[u8; SIGNATURE_BYTES]> {
    if let Ok(raw) = output.try_into() {
        return Some(raw);
    }
    let text = std::str::from_utf8(output).ok()?;
    STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

impl Signer for ExternalSigner {
    fn role(&self) -> Role {
        self.role
    }

    fn public_key(&self) -> VerifyingKey {
        self.public_key
    }

    fn sign<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], Error>> {
        Box::pin(async move {
            let signature = self.run(bytes).await?;
            let right = self.public_key.verify_strict(bytes, &Signature::from_bytes(&signature));
            right
                .map_err(|_| Error::Signer(format!("{}: the signature is not by this key", self.command.join(" "))))?;
            Ok(signature)
        })
    }
}

/// Cuts a command into words at blanks; `'` and `"` hold words together. No shell reads it, so nothing else is special.
///
/// # Errors
/// [`Error::Signer`] when it is empty or a quote does not end.
pub fn words(command: &str) -> Result<Vec<String>, Error> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in command.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => word.get_or_insert_default().push(letter),
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    if quote.is_some() || words.first().is_none_or(String::is_empty) {
        return Err(Error::Signer(format!("{command:?} is no command")));
    }
    Ok(words)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::release::{FileSigner, generate_key};

    fn shell(script: &str, key: VerifyingKey) -> ExternalSigner {
        let command = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()];
        ExternalSigner::new(Role::Release, key, command, vec!["SECRET_OF_ANOTHER".to_owned()])
    }

    fn other() -> VerifyingKey {
        let pem = generate_key().expect("there is randomness");
        FileSigner::from_pem(&pem, Role::Release).expect("a key that was just made").public_key()
    }

    #[tokio::test]
    async fn openssl_signs_for_a_key_that_never_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        let signer = FileSigner::create(&file, Role::Release).unwrap();
        let (key, scratch) = (file.display(), folder.path().join("text"));
        let sign = format!("cat >{t} && openssl pkeyutl -sign -rawin -inkey {key} -in {t}", t = scratch.display());
        for script in
            [sign.clone(), format!("{{ {sign}; }} | base64 -w 0"), format!("{{ {sign}; }} | base64 -w 0 && echo")]
        {
            let signature = shell(&script, signer.public_key()).sign(&[5; 1500]).await.unwrap();
            assert_eq!(signature, signer.sign(&[5; 1500]).await.unwrap());
        }
        let refused = shell(&sign, other()).sign(b"text").await.unwrap_err();
        assert!(refused.to_string().ends_with("the signature is not by this key"), "{refused}");
    }

    #[tokio::test]
    async fn a_program_that_fails_or_says_something_else_is_named_with_its_words() {
        let key = other();
        for (script, words) in [
            ("echo token is locked >&2; exit 3", "exit status: 3: token is locked"),
            ("exit 0", "it wrote 0 bytes, and no signature"),
            ("cat", "it wrote 4 bytes, and no signature"),
            ("head -c 1000000 /dev/zero", "it wrote 129 bytes, and no signature"),
            ("head -c 65 /dev/zero", "it wrote 65 bytes, and no signature"),
            ("head -c 64 /dev/zero", "the signature is not by this key"),
            ("echo \"${SECRET_OF_ANOTHER-hidden}\" >&2; exit 1", ": hidden"),
        ] {
            let error = shell(script, key).sign(b"text").await.unwrap_err().to_string();
            assert!(error.ends_with(words), "{script}: {error}");
        }
        let nothing = ExternalSigner::new(Role::Root, key, vec!["/no/such/program".to_owned()], Vec::new());
        assert!(nothing.sign(b"text").await.unwrap_err().to_string().contains("it does not start"));
    }

    #[tokio::test]
    async fn a_program_that_never_answers_is_ended() {
        let mut slow = shell("exec sleep 60", other());
        slow.limit = Duration::from_millis(300);
        let error = slow.sign(&[0; 100_000]).await.unwrap_err().to_string();
        assert!(error.contains("no answer within"), "{error}");
    }

    #[test]
    fn a_command_is_cut_into_words_and_no_shell_reads_it() {
        let cut = |text: &str| words(text).ok();
        let list = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(cut("sign --key  7"), list(&["sign", "--key", "7"]));
        assert_eq!(cut(" 'my signer' --pin='a b'\"c\" '' $HOME|x"), list(&["my signer", "--pin=a bc", "", "$HOME|x"]));
        for none in ["", "  ", "''", "a 'b", "\""] {
            assert_eq!(cut(none), None, "{none:?}");
        }
    }
}
