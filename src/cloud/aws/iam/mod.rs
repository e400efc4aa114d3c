//! Roles and identity providers, by the query protocol of IAM.

mod provider;
mod role;

pub(super) use provider::OidcProvider;
pub(super) use role::Role;

use serde_json::Value;

use super::{
    call::{Form, Wire},
    endpoint::IAM,
    xml::Element,
};
use crate::cloud::control::Failure;

/// The most pages of one list.
const MOST_PAGES: usize = 100;

async fn call(wire: &Wire, action: &str, form: Form) -> Result<Element, Failure> {
    wire.query(IAM, "global", action, &form).await
}

/// All pages of a list: the members of `set`.
async fn all(wire: &Wire, action: &str, form: Form, set: &str) -> Result<Vec<Element>, Failure> {
    let mut all = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = match &marker {
            Some(marker) => form.clone().with("Marker", marker.as_str()),
            None => form.clone(),
        };
        let root = call(wire, action, page).await?;
        let result = root.child(&format!("{action}Result")).cloned().unwrap_or_default();
        all.extend(result.items(set, "member").cloned());
        match result.text_at("Marker") {
            Some(next) if result.text_at("IsTruncated") == Some("true") => marker = Some(next.to_owned()),
            _ => break,
        }
    }
    Ok(all)
}

fn tags(members: &Element) -> Vec<(String, String)> {
    let pair =
        |tag: &Element| Some((tag.text_at("Key")?.to_owned(), tag.text_at("Value").unwrap_or_default().to_owned()));
    members.items("Tags", "member").filter_map(pair).collect()
}

fn tagged(form: Form, tags: &[(String, String)]) -> Form {
    tags.iter().enumerate().fold(form, |form, (index, (key, value))| {
        let tag = format!("Tags.member.{}", index + 1);
        form.with(format!("{tag}.Key"), key.as_str()).with(format!("{tag}.Value"), value.as_str())
    })
}

fn members(form: Form, name: &str, values: &[String]) -> Form {
    values
        .iter()
        .enumerate()
        .fold(form, |form, (index, value)| form.with(format!("{name}.member.{}", index + 1), value.as_str()))
}

/// A list of texts; one text alone counts as a list of one.
fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// A policy as the text that a call takes.
fn document(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A policy as IAM tells it: JSON, percent-encoded.
fn told(text: &str) -> Value {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = (byte == b'%').then(|| {
            let mut ahead = rest.clone();
            let digits = [ahead.next()?, ahead.next()?];
            let value = u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?;
            rest = ahead;
            Some(value)
        });
        bytes.push(decoded.flatten().unwrap_or(byte));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_told_percent_encoded() {
        assert_eq!(told("%7B%22a%22%3A%20%22b%2Bc%22%7D"), serde_json::json!({ "a": "b+c" }));
        assert_eq!(told("100%"), Value::from("100%"));
    }
}
