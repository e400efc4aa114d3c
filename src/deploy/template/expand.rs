//! Runs minijinja over a template, with bounds on what it may do and write.

use std::io;

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, escape_formatter, value::ValueKind,
};
use sha2::{Digest, Sha256};

use super::{error::Fault, lines};

/// The most that one template may render to.
const MOST_OUTPUT_BYTES: usize = 4 * 1024 * 1024;

/// How many instructions one template may take: a thousand times what a large one needs.
const FUEL: u64 = 5_000_000;

/// What a value that is null renders to: alone it leaves its key out, within a text it is an error.
pub(super) const NOTHING: &str = "\u{F0002}";

/// A rendered template, and where its lines come from.
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) lines: lines::LineMap,
}

/// The engine with the filters and functions of templates.
pub(super) fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(100);
    // Without it an error does not tell the place of a name within its line.
    engine.set_debug(true);
    engine.set_formatter(|out, state, value| match value.kind() {
        ValueKind::None => out.write_str(NOTHING).map_err(Error::from),
        // As YAML and JSON spell it, also within quotes.
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }).map_err(Error::from),
        _ => escape_formatter(out, state, value),
    });
    engine.add_filter("short", short);
    engine.add_filter("letters", letters);
    engine.add_function("secret", |reference: &str| format!("${{secret:{reference}}}"));
    engine
}

/// Cuts a text to `max` characters; the last 6 of a text that was cut are a hash of the whole.
fn short(text: &str, max: usize) -> Result<String, Error> {
    if text.chars().count() <= max {
        return Ok(text.to_owned());
    }
    let Some(kept) = max.checked_sub(6) else {
        return Err(Error::new(ErrorKind::InvalidOperation, "short() needs room for at least 6 characters"));
    };
    let digest = Sha256::digest(text.as_bytes());
    let hash: String = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    Ok(text.chars().take(kept).chain(hash.chars()).collect())
}

/// Drops all but a-z and 0-9, after making capitals small.
fn letters(text: &str) -> String {
    text.chars().map(|c| c.to_ascii_lowercase()).filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit()).collect()
}

/// Renders a template.
pub(super) fn expand(engine: &Environment<'_>, text: &str, context: &Value) -> Result<Rendered, Fault> {
    let plain = run(engine, text, context).map_err(|error| fault(&error, text))?;
    // The marks take fuel and room too: where that is too much, lines are found without them.
    let marked = run(engine, &lines::marked(text), context).ok();
    let lines = lines::LineMap::new(text, &plain, marked.as_deref());
    Ok(Rendered { text: plain, lines })
}

/// Whether a template wants to be left out: the line `when:` alone says so, before anything else is rendered. What it
/// cannot say alone is decided after the whole was rendered.
pub(super) fn is_left_out(engine: &Environment<'_>, text: &str, context: &Value) -> bool {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("when:"));
    let (Some(when), None) = (lines.next(), lines.next()) else { return false };
    let Ok(value) = run(engine, when, context) else { return false };
    let value = value.split(" #").next().unwrap_or_default().trim();
    let value = value.trim_matches(['"', '\'']).trim();
    !value.is_empty() && !value.starts_with(['|', '>', '#']) && value != "true"
}

fn run(engine: &Environment<'_>, text: &str, context: &Value) -> Result<String, Error> {
    let template = engine.template_from_str(text)?;
    let mut out = Bounded(Vec::new());
    template.render_captured_to(context.clone(), &mut out)?;
    String::from_utf8(out.0).map_err(|_| Error::new(ErrorKind::WriteFailure, "the output is no text"))
}

struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_OUTPUT_BYTES {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the template renders to more than 4 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fault(error: &Error, text: &str) -> Fault {
    let line = error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(1);
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::OutOfFuel => Fault::new(line, "the template takes too many steps").help("make its loops shorter"),
        ErrorKind::WriteFailure => {
            Fault::new(line, "the template renders to more than 4 MiB").help("split it into several stacks")
        }
        ErrorKind::UndefinedError => {
            let name = error.range().and_then(|range| text.get(range)).filter(|name| is_name(name));
            let message = match name {
                Some(name) => format!("there is no `{name}`"),
                None => "a name here stands for nothing".to_owned(),
            };
            Fault::new(line, message).help(
                "the names that a template can use begin with: project, environment, suffix, tier, cloud, store, \
                 others, gateway, deploy, budget, notify, ci, hosts, database",
            )
        }
        kind => {
            let message = if detail.is_empty() { kind.to_string() } else { format!("{kind}: {detail}") };
            Fault::new(line, message)
        }
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 80 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}
