//! The fake refuses what it says it refuses: a fake that takes everything would prove nothing.

use serde_json::{Value, json};

use super::google;

struct Caller {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Caller {
    async fn new(fake: &google::Fake) -> Self {
        let client = wildcam::net::client::http(None).unwrap();
        let form = "grant_type=refresh_token&refresh_token=a-refresh-token&client_secret=not-much-of-a-secret";
        let answer = client.post(format!("{}/token", fake.url)).body(form).send().await.unwrap();
        let granted: Value = answer.json().await.unwrap();
        Self { client, url: fake.url.clone(), token: granted["access_token"].as_str().unwrap().to_owned() }
    }

    async fn call(&self, verb: &str, path: &str, body: Value) -> (u16, Value) {
        let verb = reqwest::Method::from_bytes(verb.as_bytes()).unwrap();
        let mut request = self.client.request(verb, format!("{}/{path}", self.url)).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    #[track_caller]
    fn refused(found: &(u16, Value), code: u16, word: &str) {
        let message = found.1["error"]["message"].as_str().unwrap_or_default();
        assert!(found.0 == code && message.contains(word), "{found:?} and not {code} with {word}");
    }
}

const RUN: &str = "v2/projects/wild-123/locations/europe-west3/services";

#[tokio::test]
async fn bodies_are_judged_by_googles_schemas() {
    let fake = google::start(21);
    let caller = Caller::new(&fake).await;
    let new = format!("{RUN}?serviceId=s");
    let template = json!({ "containers": [{ "image": "i" }] });
    for (body, word) in [
        (json!({ "template": template, "serviceId": "s" }), "serviceId"),
        (json!({ "tempalte": template }), "tempalte"),
        (json!({ "template": { "containers": [{ "imag": "i" }] } }), "imag"),
        (json!({ "template": { "containers": "i" } }), "array"),
        (json!({ "template": template, "ingress": "INGRESS_SOMETIMES" }), "INGRESS_SOMETIMES"),
        (json!({ "template": template, "uri": "https://mine.example" }), "output only"),
        (json!({ "template": { "serviceAccount": "nobody@wild-123.iam.gserviceaccount.com" } }), "does not exist"),
    ] {
        Caller::refused(&caller.call("POST", &new, body).await, 400, word);
    }
    Caller::refused(&caller.call("POST", RUN, json!({ "template": template })).await, 400, "serviceId");
    let odd = format!("{new}&colour=red");
    Caller::refused(&caller.call("POST", &odd, json!({ "template": template })).await, 400, "colour");
    let elsewhere = "v2/projects/another/locations/europe-west3/services?serviceId=s";
    Caller::refused(&caller.call("POST", elsewhere, json!({ "template": template })).await, 403, "permission");
    assert!(fake.resources().is_empty());
}

#[tokio::test]
async fn changes_need_a_mask_that_fits_and_keep_what_is_set_at_creation() {
    let fake = google::start(22);
    let caller = Caller::new(&fake).await;
    let secrets = "v1/projects/wild-123/secrets";
    let body = json!({ "replication": { "automatic": {} } });
    assert_eq!(caller.call("POST", &format!("{secrets}?secretId=s"), body.clone()).await.0, 200);
    Caller::refused(&caller.call("POST", &format!("{secrets}?secretId=s"), body).await, 409, "exists");
    let change = |mask: &str| format!("{secrets}/s?updateMask={mask}");
    let labels = json!({ "labels": { "a": "1" } });
    Caller::refused(&caller.call("PATCH", &format!("{secrets}/s"), labels.clone()).await, 400, "update_mask");
    Caller::refused(&caller.call("PATCH", &change("labls"), labels.clone()).await, 400, "no field");
    Caller::refused(&caller.call("PATCH", &change("ttl"), labels.clone()).await, 400, "does not name it");
    let other = json!({ "replication": { "userManaged": { "replicas": [{ "location": "us-east1" }] } } });
    Caller::refused(&caller.call("PATCH", &change("replication"), other).await, 400, "immutable");
    let stale = json!({ "labels": {}, "etag": "\"v9\"" });
    Caller::refused(&caller.call("PATCH", &change("labels"), stale).await, 409, "etag");
    assert_eq!(caller.call("PATCH", &change("labels"), labels).await.0, 200);
    let list = "v3/projects/wild-123/alertPolicies";
    let policy = json!({ "displayName": "p", "combiner": "OR", "conditions": [{ "displayName": "c" }] });
    let (_, made) = caller.call("POST", list, policy.clone()).await;
    let path = format!("v3/{}?updateMask=conditions.displayName", made["name"].as_str().unwrap());
    Caller::refused(&caller.call("PATCH", &path, policy).await, 400, "into a list");
}

#[tokio::test]
async fn order_tokens_and_policies_are_kept() {
    let fake = google::start(23);
    let mut caller = Caller::new(&fake).await;
    let database = "sql/v1beta4/projects/wild-123/instances/db/databases";
    assert_eq!(caller.call("POST", database, json!({ "name": "index" })).await.0, 404, "the instance comes first");
    let bucket = json!({ "name": "pictures", "location": "EUROPE-WEST3", "encryption": { "defaultKmsKeyName": "k" } });
    Caller::refused(&caller.call("POST", "storage/v1/b?project=wild-123", bucket).await, 400, "key");
    let policy = "v1/projects/wild-123";
    let all = json!({ "policy": { "bindings": [] } });
    Caller::refused(&caller.call("POST", &format!("{policy}:setIamPolicy"), all).await, 400, "etag");
    let key = "cloudresourcemanager/projects/wild-123";
    fake.bind(key, json!({ "role": "roles/viewer", "members": ["user:a@example.org"], "condition": { "title": "t" } }));
    Caller::refused(&caller.call("POST", &format!("{policy}:getIamPolicy"), json!({})).await, 400, "version 3");
    assert_eq!(caller.call("GET", "v1/projects/wild-123/nothing/of/this", Value::Null).await.0, 404);
    caller.token = "ya29.invented".to_owned();
    assert_eq!(caller.call("GET", RUN, Value::Null).await.0, 401);
}

#[tokio::test]
async fn held_objects_stay_whatever_anybody_consents_to() {
    use wildcam::cloud::control::FailureKind;

    use super::plane::{TOKEN, make, open, project, settle, wanted};
    let fake = google::start(24);
    let plane = open(&project(&fake.url, ""), &fake).await;
    let properties =
        json!({ "name": "backup", "location": "EUROPE-WEST3", "retentionPolicy": { "retentionPeriod": "2592000" } });
    let live = make(&*plane, &wanted("gcp/storage/backup", "storage.buckets", "global", properties)).await.unwrap();
    let caller = Caller::new(&fake).await;
    let upload = "upload/storage/v1/b/backup/o?uploadType=media&name=a%2Fb";
    assert_eq!(caller.call("POST", upload, json!("bytes")).await.0, 200);
    let step = plane.delete(&live, true, TOKEN).await.unwrap();
    let failure = settle(&*plane, step).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Protected, "{failure}");
    assert!(fake.resources().contains_key("storage/b/backup"));
}
