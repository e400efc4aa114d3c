//! The gateway against its own description: schemathesis makes requests from the OpenAPI document and checks every answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot read what it needs has failed")]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::time::Duration;

use serde_json::Value;
use support::TestDir;

#[test]
fn the_gateway_answers_as_its_openapi_document_says() {
    let Some(schemathesis) = support::peers::require("schemathesis") else { return };
    let folder = TestDir::new();
    folder.run_within(Duration::from_secs(120), folder.wildcam(&["lab", "up", "--cameras", "2"])).expect_code(0);
    let lab = folder.project().join(".wildcam").join("lab");
    let file: Value = serde_json::from_slice(&std::fs::read(lab.join("lab.json")).unwrap()).unwrap();
    let port = &file["layout"]["clouds"][0]["gateways"][0]["port"];
    let operator = lab.join("operator");
    let token = folder.run(&["token", "read", "--project", operator.to_str().unwrap()]).expect_code(0).stdout;

    let mut command = folder.command(schemathesis);
    command
        .arg("run")
        .arg(format!("https://127.0.0.1:{port}/api/openapi.json"))
        .arg("--tls-verify")
        .arg(lab.join("authority.pem"))
        .arg("--header")
        .arg(format!("Authorization: Bearer {}", token.trim()))
        // A seed, so that what fails here fails again.
        .args(["--max-examples", "15", "--seed", "1", "--no-color"]);
    folder.run_within(Duration::from_secs(300), command).expect_code(0);
    folder.run(&["lab", "down"]).expect_code(0);
}
