//! The services of a project: enabled where something needs them, and never disabled, since others may use them and an
//! enabled one costs nothing.

use http::Method;
use serde_json::{Value, json};

use super::{
    super::control::{Failure, Step, Wanted},
    api::Ask,
    kind::Kind,
    operation::Act,
    plane::Gcp,
    service::Service,
};

/// The question whether a service is enabled.
pub(super) fn question(project: &str, name: &str) -> Ask {
    let path = format!("{}/projects/{project}/services/{name}", Service::Usage.root());
    Ask::new("serviceusage.services.get", Service::Usage, Method::GET, path)
}

pub(super) fn is_enabled(answer: &Value) -> bool {
    answer.get("state").and_then(Value::as_str) == Some("ENABLED")
}

pub(super) async fn enable(gcp: &Gcp, kind: &Kind, wanted: &Wanted) -> Result<Step, Failure> {
    let id = gcp.id(kind, wanted)?;
    let call = "serviceusage.services.enable";
    let ask = Ask::new(call, kind.service, Method::POST, format!("{}:enable", Gcp::path(kind, &id))).body(json!({}));
    let answer = gcp.ask(&ask).await?;
    gcp.follow(kind, call, &wanted.region, &id, Act::Made, &answer)
}
