//! The bucket of the state: beside the pictures', versioned, private and encrypted.

use std::sync::Arc;

use object_store::{
    ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, S3ConditionalPut},
};
use serde_json::{Value, json};

use super::{
    call::Wire,
    credentials::ForObjects,
    endpoint,
    native::{Native, text},
    s3::{self, Standing},
};
use crate::{
    cloud::control::{Change, Failure, FailureKind, Live, Owner, StateStore, Wanted},
    net::client::Connector,
};

/// What the bucket of the state should be.
fn wanted(place: &Place, project: &str) -> Result<Wanted, Failure> {
    let address = "state/state/store".parse();
    let address = address.map_err(|_| Failure::new(FailureKind::Invalid, "state", "no address"))?;
    let properties = json!({
        "BucketName": place.bucket,
        "VersioningConfiguration": { "Status": "Enabled" },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": true,
            "IgnorePublicAcls": true,
            "BlockPublicPolicy": true,
            "RestrictPublicBuckets": true,
        },
        "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
        "BucketEncryption": { "ServerSideEncryptionConfiguration": [
            { "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } },
        ] },
        // Old versions of registers and journals are worth nothing after a while, and would be paid for.
        "LifecycleConfiguration": { "Rules": [{
            "Id": "old-versions",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": { "NoncurrentDays": 90 },
            "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 },
        }] },
    });
    Ok(Wanted {
        owner: Owner { project: project.to_owned(), environment: "state".to_owned(), address },
        kind: "AWS::S3::Bucket".to_owned(),
        region: place.region.clone(),
        properties,
        secrets: std::collections::BTreeMap::new(),
    })
}

/// Where the state lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The bucket.
    pub(super) bucket: String,
    /// Its region.
    pub(super) region: String,
    /// The authority of its address (PEM).
    pub(super) authority: Option<String>,
}

/// See [`ControlPlane::state_store`](crate::cloud::control::ControlPlane::state_store).
pub(super) async fn open(wire: &Wire, place: &Place, project: &str, make: bool) -> Result<Option<StateStore>, Failure> {
    let client = s3::client(wire, &place.region, &place.bucket)?;
    match s3::standing(wire, &client, &place.bucket).await? {
        Standing::Ours => {}
        Standing::Strange => return Err(s3::taken(&place.bucket)),
        Standing::Free if !make => return Ok(None),
        Standing::Free => {
            wire.guard().await?;
            s3::Bucket.create(wire, &wanted(place, project)?, "").await?;
        }
    }
    if make {
        mend(wire, place, project).await?;
    }
    let objects = objects(wire, place)?;
    Ok(Some(StateStore { place: place.bucket.clone(), objects }))
}

/// A bucket whose making was cut off, or that somebody changed, is made what it should be.
async fn mend(wire: &Wire, place: &Place, project: &str) -> Result<(), Failure> {
    let wanted = wanted(place, project)?;
    let live = s3::Bucket.read(wire, &place.region, &place.bucket).await?;
    let foreign = live.owner.as_ref().is_some_and(|owner| owner.project != project);
    if foreign {
        let message = format!("the bucket {} holds the state of another project", place.bucket);
        return Err(Failure::new(FailureKind::Exists, "s3:GetBucketTagging", message));
    }
    let differs = ["VersioningConfiguration", "PublicAccessBlockConfiguration"]
        .iter()
        .any(|name| live.properties.get(*name) != wanted.properties.get(*name));
    if differs || live.owner.is_none() {
        wire.guard().await?;
        let none: [Change; 0] = [];
        s3::Bucket.update(wire, &live, &wanted, &none).await?;
    }
    Ok(())
}

fn objects(wire: &Wire, place: &Place) -> Result<Arc<dyn ObjectStore>, Failure> {
    let refused = |why: String| Failure::new(FailureKind::Invalid, "state", why);
    let (address, region) = wire.endpoints.of(endpoint::S3, &place.region, &wire.home)?;
    let connector = Connector::new(place.authority.as_deref()).map_err(|error| refused(error.to_string()))?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&place.bucket)
        .with_region(region)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .with_http_connector(connector)
        .with_credentials(Arc::new(ForObjects(Arc::clone(&wire.chain))));
    if wire.endpoints.set(endpoint::S3).is_some() {
        let plain = address.starts_with("http://");
        builder = builder.with_endpoint(address).with_virtual_hosted_style_request(false).with_allow_http(plain);
    }
    match builder.build() {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// See [`ControlPlane::remove_state_store`](crate::cloud::control::ControlPlane::remove_state_store).
pub(super) async fn remove(wire: &Wire, place: &Place, project: &str) -> Result<(), Failure> {
    wire.guard().await?;
    let client = s3::client(wire, &place.region, &place.bucket)?;
    match s3::standing(wire, &client, &place.bucket).await? {
        Standing::Free => return Ok(()),
        Standing::Strange => return Err(s3::taken(&place.bucket)),
        Standing::Ours => {}
    }
    let live: Live = s3::Bucket.read(wire, &place.region, &place.bucket).await?;
    let ours = live.owner.as_ref().is_some_and(|owner| owner.project == project);
    if !ours {
        let name = text(&live.properties, "BucketName");
        let message = format!("the bucket {name} does not bear the marks of this project's state");
        return Err(Failure::new(FailureKind::Protected, "s3:DeleteBucket", message));
    }
    s3::Bucket.delete(wire, &live, true).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_private_versioned_and_encrypted() {
        let place = Place { bucket: "b-state".to_owned(), region: "eu-central-1".to_owned(), authority: None };
        let wanted = wanted(&place, "owls").unwrap();
        let is = |pointer: &str, value: Value| assert_eq!(wanted.properties.pointer(pointer), Some(&value));
        is("/VersioningConfiguration/Status", json!("Enabled"));
        is("/PublicAccessBlockConfiguration/RestrictPublicBuckets", json!(true));
    }
}
