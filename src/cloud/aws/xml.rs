//! The XML of Amazon's older protocols: read into a small tree, and written.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    escape::{escape, resolve_predefined_entity},
    events::Event,
};

/// How deep an answer may be nested; none of Amazon's comes near.
const DEEPEST: usize = 64;

/// One element, without its attributes: the protocols carry nothing in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name, without a prefix.
    pub(super) name: String,
    /// Its text, without what surrounds its children.
    pub(super) text: String,
    /// Its children.
    pub(super) children: Vec<Element>,
}

impl Element {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            match event {
                Event::Start(start) => {
                    if open.len() > DEEPEST {
                        return Err(format!("nested more than {DEEPEST} deep"));
                    }
                    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                    open.push(Self { name, ..Self::default() });
                }
                Event::Empty(empty) => {
                    let name = String::from_utf8_lossy(empty.local_name().as_ref()).into_owned();
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(Self { name, ..Self::default() });
                    }
                }
                Event::Text(part) => {
                    let part = part.decode().map_err(|error| error.to_string())?;
                    push(&mut open, &part);
                }
                Event::CData(part) => {
                    let part = part.decode().map_err(|error| error.to_string())?;
                    push(&mut open, &part);
                }
                Event::GeneralRef(reference) => {
                    let name = reference.decode().map_err(|error| error.to_string())?;
                    let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                    match character {
                        Some(character) => push(&mut open, character.encode_utf8(&mut [0; 4])),
                        None => match resolve_predefined_entity(&name) {
                            Some(text) => push(&mut open, text),
                            None => return Err(format!("an unknown entity &{name};")),
                        },
                    }
                }
                Event::End(_) => {
                    let Some(mut done) = open.pop().filter(|_| !open.is_empty()) else {
                        return Err("an end without a beginning".to_owned());
                    };
                    if !done.children.is_empty() {
                        done.text.clear();
                    }
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(done);
                    }
                }
                Event::DocType(_) => return Err("a document type, which no answer has".to_owned()),
                Event::Eof => break,
                _ => {}
            }
        }
        match (open.pop(), open.is_empty()) {
            (Some(mut root), true) if root.children.len() == 1 => Ok(root.children.remove(0)),
            _ => Err("it does not hold one whole document".to_owned()),
        }
    }

    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The element at a path of names, `vpcSet/item`.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |element, name| element.child(name))
    }

    /// The text at a path; `None` where there is none, or it is empty.
    pub(super) fn text_at(&self, path: &str) -> Option<&str> {
        self.at(path).map(|element| element.text.as_str()).filter(|text| !text.is_empty())
    }

    /// All children of the element at `path` that bear the name `item`.
    pub(super) fn items<'a>(&'a self, path: &str, item: &'a str) -> impl Iterator<Item = &'a Self> {
        let list = self.at(path).map_or(&[][..], |element| &element.children);
        list.iter().filter(move |child| child.name == item)
    }

    /// The first element of this name anywhere below.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// `<name>text</name>` with the text escaped.
pub(super) fn leaf(out: &mut String, name: &str, text: &str) {
    let text: Cow<'_, str> = escape(text);
    out.push('<');
    out.push_str(name);
    out.push('>');
    out.push_str(&text);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_with_its_entities() {
        let root = Element::parse(
            "<?xml version=\"1.0\"?><R xmlns=\"u\"><set><item><id>a&amp;b</id></item><item><id>&#99;</id></item></set>\
             <empty/></R>",
        );
        let root = root.unwrap();
        let ids: Vec<_> = root.items("set", "item").filter_map(|item| item.text_at("id")).collect();
        assert_eq!(ids, ["a&b", "c"]);
        assert_eq!(root.text_at("empty"), None);
        assert_eq!(root.find("id").unwrap().text, "a&b");
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = "<a>".repeat(100);
        for bad in ["", "<a>", "<a></b>", "</a>", "<a>&unknown;</a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", &deep] {
            assert!(Element::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_is_escaped() {
        let mut out = String::new();
        leaf(&mut out, "k", "<&>");
        assert_eq!(Element::parse(&out).unwrap().text, "<&>");
    }
}
