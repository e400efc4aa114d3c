//! Statements that take no parameters: names and texts are quoted here, and nowhere else.

use super::super::super::control::{Failure, FailureKind};

/// The longest name that PostgreSQL keeps whole, in bytes.
const LONGEST_NAME: usize = 63;

/// A name as an identifier.
///
/// # Errors
/// [`FailureKind::Invalid`] for a name that PostgreSQL would cut or could not hold.
pub(super) fn name(call: &str, text: &str) -> Result<String, Failure> {
    if text.is_empty() || text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
        let message = "a name in the database is 1 to 63 bytes without control characters";
        return Err(Failure::new(FailureKind::Invalid, call, message));
    }
    Ok(format!("\"{}\"", text.replace('"', "\"\"")))
}

/// A text as a literal, under `standard_conforming_strings`.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_quotation() {
        assert_eq!(name("x", "a\"; DROP DATABASE b; --").unwrap(), "\"a\"\"; DROP DATABASE b; --\"");
        assert_eq!(text("it's \\' $$"), "'it''s \\'' $$'");
        for bad in ["", "a\0b", "a\nb", "äääääääääääääääääääääääääääääääää"] {
            assert!(name("x", bad).is_err(), "{bad:?}");
        }
    }
}
