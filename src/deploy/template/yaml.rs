//! The part of YAML 1.2 that says one thing only, read into a tree that knows its lines.
//!
//! Anchors, aliases, tags, merge keys, several documents, keys that are given twice or are no text, and plain words
//! that older YAML takes for something else are refused.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Number;

use super::{
    error::{Fault, shown},
    expand::NOTHING,
};

/// How deep lists and mappings may lie in each other.
const DEEPEST: usize = 64;

/// How many values a file may have.
const MOST_NODES: usize = 400_000;

/// A value and the line of the template that it comes from.
#[derive(Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) data: Data,
}

/// What a value is.
#[derive(Debug, PartialEq)]
pub(super) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) value: Node,
}

impl Node {
    /// What kind of value this is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }
}

/// A list or mapping that is not closed yet.
enum Open {
    List(u32, Vec<Node>),
    /// The keys that are taken, with their lines; the key whose value comes next.
    Map(u32, Vec<Entry>, BTreeMap<String, u32>, Option<(String, u32)>),
}

/// Reads one document. `line_of` tells the line of the template for a line of `text`, both from 1.
pub(super) fn read(text: &str, line_of: &dyn Fn(usize) -> u32) -> Result<Node, Fault> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut nodes = 0_usize;
    let mut last = 1;
    let end = text.lines().count().max(1);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| {
            Fault::new(line_of(error.marker().line().min(end)), format!("this is no YAML: {}", error.info()))
        })?;
        let line = line_of(first_line(&span, last));
        last = span.start.line().max(last);
        nodes += 1;
        if nodes > MOST_NODES {
            return Err(Fault::new(line, format!("more than {MOST_NODES} values in one file")));
        }
        let done = match event {
            Event::Alias(_) => {
                return Err(surprise(line, "an alias (`*name`)", "write the value out, or use {% set %}"));
            }
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return Err(surprise(line, "an anchor (`&name`)", "write the value out, or use {% set %}"));
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(surprise(line, "a tag (`!name`)", "write the value in its plain form"));
            }
            Event::DocumentStart(_) if root.is_some() => {
                return Err(surprise(line, "a second document (`---`)", "give it a file of its own"));
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= DEEPEST => {
                return Err(Fault::new(line, format!("lists and mappings lie more than {DEEPEST} deep")));
            }
            Event::SequenceStart(..) => {
                refuse_as_key(&open, line)?;
                open.push(Open::List(line, Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                refuse_as_key(&open, line)?;
                open.push(Open::Map(line, Vec::new(), BTreeMap::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(line, items)) => Some(Node { line, data: Data::List(items) }),
                Some(Open::Map(line, entries, ..)) => Some(Node { line, data: Data::Map(entries) }),
                None => None,
            },
            Event::Scalar(text, style, ..) => {
                if let Some(Open::Map(_, _, taken, key @ None)) = open.last_mut() {
                    *key = Some((take_key(&text, style, taken, line)?, line));
                    None
                } else {
                    Some(Node { line, data: scalar(&text, style, line)? })
                }
            }
            _ => None,
        };
        if let Some(node) = done {
            match open.last_mut() {
                Some(Open::List(_, items)) => items.push(node),
                Some(Open::Map(_, entries, _, key)) => {
                    if let Some((key, line)) = key.take() {
                        entries.push(Entry { key, line, value: node });
                    }
                }
                None => root = Some(node),
            }
        }
    }
    root.ok_or_else(|| Fault::new(1, "the template renders to nothing").help("write at least: resources: {}"))
}

/// A value that is not written has a span of no length, which may lie lines further on.
fn first_line(span: &Span, last: usize) -> usize {
    if span.is_empty() { last } else { span.start.line() }
}

fn surprise(line: u32, what: &str, help: &str) -> Fault {
    Fault::new(line, format!("{what} is not taken here")).help(help)
}

fn refuse_as_key(open: &[Open], line: u32) -> Result<(), Fault> {
    match open.last() {
        Some(Open::Map(_, _, _, None)) => Err(Fault::new(line, "a key is a text, no list and no mapping")
            .help("a value that begins with {{ stands in quotes: \"{{ ... }}\"")),
        _ => Ok(()),
    }
}

fn take_key(text: &str, style: ScalarStyle, taken: &mut BTreeMap<String, u32>, line: u32) -> Result<String, Fault> {
    if style == ScalarStyle::Plain {
        if text == "<<" {
            return Err(surprise(line, "a merge key (`<<`)", "write the keys out"));
        }
        if !matches!(scalar(text, style, line)?, Data::Text(_)) {
            return Err(Fault::new(line, format!("the key `{}` is no text", shown(text)))
                .help(format!("put it in quotes: \"{}\"", shown(text))));
        }
    }
    match taken.insert(text.to_owned(), line) {
        Some(first) => {
            Err(Fault::new(line, format!("the key `{}` is given twice, first at line {first}", shown(text)))
                .help("keep one of them"))
        }
        None => Ok(text.to_owned()),
    }
}

fn scalar(text: &str, style: ScalarStyle, line: u32) -> Result<Data, Fault> {
    if text.contains(NOTHING) {
        return if text == NOTHING && style == ScalarStyle::Plain {
            Ok(Data::Null)
        } else {
            Err(Fault::new(line, "a part of this text stands for nothing here (null)").help(
                "give it another value with {{ x or \"...\" }}, or leave the key out with {% if x %}; without quotes, \
                 key: {{ x }} is left out by itself",
            ))
        };
    }
    if style != ScalarStyle::Plain {
        return Ok(Data::Text(text.to_owned()));
    }
    let in_quotes = |why: &str| {
        Err(Fault::new(line, format!("`{}` {why}", shown(text)))
            .help(format!("write true or false, or put it in quotes: \"{}\"", shown(text))))
    };
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Data::Null),
        "true" | "True" | "TRUE" => return Ok(Data::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Data::Bool(false)),
        _ => {}
    }
    if ["yes", "no", "on", "off"].contains(&text.to_lowercase().as_str()) {
        return in_quotes("is a text to some readers of YAML and a truth value to others");
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if [".inf", ".nan"].contains(&digits.to_lowercase().as_str())
        || digits.starts_with("0x")
        || digits.starts_with("0o")
    {
        return Err(Fault::new(line, format!("`{}` is no number that JSON can say", shown(text)))
            .help("write it in decimal digits, or put it in quotes"));
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(Fault::new(line, format!("`{}` loses its leading zero as a number", shown(text)))
                .help(format!("put it in quotes: \"{}\"", shown(text))));
        }
        let plain = text.strip_prefix('+').unwrap_or(text);
        let number = plain.parse::<i64>().map(Number::from).or_else(|_| plain.parse::<u64>().map(Number::from));
        return number.map(Data::Number).map_err(|_| {
            Fault::new(line, format!("`{}` is too large for a number", shown(text))).help("put it in quotes")
        });
    }
    if is_decimal(digits) {
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        return number.map(Data::Number).ok_or_else(|| {
            Fault::new(line, format!("`{}` is too large for a number", shown(text))).help("put it in quotes")
        });
    }
    Ok(Data::Text(text.to_owned()))
}

/// Digits with a point or an exponent.
fn is_decimal(text: &str) -> bool {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let exponent_holds = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    (!whole.is_empty() || !part.is_empty()) && all_digits(whole) && all_digits(part) && exponent_holds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Result<Node, Fault> {
        read(text, &|line| u32::try_from(line).unwrap())
    }

    #[test]
    fn what_surprises_is_refused_at_its_line() {
        for (text, line, part) in [
            ("a: 1\nb: &x 2", 2, "anchor"),
            ("a: &x 1\nb: *x", 1, "anchor"),
            ("a: *x", 1, "no YAML"),
            ("a: !Ref b", 1, "tag"),
            ("a: 1\nb: 2\na: 3", 3, "given twice, first at line 1"),
            ("a:\n  <<: {b: 1}", 2, "merge key"),
            ("1: a", 1, "`1` is no text"),
            ("null: a", 1, "`null` is no text"),
            ("? [a]\n: b", 1, "no list"),
            ("a: {{ b }}", 1, "no list and no mapping"),
            ("a: 1\n---\nb: 2", 2, "second document"),
            ("a: yes", 1, "truth value"),
            ("\n\na: 0123", 3, "leading zero"),
            ("a: 0x1f", 1, "no number"),
            ("a: 99999999999999999999", 1, "too large"),
            ("a: 1e999", 1, "too large"),
            ("a: [1", 1, "no YAML"),
            ("", 1, "renders to nothing"),
            (&"[".repeat(100), 1, "deep"),
        ] {
            let fault = plain(text).expect_err(text);
            assert!(fault.message.contains(part), "{text:?}: {}", fault.message);
            assert_eq!(fault.line, line, "{text:?}: {}", fault.message);
        }
    }

    #[test]
    fn values_have_the_types_that_they_seem_to_have() {
        let node = plain("a: 2012-10-17\nb: '1'\nc: 1.50\nd: -7\ne:\nf: |\n  x: y\n  z\ng: 1e3\nh: 1.2.3\n").unwrap();
        let Data::Map(entries) = node.data else { panic!() };
        let data: Vec<&Data> = entries.iter().map(|entry| &entry.value.data).collect();
        assert_eq!(*data[0], Data::Text("2012-10-17".to_owned()));
        assert_eq!(*data[1], Data::Text("1".to_owned()));
        assert_eq!(*data[2], Data::Number(Number::from_f64(1.5).unwrap()));
        assert_eq!(*data[3], Data::Number(Number::from(-7)));
        assert_eq!(*data[4], Data::Null);
        assert_eq!(*data[5], Data::Text("x: y\nz\n".to_owned()));
        assert_eq!(*data[6], Data::Number(Number::from_f64(1000.0).unwrap()));
        assert_eq!(*data[7], Data::Text("1.2.3".to_owned()));
        assert_eq!(entries[6].line, 9);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[a-c:\\- \n\\[\\]{}&*!|>'\"0-9.,#%?~<]{0,80}") {
            let _ = plain(&text);
        }
    }
}
