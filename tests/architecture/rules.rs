//! Who may import whom, and the other rules of the house, as tables and one function per rule.

use super::source::{Reference, Source};

/// Everyone above may use these.
const GROUND: [&str; 4] = ["clock", "net", "journal", "project"];

/// What each module below src/ may import of the others. `cli` and main.rs may import everything.
const ARROWS: [(&str, &[&str]); 16] = [
    ("clock", &[]),
    ("net", &["clock"]),
    ("journal", &["clock", "net"]),
    ("project", &["clock", "net", "journal"]),
    ("ui", &[]),
    ("cloud", &[]),
    ("release", &[]),
    ("data", &[]),
    ("deploy", &["release"]),
    ("replicate", &[]),
    ("fleet", &["release"]),
    ("board", &["fleet", "release"]),
    ("traffic", &["data", "release"]),
    ("gateway", &["data", "release"]),
    ("drill", &["traffic", "data", "replicate", "release"]),
    ("lab", &["board", "gateway", "drill", "traffic", "data", "release"]),
];

/// These do the work: they may use the ground floor and `cloud`, and nothing of the process around them.
const ENGINES: [&str; 10] =
    ["deploy", "board", "release", "fleet", "traffic", "data", "replicate", "drill", "gateway", "lab"];

const PROVIDERS: [&str; 4] = ["aws", "azure", "gcp", "custom"];

/// The files of src/cli that are no commands.
const NOT_COMMANDS: [&str; 11] = [
    "mod",
    "applying",
    "configuring",
    "context",
    "deploying",
    "drilling",
    "flags",
    "open",
    "provisioning",
    "releasing",
    "signing",
];

const VAGUE_NAMES: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "misc", "manager", "managers"];

const MOST_LINES: usize = 600;

const PRINTS: [&str; 5] = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];

/// A rule broken, at a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    place: String,
    rule: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place, self.rule)
    }
}

impl Breach {
    fn new(source: &Source, line: usize, rule: impl Into<String>) -> Self {
        Self { place: format!("{}:{line}", source.file), rule: rule.into() }
    }
}

/// The names of the commands among `sources`: the files and folders of src/cli.
pub(crate) fn commands(sources: &[Source]) -> Vec<String> {
    let below_cli = sources.iter().filter(|source| source.file.starts_with("src/cli/"));
    let names =
        below_cli.filter_map(|source| source.module.get(1)).filter(|name| !NOT_COMMANDS.contains(&name.as_str()));
    names.cloned().collect()
}

/// The breaches of every rule that concerns one file, in a house with these commands.
pub(crate) fn check(source: &Source, commands: &[String]) -> Vec<Breach> {
    let mut breaches = check_shape(source);
    if source.file.starts_with("firmware/") && source.file.contains("/src/") {
        breaches.extend(source.references.iter().filter_map(|reference| check_device(source, reference)));
    } else if source.file.starts_with("src/") {
        breaches.extend(check_command_file(source));
        for reference in &source.references {
            breaches.extend(check_arrow(source, reference));
            breaches.extend(check_command_import(source, reference, commands));
            breaches.extend(check_provider(source, reference));
            breaches.extend(check_surroundings(source, reference));
        }
    }
    breaches
}

/// Length and names.
fn check_shape(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if source.lines > MOST_LINES {
        let rule = format!("{} lines; a file over {MOST_LINES} is split by concept", source.lines);
        breaches.push(Breach::new(source, MOST_LINES + 1, rule));
    }
    let file_names = source.file.trim_end_matches(".rs").split('/').map(|name| (name, 1));
    let declared = source.declared.iter().map(|(name, line)| (name.as_str(), *line));
    for (name, line) in file_names.chain(declared) {
        if VAGUE_NAMES.contains(&name) {
            breaches.push(Breach::new(source, line, format!("`{name}` says nothing; name it after what it is for")));
        }
    }
    breaches
}

/// The module of src/ that a path of ours begins with, if it is one of ours.
fn target(reference: &Reference) -> Option<&str> {
    match reference.path.first()?.as_str() {
        "crate" | "wildcam" => reference.path.get(1).map(String::as_str),
        _ => None,
    }
}

fn check_arrow(source: &Source, reference: &Reference) -> Option<Breach> {
    let from = source.module.first()?.as_str();
    let to = target(reference)?;
    if from == to || from == "cli" {
        return None;
    }
    let known = |name: &str| name == "cli" || ARROWS.iter().any(|(module, _)| *module == name);
    let Some((_, allowed)) = ARROWS.iter().find(|(module, _)| *module == from) else {
        let rule = format!("`{from}` has no place in the house; give it one in tests/architecture/rules.rs");
        return Some(Breach::new(source, reference.line, rule));
    };
    if !known(to) {
        // An item of the crate's root is no module; the root declares modules and holds nothing else.
        let rule = format!("`{from}` imports `{to}`, which is no module of the house");
        return Some(Breach::new(source, reference.line, rule));
    }
    let is_engine = ENGINES.contains(&from);
    let by_floor = (is_engine || from == "cloud") && GROUND.contains(&to) || is_engine && to == "cloud";
    if by_floor || allowed.contains(&to) {
        return None;
    }
    let rule = if GROUND.contains(&from) {
        format!("`{from}` is the ground floor and may not use `{to}`")
    } else if matches!(to, "cli" | "ui") {
        format!("`{from}` may not use `{to}`: the command line calls it, and what it reports goes to a listener")
    } else {
        format!("no arrow goes from `{from}` to `{to}`")
    };
    Some(Breach::new(source, reference.line, rule))
}

/// A command does not import another command, nor everything of `cli` at once.
fn check_command_import(source: &Source, reference: &Reference, commands: &[String]) -> Option<Breach> {
    let command = source.module.get(1).filter(|_| source.module.first().is_some_and(|module| module == "cli"))?;
    let to = reference.path.get(2).filter(|_| target(reference) == Some("cli"))?;
    if to == command || to != "*" && !commands.contains(to) {
        return None;
    }
    let rule =
        format!("the command `{command}` imports `{to}` of cli; commands share only the names that cli/mod.rs exports");
    Some(Breach::new(source, reference.line, rule))
}

fn check_command_file(source: &Source) -> Vec<Breach> {
    let [cli, command] = source.module.as_slice() else { return Vec::new() };
    if cli != "cli" || NOT_COMMANDS.contains(&command.as_str()) {
        return Vec::new();
    }
    let has = |names: &[&str]| names.iter().any(|name| source.items.iter().any(|item| item == name));
    let mut breaches = Vec::new();
    if !has(&["struct Arguments", "enum Arguments"]) {
        breaches.push(Breach::new(source, 1, "a command file holds its `Arguments`"));
    }
    if !has(&["fn run"]) {
        breaches.push(Breach::new(source, 1, "a command file holds its `run`, beside its `Arguments`"));
    }
    breaches
}

/// A provider's folder is seen by cloud/mod.rs alone.
fn check_provider(source: &Source, reference: &Reference) -> Option<Breach> {
    let provider = reference.path.get(2).filter(|_| target(reference) == Some("cloud"))?;
    let own = source.module.first().is_some_and(|module| module == "cloud")
        && source.module.get(1).is_none_or(|module| module == provider || !PROVIDERS.contains(&module.as_str()));
    if own || !PROVIDERS.contains(&provider.as_str()) {
        return None;
    }
    let rule = format!("`cloud::{provider}` is seen only inside cloud/; ask the function that chooses");
    Some(Breach::new(source, reference.line, rule))
}

/// Printing belongs to `ui`, parsing to `cli`, and the environment and the exit to neither engine nor ground floor.
fn check_surroundings(source: &Source, reference: &Reference) -> Option<Breach> {
    if reference.gate.test {
        return None;
    }
    let from = source.module.first()?.as_str();
    let names: Vec<&str> = reference.path.iter().map(String::as_str).collect();
    let rule = match names.as_slice() {
        [.., last] if PRINTS.contains(last) && from != "ui" => format!("`{last}` belongs to `ui`, which alone prints"),
        ["clap", ..] if !matches!(from, "cli" | "ui") => format!("`{from}` uses clap, which belongs to `cli`"),
        ["std", "env", ..]
        | ["env", "var" | "var_os" | "vars" | "args" | "args_os" | "current_dir" | "current_exe", ..]
            if ENGINES.contains(&from) =>
        {
            format!("`{from}` reads std::env; the command line reads it and passes what is needed")
        }
        [.., "process", "exit" | "abort"] if !matches!(from, "cli") => {
            format!("`{from}` ends the process; it returns an error and the command line decides")
        }
        [.., "process", "exit"] => "the exit code is returned to main, which alone exits".to_owned(),
        _ => return None,
    };
    Some(Breach::new(source, reference.line, rule))
}

/// The crates of the device import nothing of ours, and std only where a feature or a test turned it on.
fn check_device(source: &Source, reference: &Reference) -> Option<Breach> {
    let rule = match reference.path.first()?.as_str() {
        ours if ours == "wildcam" || (ours.starts_with("wildcam_") && !source.file.contains(&ours[8..])) => {
            format!("a crate of the device imports nothing of ours, and not `{ours}`")
        }
        "std" if !reference.gate.optional => {
            "the device has no std; put this under cfg(feature) or use core".to_owned()
        }
        "alloc" if !reference.gate.optional => "the device has no allocator; put this under cfg(feature)".to_owned(),
        _ => return None,
    };
    Some(Breach::new(source, reference.line, rule))
}
