//! Masks what may be a pasted secret before a line of wildcam.toml is shown.
//!
//! It works on the text, not on the parsed file: a file with a syntax error is shown too. Masking too much does no harm.

/// The words that make a key's value worth hiding.
const SECRET_WORDS: [&str; 6] = ["key", "secret", "password", "token", "webhook", "service_account"];

/// The keys that hold secrets: a name that is near to one is most likely that key, mistyped.
const SECRET_KEYS: [&str; 7] =
    ["access_key", "secret_key", "signing_key", "online_key", "service_account", "webhook", "password"];

/// The text with the values of secret-looking keys replaced by stars, byte for byte, so that places stay the same.
pub(super) fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(found) = text.as_bytes().get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'=')) {
        let equals = at + found;
        at = equals + 1;
        if !names_a_secret(&text[..equals]) && !carries_a_login(&text[at..]) {
            continue;
        }
        let (start, end) = value_range(text, at);
        if !is_reference(&text[start..end]) {
            for byte in &mut bytes[start..end] {
                if !matches!(*byte, b'\n' | b'\r') {
                    *byte = b'*';
                }
            }
            at = end.max(at);
        }
    }
    // Whole values were replaced, and their borders are ASCII: the rest is still UTF-8.
    String::from_utf8(bytes).unwrap_or_default()
}

fn names_a_secret(before_equals: &str) -> bool {
    let line = before_equals.rsplit(['\n', ',', '{']).next().unwrap_or_default().to_lowercase();
    let name = line.rsplit('.').next().unwrap_or_default().trim_matches([' ', '\t', '"', '\'']);
    SECRET_WORDS.iter().any(|word| line.contains(word)) || super::error::nearest(name, SECRET_KEYS).is_some()
}

/// An address with a user name in it may hold the password too.
fn carries_a_login(after_equals: &str) -> bool {
    let line = after_equals.lines().next().unwrap_or_default();
    line.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

/// The value after an equals sign, without its quotes.
fn value_range(text: &str, after_equals: usize) -> (usize, usize) {
    let rest = &text[after_equals..];
    let start = after_equals + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let value = &text[start..];
    for quote in ["\"\"\"", "'''", "\"", "'"] {
        if let Some(inner) = value.strip_prefix(quote) {
            let open = start + quote.len();
            let closing = closing_quote(inner, quote);
            return (open, open + closing);
        }
    }
    // No text: a list is hidden to its end, all else to the end of the line.
    let end = if value.starts_with('[') { value.find(']') } else { value.find('\n') };
    (start, start + end.unwrap_or(value.len()))
}

fn closing_quote(inner: &str, quote: &str) -> usize {
    let multiline = quote.len() == 3;
    let escapes = quote.starts_with('"');
    let mut skip = false;
    for (at, byte) in inner.bytes().enumerate() {
        if skip {
            skip = false;
        } else if escapes && byte == b'\\' {
            skip = true;
        } else if inner.as_bytes()[at..].starts_with(quote.as_bytes()) || (!multiline && byte == b'\n') {
            return at;
        }
    }
    inner.len()
}

fn is_reference(value: &str) -> bool {
    value.parse::<super::SecretRef>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn pasted_secrets_are_hidden_and_references_are_not() {
        let cases = [
            ("secret_key = \"hunter2\"", "secret_key = \"*******\""),
            ("secret_key = 'hunter2' # x", "secret_key = '*******' # x"),
            ("secretkey = hunter2\nregion = 'x'", "secretkey = *******\nregion = 'x'"),
            (
                "store = { access_key = \"hunter2\", region = \"x\" }",
                "store = { access_key = \"*******\", region = \"x\" }",
            ),
            ("key = \"a\\\"hunter2\"", "key = \"**********\""),
            ("key = \"\"\"\nhunter2\n\"\"\"\nx = 1", "key = \"\"\"\n*******\n\"\"\"\nx = 1"),
            ("key = [\n'hunter2']", "key = *\n*********]"),
            ("key = \"hunter2", "key = \"*******"),
            ("key = \"pässword\"", "key = \"*********\""),
            ("key = \"env:KEY\"\nother = \"x\"", "key = \"env:KEY\"\nother = \"x\""),
            ("key =", "key ="),
            ("endpoint = 'https://u:pw@host'", "endpoint = '*****************'"),
            ("signing_kye = 'hunter2'", "signing_kye = '*******'"),
            ("a.secert_kee = 'hunter2'", "a.secert_kee = '*******'"),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn places_stay_the_same(text in "[a-z=\"'\\[\\]{} \nä\\\\]{0,60}key[ =\"'ä\n\\\\a-z]{0,60}") {
            let shown = masked(&text);
            proptest::prop_assert_eq!(shown.len(), text.len());
            proptest::prop_assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
        }
    }
}
