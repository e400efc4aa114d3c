//! The HashiCorp Configuration Language, written as its own formatter would: two spaces a level, and the equals signs of
//! neighbouring one-line attributes below each other.

use serde_json::Number;

/// The longest line that a list of scalars may fill.
const WIDTH: usize = 100;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    /// As it stands: a reference, `var.x`.
    Raw(String),
    /// A text, with references in it.
    Text(Vec<Piece>),
    Number(Number),
    Bool(bool),
    List(Vec<Expr>),
    Map(Vec<(Key, Expr)>),
    /// `jsonencode(...)`.
    Json(Box<Expr>),
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// A reference.
    Raw(String),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Text(String),
    /// Computed.
    Of(Expr),
}

/// A block with its attributes and inner blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Block {
    pub(super) kind: String,
    pub(super) labels: Vec<String>,
    pub(super) items: Vec<Item>,
}

/// A line or more of a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Attribute(String, Expr),
    Block(Block),
}

impl Expr {
    /// A plain text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(vec![Piece::Text(text.into())])
    }
}

impl Block {
    /// A block without anything in it.
    pub(super) fn new(kind: &str, labels: &[&str]) -> Self {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Self { kind: kind.to_owned(), labels, items: Vec::new() }
    }

    /// With an attribute.
    pub(super) fn with(mut self, name: &str, value: Expr) -> Self {
        self.set(name, value);
        self
    }

    /// Adds an attribute.
    pub(super) fn set(&mut self, name: &str, value: Expr) {
        self.items.push(Item::Attribute(name.to_owned(), value));
    }
}

/// The text of a file: comments on top, then blocks with a line between them.
pub(super) fn file(comments: &[String], blocks: &[Block]) -> String {
    let mut lines: Vec<Line> = comments.iter().map(|comment| Line::other(0, &format!("# {comment}"))).collect();
    for block in blocks {
        if !lines.is_empty() {
            lines.push(Line::other(0, ""));
        }
        write_block(block, 0, &mut lines);
    }
    laid_out(&lines)
}

/// A line before its equals sign has a place.
struct Line {
    level: usize,
    /// What stands before the equals sign; the whole, where there is none to align.
    before: String,
    /// What stands behind it.
    after: Option<String>,
}

impl Line {
    fn other(level: usize, text: &str) -> Self {
        Self { level, before: text.to_owned(), after: None }
    }
}

fn laid_out(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        let chain = lines.get(index..).unwrap_or_default().iter().take_while(|line| line.after.is_some()).count();
        if chain == 0 {
            if !line.before.is_empty() {
                text.push_str(&"  ".repeat(line.level));
                text.push_str(&line.before);
            }
            text.push('\n');
            index += 1;
            continue;
        }
        let chained = lines.get(index..index + chain).unwrap_or_default();
        let width = chained.iter().map(|line| line.before.chars().count()).max().unwrap_or_default();
        for line in chained {
            let pad = width - line.before.chars().count();
            text.push_str(&"  ".repeat(line.level));
            text.push_str(&line.before);
            text.push_str(&" ".repeat(pad));
            text.push_str(" = ");
            text.push_str(line.after.as_deref().unwrap_or_default());
            text.push('\n');
        }
        index += chain;
    }
    text
}

fn write_block(block: &Block, level: usize, lines: &mut Vec<Line>) {
    let labels: String =
        block.labels.iter().map(|label| format!(" {}", quoted(&[Piece::Text(label.clone())]))).collect();
    if block.items.is_empty() {
        lines.push(Line::other(level, &format!("{}{labels} {{", block.kind)));
        lines.push(Line::other(level, "}"));
        return;
    }
    lines.push(Line::other(level, &format!("{}{labels} {{", block.kind)));
    for item in &block.items {
        match item {
            Item::Attribute(name, value) => assign(name, value, level + 1, lines),
            Item::Block(inner) => write_block(inner, level + 1, lines),
        }
    }
    lines.push(Line::other(level, "}"));
}

fn assign(name: &str, value: &Expr, level: usize, lines: &mut Vec<Line>) {
    let room = WIDTH.saturating_sub(2 * level + name.len());
    if let Some(short) = on_one_line(value, room) {
        lines.push(Line { level, before: name.to_owned(), after: Some(short) });
    } else {
        spread(&format!("{name} = "), value, "", level, lines);
    }
}

/// A value over several lines: `front` stands before its first bracket, `back` behind its last.
fn spread(front: &str, value: &Expr, back: &str, level: usize, lines: &mut Vec<Line>) {
    match value {
        Expr::List(items) => {
            lines.push(Line::other(level, &format!("{front}[")));
            for item in items {
                match on_one_line(item, WIDTH) {
                    Some(short) => lines.push(Line::other(level + 1, &format!("{short},"))),
                    None => spread("", item, ",", level + 1, lines),
                }
            }
            lines.push(Line::other(level, &format!("]{back}")));
        }
        Expr::Map(entries) => {
            lines.push(Line::other(level, &format!("{front}{{")));
            for (key, value) in entries {
                assign(&written(key), value, level + 1, lines);
            }
            lines.push(Line::other(level, &format!("}}{back}")));
        }
        Expr::Json(inner) => spread(&format!("{front}jsonencode("), inner, &format!("){back}"), level, lines),
        scalar => {
            let short = on_one_line(scalar, usize::MAX).unwrap_or_default();
            lines.push(Line::other(level, &format!("{front}{short}{back}")));
        }
    }
}

/// The value on one line, where it is a scalar, is empty, or is a list of scalars that fits.
fn on_one_line(value: &Expr, room: usize) -> Option<String> {
    match value {
        Expr::Raw(text) => Some(text.clone()),
        Expr::Text(pieces) => Some(quoted(pieces)),
        Expr::Number(number) => Some(number.to_string()),
        Expr::Bool(flag) => Some(flag.to_string()),
        Expr::Map(entries) => entries.is_empty().then(|| "{}".to_owned()),
        Expr::Json(inner) => on_one_line(inner, room).map(|inner| format!("jsonencode({inner})")),
        Expr::List(items) => {
            let scalar = |item: &Expr| !matches!(item, Expr::List(_) | Expr::Map(_) | Expr::Json(_));
            if !items.iter().all(scalar) {
                return None;
            }
            let items: Vec<String> = items.iter().filter_map(|item| on_one_line(item, room)).collect();
            let text = format!("[{}]", items.join(", "));
            (text.len() <= room).then_some(text)
        }
    }
}

fn written(key: &Key) -> String {
    match key {
        Key::Text(text) if is_identifier(text) => text.clone(),
        Key::Text(text) => quoted(&[Piece::Text(text.clone())]),
        Key::Of(Expr::Raw(text)) => format!("({text})"),
        Key::Of(other) => format!("({})", on_one_line(other, usize::MAX).unwrap_or_default()),
    }
}

fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
        && !matches!(text, "true" | "false" | "null" | "for" | "if")
}

fn quoted(pieces: &[Piece]) -> String {
    let mut text = String::from("\"");
    for piece in pieces {
        match piece {
            Piece::Raw(raw) => text.push_str(&format!("${{{raw}}}")),
            Piece::Text(plain) => escaped(plain, &mut text),
        }
    }
    text.push('"');
    text
}

fn escaped(plain: &str, text: &mut String) {
    let mut letters = plain.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            // A template of the language begins with these.
            '$' | '%' if letters.peek() == Some(&'{') => {
                text.push(letter);
                text.push(letter);
            }
            other if other.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_laid_out_as_the_formatter_would() {
        let block = Block::new("resource", &["a_b", "c"])
            .with("provider", Expr::Raw("a.b".to_owned()))
            .with("id", Expr::text("x\"${y}\n%{z}$"))
            .with(
                "tags",
                Expr::Map(vec![
                    (Key::Text("k".to_owned()), Expr::Bool(true)),
                    (Key::Text("odata.type".to_owned()), Expr::Number(7.into())),
                    (Key::Of(Expr::Raw("a.id".to_owned())), Expr::Map(Vec::new())),
                ]),
            )
            .with(
                "list",
                Expr::List(vec![
                    Expr::text("a"),
                    Expr::Text(vec![Piece::Text("b".to_owned()), Piece::Raw("c.d".to_owned())]),
                ]),
            )
            .with(
                "policy",
                Expr::Json(Box::new(Expr::Map(vec![(
                    Key::Text("A".to_owned()),
                    Expr::List(vec![Expr::Map(vec![(Key::Text("B".to_owned()), Expr::text("c"))])]),
                )]))),
            );
        let text = file(&["words".to_owned()], &[block]);
        let expected = r#"# words

resource "a_b" "c" {
  provider = a.b
  id       = "x\"$${y}\n%%{z}$"
  tags = {
    k            = true
    "odata.type" = 7
    (a.id)       = {}
  }
  list = ["a", "b${c.d}"]
  policy = jsonencode({
    A = [
      {
        B = "c"
      },
    ]
  })
}
"#;
        assert_eq!(text, expected);
    }
}
