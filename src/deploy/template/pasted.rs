//! Finds secrets that were pasted into a template, and masks them before a line of it is shown.
//!
//! Masking too much does no harm; refusing too much does, so a value is refused only where it is hardly anything else.

/// Beginnings that only keys have, and how many letters and digits follow at least.
const KEY_BEGINNINGS: [(&str, usize); 11] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AIza", 35),
    ("ya29.", 30),
];

/// What the value of a property seems to be, if it seems to be a secret. `key` is the property's name.
pub(super) fn what_secret(key: &str, value: &str) -> Option<&'static str> {
    if is_private_block(value) {
        return Some("a private key");
    }
    if tokens(value).any(|(_, token)| begins_like_a_key(token)) {
        return Some("an access key");
    }
    if value.contains("AccountKey=") {
        return Some("a connection string with its key");
    }
    if carries_a_login(value) {
        return Some("an address with a password");
    }
    if value.contains("${") {
        return None;
    }
    match last_word(key).as_str() {
        "password" | "passwd" | "passphrase" if !value.is_empty() => Some("a password"),
        "secret" | "key" | "token" | "password" | "credential" | "credentials" if is_random(value) => Some("a secret"),
        _ => None,
    }
}

fn is_private_block(value: &str) -> bool {
    value.split("-----BEGIN ").skip(1).any(|rest| {
        let kind = rest.split("-----").next().unwrap_or_default();
        !kind.ends_with("CERTIFICATE") && !kind.ends_with("PUBLIC KEY")
    })
}

fn carries_a_login(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '"', '\'']).next().unwrap_or_default();
        let login = authority.rsplit_once('@').map(|(login, _)| login);
        let password = login.and_then(|login| login.split_once(':')).map(|(_, password)| password);
        password.is_some_and(|password| !password.is_empty() && !password.starts_with("${"))
    })
}

/// `MasterUserPassword` and `master_user_password` end in `password`.
fn last_word(key: &str) -> String {
    let word = key.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let start = word
        .char_indices()
        .rev()
        .find(|(at, c)| {
            let before = word[..*at].chars().next_back();
            c.is_ascii_uppercase() && before.is_none_or(|before| !before.is_ascii_uppercase())
        })
        .map_or(0, |(at, _)| at);
    word[start..].to_lowercase()
}

/// The runs of characters that keys are made of, with their places.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-' | '.');
    let mut at = 0;
    text.split(move |c: char| !of_key(c)).filter_map(move |token| {
        // Pieces of one text lie in order, so the place of each is found by searching on.
        let start = at + text[at..].find(token)?;
        at = start + token.len();
        (!token.is_empty()).then_some((start, token))
    })
}

fn begins_like_a_key(token: &str) -> bool {
    KEY_BEGINNINGS.iter().any(|(beginning, rest)| {
        token.match_indices(beginning).any(|(at, _)| {
            let free = token[..at].chars().next_back().is_none_or(|before| !before.is_ascii_alphanumeric());
            let of_key = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let following = || token[at + beginning.len()..].chars().take(*rest).take_while(of_key).count();
            free && following() >= *rest
        })
    })
}

/// Whether a text looks drawn by chance: long, of mixed characters, and without words.
fn is_random(value: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    if value.len() < 20 || !value.chars().all(allowed) {
        return false;
    }
    let hexadecimal = value.len() >= 32 && value.chars().all(|c| c.is_ascii_hexdigit());
    let has = |of: fn(&char) -> bool| value.chars().any(|c| of(&c));
    let mixed = has(char::is_ascii_digit) && has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
    let longest_word = value.split(|c: char| !c.is_ascii_lowercase()).map(str::len).max().unwrap_or(0);
    hexadecimal || mixed && longest_word < 8
}

/// The text with what may be a secret replaced by stars, byte for byte, so that places stay the same.
pub(super) fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut in_block = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        in_block |= line.contains("-----BEGIN ");
        if in_block {
            cover(&mut bytes, start + indent, start + line.len());
            in_block = !line.contains("-----END ");
        } else {
            mask_line(&mut bytes, line, start);
        }
        start += line.len();
    }
    // Whole characters were replaced: the rest is still UTF-8.
    String::from_utf8(bytes).unwrap_or_default()
}

fn mask_line(bytes: &mut [u8], line: &str, start: usize) {
    for (at, token) in tokens(line) {
        if begins_like_a_key(token) || is_random(token) {
            cover(bytes, start + at, start + at + token.len());
        }
    }
    if line.contains("AccountKey=") || carries_a_login(line) {
        let indent = line.len() - line.trim_start().len();
        cover(bytes, start + indent, start + line.len());
    }
    // A flow mapping has several keys in a line: what follows the first that names a secret is hidden.
    let mut seen = 0;
    for (colon, _) in line.match_indices(':') {
        let key = line[..colon].trim_end().trim_end_matches(['"', '\'']);
        let key = key.rsplit([' ', '{', ',', '"', '\'', ':']).next().unwrap_or_default();
        let value = line[colon + 1..].trim();
        if !matches!(last_word(key).as_str(), "password" | "passwd" | "passphrase" | "secret" | "token") {
            continue;
        }
        seen += 1;
        // An expression names something, unless a literal text stands in it.
        let expression = value.trim_matches(['"', '\'']);
        let names = value.contains("${") || expression.starts_with("{{") && !expression.contains(['"', '\'']);
        if !value.is_empty() && (!names || seen > 20) {
            let from = line.len() - line[colon + 1..].trim_start().len();
            cover(bytes, start + from, start + line.trim_end().len());
            return;
        }
    }
}

fn cover(bytes: &mut [u8], from: usize, to: usize) {
    for byte in bytes.iter_mut().take(to).skip(from) {
        if !matches!(*byte, b'\n' | b'\r') {
            *byte = b'*';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_one_and_names_are_not() {
        let block = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----";
        let random = "wJalrXUtnFEMIK7MDENGbPxRfiCYh4mq81Lz0KEY";
        for (key, value) in [
            ("Anything", "AKIAIOSFODNN7ABCDEFG"),
            ("value", "id=AKIAIOSFODNN7ABCDEFG;x"),
            ("data", block),
            ("MasterUserPassword", "hunter2"),
            ("root_password", "x"),
            ("SecretKey", random),
            ("secret", "0123456789abcdef0123456789abcdef"),
            ("url", "postgres://admin:hunter2@db.example/x"),
            ("connection", "DefaultEndpointsProtocol=https;AccountKey=abc"),
            ("env", "ghp_0123456789012345678901234567890123456"),
        ] {
            assert!(what_secret(key, value).is_some(), "{key}: {value}");
        }
        for (key, value) in [
            ("KmsMasterKeyID", "${aws/storage/key.Arn}"),
            ("Password", "${secret:env:PASSWORD}"),
            ("kmsKey", "projects/p/locations/europe-west3/keyRings/wildcam/cryptoKeys/pictures"),
            ("secret", "wildcam-reserve-fleet-online-key"),
            ("Key", "Name"),
            ("certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"),
            ("url", "postgres://gateway:${secret:env:PW}@db"),
            ("url", "https://example.org/a@b"),
            ("Name", "AKIA"),
            ("passwordAuth", "Disabled"),
        ] {
            assert_eq!(what_secret(key, value), None, "{key}: {value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn masking_keeps_places(text in "[a-zA-Z0-9:/@ \n{}\"'ä=$.-]{0,120}(-----BEGIN X)?[a-z: \nä]{0,20}password: [ä-üa-z]{0,9}") {
            let hidden = masked(&text);
            proptest::prop_assert_eq!(hidden.len(), text.len());
            proptest::prop_assert_eq!(hidden.matches('\n').count(), text.matches('\n').count());
        }
    }
}
