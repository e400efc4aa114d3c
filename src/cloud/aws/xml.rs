//! The XML of Amazon's older protocols: ways through the tree that the S3 module reads, and leaves for what is written.

use quick_xml::escape::escape;

pub(super) use crate::cloud::s3::Node as Element;

impl Element {
    /// The element at a path of names, `vpcSet/item`.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |element, name| element.child(name))
    }

    /// The text at a path; `None` where there is none, or it is empty.
    pub(super) fn text_at(&self, path: &str) -> Option<&str> {
        self.at(path).map(|element| element.text.trim()).filter(|text| !text.is_empty())
    }

    /// All children of the element at `path` that bear the name `item`.
    pub(super) fn items<'a>(&'a self, path: &str, item: &'a str) -> impl Iterator<Item = &'a Self> {
        self.at(path).into_iter().flat_map(move |list| list.all(item))
    }

    /// The first element of this name anywhere below.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }
}

/// `<name>text</name>` with the text escaped.
pub(super) fn leaf(out: &mut String, name: &str, text: &str) {
    out.push_str(&format!("<{name}>{}</{name}>", escape(text)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_through_the_tree() {
        let text = "<R><set><item><id>a&amp;b</id></item><item><id>&#99;</id></item></set><empty/></R>";
        let root = Element::parse(text.as_bytes()).unwrap();
        let ids: Vec<_> = root.items("set", "item").filter_map(|item| item.text_at("id")).collect();
        assert_eq!(ids, ["a&b", "c"]);
        assert_eq!(root.text_at("empty"), None);
        assert_eq!(root.find("id").unwrap().text, "a&b");
        let mut out = String::new();
        leaf(&mut out, "k", "<&>");
        assert_eq!(Element::parse(out.as_bytes()).unwrap().text, "<&>");
    }
}
