//! Which line of a template a line of the rendered text comes from, although loops and conditions shift lines.
//!
//! The template is rendered a second time with a mark before the first visible character of each line. The marks never
//! touch the white space beside a tag, so trimming works as before; should the text differ all the same, the plain
//! rendering counts and lines are found by what they hold.

const OPEN: char = '\u{F0000}';
const CLOSE: char = '\u{F0001}';

/// The template with marks.
pub(super) fn marked(template: &str) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut line = 1_u32;
    // Text that is captured (a macro, a block that is assigned) goes through filters, so it stays without marks.
    let mut captures = 0_usize;
    let mut fresh = true;
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        let tag = ["{{", "{%", "{#"].into_iter().find(|tag| rest.starts_with(tag));
        let Some(tag) = tag else {
            if first == '\n' {
                line = line.saturating_add(1);
                fresh = true;
            } else if !first.is_whitespace() && fresh && captures == 0 {
                mark(&mut out, line);
                fresh = false;
            }
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        if tag == "{{" && fresh && captures == 0 && !rest.starts_with("{{-") {
            mark(&mut out, line);
        }
        let (mut whole, after) = rest.split_at(tag_length(rest, tag));
        let mut after = after;
        if tag == "{%" {
            match word(whole) {
                "raw" => {
                    let end = end_of_raw(after);
                    whole = &rest[..whole.len() + end];
                    after = &after[end..];
                }
                "macro" | "call" | "filter" => captures += 1,
                "set" if !whole.contains('=') => captures += 1,
                "endmacro" | "endcall" | "endfilter" | "endset" => captures = captures.saturating_sub(1),
                _ => {}
            }
        }
        out.push_str(whole);
        let lines = whole.bytes().filter(|byte| *byte == b'\n').count();
        line = line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        // What follows a tag may come from another pass of a loop than what stands before it.
        fresh = true;
        rest = after;
    }
    out
}

fn mark(out: &mut String, line: u32) {
    out.push(OPEN);
    out.push_str(&line.to_string());
    out.push(CLOSE);
}

/// The length of the tag that a text begins with.
fn tag_length(text: &str, tag: &str) -> usize {
    let end = match tag {
        "{{" => "}}",
        "{%" => "%}",
        _ => return text.find("#}").map_or(text.len(), |at| at + 2),
    };
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if text[at..].starts_with(end) => return at + 2,
            None => {}
        }
    }
    text.len()
}

/// The first word of a tag.
fn word(tag: &str) -> &str {
    let inner = tag.trim_start_matches(['{', '%', '-', '+']).trim_start();
    inner.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// Where a raw block ends, after its closing tag.
fn end_of_raw(text: &str) -> usize {
    let mut from = 0;
    while let Some(found) = text[from..].find("{%") {
        let at = from + found;
        if word(&text[at..]) == "endraw" {
            return at + tag_length(&text[at..], "{%");
        }
        from = at + 2;
    }
    text.len()
}

/// For each line of the rendered text the line of the template.
pub(super) struct LineMap(Vec<u32>);

impl LineMap {
    /// From both renderings.
    pub(super) fn new(template: &str, plain: &str, marked: Option<&str>) -> Self {
        marked.and_then(|marked| Self::from_marks(plain, marked)).unwrap_or_else(|| Self::by_text(template, plain))
    }

    fn from_marks(plain: &str, marked: &str) -> Option<Self> {
        let mut lines = Vec::new();
        let mut stripped = String::with_capacity(plain.len());
        let mut current = 1_u32;
        // The line's own: that of the mark before its first visible character, else what was current there.
        let mut own: Option<u32> = None;
        let mut rest = marked;
        while let Some(first) = rest.chars().next() {
            rest = &rest[first.len_utf8()..];
            match first {
                OPEN => {
                    let (number, after) = rest.split_once(CLOSE)?;
                    current = number.parse().ok()?;
                    rest = after;
                }
                '\n' => {
                    lines.push(own.take().unwrap_or(current));
                    stripped.push(first);
                }
                _ => {
                    if !first.is_whitespace() && own.is_none() {
                        own = Some(current);
                    }
                    stripped.push(first);
                }
            }
        }
        lines.push(own.unwrap_or(current));
        (stripped == plain).then_some(Self(lines))
    }

    fn by_text(template: &str, plain: &str) -> Self {
        let head = |line: &str| line.trim_start().split_inclusive(':').next().unwrap_or_default().to_owned();
        let mut known = std::collections::BTreeMap::new();
        for (number, line) in (1_u32..).zip(template.lines()) {
            known.entry(head(line)).or_insert(number);
        }
        let mut last = 1;
        Self(
            plain
                .split('\n')
                .map(|line| {
                    last = known.get(&head(line)).copied().unwrap_or(last);
                    last
                })
                .collect(),
        )
    }

    /// The template's line for a rendered line, both from 1.
    pub(super) fn line(&self, rendered: usize) -> u32 {
        let index = rendered.saturating_sub(1).min(self.0.len().saturating_sub(1));
        self.0.get(index).copied().unwrap_or(1)
    }
}
