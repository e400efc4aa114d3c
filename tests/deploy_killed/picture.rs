//! What stands in the three clouds, in words that do not depend on the order in which it was made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    camp::{Camp, RESOURCES, text},
    google,
};

/// What a provider numbers, counts or dates by itself, and the hashes of secrets, whose key is the state's own.
const PASSING: [&str; 7] = ["etag", "eTag", "fingerprint", "uniqueId", "nextRotationTime", "metageneration", "hash"];

/// Everything that stands, by what it is.
pub(crate) type Picture = BTreeMap<String, String>;

/// Takes the picture, and asserts what must be true of every one: all of it is in the state, nothing was made twice,
/// nothing was deleted.
pub(crate) async fn take(camp: &Camp) -> Picture {
    let state = camp.state().await;
    assert_eq!(state.len(), RESOURCES, "{:?}", state.keys());
    let unsettled: Vec<&String> =
        state.iter().filter(|(_, entry)| entry["standing"]["is"] != "ready").map(|(address, _)| address).collect();
    assert!(unsettled.is_empty(), "not settled: {unsettled:?}");
    once(camp);
    nothing_beside(camp, &state);
    let names = Names::new(camp, &state);
    let mut picture = Picture::new();
    for resource in camp.aws.resources() {
        let key = format!("{} {} {}", resource.kind, resource.region, resource.id);
        picture.insert(names.plain(&key), names.plain(&without_passing(resource.properties).to_string()));
    }
    for bucket in camp.buckets.buckets() {
        picture.insert(format!("s3 {bucket}"), format!("{:?}", camp.buckets.configuration(&bucket)));
    }
    for (id, told) in camp.azure.resources() {
        picture.insert(names.plain(&id), names.plain(&without_passing(told).to_string()));
    }
    for (key, told) in camp.google.resources() {
        let policy = without_passing(camp.google.policy(&key));
        let told = format!("{} {policy}", without_passing(told));
        picture.insert(names.plain(&key), names.plain(&told));
    }
    for (address, entry) in &state {
        let told = without_passing(entry.clone());
        let applied = format!("{} {} {}", told["kind"], told["id"], told["applied"]);
        picture.insert(format!("state {address}"), names.plain(&applied));
    }
    picture
}

/// Nothing was made twice, and nothing that was made had to be deleted again.
fn once(camp: &Camp) {
    let aws = camp.aws.creations();
    let azure = camp.azure.creations();
    let google = camp.google.creations();
    let buckets = camp.buckets.creations();
    let counts = aws.iter().map(|(name, count)| (name, *count));
    let counts = counts.chain(azure.iter().map(|(name, count)| (name, *count as usize)));
    let counts = counts.chain(google.iter().map(|(name, count)| (name, *count as usize)));
    let twice: Vec<_> =
        counts.chain(buckets.iter().map(|(name, count)| (name, *count))).filter(|(_, n)| *n != 1).collect();
    assert!(twice.is_empty(), "not made once: {twice:?}");
    assert_eq!(aws.len(), camp.aws.resources().len(), "{aws:?}");
    assert_eq!(azure.len(), camp.azure.resources().len(), "{azure:?}");
    assert!(camp.aws.deletions().is_empty(), "{:?}", camp.aws.deletions());
    assert!(camp.azure.deletions().is_empty(), "{:?}", camp.azure.deletions());
    let calls = camp.google.calls();
    let deletes = calls.iter().filter(|call| call.ends_with(".delete") && *call != "storage.objects.delete");
    assert_eq!(deletes.collect::<Vec<_>>(), Vec::<&String>::new());
    // What no client should send: wrong signatures, tokens that were used for something else, unknown fields.
    assert_eq!(camp.aws.refused(), Vec::<String>::new());
}

/// Nothing of the project stands that the state does not know, and nothing is missing that it does.
fn nothing_beside(camp: &Camp, state: &BTreeMap<String, Value>) {
    let known = |cloud: &str, leave: &[&str]| -> BTreeSet<String> {
        let of = state.iter().filter(|(address, entry)| {
            address.starts_with(&format!("{cloud}/")) && !leave.iter().any(|kind| text(&entry["kind"]).ends_with(kind))
        });
        of.map(|(_, entry)| text(&entry["id"]).to_lowercase()).collect()
    };
    let aws: BTreeSet<String> = camp.aws.resources().iter().map(|resource| resource.id.to_lowercase()).collect();
    assert_eq!(aws, known("aws", &["S3::Bucket"]));
    assert_eq!(camp.buckets.buckets(), ["reserve-pictures", "reserve-pictures-state"]);
    let azure = camp.azure.resources().into_keys().map(|id| id.to_lowercase());
    let azure: BTreeSet<String> = azure.filter(|id| !id.contains("/resourcegroups/reserve-state")).collect();
    assert_eq!(azure, known("az", &[]));
    let google = camp.google.resources().into_keys().filter(|key| {
        // The first version comes with the key, and the state lies in a bucket of its own.
        !key.contains("/cryptoKeyVersions/") && !key.ends_with("-state")
    });
    let google = google.map(|key| match key.strip_prefix("storage/b/") {
        Some(bucket) => bucket.to_lowercase(),
        None => key.split_once('/').map(|(_, id)| id.to_lowercase()).unwrap_or_default(),
    });
    assert_eq!(google.collect::<BTreeSet<_>>(), known("gcp", &["iamMembers"]));
    assert!(camp.google.resources().len() > google::REGIONS.len());
}

fn without_passing(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(name, _)| !PASSING.contains(&name.as_str()));
            Value::Object(kept.map(|(name, inner)| (name, without_passing(inner))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_passing).collect()),
        other => other,
    }
}

/// Ids that the providers make up, and the addresses that stand for them; and the ports of this machine.
struct Names(Vec<(String, String)>);

impl Names {
    fn new(camp: &Camp, state: &BTreeMap<String, Value>) -> Self {
        let mut names = vec![(camp.blobs.url.clone(), "<blobs>".to_owned())];
        for (address, entry) in state {
            let id = text(&entry["id"]);
            // Only these are made up; the others are names that the templates chose.
            let made_up = ["KMS::Key", "LoadBalancer", "TargetGroup", "Listener", "SNS::Subscription", "Secret"];
            let kind = text(&entry["kind"]);
            if !made_up.iter().any(|of| kind.ends_with(of)) && !kind.ends_with("notificationChannels") {
                continue;
            }
            if let Some((_, short)) = id.split_once("loadbalancer/") {
                names.push((short.to_owned(), format!("<short {address}>")));
            }
            names.push((id, format!("<{address}>")));
        }
        // The longest first, for one may be the beginning of another.
        names.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
        Self(names)
    }

    fn plain(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }
}

/// Asserts that two pictures are alike, and shows only what differs.
#[track_caller]
pub(crate) fn same(seen: &Picture, wanted: &Picture, what: &str) {
    let keys: BTreeSet<&String> = seen.keys().chain(wanted.keys()).collect();
    let differing: Vec<String> = keys
        .into_iter()
        .filter(|key| seen.get(*key) != wanted.get(*key))
        .map(|key| format!("{key}\n  seen:   {:?}\n  wanted: {:?}", seen.get(key), wanted.get(key)))
        .collect();
    assert!(differing.is_empty(), "{what}: other than after an undisturbed deploy:\n{}", differing.join("\n"));
}
