//! What the rules of a type say about the places of its properties, in a form that is quick to ask.

use serde_json::Value;

use crate::cloud::rules::TypeRules;

/// A pattern of a pointer: its steps, in which `*` stands for any.
type Pattern = Vec<String>;

/// The patterns of one type.
#[derive(Default)]
pub(super) struct Shape {
    create_only: Vec<Pattern>,
    write_only: Vec<Pattern>,
    unordered: Vec<Pattern>,
    any_case: Vec<Pattern>,
    json_text: Vec<Pattern>,
    ignore: Vec<Pattern>,
    defaults: Vec<(Pattern, Value)>,
    pub(super) shrinks: Vec<Pattern>,
    pub(super) expires: Vec<Pattern>,
}

impl Shape {
    pub(super) fn of(rules: &TypeRules) -> Self {
        let all = |pointers: &[String]| pointers.iter().map(|pointer| pattern(pointer)).collect();
        let default =
            |(pointer, value): (&String, &toml::Value)| Some((pattern(pointer), serde_json::to_value(value).ok()?));
        Self {
            create_only: all(&rules.create_only),
            write_only: all(&rules.write_only),
            unordered: all(&rules.unordered),
            any_case: all(&rules.any_case),
            json_text: all(&rules.json_text),
            ignore: all(&rules.ignore),
            defaults: rules.defaults.iter().filter_map(default).collect(),
            shrinks: all(&rules.shrinks),
            expires: all(&rules.expires),
        }
    }

    /// The provider changes it by itself.
    pub(super) fn ignores(&self, path: &[String]) -> bool {
        self.ignore.iter().any(|pattern| begins(pattern, path))
    }

    /// The provider never tells it.
    pub(super) fn is_write_only(&self, path: &[String]) -> bool {
        self.write_only.iter().any(|pattern| begins(pattern, path))
    }

    /// The order of the list means nothing.
    pub(super) fn is_unordered(&self, path: &[String]) -> bool {
        self.unordered.iter().any(|pattern| fits(pattern, path))
    }

    /// The case of its letters means nothing.
    pub(super) fn is_any_case(&self, path: &[String]) -> bool {
        self.any_case.iter().any(|pattern| fits(pattern, path))
    }

    /// It is a text that holds JSON.
    pub(super) fn is_json_text(&self, path: &[String]) -> bool {
        self.json_text.iter().any(|pattern| fits(pattern, path))
    }

    /// The value that means the same as absence.
    pub(super) fn default(&self, path: &[String]) -> Option<&Value> {
        self.defaults.iter().find(|(pattern, _)| fits(pattern, path)).map(|(_, value)| value)
    }

    /// Whether a change at `path` touches what cannot be changed. `differ` compares what lies at the rest of a pattern
    /// that leads deeper than the change.
    pub(super) fn is_create_only(&self, path: &[String], differ: &dyn Fn(&[String]) -> bool) -> bool {
        self.create_only.iter().any(|pattern| touches(pattern, path, differ))
    }
}

/// Whether a change at `path` concerns what a pattern means: the same place, one below it, or, where the pattern leads
/// deeper, a difference there.
pub(super) fn touches(pattern: &[String], path: &[String], differ: &dyn Fn(&[String]) -> bool) -> bool {
    if begins(pattern, path) {
        return true;
    }
    pattern.len() > path.len() && fits(&pattern[..path.len()], path) && differ(&pattern[path.len()..])
}

fn pattern(pointer: &str) -> Pattern {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

fn fits(pattern: &[String], path: &[String]) -> bool {
    pattern.len() == path.len() && begins(pattern, path)
}

/// Whether the pattern means the path or something above it.
fn begins(pattern: &[String], path: &[String]) -> bool {
    pattern.len() <= path.len() && pattern.iter().zip(path).all(|(step, key)| is_any(step) || step == key)
}

/// `*`, or `*[a.b=X]`: any that has X at a/b.
pub(super) fn is_any(step: &str) -> bool {
    step.starts_with('*')
}

fn admits(step: &str, entry: &Value) -> bool {
    let Some((path, wanted)) = step.strip_prefix("*[").and_then(|rest| rest.strip_suffix(']')?.split_once('=')) else {
        return true;
    };
    match entry.pointer(&format!("/{}", path.replace('.', "/"))) {
        Some(Value::String(text)) => text.eq_ignore_ascii_case(wanted),
        Some(Value::Bool(flag)) => wanted.parse() == Ok(*flag),
        _ => false,
    }
}

/// What lies at the steps of a pattern in a value.
pub(super) fn all_at<'v>(value: Option<&'v Value>, steps: &[String]) -> Vec<&'v Value> {
    let mut found: Vec<&Value> = value.into_iter().collect();
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| -> Vec<&Value> {
                match value {
                    Value::Object(entries) if is_any(step) => {
                        entries.values().filter(|one| admits(step, one)).collect()
                    }
                    Value::Array(items) if is_any(step) => items.iter().filter(|one| admits(step, one)).collect(),
                    Value::Object(entries) => entries.get(step).into_iter().collect(),
                    Value::Array(items) => {
                        step.parse::<usize>().ok().and_then(|at| items.get(at)).into_iter().collect()
                    }
                    _ => Vec::new(),
                }
            })
            .collect();
    }
    found
}

/// The JSON pointer of a path.
pub(super) fn pointer(path: &[String]) -> String {
    path.iter().map(|step| format!("/{}", crate::deploy::names::escaped(step))).collect()
}
