//! Listings, in the order of the keys' bytes, a page at a time. Nothing is kept between two pages.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::{Connection, params};
use s3s::{S3Result, s3_error};

use super::{
    refusal::Outcome,
    versions::{COLUMNS, Version, by_id},
};

/// The most entries of a page, as in S3.
const LONGEST_PAGE: usize = 1000;

/// What to list.
pub(super) struct Query {
    pub(super) bucket: i64,
    pub(super) prefix: String,
    pub(super) delimiter: Option<String>,
    /// Nothing below this key is listed.
    pub(super) from: String,
    pub(super) limit: usize,
}

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) versions: Vec<Version>,
    /// What keys share up to the delimiter, once each.
    pub(super) prefixes: Vec<String>,
    /// Where the next page begins, when there is one.
    pub(super) next: Option<String>,
}

/// The size of a page that a request asks for.
pub(super) fn limit(max_keys: Option<i32>) -> S3Result<usize> {
    match max_keys {
        None => Ok(LONGEST_PAGE),
        Some(number) => usize::try_from(number)
            .map(|number| number.min(LONGEST_PAGE))
            .map_err(|_| s3_error!(InvalidArgument, "a page cannot have a negative size")),
    }
}

/// The smallest text above `text`.
pub(super) fn just_after(text: &str) -> String {
    format!("{text}\0")
}

/// The smallest text above everything that begins with `prefix`; none when nothing is above.
fn beyond(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// Where a page begins that follows `marker`, the last entry of another: a key, or a common prefix.
pub(super) fn after_marker(marker: &str, prefix: &str, delimiter: Option<&str>) -> String {
    if let Some(delimiter) = delimiter
        && let Some(rest) = marker.strip_prefix(prefix)
        && common(rest, delimiter) == Some(rest.len())
    {
        return beyond(marker).unwrap_or_else(|| just_after(marker));
    }
    just_after(marker)
}

/// How much of `rest` belongs to the common prefix.
fn common(rest: &str, delimiter: &str) -> Option<usize> {
    if delimiter.is_empty() { None } else { rest.find(delimiter).map(|at| at + delimiter.len()) }
}

/// A page of the newest versions.
pub(super) fn live(connection: &Connection, query: &Query) -> Outcome<Page> {
    let mut page = Page { versions: Vec::new(), prefixes: Vec::new(), next: None };
    if query.limit == 0 {
        return Ok(page);
    }
    let end = beyond(&query.prefix);
    let mut lower = query.from.as_str().max(query.prefix.as_str()).to_owned();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM version
         WHERE bucket = ? AND live = 1 AND key >= ? AND (?3 IS NULL OR key < ?3) ORDER BY key LIMIT ?"
    ))?;
    'jump: loop {
        let room = query.limit - page.versions.len() - page.prefixes.len();
        // One more than fits tells whether there is another page.
        let rows = i64::try_from(room + 1).unwrap_or(i64::MAX);
        let mut found = statement.query(params![query.bucket, lower, end, rows])?;
        while let Some(row) = found.next()? {
            let version = Version::from_row(row)?;
            if page.versions.len() + page.prefixes.len() == query.limit {
                page.next = Some(version.key);
                return Ok(page);
            }
            let shared =
                query.delimiter.as_deref().and_then(|delimiter| common(&version.key[query.prefix.len()..], delimiter));
            if let Some(length) = shared {
                let prefix = version.key[..query.prefix.len() + length].to_owned();
                let next = beyond(&prefix);
                page.prefixes.push(prefix);
                let Some(next) = next else { return Ok(page) };
                lower = next;
                continue 'jump;
            }
            page.versions.push(version);
        }
        return Ok(page);
    }
}

/// A page of all versions: by key, the newest first.
pub(super) struct VersionPage {
    /// Each with whether it is the newest of its key.
    pub(super) versions: Vec<(Version, bool)>,
    pub(super) prefixes: Vec<String>,
    /// The key and version id to go on after, when there is more; a common prefix has no version id.
    pub(super) next: Option<(String, Option<String>)>,
}

/// Lists all versions, delete markers included. `within` continues in the middle of a key: after this version of it.
pub(super) fn all(connection: &Connection, query: &Query, within: Option<(&str, &str)>) -> Outcome<VersionPage> {
    let mut page = VersionPage { versions: Vec::new(), prefixes: Vec::new(), next: None };
    if query.limit == 0 {
        return Ok(page);
    }
    let end = beyond(&query.prefix);
    let mut lower = query.from.as_str().max(query.prefix.as_str()).to_owned();
    // Below this number, for the key at which the listing goes on.
    let (mut key, mut seq) = (None, i64::MAX);
    if let Some((within_key, id)) = within {
        let version = by_id(connection, query.bucket, within_key, id)?;
        let version = version.ok_or_else(|| s3_error!(InvalidArgument, "the version-id-marker is not known"))?;
        if version.key >= lower {
            lower.clone_from(&version.key);
        }
        (key, seq) = (Some(version.key), version.seq);
    }
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM version
         WHERE bucket = ? AND key >= ? AND (?3 IS NULL OR key < ?3) AND NOT (key = ?4 AND seq >= ?5)
         ORDER BY key, seq DESC LIMIT ?"
    ))?;
    let mut last: Option<(String, Option<String>)> = None;
    'jump: loop {
        let room = query.limit - page.versions.len() - page.prefixes.len();
        let rows = i64::try_from(room + 1).unwrap_or(i64::MAX);
        let anchor = key.clone().unwrap_or_default();
        let mut found = statement.query(params![query.bucket, lower, end, anchor, seq, rows])?;
        while let Some(row) = found.next()? {
            let version = Version::from_row(row)?;
            if page.versions.len() + page.prefixes.len() == query.limit {
                page.next = last;
                return Ok(page);
            }
            let shared =
                query.delimiter.as_deref().and_then(|delimiter| common(&version.key[query.prefix.len()..], delimiter));
            if let Some(length) = shared {
                let prefix = version.key[..query.prefix.len() + length].to_owned();
                let next = beyond(&prefix);
                last = Some((prefix.clone(), None));
                page.prefixes.push(prefix);
                let Some(next) = next else { return Ok(page) };
                lower = next;
                continue 'jump;
            }
            let newest = key.as_ref() != Some(&version.key);
            key = Some(version.key.clone());
            last = Some((version.key.clone(), Some(version.id.clone())));
            page.versions.push((version, newest));
        }
        return Ok(page);
    }
}

/// A continuation token: where the next page begins, in a form that no client looks into.
pub(super) fn token(next: &str) -> String {
    URL_SAFE_NO_PAD.encode(next)
}

pub(super) fn read_token(token: &str) -> S3Result<String> {
    let invalid = || s3_error!(InvalidArgument, "the continuation token is not one of this store");
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?).map_err(|_| invalid())
}

/// Writes a key as the client asked for (`encoding-type=url`).
pub(super) fn encode(text: &str, url: bool) -> String {
    use std::fmt::Write as _;
    if !url {
        return text.to_owned();
    }
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte))
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_is_above_everything_with_the_prefix() {
        assert_eq!(beyond("a/").as_deref(), Some("a0"));
        assert_eq!(beyond("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(beyond("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(beyond("\u{10FFFF}"), None);
        assert_eq!(beyond(""), None);
    }

    #[test]
    fn a_marker_that_is_a_common_prefix_is_skipped_whole() {
        assert_eq!(after_marker("p/a/", "p/", Some("/")), "p/a0");
        assert_eq!(after_marker("p/a", "p/", Some("/")), "p/a\0");
        assert_eq!(after_marker("p/a/", "p/", None), "p/a/\0");
    }

    #[test]
    fn tokens_and_keys_survive_their_encodings() {
        assert_eq!(read_token(&token("a b/\u{e9}")).unwrap(), "a b/\u{e9}");
        assert!(read_token("***").is_err());
        assert_eq!(encode("a b/\u{e9}+", true), "a%20b/%C3%A9%2B");
    }
}
