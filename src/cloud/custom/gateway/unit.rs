//! How a gateway is started: a hardened systemd unit, a Compose file, and the names of its secrets.
//!
//! The secrets come from an `EnvironmentFile` with mode 600, which systemd reads as root before it gives its rights
//! away. `LoadCredential` would show them as files that a group may read (an access list on the credential), and
//! wildcam refuses a secret file that anybody but its owner may read.

use super::bundle::Request;

/// The environment file's name in the folder.
pub(super) const ENVIRONMENT: &str = "gateway.env";

/// A word of a unit's command line. What it is made of was checked; `%` and `$` would still mean something.
fn word(text: &str) -> String {
    let text = text.replace('%', "%%").replace('$', "$$").replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// The unit.
pub(super) fn service(request: &Request<'_>, arguments: &[String]) -> String {
    let Request { unit, folder, name, cloud, .. } = request;
    let words: Vec<String> = arguments.iter().map(|argument| word(argument)).collect();
    // Ports below 1024 need a right of their own; all others need none.
    let rights = if request.listen.port() < 1024 { "CAP_NET_BIND_SERVICE" } else { "" };
    format!(
        "# Written by wildcam deploy: a change here is seen as drift and undone.
[Unit]
Description=wildcam gateway {name} of cloud {cloud}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={folder}/wildcam --project {folder} {words} /var/lib/{unit}/index.sqlite
EnvironmentFile={folder}/{ENVIRONMENT}
WorkingDirectory={folder}
StateDirectory={unit}
StateDirectoryMode=0700
DynamicUser=yes
Restart=always
RestartSec=2
TimeoutStopSec=15
LimitNOFILE=65536
UMask=0077
AmbientCapabilities={rights}
CapabilityBoundingSet={rights}
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
",
        words = words.join(" "),
    )
}

/// A text in double quotes of YAML, which are JSON's; a `$` stands for itself in a Compose file when it is doubled.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.replace('$', "$$")).to_string()
}

/// The Compose file. The image has the program and `--project /etc/wildcam` as its entry point.
pub(super) fn compose(request: &Request<'_>, arguments: &[String]) -> String {
    let image = request.image.map_or_else(
        || "\"${WILDCAM_IMAGE:?wildcam gateway image --push says the name of the image}\"".to_owned(),
        quoted,
    );
    let words: Vec<String> =
        arguments.iter().map(|text| quoted(text)).chain([quoted("/var/lib/wildcam/index.sqlite")]).collect();
    let port = request.listen.port();
    format!(
        "# Written by wildcam deploy: a change here is seen as drift and undone.
# The secrets: copy gateway.env.template to gateway.env (mode 600) and fill it in.
services:
  gateway:
    image: {image}
    command: [{words}]
    env_file: [gateway.env]
    ports: [\"{port}:{port}\"]
    volumes:
      - ./wildcam.toml:/etc/wildcam/wildcam.toml:ro
{pems}      - data:/var/lib/wildcam
    restart: always
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: [\"no-new-privileges:true\"]
    stop_grace_period: 15s
    logging:
      driver: local
      options: {{ max-size: 10m, max-file: \"3\" }}
volumes:
  data: {{}}
",
        words = words.join(", "),
        pems = pems(request),
    )
}

fn pems(request: &Request<'_>) -> String {
    let authorities = request.project.settings.clouds.iter().filter(|(_, cloud)| cloud.store.authority.is_some());
    let names = authorities.map(|(name, _)| format!("authority-{name}.pem"));
    let all = names.chain([super::project_file::CERTIFICATE.to_owned()]);
    all.map(|name| format!("      - ./{name}:/etc/wildcam/{name}:ro\n")).collect()
}

/// The names of the secrets, for somebody who fills them in.
pub(super) fn template(request: &Request<'_>) -> String {
    let mut text = "# Copy this to gateway.env (mode 600) and put each secret between the quotation marks; a key in PEM may\n\
                    # have its lines there as they are. Quotation marks, $ and \\ in a secret are written \\\", \\$ and \\\\.\n"
        .to_owned();
    for name in request.variables {
        text.push_str(&format!("{name}=\"\"\n"));
    }
    text
}

/// The secrets in the form of systemd's environment files: in double quotes lines are kept, and four characters are
/// escaped.
pub(super) fn environment<'a>(secrets: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in secrets {
        text.push_str(name);
        text.push_str("=\"");
        for character in value.chars() {
            if matches!(character, '"' | '\\' | '`' | '$') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push_str("\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stays_inside_its_quotation_marks() {
        let pem = "-----BEGIN-----\nab$c\"d\\e`\n-----END-----";
        let text = environment([("WILDCAM_KEY", pem)].into_iter());
        assert_eq!(text, "WILDCAM_KEY=\"-----BEGIN-----\nab\\$c\\\"d\\\\e\\`\n-----END-----\"\n");
        assert_eq!(word("a%b$c\"d"), "\"a%%b$$c\\\"d\"");
        assert_eq!(quoted("a\"$b\n"), "\"a\\\"$$b\\n\"");
    }
}
