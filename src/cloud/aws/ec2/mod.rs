//! The network's types, by the query protocol of EC2.

mod parts;
mod rules;
mod tagged;

pub(super) use parts::{Association, GatewayAttachment, Route};
pub(in crate::cloud::aws) use tagged::count_vpcs;
pub(super) use tagged::{INTERNET_GATEWAY, ROUTE_TABLE, SECURITY_GROUP, SUBNET, VPC, VPC_ENDPOINT};

use serde_json::{Map, Value};

use super::{
    call::{Form, Wire},
    endpoint::EC2,
    xml::Element,
};
use crate::cloud::control::Failure;

/// The most pages of one list; a thousand resources each.
const MOST_PAGES: usize = 100;

/// Whether a property is a text, a number or a truth in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Text,
    Truth,
}

/// A property, its element, and what it is.
type Field = (&'static str, &'static str, Is);

/// The properties that an element tells.
fn properties(element: &Element, fields: &[Field]) -> Map<String, Value> {
    let mut properties = Map::new();
    for (name, path, is) in fields {
        if let Some(text) = element.text_at(path) {
            let value = match is {
                Is::Text => Value::from(text),
                Is::Truth => Value::from(text == "true"),
            };
            properties.insert((*name).to_owned(), value);
        }
    }
    properties
}

fn tags(element: &Element) -> Vec<(String, String)> {
    let pair =
        |tag: &Element| Some((tag.text_at("key")?.to_owned(), tag.text_at("value").unwrap_or_default().to_owned()));
    element.items("tagSet", "item").filter_map(pair).collect()
}

/// All pages of a `Describe` call: the items of `set`.
async fn describe(wire: &Wire, region: &str, action: &str, set: &str, form: Form) -> Result<Vec<Element>, Failure> {
    let mut all = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = match &next {
            Some(token) => form.clone().with("NextToken", token.as_str()),
            None => form.clone(),
        };
        let root = wire.query(EC2, region, action, &page).await?;
        all.extend(root.items(set, "item").cloned());
        match root.text_at("nextToken") {
            Some(token) => next = Some(token.to_owned()),
            None => break,
        }
    }
    Ok(all)
}
