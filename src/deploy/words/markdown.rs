use super::{Group, about, changes, clean, leaf, losses, members, summary, text::drift_leaf};
use crate::deploy::plan::{Plan, Planned};

/// What a comment may have: GitHub takes 65,536 characters, and whoever posts it may add some.
const MOST: usize = 60_000;

/// Kept for the lines that say what was cut, and for the end.
const RESERVE: usize = 4_000;

/// The longest value.
const LONGEST_VALUE: usize = 120;

/// The plan as a comment of a pull request, under 60,000 characters. Its first line is a hidden mark, the same for every
/// plan of this project and environment, by which the comment of an earlier run is found and replaced.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    let mut page = Page { text: String::new(), cut: 0 };
    page.text.push_str(&format!("<!-- wildcam plan {} {} -->\n", mark(&plan.project), mark(&plan.environment)));
    page.text.push_str(&format!("### wildcam plan: {} ({})\n\n", escaped(&plan.project), escaped(&plan.environment)));
    for line in summary(plan) {
        page.text.push_str(&format!("{}  \n", escaped(&line)));
    }
    let lost = losses(plan);
    if !lost.is_empty() {
        page.text.push_str("\n#### Data that would be lost\n\n");
        for planned in lost {
            let what = escaped(&clean(&planned.loses, 200));
            page.add(format!(
                "- <code>{}</code>: **{what}** ({})\n",
                escaped(&planned.address.to_string()),
                words(planned)
            ));
        }
    }
    for group in Group::ALL {
        let found = members(plan, group);
        let items = found.iter().map(|planned| {
            let mut item = format!("- <code>{}</code>: {}\n", escaped(&planned.address.to_string()), words(planned));
            for change in changes(&planned.action) {
                item.push_str(&format!("  - <code>{}</code>\n", escaped(&leaf(change, LONGEST_VALUE))));
            }
            item
        });
        page.folded(group.title(), found.len(), items);
    }
    let drifted = plan.drifted.iter().map(|drifted| {
        let gone = if drifted.gone { ", gone" } else { "" };
        let mut item = format!(
            "- <code>{}</code>: {}{gone}\n",
            escaped(&drifted.address.to_string()),
            escaped(&clean(&drifted.words, 80))
        );
        for change in &drifted.changes {
            item.push_str(&format!("  - <code>{}</code>\n", escaped(&drift_leaf(change, LONGEST_VALUE))));
        }
        item
    });
    page.folded("Changed by somebody else since it was last set", plan.drifted.len(), drifted);
    if !plan.notes.is_empty() {
        page.text.push_str("\n#### Notes\n\n");
        for note in &plan.notes {
            page.add(format!("- {}\n", escaped(&clean(note, 1000))));
        }
    }
    if page.cut > 0 {
        page.text
            .push_str(&format!("\n{} more did not fit into a comment; `wildcam plan` shows all of it.\n", page.cut));
    }
    page.text
}

struct Page {
    text: String,
    /// How many items did not fit.
    cut: usize,
}

impl Page {
    /// Adds an item where it fits.
    fn add(&mut self, item: String) {
        // Bytes are counted: never fewer than characters.
        if self.text.len() + item.len() > MOST - RESERVE {
            self.cut += 1;
        } else {
            self.text.push_str(&item);
        }
    }

    fn folded(&mut self, title: &str, count: usize, items: impl Iterator<Item = String>) {
        if count == 0 {
            return;
        }
        self.text.push_str(&format!("\n<details><summary>{title} ({count})</summary>\n\n"));
        for item in items {
            self.add(item);
        }
        self.text.push_str("\n</details>\n");
    }
}

fn words(planned: &Planned) -> String {
    escaped(&clean(&about(planned), 200))
}

/// A comment of HTML ends at two hyphens: only what names consist of is left.
fn mark(name: &str) -> String {
    let kept: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    kept.replace("--", "-")
}

/// A text that means nothing to Markdown, to HTML or to GitHub (mentions, numbers of issues, formulas).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '`' | '|' | '*' | '_' | '~' | '[' | ']' | '\\' | '@' | '#' | '!' | '$' | '"' | '\'' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            // Addresses would become links.
            ':' if out.ends_with("http") || out.ends_with("https") => out.push_str("&#58;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
