//! What a registry asks for: the `WWW-Authenticate` header of a 401 (RFC 9110, and the token scheme of registries).

use std::collections::BTreeMap;

/// What to answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// The user name and the password in each request.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// Where tokens are given.
        realm: String,
        /// The name of the service that the token is for.
        service: Option<String>,
    },
}

/// The first challenge of these header values that can be met.
pub(super) fn read<'a>(values: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for value in values {
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            let mut parameters = parameters(rest);
            if let Some(realm) = parameters.remove("realm") {
                return Some(Challenge::Bearer { realm, service: parameters.remove("service") });
            }
        } else if scheme.eq_ignore_ascii_case("basic") {
            basic = Some(Challenge::Basic);
        }
    }
    basic
}

/// `name="value", name=value`; what is malformed ends the reading.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_start_matches([',', ' ']).trim().to_ascii_lowercase();
        let value;
        (value, rest) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted),
            None => {
                let (value, rest) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), rest)
            }
        };
        found.insert(name, value);
    }
    found
}

fn quoted_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> Option<Challenge> {
        read(std::iter::once(text))
    }

    #[test]
    fn the_token_scheme_and_the_basic_one_are_understood() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        let text =
            r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull,push""#;
        assert_eq!(read_one(text), bearer("https://auth.example/token", Some("registry.example")));
        assert_eq!(read_one(r#"bearer scope="a, b=c", realm="x\"y""#), bearer("x\"y", None));
        assert_eq!(read_one("Basic realm=\"registry\""), Some(Challenge::Basic));
        let both = ["Basic realm=\"r\"", "Bearer realm=\"t\""];
        assert_eq!(read(both.into_iter()), bearer("t", None));
        for none in ["", "Digest realm=\"x\"", "Bearer", "Bearer service=\"x\""] {
            assert_eq!(read_one(none), None, "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_server_writes_is_read_without_a_panic(text in ".{0,200}") {
            let _ = read_one(&text);
            let _ = read_one(&format!("Bearer {text}"));
        }
    }
}
