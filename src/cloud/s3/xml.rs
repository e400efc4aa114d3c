//! XML as S3 speaks it: elements with text or with elements, no attributes that matter. Reading is bounded in size and
//! depth, and knows no entities but the five of XML itself.

use quick_xml::{Reader, escape::escape, events::Event};

/// Deeper than any answer of S3.
const DEEPEST: usize = 16;

/// More elements than a page of 1000 of anything has.
const MOST_ELEMENTS: usize = 200_000;

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cloud) struct Node {
    /// Its name without the namespace.
    pub(in crate::cloud) name: String,
    /// Its text, trimmed.
    pub(in crate::cloud) text: String,
    /// The elements in it.
    pub(in crate::cloud) children: Vec<Node>,
}

impl Node {
    /// An element without content.
    pub(in crate::cloud) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// An element with text.
    pub(in crate::cloud) fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into(), children: Vec::new() }
    }

    /// With one more element in it.
    pub(in crate::cloud) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The first element of this name in it.
    pub(in crate::cloud) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All elements of this name in it.
    pub(in crate::cloud) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the element at this path of names.
    pub(in crate::cloud) fn get(&self, path: &[&str]) -> Option<&str> {
        let mut node = self;
        for name in path {
            node = node.child(name)?;
        }
        Some(&node.text)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::cloud) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        let mut count = 0_usize;
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => {
                    count += 1;
                    if open.len() >= DEEPEST || count > MOST_ELEMENTS || root.is_some() {
                        return Err("it has too many elements".to_owned());
                    }
                    open.push(Self::new(&name_of(start.local_name().as_ref())?));
                }
                Event::Empty(start) => {
                    count += 1;
                    if count > MOST_ELEMENTS || root.is_some() {
                        return Err("it has too many elements".to_owned());
                    }
                    let node = Self::new(&name_of(start.local_name().as_ref())?);
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => root = Some(node),
                    }
                }
                Event::End(_) => {
                    let mut node = open.pop().ok_or("an element ends that did not begin")?;
                    // Text beside elements is the layout of the document, and text alone may begin with a space.
                    if !node.children.is_empty() {
                        node.text.clear();
                    }
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => root = Some(node),
                    }
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|error| error.to_string())?;
                    match open.last_mut() {
                        Some(node) => node.text.push_str(&text),
                        None if text.trim().is_empty() => (),
                        None => return Err("there is text outside of the document".to_owned()),
                    }
                }
                Event::CData(data) => {
                    let text = data.decode().map_err(|error| error.to_string())?;
                    open.last_mut().ok_or("there is text outside of the document")?.text.push_str(&text);
                }
                Event::GeneralRef(reference) => {
                    let node = open.last_mut().ok_or("there is text outside of the document")?;
                    let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                    let character = match character {
                        Some(character) => character,
                        None => match reference.decode().map_err(|error| error.to_string())?.as_ref() {
                            "amp" => '&',
                            "lt" => '<',
                            "gt" => '>',
                            "quot" => '"',
                            "apos" => '\'',
                            _ => return Err("it names an entity".to_owned()),
                        },
                    };
                    node.text.push(character);
                }
                Event::DocType(_) => return Err("it declares a document type".to_owned()),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => (),
                Event::Eof => break,
            }
        }
        if !open.is_empty() {
            return Err("it ends in the middle".to_owned());
        }
        root.ok_or_else(|| "it is empty".to_owned())
    }

    /// The document, in S3's namespace.
    pub(in crate::cloud) fn document(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
        text
    }

    fn write(&self, into: &mut String, attributes: &str) {
        into.push('<');
        into.push_str(&self.name);
        into.push_str(attributes);
        into.push('>');
        into.push_str(&escape(&self.text));
        for child in &self.children {
            child.write(into, "");
        }
        into.push_str("</");
        into.push_str(&self.name);
        into.push('>');
    }
}

fn name_of(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a name is not UTF-8".to_owned())
}
