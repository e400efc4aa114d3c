//! A plan in plain words, the worst first: for a terminal and for a pull request.

mod markdown;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use self::{markdown::markdown, text::text};
use super::{
    plan::{Action, Plan, Planned},
    price,
    reference::{SECRET, UNKNOWN},
};
use crate::cloud::control::{Address, Change};

/// What happens to a group of resources, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Destroyed,
    Replaced,
    Changed,
    Added,
    Resumed,
    Adopted,
    Forgotten,
}

impl Group {
    const ALL: [Self; 7] =
        [Self::Destroyed, Self::Replaced, Self::Changed, Self::Added, Self::Resumed, Self::Adopted, Self::Forgotten];

    const fn of(action: &Action) -> Self {
        match action {
            Action::Delete => Self::Destroyed,
            Action::Replace { .. } => Self::Replaced,
            Action::Update { .. } => Self::Changed,
            Action::Create => Self::Added,
            Action::Resume => Self::Resumed,
            Action::Adopt { .. } => Self::Adopted,
            Action::Forget => Self::Forgotten,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Destroyed => "Destroyed",
            Self::Replaced => "Replaced: a new one takes the place of the old",
            Self::Changed => "Changed in place",
            Self::Added => "Added",
            Self::Resumed => "Followed to the end: begun by an earlier run",
            Self::Adopted => "Taken over: it exists already",
            Self::Forgotten => "Forgotten: it is gone already",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::Replaced => "replaced",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Resumed => "followed to the end",
            Self::Adopted => "taken over",
            Self::Forgotten => "forgotten",
        }
    }
}

/// The resources of a group, by address.
fn members(plan: &Plan, group: Group) -> Vec<&Planned> {
    let mut found: Vec<&Planned> = plan.changes.iter().filter(|planned| Group::of(&planned.action) == group).collect();
    found.sort_by(|a, b| (&a.address, &a.words).cmp(&(&b.address, &b.words)));
    found
}

/// What would lose data, by address.
fn losses(plan: &Plan) -> Vec<&Planned> {
    let mut found: Vec<&Planned> = plan.changes.iter().filter(|planned| !planned.loses.is_empty()).collect();
    found.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

/// The leaves that differ.
fn changes(action: &Action) -> &[Change] {
    match action {
        Action::Update { changes } | Action::Replace { changes, .. } | Action::Adopt { changes, .. } => changes,
        _ => &[],
    }
}

/// What comes behind a resource's address: what it is and where, and how an exchange goes.
fn about(planned: &Planned) -> String {
    let mut words = planned.words.clone();
    if planned.region != "global" {
        words.push_str(&format!(" in {}", planned.region));
    }
    match &planned.action {
        Action::Replace { create_first: true, .. } => words.push_str("; the new one comes first"),
        Action::Replace { create_first: false, .. } => words.push_str("; the old one goes first"),
        Action::Adopt { id, .. } => words.push_str(&format!(" `{id}`")),
        _ => {}
    }
    words
}

/// The last lines: counts, minutes, money.
fn summary(plan: &Plan) -> Vec<String> {
    let counts: Vec<String> = Group::ALL
        .into_iter()
        .rev()
        .filter_map(|group| {
            let count = members(plan, group).len();
            (count > 0).then(|| format!("{count} {}", group.word()))
        })
        .collect();
    let unchanged = format!("{} unchanged", plan.unchanged);
    if counts.is_empty() {
        return vec![format!("Nothing to do: {unchanged}.")];
    }
    let mut lines = vec![format!("{}, {unchanged}.", counts.join(", "))];
    lines.push(format!("Usual time: {}.", minutes(duration(plan))));
    let money = plan
        .changes
        .iter()
        .fold([0.0, 0.0], |sum, planned| [sum[0] + planned.usd_month[0], sum[1] + planned.usd_month[1]]);
    lines.push(format!("{} ({}, {}).", dollars(money), price::words(), price::date()));
    lines
}

/// The usual time of the whole in minutes, from and to: the longest way along what waits for what, as everything else is
/// done side by side.
pub fn duration(plan: &Plan) -> [f64; 2] {
    let mut ends: BTreeMap<&Address, [f64; 2]> = BTreeMap::new();
    let mut last = [0.0_f64, 0.0_f64];
    for planned in &plan.changes {
        let waits = planned.after.iter().chain([&planned.address]).filter_map(|address| ends.get(address));
        let begin = waits.fold([0.0_f64, 0.0_f64], |begin, end| [begin[0].max(end[0]), begin[1].max(end[1])]);
        let end = [begin[0] + planned.minutes[0], begin[1] + planned.minutes[1]];
        last = [last[0].max(end[0]), last[1].max(end[1])];
        ends.insert(&planned.address, end);
    }
    last
}

fn minutes([low, high]: [f64; 2]) -> String {
    let whole = |minutes: f64| format!("{:.0}", minutes.ceil());
    if high <= 1.0 {
        "less than a minute".to_owned()
    } else if low.ceil() >= high.ceil() || low < 0.5 {
        format!("up to {} minutes", whole(high))
    } else {
        format!("{} to {} minutes", whole(low), whole(high))
    }
}

fn dollars([low, high]: [f64; 2]) -> String {
    let range = |low: f64, high: f64| {
        if high - low < 0.005 { format!("${low:.2}") } else { format!("${low:.2} to ${high:.2}") }
    };
    if low.abs() < 0.005 && high.abs() < 0.005 {
        "The month's bill stays as it is".to_owned()
    } else if low >= 0.0 {
        format!("{} a month more", range(low, high))
    } else if high <= 0.0 {
        format!("{} a month less", range(-high, -low))
    } else {
        format!("Between ${:.2} a month less and ${high:.2} more", -low)
    }
}

/// A pointer as people write it.
fn property(pointer: &str) -> String {
    let steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    if steps.is_empty() { "type".to_owned() } else { steps.join(".") }
}

/// One leaf: `property: from -> to`, each value at most `most` characters.
fn leaf(change: &Change, most: usize) -> String {
    let name = property(&change.pointer);
    let hidden = |value: &Option<Value>| value.as_ref().and_then(Value::as_str) == Some("[secret]");
    if hidden(&change.from) && hidden(&change.to) {
        return format!("{name}: another secret");
    }
    let is = |value: &Option<Value>| value.as_ref().map_or("not set".to_owned(), |value| shown(value, most));
    format!("{name}: {} -> {}", is(&change.from), is(&change.to))
}

/// A value for people.
fn shown(value: &Value, most: usize) -> String {
    let text = match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Object(entries) => match entries.get(UNKNOWN).and_then(Value::as_str) {
            Some(awaited) => return format!("known after {}", clean(awaited, most)),
            None => without_secrets(value).to_string(),
        },
        other => without_secrets(other).to_string(),
    };
    clean(&text, most)
}

/// A text that cannot be taken for another kind of value stands without quotation marks.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && serde_json::from_str::<Value>(text).is_err()
}

/// Without control characters, and cut.
fn clean(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count >= most {
            shown.push_str("...");
            break;
        }
        // Marks that turn the direction of writing would show something else than what is there.
        if c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The planner hides secrets already; a plan that was read from a file is not trusted to.
fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(entries) if entries.contains_key(SECRET) => Value::String("[secret]".to_owned()),
        Value::Object(entries) => {
            let mut all = Map::new();
            for (key, item) in entries {
                all.insert(key.clone(), without_secrets(item));
            }
            Value::Object(all)
        }
        Value::Array(items) => Value::Array(items.iter().map(without_secrets).collect()),
        other => other.clone(),
    }
}
