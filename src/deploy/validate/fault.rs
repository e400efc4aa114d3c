//! Where a value is not what its schema allows.

use serde_json::Value;

use super::schema::{Node, Schema, Type};

/// How deep a value may be nested; real ones are far below it.
const DEEPEST: usize = 64;

/// How many allowed values a message lists.
const SHOWN: usize = 8;

/// In which way a value is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// The schema has no such property.
    Unknown,
    /// The provider alone sets it.
    ReadOnly,
    /// It is of another type.
    Type,
    /// It is none of the values that are allowed.
    NotAllowed,
    /// It is not of the form that is asked for.
    Pattern,
    /// It is too long or too short, too great or too small, or has too many or too few items.
    Range,
    /// It must be there, and is not.
    Missing,
    /// It may not stand beside another.
    Conflict,
    /// A reference leads to nothing, or to what does not fit.
    Reference,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In which way.
    pub kind: FaultKind,
    /// Where, a JSON pointer; of a missing property, that of what should hold it.
    pub pointer: String,
    /// What is wrong, for people.
    pub message: String,
    /// What was probably meant: a property's name or a value.
    pub nearest: Option<String>,
}

/// What a value stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning<'a> {
    /// Itself.
    Itself,
    /// This text, written in another way.
    Text(String),
    /// Some text that only the apply knows.
    SomeText,
    /// A value of one of these types that only the apply knows; empty: of any.
    Of(&'a [Type]),
    /// Nothing: what it leads to is not there. The words say so.
    Nothing(String),
}

/// Everything in which `properties` are not what `schema` allows. `meaning` says what a value stands for: `|_|
/// Meaning::Itself` where it stands for itself, as in a request.
#[must_use]
pub fn faults<'a>(schema: &'a Schema, properties: &Value, meaning: &dyn Fn(&Value) -> Meaning<'a>) -> Vec<Fault> {
    let mut judge = Judge { schema, meaning, found: Vec::new() };
    judge.value(&schema.root, properties, "", 0);
    judge.found
}

/// The name that was most likely meant, if one is near enough to be worth saying.
#[must_use]
pub fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

struct Judge<'a, 'm> {
    schema: &'a Schema,
    meaning: &'m dyn Fn(&Value) -> Meaning<'a>,
    found: Vec<Fault>,
}

impl<'a> Judge<'a, '_> {
    fn fault(&mut self, kind: FaultKind, pointer: &str, message: impl Into<String>) {
        self.found.push(Fault { kind, pointer: pointer.to_owned(), message: message.into(), nearest: None });
    }

    fn value(&mut self, node: &'a Node, value: &Value, at: &str, depth: usize) {
        if depth > DEEPEST {
            return self.fault(FaultKind::Range, at, "it is nested too deep");
        }
        if !at.is_empty() && Schema::covers(&self.schema.read_only, at) {
            let name = unescape(at.rsplit('/').next().unwrap_or_default());
            return self.fault(FaultKind::ReadOnly, at, format!("`{name}` is set by the provider alone"));
        }
        let node = self.schema.node(node);
        match (self.meaning)(value) {
            Meaning::Itself => self.itself(node, value, at, depth),
            Meaning::Text(text) => self.itself(node, &Value::String(text), at, depth),
            Meaning::SomeText => self.known_later(node, &[Type::String], at),
            Meaning::Of(types) => self.known_later(node, types, at),
            Meaning::Nothing(words) => self.fault(FaultKind::Reference, at, words),
        }
    }

    fn known_later(&mut self, node: &Node, types: &[Type], at: &str) {
        let wanted = node.types.list();
        if wanted.is_empty() || types.is_empty() || types.iter().any(|of| wanted.iter().any(|want| of.serves(*want))) {
            return;
        }
        let (is, wanted) = (any_of(types), any_of(wanted));
        self.fault(FaultKind::Reference, at, format!("what it refers to is {is}, and {wanted} belongs here"));
    }

    fn itself(&mut self, node: &'a Node, value: &Value, at: &str, depth: usize) {
        let wanted = node.types.list();
        let Some(is) = type_of(value) else {
            // A null would reach the provider as one.
            return self.fault(FaultKind::Type, at, "it is null; leave the key out instead");
        };
        if !wanted.is_empty() && !wanted.iter().any(|want| is.serves(*want)) {
            return self.fault(
                FaultKind::Type,
                at,
                format!("it is {}, and {} belongs here", is.words(), any_of(wanted)),
            );
        }
        if !node.allowed.is_empty() && !node.allowed.contains(value) {
            self.not_allowed(node, value, at);
        }
        match value {
            Value::Object(entries) => self.object(node, entries, at, depth),
            Value::Array(items) => self.list(node, items, at, depth),
            Value::String(text) => self.text(node, text, at),
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                let (min, max) = (node.min.unwrap_or(f64::NEG_INFINITY), node.max.unwrap_or(f64::INFINITY));
                if !(min..=max).contains(&number) {
                    self.fault(FaultKind::Range, at, format!("{number} is not {}", bounds(node.min, node.max)));
                }
            }
            _ => {}
        }
    }

    fn not_allowed(&mut self, node: &Node, value: &Value, at: &str) {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let all: Vec<String> = node.allowed.iter().map(plain).collect();
        let mut shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        if all.len() > SHOWN {
            shown.push_str(&format!(" and {} more", all.len() - SHOWN));
        }
        let written = plain(value);
        self.found.push(Fault {
            kind: FaultKind::NotAllowed,
            pointer: at.to_owned(),
            message: format!("`{}` is none of {shown}", cut(&written)),
            nearest: nearest(&written, all.iter().map(String::as_str)).map(str::to_owned),
        });
    }

    fn text(&mut self, node: &Node, text: &str, at: &str) {
        let length = text.chars().count();
        if node.min_length.is_some_and(|min| length < min) || node.max_length.is_some_and(|max| length > max) {
            let wanted = count(node.min_length, node.max_length, "characters");
            self.fault(FaultKind::Range, at, format!("it has {length} characters, and {wanted} belong here"));
        }
        if let Some(pattern) = &node.pattern
            && !pattern.is_in(text)
        {
            let message = format!("`{}` has not the form that is asked for: {}", cut(text), pattern.text);
            self.fault(FaultKind::Pattern, at, message);
        }
    }

    fn list(&mut self, node: &'a Node, items: &[Value], at: &str, depth: usize) {
        if node.min_items.is_some_and(|min| items.len() < min) || node.max_items.is_some_and(|max| items.len() > max) {
            let wanted = count(node.min_items, node.max_items, "items");
            self.fault(FaultKind::Range, at, format!("it has {} items, and {wanted} belong here", items.len()));
        }
        if node.unique
            && let Some(again) = (1..items.len()).find(|index| items[..*index].contains(&items[*index]))
        {
            self.fault(FaultKind::Conflict, &format!("{at}/{again}"), "the list has it twice");
        }
        if let Some(inner) = &node.items {
            for (index, item) in items.iter().enumerate() {
                self.value(inner, item, &format!("{at}/{index}"), depth + 1);
            }
        }
    }

    fn object(&mut self, node: &'a Node, entries: &serde_json::Map<String, Value>, at: &str, depth: usize) {
        let form = self.form(node, entries);
        let keys_of_form = form.iter().flat_map(|form| form.properties.keys());
        let known: Vec<&str> = node.properties.keys().chain(keys_of_form).map(String::as_str).collect();
        for (key, value) in entries {
            let at = format!("{at}/{}", escape(key));
            let child = node.properties.get(key).or_else(|| form.and_then(|form| form.properties.get(key)));
            // What a node without a word holds may be anything too.
            let any = (node.is_any()).then_some(node);
            match child.or(node.additional.as_deref()).or(any) {
                Some(child) => self.value(child, value, &at, depth + 1),
                // A choice that was not made, or not with a value that is known, may bring any.
                None if node.discriminator.is_some() && form.is_none() => {}
                None => {
                    let settable = known.iter().filter(|name| {
                        let beside = at.rsplit_once('/').map_or("", |(before, _)| before);
                        !Schema::covers(&self.schema.read_only, &format!("{beside}/{}", escape(name)))
                    });
                    let meant = nearest(key, settable.copied()).map(str::to_owned);
                    self.found.push(Fault {
                        kind: FaultKind::Unknown,
                        pointer: at,
                        message: format!("`{}` is no property of {}", cut(key), self.schema.kind),
                        nearest: meant,
                    });
                }
            }
        }
        self.required(node, entries, at);
        if let Some(form) = form {
            self.required(form, entries, at);
        }
    }

    /// The further properties that the discriminating one chooses.
    fn form(&self, node: &'a Node, entries: &serde_json::Map<String, Value>) -> Option<&'a Node> {
        let of = node.discriminator.as_ref()?;
        let chosen = entries.get(&of.property)?.as_str()?;
        of.types.get(chosen).map(|form| self.schema.node(form))
    }

    fn required(&mut self, node: &Node, entries: &serde_json::Map<String, Value>, at: &str) {
        let has = |key: &String| entries.contains_key(key);
        for key in node.required.iter().filter(|key| !has(key)) {
            if !Schema::covers(&self.schema.read_only, &format!("{at}/{}", escape(key))) {
                self.fault(FaultKind::Missing, at, format!("`{key}` is missing"));
            }
        }
        let named = |keys: &[String]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        if !node.required_one.is_empty() {
            match node.required_one.iter().filter(|key| has(key)).count() {
                0 => self.fault(FaultKind::Missing, at, format!("one of {} is missing", named(&node.required_one))),
                1 => {}
                _ => {
                    self.fault(FaultKind::Conflict, at, format!("only one of {} may be set", named(&node.required_one)))
                }
            }
        }
        if !node.required_any.is_empty() && !node.required_any.iter().any(has) {
            self.fault(FaultKind::Missing, at, format!("one of {} is missing", named(&node.required_any)));
        }
        for (key, wanted) in node.dependent_required.iter().filter(|(key, _)| has(key)) {
            for missing in wanted.iter().filter(|wanted| !has(wanted)) {
                self.fault(FaultKind::Missing, at, format!("`{key}` wants `{missing}` beside it"));
            }
        }
        for (key, excluded) in node.dependent_excluded.iter().filter(|(key, _)| has(key)) {
            for other in excluded.iter().filter(|other| has(other)) {
                self.fault(FaultKind::Conflict, at, format!("`{key}` may not stand beside `{other}`"));
            }
        }
    }
}

/// The type of a value; `None` for null.
fn type_of(value: &Value) -> Option<Type> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => Type::Boolean,
        Value::Number(number) => {
            let whole = number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0);
            if whole { Type::Integer } else { Type::Number }
        }
        Value::String(_) => Type::String,
        Value::Array(_) => Type::Array,
        Value::Object(_) => Type::Object,
    })
}

fn any_of(types: &[Type]) -> String {
    types.iter().map(|of| of.words()).collect::<Vec<_>>().join(" or ")
}

fn bounds(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("{min} or more"),
        (_, max) => format!("{} or less", max.unwrap_or(f64::INFINITY)),
    }
}

fn count(min: Option<usize>, max: Option<usize>, of: &str) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("{min} {of}"),
        (Some(min), Some(max)) => format!("{min} to {max} {of}"),
        (Some(min), None) => format!("at least {min} {of}"),
        (_, max) => format!("at most {} {of}", max.unwrap_or_default()),
    }
}

/// At most 60 characters of what somebody wrote, on one line.
fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().count() > 60 {
        shown.push_str("...");
    }
    shown
}

/// A key as a step of a JSON pointer (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key of a step of a JSON pointer.
pub(crate) fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
