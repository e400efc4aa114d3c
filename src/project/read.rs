//! From the text of wildcam.toml to its settings: parse, lay an environment over it, read the types, check the whole.

use std::{
    collections::BTreeMap,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue, Deserializer},
};

use super::{
    Error, MAX_FILE_BYTES, Settings, Store, Warning, check,
    error::{Fault, nearest},
};

/// A file read for one environment.
pub(super) struct Resolved {
    pub(super) environments: Vec<String>,
    pub(super) whole: Whole,
}

/// Settings that were checked, and what follows from them.
pub(super) struct Whole {
    pub(super) settings: Settings,
    pub(super) stores: BTreeMap<String, Store>,
    pub(super) warnings: Vec<Warning>,
}

pub(super) fn file_text(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NotFound { path: PathBuf::from(path) });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = String::new();
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}

pub(super) fn resolve(text: &str, path: &Path, dir: &Path, env: Option<&str>) -> Result<Resolved, Error> {
    let place = |fault: Fault| fault.within(text, path);
    let mut base = DeTable::parse(text).map_err(|error| place(translate(&error)))?;
    let overrides = take_environments(base.get_mut()).map_err(place)?;
    let environments: Vec<String> = overrides.keys().cloned().collect();
    if let Some(name) = env
        && !overrides.contains_key(name)
    {
        return Err(no_environment(path, name, &environments));
    }
    // The file must hold by itself and under each of its environments, whichever is asked for.
    let mut wanted = whole(base.clone(), dir).map_err(place)?;
    for (name, table) in overrides {
        let mut laid_over = base.clone();
        lay_over(laid_over.get_mut(), table);
        let resolved = whole(laid_over, dir).map_err(|mut fault| {
            fault.message = format!("{} (under [env.{name}])", fault.message);
            place(fault)
        })?;
        if env == Some(name.as_str()) {
            wanted = resolved;
        }
    }
    Ok(Resolved { environments, whole: wanted })
}

fn no_environment(path: &Path, name: &str, known: &[String]) -> Error {
    let meant = nearest(name, known.iter().map(String::as_str));
    let help = match (meant, known) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => format!("add a table [env.{name}] with what differs there"),
        (None, known) => format!("it has: {}", known.join(", ")),
    };
    Error::NoEnvironment { path: path.to_owned(), name: name.to_owned(), help }
}

fn whole(table: Spanned<DeTable<'_>>, dir: &Path) -> Result<Whole, Fault> {
    let mut settings = Settings::deserialize(Deserializer::from(table.clone())).map_err(|error| translate(&error))?;
    let places = Places::new(table);
    if !places.is_given(&["gateway", "copies"]) && settings.clouds.len() == 1 {
        settings.gateway.copies = 1;
    }
    let (stores, warnings) = check::check(&settings, &places, dir)?;
    Ok(Whole { settings, stores, warnings })
}

/// Where keys stand in the file, for faults that are found after it was read.
pub(super) struct Places<'t> {
    root: Spanned<DeTable<'t>>,
}

impl<'t> Places<'t> {
    /// The places of a file's keys.
    pub(super) fn new(root: Spanned<DeTable<'t>>) -> Self {
        Self { root }
    }

    /// The place of a key's value; where the key is not written, of the nearest table around it. In a list the key is the
    /// number of the element.
    pub(super) fn of(&self, path: &[&str]) -> Range<usize> {
        let mut table = Some(self.root.get_ref());
        let mut list: Option<&DeArray<'_>> = None;
        let mut nearest = 0..0;
        for name in path {
            let found = match (table, list) {
                (Some(table), _) => table.get_key_value(*name).map(|(_, value)| value),
                (None, Some(list)) => name.parse().ok().and_then(|index: usize| list.get(index)),
                (None, None) => None,
            };
            let Some(value) = found else { break };
            nearest = value.span();
            (table, list) = match value.get_ref() {
                DeValue::Table(inner) => (Some(inner), None),
                DeValue::Array(inner) => (None, Some(inner)),
                _ => (None, None),
            };
        }
        nearest
    }

    fn is_given(&self, path: &[&str]) -> bool {
        let mut table = self.root.get_ref();
        for (depth, name) in path.iter().enumerate() {
            match table.get(*name).map(Spanned::get_ref) {
                Some(DeValue::Table(inner)) => table = inner,
                Some(_) => return depth + 1 == path.len(),
                None => return false,
            }
        }
        true
    }
}

/// Takes the `[env.NAME]` tables out of the file.
fn take_environments<'t>(root: &mut DeTable<'t>) -> Result<BTreeMap<String, DeTable<'t>>, Fault> {
    let tables_only = |span| {
        Fault::new(span, "expected tables [env.NAME], each with what differs in that environment")
            .help("write [env.production.gateway] above the keys that differ")
    };
    let Some(env) = root.remove("env") else { return Ok(BTreeMap::new()) };
    let span = env.span();
    let DeValue::Table(environments) = env.into_inner() else { return Err(tables_only(span)) };
    let mut overrides = BTreeMap::new();
    for (name, value) in environments {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else { return Err(tables_only(span)) };
        overrides.insert(name.into_inner().into_owned(), table);
    }
    Ok(overrides)
}

/// Lays one table over another: tables are joined key by key, everything else is replaced.
fn lay_over<'t>(under: &mut DeTable<'t>, over: DeTable<'t>) {
    for (key, value) in over {
        // Taken out and put back, so that a fault in the joined table points at the key that was written last.
        let below = under.remove(key.get_ref().as_ref());
        let span = value.span();
        let joined = match (below.map(Spanned::into_inner), value.into_inner()) {
            (Some(DeValue::Table(mut inner)), DeValue::Table(outer)) => {
                lay_over(&mut inner, outer);
                DeValue::Table(inner)
            }
            (_, value) => value,
        };
        under.insert(key, Spanned::new(span, joined));
    }
}

/// Says what serde and the parser found in the words of wildcam.toml, and suggests what was meant. Values that were
/// written are not repeated: one of them may be a secret.
pub(super) fn translate(error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let message = error.message();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown(span, "key", rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown(span, "value", rest);
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return Fault::new(span, format!("the key {rest} is missing"))
            .label("in this table")
            .help(format!("add {} = ...", rest.trim_matches('`')));
    }
    for (prefix, of_range) in [("invalid type: ", false), ("invalid value: ", true)] {
        if let Some((found, expected)) = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected ")) {
            let (found, expected) = (found_kind(found, of_range), expected_kind(expected));
            return Fault::new(span, format!("expected {expected}, found {found}"));
        }
    }
    let fault = Fault::new(span, message);
    if message.contains("a secret is named here") {
        return fault
            .label("this looks like the secret itself; it is not shown")
            .help("put the value into an environment variable or a private file, and change it: it was written down");
    }
    fault
}

fn unknown(span: Range<usize>, what: &str, rest: &str) -> Fault {
    let mut names = rest.split('`').skip(1).step_by(2);
    let written = names.next().unwrap_or_default();
    let known: Vec<&str> = names.collect();
    let fault = Fault::new(span, format!("unknown {what} `{written}`"));
    match nearest(written, known.iter().copied()) {
        Some(meant) => fault.help(format!("did you mean `{meant}`?")),
        None if known.is_empty() => fault,
        None => fault.help(format!("possible here: {}", known.join(", "))),
    }
}

fn found_kind(found: &str, of_range: bool) -> String {
    let kind = match found.split([' ', '`']).next().unwrap_or_default() {
        "string" => "text",
        "integer" | "floating" => {
            let number = found.split('`').nth(1).unwrap_or_default();
            return if of_range { number.to_owned() } else { format!("the number {number}") };
        }
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        _ => "something else",
    };
    kind.to_owned()
}

fn expected_kind(expected: &str) -> String {
    let kind = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not below 0",
        "f64" => "a number",
        "a string" | "path string" | "a borrowed string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other if other.starts_with("enum ") => "one of its words, in quotes",
        other => other,
    };
    kind.to_owned()
}
