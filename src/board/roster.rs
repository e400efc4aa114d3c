//! The roster: which board becomes which camera, as a CSV file (RFC 4180).
//!
//! The first line names the columns: `name`, and as wanted `mac`, `ssid`, `passphrase`, `group`. Lines with a MAC belong to
//! that board; the others are given out in their order. A passphrase is a reference (`env:NAME`, `file:PATH`), never a value.

use std::collections::{BTreeMap, BTreeSet};

use wildcam_core::wire::CameraId;

use crate::project::SecretRef;

/// The largest roster.
const MAX_BYTES: usize = 1 << 20;

/// A line of a roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the file, from 1.
    pub number: usize,
    /// The board's address, in lower case with colons; `None`: the next board that no line names.
    pub mac: Option<String>,
    /// The camera's name.
    pub name: CameraId,
    /// The wireless network's name.
    pub ssid: Option<String>,
    /// Where its passphrase is found.
    pub passphrase: Option<SecretRef>,
    /// The group.
    pub group: String,
}

/// What is wrong with a roster, and in which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

fn wrong(line: usize, what: impl Into<String>) -> Error {
    Error { line, what: what.into() }
}

const COLUMNS: [&str; 5] = ["mac", "name", "ssid", "passphrase", "group"];

/// The fields of one line. A field in quotes may hold commas, and quotes twice; it may not go over the end of the line.
fn fields(text: &str, line: usize) -> Result<Vec<String>, Error> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        if let Some(mut quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            loop {
                let end = quoted.find('"').ok_or_else(|| wrong(line, "a quote is not closed"))?;
                field.push_str(&quoted[..end]);
                quoted = &quoted[end + 1..];
                match quoted.strip_prefix('"') {
                    Some(after) => {
                        field.push('"');
                        quoted = after;
                    }
                    None => break,
                }
            }
            fields.push(field);
            match quoted.strip_prefix(',') {
                Some(after) => rest = after,
                None if quoted.is_empty() => return Ok(fields),
                None => return Err(wrong(line, "something stands between a closing quote and the next comma")),
            }
        } else {
            match rest.split_once(',') {
                Some((field, after)) => {
                    fields.push(field.trim().to_owned());
                    rest = after;
                }
                None => {
                    fields.push(rest.trim().to_owned());
                    return Ok(fields);
                }
            }
        }
    }
}

/// An address as `24:0a:c4:00:00:01`, also from one with hyphens, dots or nothing between its digits.
#[must_use]
pub fn mac(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|letter| !matches!(letter, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let pairs: Vec<&str> = (0..6).map(|pair| &digits[2 * pair..2 * pair + 2]).collect();
    Some(pairs.join(":"))
}

/// Reads a roster.
///
/// # Errors
/// [`Error`], which names the line.
pub fn parse(text: &str) -> Result<Vec<Line>, Error> {
    if text.len() > MAX_BYTES {
        return Err(wrong(1, "the roster is larger than a megabyte"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let (number, head) = lines.next().ok_or_else(|| wrong(1, "the roster is empty"))?;
    let heads = fields(head, number)?;
    for column in &heads {
        if !COLUMNS.contains(&column.as_str()) {
            return Err(wrong(
                number,
                format!("there is no column {column:?}; the columns are {}", COLUMNS.join(", ")),
            ));
        }
    }
    let column = |name: &str| heads.iter().position(|head| head == name);
    let name_at = column("name").ok_or_else(|| wrong(number, "there is no column \"name\""))?;
    let mut roster = Vec::new();
    let (mut names, mut macs) = (BTreeSet::new(), BTreeSet::new());
    for (number, line) in lines {
        let found = fields(line, number)?;
        if found.len() != heads.len() {
            return Err(wrong(number, format!("{} fields, and the first line has {}", found.len(), heads.len())));
        }
        let field = |name: &str| column(name).map(|at| found[at].as_str()).filter(|text| !text.is_empty());
        let name = CameraId::new(&found[name_at])
            .map_err(|_| wrong(number, format!("{:?} is no camera name: a-z, 0-9 and -", found[name_at])))?;
        let address = match field("mac") {
            Some(text) => Some(mac(text).ok_or_else(|| wrong(number, format!("{text:?} is no MAC address")))?),
            None => None,
        };
        let passphrase = match field("passphrase") {
            // The text is not repeated: it may be the passphrase itself.
            Some(text) => Some(text.parse::<SecretRef>().map_err(|error| wrong(number, error.to_string()))?),
            None => None,
        };
        let ssid = field("ssid").map(str::to_owned);
        if ssid.as_ref().is_some_and(|ssid| ssid.len() > 32) {
            return Err(wrong(number, "a network's name has at most 32 bytes"));
        }
        if passphrase.is_some() && ssid.is_none() {
            return Err(wrong(number, "a passphrase stands without a network"));
        }
        if !names.insert(name.as_str().to_owned()) {
            return Err(wrong(number, format!("the name {name} stands twice")));
        }
        if let Some(address) = &address
            && !macs.insert(address.clone())
        {
            return Err(wrong(number, format!("the address {address} stands twice")));
        }
        let group = field("group").unwrap_or_default().to_owned();
        roster.push(Line { number, mac: address, name, ssid, passphrase, group });
    }
    Ok(roster)
}

/// The names that cameras have. A name belongs to one key for ever: gateways refuse a second key under it. So no board gets a
/// used name for a new identity, but for the one whose address stands with it: its flash was cut off before it had the name.
pub type Used = BTreeMap<String, Option<String>>;

/// Whether the board with this address may get a name for a new identity.
#[must_use]
pub fn is_free(name: &CameraId, mac: &str, used: &Used) -> bool {
    used.get(name.as_str()).is_none_or(|by| by.as_deref() == Some(mac))
}

/// Which line belongs to which of the boards with these addresses, in their order. Lines without an address whose name is used
/// are passed over. Boards for which no line is left get none.
#[must_use]
pub fn assign<'r>(roster: &'r [Line], macs: &[String], used: &Used) -> Vec<Option<&'r Line>> {
    let mut taken = BTreeSet::new();
    let mut lines = Vec::new();
    for mac in macs {
        let named = roster.iter().find(|line| line.mac.as_ref() == Some(mac));
        let begun = |line: &&Line| used.get(line.name.as_str()).is_some_and(|by| by.as_ref() == Some(mac));
        let again = || roster.iter().filter(|line| line.mac.is_none()).find(begun);
        let free = |line: &&Line| {
            line.mac.is_none() && !used.contains_key(line.name.as_str()) && !taken.contains(&line.number)
        };
        let line = named.or_else(again).or_else(|| roster.iter().find(free));
        taken.extend(line.map(|line| line.number));
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_given_by_address_and_then_in_order() {
        let roster = parse(
            "name,mac,ssid,passphrase,group\nridge-1,24-0A-C4-00-00-02,\"camp, north\",env:CAMP,ridge\n\n\
             # later\ncreek-1,,,,\ncreek-2,,,,creek\n",
        )
        .unwrap();
        assert_eq!(roster[0].ssid.as_deref(), Some("camp, north"));
        assert_eq!(roster[0].passphrase, Some(SecretRef::Env("CAMP".into())));
        assert_eq!(roster[1].number, 5);
        let macs = ["24:0a:c4:00:00:09", "24:0a:c4:00:00:02", "24:0a:c4:00:00:03", "24:0a:c4:00:00:04"];
        let names: Vec<_> = assign(&roster, &macs.map(str::to_owned), &BTreeMap::new())
            .into_iter()
            .map(|line| line.map_or("", |line| line.name.as_str()))
            .collect();
        assert_eq!(names, ["creek-1", "ridge-1", "creek-2", ""]);
        let used = BTreeMap::from([("creek-1".to_owned(), Some(macs[3].to_owned()))]);
        let again = assign(&roster, &[macs[0].to_owned(), macs[3].to_owned()], &used);
        assert_eq!(again[0].unwrap().name.as_str(), "creek-2");
        assert_eq!(again[1].unwrap().name.as_str(), "creek-1");
    }

    #[test]
    fn a_name_that_has_a_key_goes_to_no_board_again() {
        let roster = parse("name\ncreek-1\ncreek-2\n").unwrap();
        let mac = "24:0a:c4:00:00:01";
        let used = BTreeMap::from([("creek-1".to_owned(), None), ("ridge-1".to_owned(), Some(mac.to_owned()))]);
        assert_eq!(assign(&roster, &[mac.to_owned()], &used)[0].unwrap().name.as_str(), "creek-2");
        let name = |name: &str| CameraId::new(name).unwrap();
        assert!(!is_free(&name("creek-1"), mac, &used) && is_free(&name("creek-2"), mac, &used));
        assert!(is_free(&name("ridge-1"), mac, &used) && !is_free(&name("ridge-1"), "24:0a:c4:00:00:02", &used));
    }

    #[test]
    fn errors_name_the_line_and_no_secret() {
        for (text, line, words) in [
            ("", 1, "empty"),
            ("mac\n", 1, "no column \"name\""),
            ("name,colour\n", 1, "colour"),
            ("name\nRidge\n", 2, "no camera name"),
            ("name,mac\na,24:0a\n", 2, "no MAC"),
            ("name\na\n\na\n", 4, "stands twice"),
            ("name,mac\na,24:0a:c4:00:00:02\nb,240AC4000002\n", 3, "stands twice"),
            ("name,group\na\n", 2, "1 fields"),
            ("name,group\na,\"x\n", 2, "not closed"),
            ("name,passphrase\na,env:X\n", 2, "without a network"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.line == line && error.what.contains(words), "{text:?}: {error}");
        }
        let error = parse("name,ssid,passphrase\na,camp,hunter2hunter2\n").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
