//! DNS zones and their records, by the XML protocol of Route 53.

mod record;
mod zone;

pub(super) use record::RecordSet;
pub(super) use zone::HostedZone;

use http::Method;

use super::{
    call::{Wire, encoded},
    endpoint::ROUTE53,
    xml::Element,
};
use crate::cloud::control::Failure;

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// The most pages of one list.
const MOST_PAGES: usize = 200;

async fn get(wire: &Wire, action: &str, path: String) -> Result<Element, Failure> {
    wire.rest_xml(ROUTE53, "global", action, (Method::GET, path), String::new()).await
}

async fn post(wire: &Wire, action: &str, path: String, root: &str, inner: &str) -> Result<Element, Failure> {
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root} xmlns=\"{NAMESPACE}\">{inner}</{root}>");
    wire.rest_xml(ROUTE53, "global", action, (Method::POST, path), body).await
}

/// A zone's id without the path that some answers put before it.
fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// A name without its last dot, and with the characters that Route 53 writes as octal escapes.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').replace("\\052", "*").to_lowercase()
}

fn zone_path(id: &str, rest: &str) -> String {
    format!("/2013-04-01/hostedzone/{}{rest}", encoded(bare(id)))
}
