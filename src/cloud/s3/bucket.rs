//! Buckets, their sub-resources, and what lies in them.

use reqwest::Method;

use super::{
    super::control::{Failure, FailureKind},
    Call, Node, S3, S3Error,
};

/// The largest small object that is read whole.
const LARGEST_OBJECT: usize = 1 << 20;

/// So many entries are deleted by one request: S3's own limit.
const BATCH: usize = 1000;

/// A bound on the pages of one listing: 1000 entries each.
const MOST_PAGES: usize = 100_000;

/// What a call for a new bucket came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cloud) enum Made {
    /// It was made.
    New,
    /// It stood already, and belongs to the owner of these keys, as far as the store tells.
    Ours,
}

/// A configuration of a bucket, with a document of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cloud) enum Sub {
    /// `?versioning`
    Versioning,
    /// `?lifecycle`
    Lifecycle,
    /// `?object-lock`
    ObjectLock,
    /// `?encryption`
    Encryption,
    /// `?tagging`
    Tagging,
    /// `?publicAccessBlock`
    #[allow(dead_code, reason = "for stores with public access")]
    PublicAccessBlock,
    /// `?replication`
    #[allow(dead_code, reason = "for stores with replication")]
    Replication,
}

impl Sub {
    const fn query(self) -> &'static str {
        match self {
            Self::Versioning => "versioning",
            Self::Lifecycle => "lifecycle",
            Self::ObjectLock => "object-lock",
            Self::Encryption => "encryption",
            Self::Tagging => "tagging",
            Self::PublicAccessBlock => "publicAccessBlock",
            Self::Replication => "replication",
        }
    }

    fn call(self, verb: &str) -> String {
        let noun = match self {
            Self::Versioning => "BucketVersioning",
            Self::Lifecycle => "BucketLifecycleConfiguration",
            Self::ObjectLock => "ObjectLockConfiguration",
            Self::Encryption => "BucketEncryption",
            Self::Tagging => "BucketTagging",
            Self::PublicAccessBlock => "PublicAccessBlock",
            Self::Replication => "BucketReplication",
        };
        format!("s3:{verb}{noun}")
    }
}

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cloud) struct Entry {
    /// The object's key.
    pub(in crate::cloud) key: String,
    /// The version; absent where the store has none.
    pub(in crate::cloud) version: Option<String>,
}

impl S3 {
    /// Makes a bucket. `lock` must be asked for now: object lock cannot be had later.
    ///
    /// # Errors
    /// [`FailureKind::Exists`] when the name is somebody else's, or when the call failed.
    pub(in crate::cloud) async fn create_bucket(&self, bucket: &str, lock: bool) -> Result<Made, S3Error> {
        let mut call = Call::new("s3:CreateBucket", Method::PUT, Some(bucket));
        // The first region is the one that is not named.
        if self.region() != "us-east-1" {
            let place = Node::text("LocationConstraint", self.region());
            call = call.body(Node::new("CreateBucketConfiguration").with(place).document());
        }
        if lock {
            call = call.header("x-amz-bucket-object-lock-enabled", "true");
        }
        match self.send(call).await {
            Ok(_) => Ok(Made::New),
            Err(error) if error.code == "BucketAlreadyOwnedByYou" => Ok(Made::Ours),
            Err(error) => Err(error),
        }
    }

    /// Whether the bucket stands and may be looked at.
    ///
    /// # Errors
    /// [`FailureKind::Denied`] for one of somebody else, or when the call failed.
    pub(in crate::cloud) async fn has_bucket(&self, bucket: &str) -> Result<bool, S3Error> {
        match self.send(Call::new("s3:HeadBucket", Method::HEAD, Some(bucket))).await {
            Ok(_) => Ok(true),
            Err(error) if error.failure.kind == FailureKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The names of all buckets of these keys.
    ///
    /// # Errors
    /// When the call failed.
    pub(in crate::cloud) async fn buckets(&self) -> Result<Vec<String>, S3Error> {
        let (mut names, mut token) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut call = Call::new("s3:ListBuckets", Method::GET, None);
            if let Some(token) = token.take() {
                call = call.ask("continuation-token", token);
            }
            let page = self.send_xml(call).await?;
            let list = page.child("Buckets").map(|list| list.all("Bucket")).into_iter().flatten();
            names.extend(list.filter_map(|bucket| bucket.get(&["Name"])).map(str::to_owned));
            match page.get(&["ContinuationToken"]).filter(|next| !next.is_empty()) {
                Some(next) => token = Some(next.to_owned()),
                None => return Ok(names),
            }
        }
        Err(endless("s3:ListBuckets").into())
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// [`FailureKind::Protected`] when something lies in it, [`FailureKind::NotFound`], or when the call failed.
    pub(in crate::cloud) async fn delete_bucket(&self, bucket: &str) -> Result<(), S3Error> {
        self.send(Call::new("s3:DeleteBucket", Method::DELETE, Some(bucket))).await.map(|_| ())
    }

    /// A configuration; `None` where it is not set.
    ///
    /// # Errors
    /// [`FailureKind::Unsupported`] where the store does not have it, or when the call failed.
    pub(in crate::cloud) async fn configuration(&self, bucket: &str, sub: Sub) -> Result<Option<Node>, S3Error> {
        let name = sub.call("Get");
        match self.send_xml(Call::new(&name, Method::GET, Some(bucket)).ask(sub.query(), "")).await {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.is_unset() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets a configuration.
    ///
    /// # Errors
    /// As [`S3::configuration`].
    pub(in crate::cloud) async fn configure(&self, bucket: &str, sub: Sub, document: &Node) -> Result<(), S3Error> {
        let name = sub.call("Put");
        let call = Call::new(&name, Method::PUT, Some(bucket)).ask(sub.query(), "").body(document.document());
        self.send(call).await.map(|_| ())
    }

    /// Removes a configuration; one that is not set is no error.
    ///
    /// # Errors
    /// As [`S3::configuration`].
    pub(in crate::cloud) async fn unconfigure(&self, bucket: &str, sub: Sub) -> Result<(), S3Error> {
        let name = sub.call("Delete");
        match self.send(Call::new(&name, Method::DELETE, Some(bucket)).ask(sub.query(), "")).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_unset() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads a small object; `None` where there is none.
    ///
    /// # Errors
    /// When the call failed, or the object is larger than 1 MiB.
    pub(in crate::cloud) async fn get_small(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, S3Error> {
        match self.send(Call::new("s3:GetObject", Method::GET, Some(bucket)).key(key)).await {
            Ok(answer) if answer.body.len() > LARGEST_OBJECT => {
                Err(Failure::new(FailureKind::Invalid, "s3:GetObject", format!("{key} is larger than 1 MiB")).into())
            }
            Ok(answer) => Ok(Some(answer.body.to_vec())),
            Err(error) if error.code == "NoSuchKey" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a small object.
    ///
    /// # Errors
    /// When the call failed.
    pub(in crate::cloud) async fn put_small(&self, bucket: &str, key: &str, body: &[u8]) -> Result<(), S3Error> {
        let call = Call::new("s3:PutObject", Method::PUT, Some(bucket)).key(key).body(body);
        self.send(call.header("content-type", "application/json")).await.map(|_| ())
    }

    /// The first page of what lies in a bucket: every version and delete marker, or, where the store has no versions,
    /// every object. `most` is at most 1000.
    ///
    /// # Errors
    /// When the call failed.
    pub(in crate::cloud) async fn entries(&self, bucket: &str, most: usize) -> Result<Vec<Entry>, S3Error> {
        let most = most.clamp(1, BATCH).to_string();
        let call = Call::new("s3:ListObjectVersions", Method::GET, Some(bucket)).ask("versions", "");
        match self.send_xml(call.ask("max-keys", most.clone())).await {
            Ok(page) => Ok(versions(&page).collect()),
            Err(error) if error.is_unsupported() => {
                let call = Call::new("s3:ListObjectsV2", Method::GET, Some(bucket)).ask("list-type", "2");
                let page = self.send_xml(call.ask("max-keys", most)).await?;
                let keys = page.all("Contents").filter_map(|child| child.get(&["Key"]));
                Ok(keys.map(|key| Entry { key: key.to_owned(), version: None }).collect())
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes up to 1000 versions. `bypass` also those under a governance retention, where the keys may do that.
    ///
    /// # Errors
    /// [`FailureKind::Protected`] when one may not be deleted, or when the call failed.
    pub(in crate::cloud) async fn delete_entries(
        &self,
        bucket: &str,
        entries: &[Entry],
        bypass: bool,
    ) -> Result<(), S3Error> {
        const CALL: &str = "s3:DeleteObjects";
        let mut document = Node::new("Delete").with(Node::text("Quiet", "true"));
        for entry in entries {
            let mut object = Node::new("Object").with(Node::text("Key", entry.key.clone()));
            if let Some(version) = &entry.version {
                object = object.with(Node::text("VersionId", version.clone()));
            }
            document = document.with(object);
        }
        let mut call = Call::new(CALL, Method::POST, Some(bucket)).ask("delete", "").body(document.document());
        if bypass {
            call = call.header("x-amz-bypass-governance-retention", "true");
        }
        let answer = self.send_xml(call).await?;
        match answer.child("Error") {
            None => Ok(()),
            Some(error) => {
                let code = error.get(&["Code"]).unwrap_or_default().to_owned();
                let kind = if matches!(code.as_str(), "AccessDenied" | "ObjectLocked" | "InvalidRequest") {
                    FailureKind::Protected
                } else {
                    FailureKind::Unavailable
                };
                let count = answer.all("Error").count();
                let message = error.get(&["Message"]).unwrap_or_default();
                let message = format!("{count} versions cannot be deleted, the first says {code}: {message}");
                Err(S3Error { code, status: 200, failure: Failure::new(kind, CALL, message) })
            }
        }
    }

    /// Deletes everything that lies in a bucket: every version, every delete marker, every open upload.
    ///
    /// # Errors
    /// [`FailureKind::Protected`] when something is under a retention or a hold, or when a call failed; what was
    /// deleted by then is gone.
    pub(in crate::cloud) async fn empty(&self, bucket: &str) -> Result<(), S3Error> {
        self.abort_uploads(bucket).await?;
        for _ in 0..MOST_PAGES {
            // Always the first page: what is deleted does not come again, so nothing is skipped.
            let entries = self.entries(bucket, BATCH).await?;
            if entries.is_empty() {
                return Ok(());
            }
            self.delete_entries(bucket, &entries, false).await?;
        }
        Err(endless("s3:ListObjectVersions").into())
    }

    /// Removes every version of one key, as far as the store has versions.
    ///
    /// # Errors
    /// As [`S3::delete_entries`].
    pub(in crate::cloud) async fn remove_versions(&self, bucket: &str, key: &str) -> Result<(), S3Error> {
        let call = Call::new("s3:ListObjectVersions", Method::GET, Some(bucket)).ask("versions", "").ask("prefix", key);
        let page = match self.send_xml(call).await {
            Ok(page) => page,
            Err(error) if error.is_unsupported() => return Ok(()),
            Err(error) => return Err(error),
        };
        let entries: Vec<Entry> = versions(&page).filter(|entry| entry.key == key).collect();
        if entries.is_empty() { Ok(()) } else { self.delete_entries(bucket, &entries, false).await }
    }

    /// What the store says the time is.
    ///
    /// # Errors
    /// When the call failed.
    pub(in crate::cloud) async fn date(&self) -> Result<Option<String>, S3Error> {
        let answer = self.send(Call::new("s3:ListBuckets", Method::GET, None)).await?;
        Ok(answer.header("date").map(str::to_owned))
    }

    /// Ends every upload in parts that is open.
    ///
    /// # Errors
    /// When a call failed.
    pub(in crate::cloud) async fn abort_uploads(&self, bucket: &str) -> Result<(), S3Error> {
        const CALL: &str = "s3:ListMultipartUploads";
        for _ in 0..MOST_PAGES {
            let page = match self.send_xml(Call::new(CALL, Method::GET, Some(bucket)).ask("uploads", "")).await {
                Ok(page) => page,
                Err(error) if error.is_unsupported() => return Ok(()),
                Err(error) => return Err(error),
            };
            let mut found = false;
            for upload in page.all("Upload") {
                let (Some(key), Some(id)) = (upload.get(&["Key"]), upload.get(&["UploadId"])) else { continue };
                found = true;
                let call = Call::new("s3:AbortMultipartUpload", Method::DELETE, Some(bucket)).key(key);
                match self.send(call.ask("uploadId", id)).await {
                    Ok(_) => (),
                    Err(error) if error.failure.kind == FailureKind::NotFound => (),
                    Err(error) => return Err(error),
                }
            }
            if !found {
                return Ok(());
            }
        }
        Err(endless(CALL).into())
    }
}

/// The versions and delete markers of a page.
fn versions(page: &Node) -> impl Iterator<Item = Entry> {
    let entries = page.children.iter().filter(|child| matches!(child.name.as_str(), "Version" | "DeleteMarker"));
    entries.filter_map(|child| {
        let version = child.get(&["VersionId"]).filter(|id| !id.is_empty()).map(str::to_owned);
        Some(Entry { key: child.get(&["Key"])?.to_owned(), version })
    })
}

fn endless(call: &str) -> Failure {
    Failure::new(FailureKind::Invalid, call, "the list does not end")
}
