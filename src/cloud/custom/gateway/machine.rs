//! A machine with systemd: this one, or another over the `ssh` program.
//!
//! What is run there is one of the scripts below, word for word; names and folders are its arguments, files and secrets
//! come through its standard input. A remote shell reads one line, so each argument is quoted for it, and names that
//! could mean anything else were refused before.

use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    super::super::{
        Lookup,
        control::{Failure, FailureKind},
    },
    KIND,
    health::Alive,
    invalid,
    place::is_plain,
};
use crate::project::Secret;

/// The most that is read of what a script prints.
const LARGEST_OUTPUT: u64 = 4 << 20;

/// For one script; copying the program over a slow line takes longest.
const LONGEST: Duration = Duration::from_secs(600);

/// A script's exit code for "it is not there".
const NOT_THERE: i32 = 44;

const LOOK: &str = r#"cd -- "$1" 2>/dev/null || exit 44
[ -f "$2" ] || exit 44
cat -- "$2"
printf '\n--files--\n'
for file in *; do
  if [ -f "$file" ]; then sha256sum -- "$file" || exit 1; fi
done"#;

const PUT: &str = r#"set -eu
umask 022
mkdir -p -- "$1"
rm -rf -- "$1/.new"
mkdir -m 700 -- "$1/.new"
tar -xof - -C "$1/.new"
for file in "$1/.new"/*; do mv -f -- "$file" "$1/"; done
rmdir -- "$1/.new""#;

const PUT_PROGRAM: &str = r#"set -eu
umask 077
cat > "$1/.program"
chmod 755 -- "$1/.program"
mv -f -- "$1/.program" "$1/wildcam""#;

const PROGRAM_DIGEST: &str = r#"[ -f "$1/wildcam" ] || exit 44
sha256sum -- "$1/wildcam""#;

const START: &str = r#"set -eu
systemctl enable -- "$1/$2.service"
systemctl daemon-reload
systemctl restart -- "$2.service""#;

const ACTIVE: &str = r#"systemctl is-active -- "$1.service" || true"#;

const REMOVE: &str = r#"set -u
folder=$1 unit=$2
shift 2
systemctl stop -- "$unit.service" || true
if [ "$(systemctl is-active -- "$unit.service")" = active ]; then exit 1; fi
systemctl clean --what=state -- "$unit.service" || true
systemctl disable -- "$unit.service" || true
systemctl daemon-reload
set -e
for name in "$@"; do rm -f -- "$folder/$name"; done
rmdir -- "$folder" || true"#;

/// What a script reads.
pub(super) enum Input<'a> {
    /// Nothing.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file.
    File(&'a Path),
}

struct Output {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

/// A machine; clones are the same one.
#[derive(Clone)]
pub(super) struct Machine {
    /// `user@machine`; absent: this one.
    ssh: Option<String>,
    lookup: Lookup,
}

/// Quotes a word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn check_target(target: &str) -> Result<(), Failure> {
    let part = |text: &str, more: &[u8]| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
            && text.len() <= 253
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    match target.split_once('@') {
        Some((user, machine)) if part(user, b"_.-") && part(machine, b".-_:") => Ok(()),
        _ => Err(invalid("ssh is user@machine, of letters, digits, ., _, : and -")),
    }
}

impl Machine {
    /// This machine, or another.
    pub(super) fn new(ssh: Option<&str>, lookup: &Lookup) -> Result<Self, Failure> {
        if let Some(target) = ssh {
            check_target(target)?;
        }
        Ok(Self { ssh: ssh.map(str::to_owned), lookup: lookup.clone() })
    }

    fn command(&self, script: &str, arguments: &[&str]) -> tokio::process::Command {
        let plain = ["sh", "-c", script, "wildcam"];
        let words = plain.iter().chain(arguments);
        let mut command = match &self.ssh {
            Some(target) => {
                let mut command = tokio::process::Command::new("ssh");
                let options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10"];
                let keep = ["ServerAliveInterval=5", "ServerAliveCountMax=4", "ClearAllForwardings=yes"];
                for option in options.iter().chain(&keep) {
                    command.args(["-o", option]);
                }
                let sudo = if target.starts_with("root@") { "" } else { "sudo -n -- " };
                let line: Vec<String> = words.map(|word| quoted(word)).collect();
                command.args(["-T", "--", target]).arg(format!("{sudo}{}", line.join(" ")));
                command
            }
            None if is_root() => {
                let mut command = tokio::process::Command::new("sh");
                command.args(words.skip(1));
                command
            }
            None => {
                let mut command = tokio::process::Command::new("sudo");
                command.args(["-n", "--"]).args(words);
                command
            }
        };
        command.env_clear().env("LANG", "C.UTF-8");
        // The search path finds ssh, and ssh finds its keys and its agent.
        let path = (self.lookup)("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        command.env("PATH", path);
        for name in ["HOME", "USER", "SSH_AUTH_SOCK"] {
            if let Some(value) = (self.lookup)(name) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, call: &str, script: &str, arguments: &[&str], input: Input<'_>) -> Result<Output, Failure> {
        let failed = |error: std::io::Error| {
            let program = if self.ssh.is_some() { "ssh" } else { "sh" };
            Failure::new(FailureKind::Unavailable, call, format!("{program} could not be run: {error}"))
        };
        let mut child = self.command(script, arguments).spawn().map_err(failed)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            let Some(mut stdin) = stdin else { return };
            // A script that ends early closes its end; its exit code says why.
            match input {
                Input::Nothing => (),
                Input::Bytes(bytes) => drop(stdin.write_all(&bytes).await),
                Input::File(path) => {
                    if let Ok(mut file) = tokio::fs::File::open(path).await {
                        let _ = tokio::io::copy(&mut file, &mut stdin).await;
                    }
                }
            }
            let _ = stdin.shutdown().await;
        };
        let whole = async {
            let ((), said, complained) = tokio::join!(write, limited(stdout), limited(stderr));
            let status = child.wait().await.map_err(failed)?;
            let stderr = String::from_utf8_lossy(&complained).chars().take(600).collect();
            Ok(Output { code: status.code(), stdout: said, stderr })
        };
        match tokio::time::timeout(LONGEST, whole).await {
            Ok(result) => result,
            Err(_) => Err(Failure::new(FailureKind::Unreachable, call, "it was not done within 10 minutes")),
        }
    }

    /// Runs a script that must succeed.
    async fn must(&self, call: &str, script: &str, arguments: &[&str], input: Input<'_>) -> Result<Vec<u8>, Failure> {
        let output = self.run(call, script, arguments, input).await?;
        if output.code == Some(0) { Ok(output.stdout) } else { Err(self.refusal(call, &output)) }
    }

    fn refusal(&self, call: &str, output: &Output) -> Failure {
        let said = output.stderr.trim().replace('\n', " / ");
        if let Some(target) = self.ssh.as_ref().filter(|_| output.code == Some(255)) {
            let (kind, step) = if said.contains("Host key verification failed") {
                (FailureKind::Credentials, format!("connect once by hand and compare its key: ssh {target}"))
            } else if said.contains("Permission denied") {
                (FailureKind::Credentials, format!("let your key in: ssh-copy-id {target}"))
            } else {
                (FailureKind::Unavailable, format!("try it by hand: ssh {target} true"))
            };
            return Failure::new(kind, call, said).next_step(step);
        }
        let denied = said.contains("a password is required") || said.contains("ermission denied");
        let kind = if denied { FailureKind::Denied } else { FailureKind::Invalid };
        let failure = Failure::new(kind, call, said);
        if denied { failure.next_step("use root, or allow sudo without a password for this") } else { failure }
    }

    /// The manifest of a folder and the digests of its files.
    pub(super) async fn look(
        &self,
        folder: &str,
        manifest: &str,
    ) -> Result<Option<(Vec<u8>, BTreeMap<String, String>)>, Failure> {
        const CALL: &str = "machine:look";
        let output = self.run(CALL, LOOK, &[folder, manifest], Input::Nothing).await?;
        match output.code {
            Some(0) => (),
            Some(NOT_THERE) => return Ok(None),
            _ => return Err(self.refusal(CALL, &output)),
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let Some((manifest, rest)) = text.split_once("\n--files--\n") else {
            return Err(Failure::new(FailureKind::Unavailable, CALL, "the machine answered something else"));
        };
        Ok(Some((manifest.as_bytes().to_vec(), rest.lines().filter_map(digest_line).collect())))
    }

    /// Whether the unit runs.
    pub(super) async fn is_active(&self, unit: &str) -> Result<bool, Failure> {
        let said = self.must("machine:is-active", ACTIVE, &[unit], Input::Nothing).await?;
        Ok(said.trim_ascii() == b"active")
    }

    /// Asks whether the unit runs.
    pub(super) fn alive(&self, unit: &str) -> Alive {
        let (this, unit) = (self.clone(), unit.to_owned());
        Box::new(move || {
            let (this, unit) = (this.clone(), unit.clone());
            async move { this.is_active(&unit).await.unwrap_or(false) }.boxed()
        })
    }

    /// Puts files into the folder, the environment so that only root reads it.
    pub(super) async fn put(
        &self,
        folder: &str,
        files: &BTreeMap<String, Vec<u8>>,
        environment: (&str, &Secret),
    ) -> Result<(), Failure> {
        let unusable = |error: std::io::Error| invalid(format!("the files cannot be packed: {error}"));
        let mut archive = tar::Builder::new(Vec::new());
        let plain = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice(), 0o644));
        for (name, bytes, mode) in plain.chain([(environment.0, environment.1.expose().as_bytes(), 0o600)]) {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(mode);
            header.set_cksum();
            archive.append_data(&mut header, name, bytes).map_err(unusable)?;
        }
        let bytes = archive.into_inner().map_err(unusable)?;
        self.must("machine:put", PUT, &[folder], Input::Bytes(bytes)).await.map(drop)
    }

    /// Puts the program there, unless it is there.
    pub(super) async fn put_program(&self, folder: &str, program: &Path) -> Result<(), Failure> {
        const CALL: &str = "machine:put-program";
        let path = program.to_owned();
        let wanted = super::super::blocking(move || super::place::file_digest(&path)).await?;
        let output = self.run(CALL, PROGRAM_DIGEST, &[folder], Input::Nothing).await?;
        let standing = String::from_utf8_lossy(&output.stdout).split_whitespace().next().map(str::to_owned);
        if output.code == Some(0) && standing.as_ref() == Some(&wanted) {
            return Ok(());
        }
        self.must(CALL, PUT_PROGRAM, &[folder], Input::File(program)).await?;
        let said = self.must(CALL, PROGRAM_DIGEST, &[folder], Input::Nothing).await?;
        if String::from_utf8_lossy(&said).split_whitespace().next() == Some(wanted.as_str()) {
            return Ok(());
        }
        Err(Failure::new(FailureKind::Unreachable, CALL, "the program did not arrive whole"))
    }

    /// Enables the unit in the folder and starts it anew.
    pub(super) async fn start(&self, folder: &str, unit: &str) -> Result<(), Failure> {
        self.must("machine:start", START, &[folder, unit], Input::Nothing).await.map(drop)
    }

    /// Stops the unit and removes it, its state and its files.
    pub(super) async fn remove(
        &self,
        folder: &str,
        unit: &str,
        names: &[String],
        manifest: &str,
    ) -> Result<(), Failure> {
        let own = ["wildcam", super::unit::ENVIRONMENT, manifest];
        let mut arguments = vec![folder, unit];
        arguments.extend(names.iter().map(String::as_str).filter(|name| is_plain(name)));
        arguments.extend(own);
        self.must("machine:remove", REMOVE, &arguments, Input::Nothing).await.map(drop)
    }
}

/// A line of sha256sum: 64 digits, two characters, a name.
fn digest_line(line: &str) -> Option<(String, String)> {
    let (digest, name) = (line.get(..64)?, line.get(66..)?);
    let sound = digest.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_plain(name);
    sound.then(|| (name.to_owned(), digest.to_owned()))
}

async fn limited(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(mut pipe) = pipe else { return bytes };
    let _ = (&mut pipe).take(LARGEST_OUTPUT).read_to_end(&mut bytes).await;
    // Read on to the end, so that whoever writes is not held up.
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    bytes
}

/// Whether a unit goes on running: one that cannot start ends at once and is started again and again.
pub(super) async fn stays(active: &Alive) -> Result<(), Failure> {
    let mut seen = 0;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        seen = if active().await { seen + 1 } else { 0 };
        if seen == 4 {
            return Ok(());
        }
    }
    Err(Failure::new(FailureKind::Invalid, KIND, "the gateway does not stay up after it was started")
        .next_step("read why on the machine: journalctl -u 'wildcam-*'"))
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_shell_sees_each_argument_as_one_word() {
        let hostile = "a'b\"c $(reboot) `x` \\ ; & | \n*";
        let line = format!("printf %s {}", quoted(hostile));
        let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), hostile);
    }

    #[test]
    fn digests_are_read_and_nothing_else() {
        let digest = "0".repeat(64);
        assert_eq!(digest_line(&format!("{digest}  a.toml")), Some(("a.toml".to_owned(), digest.clone())));
        for line in ["", "x", &format!("{digest}  ../a"), &format!("{digest}  "), &format!("{}  a", "g".repeat(64))] {
            assert_eq!(digest_line(line), None, "{line}");
        }
    }
}
