//! With one cloud down the others are deployed from the state that lies in them.

use serde_json::Value;

use super::{camp::Camp, picture};

/// The log's retention at Amazon and the lifecycle at Microsoft, as they stand.
fn standing(camp: &Camp) -> (Value, Value) {
    let log = camp.aws.one("AWS::Logs::LogGroup", "/wildcam/reserve").properties["RetentionInDays"].clone();
    let azure = camp.azure.resources();
    let (_, lifecycle) = azure.iter().find(|(id, _)| id.contains("/managementPolicies/")).expect("the lifecycle");
    let days = "/properties/policy/rules/0/definition/actions/baseBlob/tierToCool/daysAfterModificationGreaterThan";
    (log, lifecycle.pointer(days).cloned().unwrap_or_default())
}

/// The addresses of a plan in JSON lines, with what is to be done.
fn planned(lines: &[Value]) -> Vec<String> {
    let plan = lines.iter().find(|line| line["reason"] == "plan").expect("a plan");
    let changes = plan["plan"]["changes"].as_array().expect("changes");
    let one = |change: &Value| {
        format!("{} {}", change["action"]["action"].as_str().unwrap_or("?"), change["address"].as_str().unwrap_or("?"))
    };
    changes.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_without_a_cloud_that_is_down_works_from_the_state_in_the_others() {
    let mut camp = Camp::pitch(0, "30s").await;
    camp.run(&["deploy", "--yes"], None).await.expect_code(0);
    let before = picture::take(&camp).await;
    let google = camp.google.resources();

    camp.front.go_down().await;
    camp.edit("aws", "RetentionInDays: 30", "RetentionInDays: 60");
    camp.edit("azure", "daysAfterModificationGreaterThan: 90", "daysAfterModificationGreaterThan: 120");
    camp.edit("gcp", "description: Images of the gateway", "description: Images");
    // Nobody is guessed about: without being told so nothing is left out, and nothing is changed.
    let refused = camp.run(&["deploy", "--yes"], None).await.expect_code(1);
    assert!(refused.stderr.contains("--without gcp"), "{}", refused.stderr);
    assert_eq!(standing(&camp), (30.into(), 90.into()));

    let plan = camp.run(&["plan", "--exit-code", "--json", "--without", "gcp"], None).await.expect_code(3);
    assert_eq!(planned(&plan.json_lines()), ["update aws/camp/log", "update az/camp/lifecycle"]);
    let output = camp.run(&["deploy", "--yes", "--without", "gcp"], None).await.expect_code(0);
    assert!(output.stdout.contains("gcp is left out"), "{}", output.stdout);
    assert!(output.stdout.contains("Done: 2 changed."), "{}", output.stdout);
    assert_eq!(standing(&camp), (60.into(), 120.into()));
    camp.run(&["plan", "--exit-code", "--without", "gcp"], None).await.expect_code(0);
    assert_eq!(camp.google.resources(), google, "nothing of it was touched");

    camp.front.come_back().await;
    // Its store missed what was written, and still nothing is lost, and nothing is done twice.
    let plan = camp.run(&["plan", "--exit-code", "--json"], None).await.expect_code(3);
    assert_eq!(planned(&plan.json_lines()), ["update gcp/camp/images"]);
    let lines = plan.json_lines();
    let drifted = lines.iter().find(|line| line["reason"] == "plan").map(|line| line["plan"]["drifted"].clone());
    assert!(drifted.is_none_or(|drifted| drifted.is_null() || drifted == serde_json::json!([])));
    let output = camp.run(&["deploy", "--yes"], None).await.expect_code(0);
    assert!(output.stdout.contains("Done: 1 changed."), "{}", output.stdout);
    camp.run(&["plan", "--exit-code"], None).await.expect_code(0);
    let after = picture::take(&camp).await;
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    // Now another one may be away: the store that was down has everything again.
    camp.run(&["plan", "--exit-code", "--without", "aws"], None).await.expect_code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_deploy_began_in_a_cloud_that_is_down_waits_for_it() {
    use super::steps::{Blow, Moment, Trap};
    let mut camp = Camp::pitch(0, "5s").await;
    let trap = Trap { step: 60, moment: Moment::After, blow: Blow::Kill };
    assert_eq!(camp.run(&["deploy", "--yes"], Some(trap)).await.code, None);
    camp.front.go_down().await;
    let output = camp.run(&["deploy", "--yes", "--without", "gcp"], None).await.expect_code(0);
    assert!(output.stdout.contains("gcp is left out"), "{}", output.stdout);
    let state = camp.run(&["state", "--without", "gcp", "show", "--json"], None).await.expect_code(0).json_lines();
    let open = |cloud: &str| {
        let of = state.iter().filter(|line| line["address"].as_str().is_some_and(|text| text.starts_with(cloud)));
        let (ready, open): (Vec<_>, Vec<_>) = of.partition(|line| line["entry"]["standing"]["is"] == "ready");
        (ready.len(), open.len())
    };
    assert_eq!((open("aws/"), open("az/")), ((14, 0), (13, 0)), "the others are whole");
    camp.front.come_back().await;
    camp.run(&["deploy", "--yes"], None).await.expect_code(0);
    picture::take(&camp).await;
    camp.run(&["plan", "--exit-code"], None).await.expect_code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloud_that_is_not_there_cannot_be_left_out() {
    let camp = Camp::pitch(0, "30s").await;
    camp.run(&["plan", "-o", "first.plan"], None).await.expect_code(0);
    for arguments in [
        &["deploy", "--yes", "--without", "gpc"][..],
        &["plan", "--without", "gpc"],
        &["deploy", "--dry-run", "--without", "gpc"],
        &["deploy", "first.plan", "--without", "gpc"],
        &["deploy", "first.plan", "--dry-run", "--without", "gpc"],
    ] {
        let output = camp.run(arguments, None).await.expect_code(2);
        assert!(output.stderr.contains("there is no cloud gpc in wildcam.toml (there are aws, az, gcp)"), "{output:?}");
    }
    // One that is there, and that the plan did not leave out.
    let output = camp.run(&["deploy", "first.plan", "--without", "gcp"], None).await;
    assert!(output.code.is_some_and(|code| code != 0), "{output:?}");
    assert!(camp.aws.resources().is_empty() && camp.azure.creations().len() <= 4, "nothing was made");
}
