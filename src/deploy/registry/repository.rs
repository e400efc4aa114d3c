//! The name of a repository: `HOST/PATH`, as in `registry.example:5000/reserve/gateway`.

use std::{fmt, net::IpAddr, str::FromStr};

/// The longest path that registries agree on.
const LONGEST_PATH: usize = 255;

/// Where the images of one gateway lie in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The registry's host, with its port where it has one.
    pub host: String,
    /// The path in it.
    pub path: String,
}

/// Why a text names no repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no repository: HOST/PATH, as in registry.example:5000/reserve/gateway")]
pub struct RepositoryError {
    text: String,
}

impl Repository {
    /// The repository of an image that is named by its digest: `HOST/PATH@sha256:DIGEST`.
    #[must_use]
    pub fn of_image(image: &str) -> Option<Self> {
        image.split_once('@').and_then(|(repository, _)| repository.parse().ok())
    }

    /// The scheme: registries on this machine may speak plain HTTP, all others speak TLS.
    #[must_use]
    pub(super) fn scheme(&self) -> &'static str {
        if is_loopback(&self.host) { "http" } else { "https" }
    }
}

/// Whether a host, with or without a port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl FromStr for Repository {
    type Err = RepositoryError;

    fn from_str(text: &str) -> Result<Self, RepositoryError> {
        let wrong = || RepositoryError { text: text.chars().take(120).flat_map(char::escape_debug).collect() };
        let (host, path) = text.split_once('/').ok_or_else(wrong)?;
        let named = host.contains('.') || host.contains(':') || host == "localhost";
        let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        let parses = url::Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.path() == "/");
        if !named || !plain || !parses || path.len() > LONGEST_PATH || !path.split('/').all(is_component) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_ascii_lowercase(), path: path.to_owned() })
    }
}

/// Lower-case letters and digits, with single separators between them (two underscores are one, hyphens may repeat).
fn is_component(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edges = text.bytes().next().is_some_and(inner) && text.bytes().last().is_some_and(inner);
    let separated = text
        .split(|c: char| inner_char(c))
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'));
    edges && separated
}

fn inner_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_names_a_host_and_a_path() {
        let repository: Repository = "Registry.example:5000/reserve/gate_way-2".parse().unwrap();
        assert_eq!(repository.to_string(), "registry.example:5000/reserve/gate_way-2");
        for bad in [
            "",
            "reserve/gateway",
            "registry.example",
            "registry.example/",
            "registry.example/A",
            "registry.example/a//b",
            "registry.example/../b",
            "registry.example/a_",
            "registry.example/a..b",
            "registry.example/a@b",
            "user:pass@registry.example/a",
            "registry.example:port/a",
            "registry.example/a?b",
        ] {
            assert!(bad.parse::<Repository>().is_err(), "{bad}");
        }
        let image = "r.example/a@sha256:00";
        assert_eq!(Repository::of_image(image).unwrap().to_string(), "r.example/a");
        assert_eq!(Repository::of_image("r.example/a"), None);
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        let scheme = |host: &str| Repository { host: host.to_owned(), path: "a".to_owned() }.scheme();
        for host in ["127.0.0.1:5000", "localhost:5000", "localhost", "[::1]:5000", "127.9.0.1"] {
            assert_eq!(scheme(host), "http", "{host}");
        }
        for host in ["10.0.0.1:5000", "127.0.0.1.example", "localhost.example:80", "[::2]:5000"] {
            assert_eq!(scheme(host), "https", "{host}");
        }
    }
}
