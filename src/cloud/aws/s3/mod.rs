//! Buckets and their policies.

mod shape;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use http::Method;
use serde_json::{Map, Value};

use self::shape::{Shape, read, write};
use super::{
    call::Wire,
    endpoint, failure, marks,
    native::{Native, done_unread, gone, only, required, top, unchangeable},
    xml::Element,
};
use crate::cloud::{
    control::{Change, Failure, FailureKind, Listed, Live, Step, Wanted},
    s3::{Call, S3, S3Error, Style},
};

const KIND: &str = "AWS::S3::Bucket";
const POLICY: &str = "AWS::S3::BucketPolicy";

/// One configuration: the property, the sub-resource, the noun in the calls' names, the document's element, and what is
/// in it. The order is that in which they can be set: versions before what needs them.
struct Part {
    property: &'static str,
    query: &'static str,
    noun: &'static str,
    root: &'static str,
    shape: Shape,
}

const PARTS: [Part; 7] = [
    Part {
        property: "PublicAccessBlockConfiguration",
        query: "publicAccessBlock",
        noun: "PublicAccessBlock",
        root: "PublicAccessBlockConfiguration",
        shape: shape::PUBLIC_ACCESS,
    },
    Part {
        property: "OwnershipControls",
        query: "ownershipControls",
        noun: "BucketOwnershipControls",
        root: "OwnershipControls",
        shape: shape::OWNERSHIP,
    },
    Part {
        property: "VersioningConfiguration",
        query: "versioning",
        noun: "BucketVersioning",
        root: "VersioningConfiguration",
        shape: shape::VERSIONING,
    },
    Part {
        property: "BucketEncryption",
        query: "encryption",
        noun: "BucketEncryption",
        root: "ServerSideEncryptionConfiguration",
        shape: shape::ENCRYPTION,
    },
    Part {
        property: "ObjectLockConfiguration",
        query: "object-lock",
        noun: "ObjectLockConfiguration",
        root: "ObjectLockConfiguration",
        shape: shape::OBJECT_LOCK,
    },
    Part {
        property: "LifecycleConfiguration",
        query: "lifecycle",
        noun: "BucketLifecycleConfiguration",
        root: "LifecycleConfiguration",
        shape: shape::LIFECYCLE,
    },
    Part {
        property: "ReplicationConfiguration",
        query: "replication",
        noun: "BucketReplication",
        root: "ReplicationConfiguration",
        shape: shape::REPLICATION,
    },
];

/// A client for the buckets of a region. Names with dots do not fit the certificate of the style with the bucket in the
/// host's name, and emulators know no such hosts.
pub(super) fn client(wire: &Wire, region: &str, bucket: &str) -> Result<S3, Failure> {
    let (address, signed) = wire.endpoints.of(endpoint::S3, region, &wire.home)?;
    let url: url::Url = address
        .parse()
        .map_err(|error: url::ParseError| Failure::new(FailureKind::Invalid, "s3", error.to_string()))?;
    let public = wire.endpoints.set(endpoint::S3).is_none();
    let style = if public && !bucket.is_empty() && !bucket.contains('.') { Style::Virtual } else { Style::Path };
    let keys = std::sync::Arc::clone(&wire.chain);
    Ok(S3::new(wire.client.clone(), url, style, &signed, keys, wire.clock.clone()))
}

/// An error of S3 with all that is known of Amazon's codes.
pub(super) async fn failed(wire: &Wire, error: S3Error) -> Failure {
    let known = error.failure;
    let kind = failure::kind(&error.code, &known.message, error.status);
    let mut failure = if error.code.is_empty() {
        known
    } else {
        let refined = failure::from_code(&known.call, &error.code, &known.message, error.status);
        // The message has the code already.
        Failure {
            message: known.message.clone(),
            kind,
            next_step: refined.next_step.or(known.next_step.clone()),
            ..known
        }
    };
    if failure.kind == FailureKind::Credentials {
        wire.chain.forget().await;
    }
    failure.message = failure.message.chars().take(1000).collect();
    failure
}

async fn configuration(wire: &Wire, s3: &S3, bucket: &str, part: &Part) -> Result<Option<Value>, Failure> {
    let name = format!("s3:Get{}", part.noun);
    match s3.send_xml(Call::new(&name, Method::GET, Some(bucket)).ask(part.query, "")).await {
        Ok(root) => Ok(read(&root, &part.shape)),
        Err(error) if error.is_unset() => Ok(None),
        Err(error) => Err(failed(wire, error).await),
    }
}

async fn configure(wire: &Wire, s3: &S3, bucket: &str, part: &Part, value: &Value) -> Result<(), Failure> {
    let mut root = Element::new(part.root);
    write(&mut root, value, &part.shape, part.property)?;
    if part.query == "lifecycle" {
        // Every rule must say what it is for, even when that is everything.
        for rule in root.children.iter_mut().filter(|rule| rule.child("Filter").is_none()) {
            rule.children.insert(0, Element::new("Filter").with(Element::text("Prefix", "")));
        }
    }
    let name = format!("s3:Put{}", part.noun);
    let call = Call::new(&name, Method::PUT, Some(bucket)).ask(part.query, "").body(root.document());
    match s3.send(call).await {
        Ok(_) => Ok(()),
        Err(error) => Err(failed(wire, error).await),
    }
}

async fn unconfigure(wire: &Wire, s3: &S3, bucket: &str, part: &Part) -> Result<(), Failure> {
    let name = format!("s3:Delete{}", part.noun);
    match s3.send(Call::new(&name, Method::DELETE, Some(bucket)).ask(part.query, "")).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_unset() => Ok(()),
        Err(error) => Err(failed(wire, error).await),
    }
}

fn tag_set(name: &str, tags: &[(String, String)]) -> Element {
    tags.iter().fold(Element::new(name), |set, (key, value)| {
        let tag =
            Element::new("Tag").with(Element::text("Key", key.as_str())).with(Element::text("Value", value.as_str()));
        set.with(tag)
    })
}

async fn tags(wire: &Wire, s3: &S3, bucket: &str) -> Result<Vec<(String, String)>, Failure> {
    match s3.send_xml(Call::new("s3:GetBucketTagging", Method::GET, Some(bucket)).ask("tagging", "")).await {
        Ok(root) => {
            let pair = |tag: &Element| {
                Some((tag.text_at("Key")?.to_owned(), tag.text_at("Value").unwrap_or_default().to_owned()))
            };
            Ok(root.items("TagSet", "Tag").filter_map(pair).collect())
        }
        Err(error) if error.is_unset() => Ok(Vec::new()),
        Err(error) => Err(failed(wire, error).await),
    }
}

async fn put_tags(wire: &Wire, s3: &S3, bucket: &str, tags: &[(String, String)]) -> Result<(), Failure> {
    let document = Element::new("Tagging").with(tag_set("TagSet", tags)).document();
    let call = Call::new("s3:PutBucketTagging", Method::PUT, Some(bucket)).ask("tagging", "").body(document);
    match s3.send(call).await {
        Ok(_) => Ok(()),
        Err(error) => Err(failed(wire, error).await),
    }
}

/// What is at a bucket's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Free,
    /// A bucket of this account.
    Ours,
    /// Somebody else's, or one that these credentials may not look at.
    Strange,
}

/// Asks what is at a bucket's name. The account goes with the question, so that a public bucket of a stranger who took
/// the name first is never mistaken for our own.
pub(super) async fn standing(wire: &Wire, s3: &S3, bucket: &str) -> Result<Standing, Failure> {
    let account = wire.account().await?.number.clone();
    let call = Call::new("s3:HeadBucket", Method::HEAD, Some(bucket)).header("x-amz-expected-bucket-owner", account);
    match s3.send(call).await {
        Ok(_) => Ok(Standing::Ours),
        Err(error) if error.status == 404 => Ok(Standing::Free),
        Err(error) if error.status == 403 => Ok(Standing::Strange),
        // It stands in another region.
        Err(error) if error.status == 301 => Ok(Standing::Strange),
        Err(error) => Err(failed(wire, error).await),
    }
}

/// What is said of a name that is taken.
pub(super) fn taken(bucket: &str) -> Failure {
    let message = format!(
        "the name {bucket} is taken: by another account, by a bucket in another region, or by one that these credentials \
         may not look at"
    );
    Failure::new(FailureKind::Exists, "s3:HeadBucket", message)
        .next_step("choose another with bucket = \"...\" in the cloud's store")
}

/// Makes an empty bucket with its tags.
pub(super) async fn make(
    wire: &Wire,
    s3: &S3,
    bucket: &str,
    lock: bool,
    tags: &[(String, String)],
) -> Result<(), Failure> {
    let mut document = Element::new("CreateBucketConfiguration");
    // The first region is the one that is not named.
    if s3.region() != "us-east-1" {
        document = document.with(Element::text("LocationConstraint", s3.region()));
    }
    let document = document.with(tag_set("Tags", tags)).document();
    let mut call = Call::new("s3:CreateBucket", Method::PUT, Some(bucket)).body(document);
    if lock {
        call = call.header("x-amz-bucket-object-lock-enabled", "true");
    }
    match s3.send(call).await {
        Ok(_) => Ok(()),
        // Between the look and this call, another try of the same intent made it.
        Err(error) if error.code == "BucketAlreadyOwnedByYou" => Ok(()),
        Err(error) => Err(failed(wire, error).await),
    }
}

/// Makes a bucket's configurations those of `wanted`, where they differ from `live`.
async fn settle(wire: &Wire, s3: &S3, bucket: &str, live: &Value, wanted: &Value) -> Result<(), Failure> {
    for part in &PARTS {
        if let Some(want) = wanted.get(part.property)
            && live.get(part.property) != Some(want)
        {
            configure(wire, s3, bucket, part, want).await?;
        }
    }
    Ok(())
}

/// A bucket; its id is its name.
pub(super) struct Bucket;

impl Bucket {
    fn known(properties: &Value) -> Result<(), Failure> {
        let known: Vec<&str> =
            PARTS.iter().map(|part| part.property).chain(["BucketName", "ObjectLockEnabled", "Tags"]).collect();
        only(KIND, properties, &known)
    }
}

#[async_trait]
impl Native for Bucket {
    async fn list(&self, wire: &Wire, region: &str) -> Result<Vec<Listed>, Failure> {
        let s3 = client(wire, region, "")?;
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..1000 {
            let mut call = Call::new("s3:ListBuckets", Method::GET, None).ask("max-buckets", "1000");
            call = call.ask("bucket-region", s3.region());
            if let Some(token) = token.take() {
                call = call.ask("continuation-token", token);
            }
            let root = match s3.send_xml(call).await {
                Ok(root) => root,
                Err(error) => return Err(failed(wire, error).await),
            };
            for bucket in root.items("Buckets", "Bucket") {
                let elsewhere = bucket.text_at("BucketRegion").is_some_and(|found| found != s3.region());
                if let Some(name) = bucket.text_at("Name").filter(|_| !elsewhere) {
                    all.push(Listed { id: name.to_owned(), live: None });
                }
            }
            match root.text_at("ContinuationToken") {
                Some(next) => token = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(all)
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let s3 = client(wire, region, id)?;
        match standing(wire, &s3, id).await? {
            Standing::Ours => {}
            Standing::Free => {
                return Err(Failure::new(FailureKind::NotFound, "s3:HeadBucket", format!("there is no bucket {id}")));
            }
            Standing::Strange => return Err(Failure { kind: FailureKind::Denied, ..taken(id) }),
        }
        let parts = PARTS.iter().map(|part| configuration(wire, &s3, id, part));
        let (parts, tags) = futures_util::future::try_join(try_join_all(parts), tags(wire, &s3, id)).await?;
        let mut properties = Map::new();
        for (part, value) in PARTS.iter().zip(parts) {
            if let Some(value) = value {
                properties.insert(part.property.to_owned(), value);
            }
        }
        let partition = endpoint::partition(s3.region());
        properties.insert("BucketName".to_owned(), Value::from(id));
        properties.insert("Arn".to_owned(), Value::from(format!("arn:{}:s3:::{id}", partition.name)));
        properties.insert("DomainName".to_owned(), Value::from(format!("{id}.s3.{}", partition.domain)));
        let locked =
            properties.get("ObjectLockConfiguration").is_some_and(|lock| lock["ObjectLockEnabled"] == "Enabled");
        properties.insert("ObjectLockEnabled".to_owned(), Value::from(locked));
        let owner = marks::apply(&mut properties, "Tags", tags);
        let (id, kind, region) = (id.to_owned(), KIND.to_owned(), region.to_owned());
        Ok(Live { id, kind, region, properties: Value::Object(properties), owner, etag: None })
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        let name = required(KIND, &wanted.properties, "BucketName")?;
        match self.read(wire, &wanted.region, name).await {
            Ok(live) => Ok(Some(live)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) if failure.call == "s3:HeadBucket" && failure.kind == FailureKind::Denied => Err(taken(name)),
            Err(failure) => Err(failure),
        }
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        let properties = &wanted.properties;
        Self::known(properties)?;
        let name = required(KIND, properties, "BucketName")?;
        let s3 = client(wire, &wanted.region, name)?;
        let tags = marks::wanted(wanted, "Tags");
        match standing(wire, &s3, name).await? {
            Standing::Strange => return Err(taken(name)),
            Standing::Ours => {
                // One with our marks was made by an earlier try of this call, and only its configurations may be missing.
                let (_, owner) = marks::split(self::tags(wire, &s3, name).await?);
                if owner.as_ref() != Some(&wanted.owner) {
                    let message = format!("a bucket {name} stands in this account already");
                    return Err(Failure::new(FailureKind::Exists, "s3:CreateBucket", message));
                }
            }
            Standing::Free => {
                let lock = properties.get("ObjectLockEnabled").and_then(Value::as_bool) == Some(true);
                make(wire, &s3, name, lock, &tags).await?;
            }
        }
        put_tags(wire, &s3, name, &tags).await?;
        settle(wire, &s3, name, &Value::Null, properties).await?;
        Ok(done_unread(name))
    }

    async fn update(&self, wire: &Wire, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        Self::known(&wanted.properties)?;
        if let Some(change) = changes.iter().find(|change| top(change) == "BucketName") {
            return Err(unchangeable(KIND, change));
        }
        let s3 = client(wire, &wanted.region, &live.id)?;
        settle(wire, &s3, &live.id, &live.properties, &wanted.properties).await?;
        for part in &PARTS {
            let dropped = |change: &Change| change.pointer == format!("/{}", part.property) && change.to.is_none();
            if changes.iter().any(dropped) {
                unconfigure(wire, &s3, &live.id, part).await?;
            }
        }
        if marks::difference(live, wanted, "Tags").is_some() {
            let mut tags = marks::wanted(wanted, "Tags");
            if wanted.properties.get("Tags").is_none() {
                tags.extend(live.properties.get("Tags").map(marks::pairs).unwrap_or_default());
            }
            put_tags(wire, &s3, &live.id, &tags).await?;
        }
        Ok(done_unread(live.id.as_str()))
    }

    async fn delete(&self, wire: &Wire, live: &Live, empty: bool) -> Result<Step, Failure> {
        let s3 = client(wire, &live.region, &live.id)?;
        if empty && let Err(error) = s3.empty(&live.id).await {
            return Err(failed(wire, error).await);
        }
        match s3.delete_bucket(&live.id).await {
            Ok(()) => Ok(gone()),
            Err(error) => Err(failed(wire, error).await),
        }
    }
}

/// A bucket's policy; its id is the bucket's name.
pub(super) struct BucketPolicy;

#[async_trait]
impl Native for BucketPolicy {
    async fn list(&self, wire: &Wire, region: &str) -> Result<Vec<Listed>, Failure> {
        // One call a bucket: a fleet has few, and an account may have many.
        let _ = (wire, region);
        Err(Failure::new(FailureKind::Unsupported, POLICY, "policies are not listed: each is read by its bucket"))
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let s3 = client(wire, region, id)?;
        let answer = match s3.send(Call::new("s3:GetBucketPolicy", Method::GET, Some(id)).ask("policy", "")).await {
            Ok(answer) => answer,
            Err(error) if error.is_unset() => {
                let message = format!("the bucket {id} has no policy");
                return Err(Failure::new(FailureKind::NotFound, "s3:GetBucketPolicy", message));
            }
            Err(error) => return Err(failed(wire, error).await),
        };
        let properties = serde_json::json!({ "Bucket": id, "PolicyDocument": answer.json("s3:GetBucketPolicy")? });
        let (id, kind, region) = (id.to_owned(), POLICY.to_owned(), region.to_owned());
        Ok(Live { id, kind, region, properties, owner: None, etag: None })
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        match self.read(wire, &wanted.region, required(POLICY, &wanted.properties, "Bucket")?).await {
            Ok(live) => Ok(Some(live)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        only(POLICY, &wanted.properties, &["Bucket", "PolicyDocument"])?;
        let bucket = required(POLICY, &wanted.properties, "Bucket")?;
        let document = wanted.properties.get("PolicyDocument").unwrap_or(&Value::Null);
        let text = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
        let s3 = client(wire, &wanted.region, bucket)?;
        let call = Call::new("s3:PutBucketPolicy", Method::PUT, Some(bucket)).ask("policy", "").body(text);
        match s3.send(call).await {
            Ok(_) => Ok(done_unread(bucket)),
            Err(error) => Err(failed(wire, error).await),
        }
    }

    async fn update(&self, wire: &Wire, _: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        match changes.iter().find(|change| top(change) == "Bucket") {
            Some(change) => Err(unchangeable(POLICY, change)),
            None => self.create(wire, wanted, "").await,
        }
    }

    async fn delete(&self, wire: &Wire, live: &Live, _: bool) -> Result<Step, Failure> {
        let s3 = client(wire, &live.region, &live.id)?;
        let call = Call::new("s3:DeleteBucketPolicy", Method::DELETE, Some(&live.id)).ask("policy", "");
        match s3.send(call).await {
            Ok(_) => Ok(gone()),
            Err(error) if error.is_unset() => Ok(gone()),
            Err(error) => Err(failed(wire, error).await),
        }
    }
}
