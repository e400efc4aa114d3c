//! Reads a Rust file far enough to know which paths it names, on which line, and under which `cfg`.
//!
//! Not a parser: a lexer that leaves comments and literals out, and a walk over `use` trees, paths and `mod` blocks.

/// What a token is; literals and comments are no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Word(String),
    /// `::`
    Separator,
    Mark(char),
}

/// The conditions under which a piece of a file is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gate {
    /// Only in tests.
    pub(crate) test: bool,
    /// Only in tests or with a feature of the crate turned on: never in a build with no features.
    pub(crate) optional: bool,
}

impl Gate {
    fn join(self, other: Self) -> Self {
        Self { test: self.test || other.test, optional: self.optional || other.optional }
    }
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    line: usize,
    gate: Gate,
}

impl Token {
    fn word(&self) -> Option<&str> {
        if let Kind::Word(word) = &self.kind { Some(word) } else { None }
    }

    fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// A path that a file names, resolved from `crate`, `self` and `super`: `["crate", "net", "tls"]`, `["std", "env"]`.
/// A macro call ends in `!`.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    pub(crate) gate: Gate,
}

/// A file, read.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the root of the repository, with forward slashes.
    pub(crate) file: String,
    /// Its place in its crate: `["net", "tls"]` for src/net/tls.rs, nothing for lib.rs and main.rs.
    pub(crate) module: Vec<String>,
    pub(crate) lines: usize,
    pub(crate) references: Vec<Reference>,
    /// The modules it declares, with their line.
    pub(crate) declared: Vec<(String, usize)>,
    /// The modules of other files that it declares under a `cfg`.
    pub(crate) gated: Vec<(Vec<String>, Gate)>,
    /// The names of its functions and types outside test code.
    pub(crate) items: Vec<String>,
}

impl Source {
    /// Reads `text`, the file at `file`, whose crate's sources begin below the first `src/` in it.
    pub(crate) fn read(file: &str, text: &str) -> Self {
        let module = module_of(file);
        let mut tokens = lex(text);
        gate(&mut tokens);
        let mut source = Self {
            file: file.to_owned(),
            module,
            lines: text.lines().count(),
            references: Vec::new(),
            declared: Vec::new(),
            gated: Vec::new(),
            items: Vec::new(),
        };
        Walk { tokens: &tokens, source: &mut source, inner: Vec::new() }.run();
        source
    }

    /// Puts everything in this file under `gate` as well.
    pub(crate) fn put_under(&mut self, gate: Gate) {
        for reference in &mut self.references {
            reference.gate = reference.gate.join(gate);
        }
        if gate.test {
            self.items.clear();
        }
    }
}

fn module_of(file: &str) -> Vec<String> {
    let below = file.split_once("src/").map_or(file, |(_, below)| below);
    let mut module: Vec<String> = below.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

fn lex(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let (mut index, mut line) = (0, 1);
    while index < characters.len() {
        let start = index;
        let mut kind = None;
        match at(index) {
            '/' if at(index + 1) == '/' => index = end_of_line(&characters, index),
            '/' if at(index + 1) == '*' => index = end_of_comment(&characters, index),
            '"' => index = end_of_string(&characters, index),
            '\'' => index = end_of_character(&characters, index),
            character if is_word_start(character) => {
                let end = end_of_word(&characters, index);
                let word: String = characters[index..end].iter().collect();
                let prefix = matches!(word.as_str(), "r" | "b" | "br" | "c" | "cr");
                if prefix && at(end) == '"' && !word.ends_with('r') {
                    index = end_of_string(&characters, end);
                } else if prefix && at(end) == '\'' {
                    index = end_of_character(&characters, end);
                } else if let Some(after) =
                    end_of_raw_string(&characters, end).filter(|_| word.ends_with('r') && prefix)
                {
                    index = after;
                } else if word == "r" && at(end) == '#' {
                    let raw = end_of_word(&characters, end + 1);
                    kind = Some(Kind::Word(characters[end + 1..raw].iter().collect()));
                    index = raw;
                } else {
                    kind = Some(Kind::Word(word));
                    index = end;
                }
            }
            character if character.is_ascii_digit() => index = end_of_word(&characters, index),
            ':' if at(index + 1) == ':' => {
                kind = Some(Kind::Separator);
                index += 2;
            }
            character => {
                if !character.is_whitespace() {
                    kind = Some(Kind::Mark(character));
                }
                index += 1;
            }
        }
        if let Some(kind) = kind {
            tokens.push(Token { kind, line, gate: Gate::default() });
        }
        index = index.clamp(start + 1, characters.len());
        line += characters[start..index].iter().filter(|character| **character == '\n').count();
    }
    tokens
}

fn is_word_start(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn end_of_word(characters: &[char], start: usize) -> usize {
    let is_end = |character: &char| *character != '_' && !character.is_alphanumeric();
    characters[start..].iter().position(is_end).map_or(characters.len(), |length| start + length)
}

fn end_of_line(characters: &[char], start: usize) -> usize {
    characters[start..]
        .iter()
        .position(|character| *character == '\n')
        .map_or(characters.len(), |length| start + length)
}

fn end_of_comment(characters: &[char], start: usize) -> usize {
    let (mut index, mut depth) = (start + 2, 1);
    while depth > 0 && index < characters.len() {
        match (characters[index], characters.get(index + 1)) {
            ('/', Some('*')) => (index, depth) = (index + 2, depth + 1),
            ('*', Some('/')) => (index, depth) = (index + 2, depth - 1),
            _ => index += 1,
        }
    }
    index
}

fn end_of_string(characters: &[char], quote: usize) -> usize {
    let mut index = quote + 1;
    while index < characters.len() && characters[index] != '"' {
        index += if characters[index] == '\\' { 2 } else { 1 };
    }
    index + 1
}

/// After the raw string whose `#`s or quote begin at `start`, if one begins there.
fn end_of_raw_string(characters: &[char], start: usize) -> Option<usize> {
    let hashes = characters[start..].iter().take_while(|character| **character == '#').count();
    if characters.get(start + hashes) != Some(&'"') {
        return None;
    }
    let mut index = start + hashes + 1;
    while index < characters.len() {
        let closing = characters[index + 1..].iter().take(hashes).filter(|character| **character == '#').count();
        if characters[index] == '"' && closing == hashes {
            return Some(index + 1 + hashes);
        }
        index += 1;
    }
    Some(index)
}

/// After the character literal at `quote`; a lifetime's quote is left out alone.
fn end_of_character(characters: &[char], quote: usize) -> usize {
    if characters.get(quote + 1) == Some(&'\\') {
        let closing = characters.iter().skip(quote + 3).position(|character| *character == '\'');
        closing.map_or(characters.len(), |length| quote + 3 + length + 1)
    } else if characters.get(quote + 2) == Some(&'\'') {
        quote + 3
    } else {
        quote + 1
    }
}

/// Marks the tokens of each item below a `#[cfg(...)]`.
fn gate(tokens: &mut [Token]) {
    for start in 0..tokens.len() {
        if !tokens[start].is('#') {
            continue;
        }
        let whole = tokens.get(start + 1).is_some_and(|token| token.is('!'));
        let bracket = start + 1 + usize::from(whole);
        if !tokens.get(bracket).is_some_and(|token| token.is('[')) {
            continue;
        }
        let end = closing(tokens, bracket);
        let words: Vec<&str> = tokens[bracket..end].iter().filter_map(Token::word).collect();
        if words.first() != Some(&"cfg") || words.contains(&"not") {
            continue;
        }
        let (test, feature) = (words.contains(&"test"), words.contains(&"feature"));
        let only_tests = test && (!feature || words.contains(&"all"));
        let gate = Gate { test: only_tests, optional: test || feature };
        let stop = if whole { tokens.len() } else { end_of_item(tokens, end + 1) };
        for token in &mut tokens[end..stop] {
            token.gate = token.gate.join(gate);
        }
    }
}

/// The index of the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len().saturating_sub(1)
}

/// The index after the item, statement, field or arm that begins at `start`, its own attributes included.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut index = start;
    while index + 1 < tokens.len() && tokens[index].is('#') {
        index = closing(tokens, index + 1) + 1;
    }
    let mut keyword = None;
    while index < tokens.len() {
        let token = &tokens[index];
        if keyword.is_none() && token.word().is_some_and(|word| word != "pub") {
            keyword = token.word();
        }
        let ends_at_semicolon = matches!(keyword, Some("use" | "const" | "static" | "type" | "let"));
        let is_item = ends_at_semicolon
            || matches!(
                keyword,
                Some(
                    "fn" | "impl" | "mod" | "struct" | "enum" | "trait" | "unsafe" | "async" | "extern" | "macro_rules"
                )
            );
        match token.kind {
            Kind::Mark(';') => return index + 1,
            Kind::Mark(',') if !is_item => return index + 1,
            Kind::Mark(')' | ']' | '}') => return index,
            Kind::Mark('{') if !ends_at_semicolon => return closing(tokens, index) + 1,
            Kind::Mark('(' | '[' | '{') => index = closing(tokens, index),
            _ => {}
        }
        index += 1;
    }
    index
}

struct Walk<'a> {
    tokens: &'a [Token],
    source: &'a mut Source,
    /// The `mod` blocks around the place, each with the brace depth at which it ends.
    inner: Vec<(String, usize)>,
}

impl Walk<'_> {
    fn run(&mut self) {
        let (mut index, mut depth) = (0, 0_usize);
        while index < self.tokens.len() {
            let token = &self.tokens[index];
            match &token.kind {
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') => {
                    depth = depth.saturating_sub(1);
                    self.inner.pop_if(|(_, end)| *end == depth);
                }
                Kind::Word(word) if word == "mod" => {
                    if let Some(name) = self.tokens.get(index + 1).and_then(Token::word) {
                        self.declare(name.to_owned(), index, depth);
                    }
                }
                Kind::Word(word) if matches!(word.as_str(), "fn" | "struct" | "enum") && !token.gate.test => {
                    let name = self.tokens.get(index + 1).and_then(Token::word).map(str::to_owned);
                    self.source.items.extend(name.map(|name| format!("{word} {name}")));
                }
                Kind::Word(word) if word == "use" && !self.is(index + 1, '<') => {
                    index = self.tree(index + 1, &[]);
                    continue;
                }
                Kind::Word(_) if !self.continues(index) => {
                    index = self.chain(index);
                    continue;
                }
                _ => {}
            }
            index += 1;
        }
    }

    fn is(&self, index: usize, mark: char) -> bool {
        self.tokens.get(index).is_some_and(|token| token.is(mark))
    }

    fn is_separator(&self, index: usize) -> bool {
        self.tokens.get(index).is_some_and(|token| token.kind == Kind::Separator)
    }

    /// Whether the word at `index` goes on a path that began before it, or is a method or field.
    fn continues(&self, index: usize) -> bool {
        if index >= 1 && self.is(index - 1, '.') {
            return true;
        }
        if index < 2 || !self.is_separator(index - 1) {
            return false;
        }
        // `>` closes a type before `::`, but ends an arrow before a path from the root.
        let arrow = index >= 3 && (self.is(index - 3, '-') || self.is(index - 3, '='));
        self.tokens[index - 2].word().is_some() || self.is(index - 2, '>') && !arrow
    }

    fn declare(&mut self, name: String, index: usize, depth: usize) {
        let token = &self.tokens[index];
        self.source.declared.push((name.clone(), token.line));
        if self.is(index + 2, '{') {
            self.inner.push((name, depth));
        } else if token.gate != Gate::default() {
            let mut module = self.source.module.clone();
            module.extend(self.inner.iter().map(|(name, _)| name.clone()));
            module.push(name);
            self.source.gated.push((module, token.gate));
        }
    }

    /// Records the path that begins at `index`, if it has two segments or more or is a macro call.
    fn chain(&mut self, index: usize) -> usize {
        let mut path = Vec::new();
        let mut next = index;
        while let Some(word) = self.tokens.get(next).and_then(Token::word) {
            path.push(word.to_owned());
            next += 1;
            if !self.is_separator(next) {
                break;
            }
            next += 1;
        }
        let called = self.is(next, '!') && ['(', '[', '{'].iter().any(|mark| self.is(next + 1, *mark));
        if called && let Some(last) = path.last_mut() {
            last.push('!');
        }
        if called || path.len() > 1 {
            self.record(path, index);
        }
        next.max(index + 1)
    }

    /// Records each leaf of the `use` tree at `index`; returns the index after it.
    fn tree(&mut self, mut index: usize, prefix: &[String]) -> usize {
        let mut path = prefix.to_vec();
        let start = index;
        while index < self.tokens.len() {
            match &self.tokens[index].kind {
                Kind::Separator => {}
                Kind::Word(word) if word == "as" => index += 1,
                Kind::Word(word) => path.push(word.clone()),
                Kind::Mark('*') => path.push("*".to_owned()),
                Kind::Mark('{') => {
                    index += 1;
                    while index < self.tokens.len() && !self.is(index, '}') {
                        index = self.tree(index, &path);
                        index += usize::from(self.is(index, ','));
                    }
                    return index + 1;
                }
                Kind::Mark(_) => break,
            }
            index += 1;
        }
        if path.len() > prefix.len() {
            self.record(path, start);
        }
        index.max(start + 1)
    }

    fn record(&mut self, path: Vec<String>, index: usize) {
        let mut module = self.source.module.clone();
        module.extend(self.inner.iter().map(|(name, _)| name.clone()));
        let token = &self.tokens[index];
        self.source.references.push(Reference { path: resolve(path, module), line: token.line, gate: token.gate });
    }
}

fn resolve(path: Vec<String>, mut module: Vec<String>) -> Vec<String> {
    if !matches!(path.first().map(String::as_str), Some("self" | "super")) {
        return path;
    }
    let ups = path.iter().take_while(|segment| *segment == "super" || *segment == "self");
    for segment in ups.clone() {
        if segment == "super" {
            module.pop();
        }
    }
    let below = path[ups.count()..].iter().cloned();
    std::iter::once("crate".to_owned()).chain(module).chain(below).collect()
}
