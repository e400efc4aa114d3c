//! `custom.bucket`: a bucket of any store that speaks S3.
//!
//! Its name is its identity. What the store cannot do is an error, unless the template tolerates it by name under
//! `Tolerate`; then what was asked for is kept in the marker object and told as live, and `Unsupported` names it, so
//! that nothing is passed over in silence and nothing differs for ever.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    super::{
        control::{Change, Failure, FailureKind, Listed, Live, Owner, Wanted},
        s3::{Made, Node, S3, S3Error, Sub, is_bucket_name},
    },
    marks::{MARKER, Marks},
    properties,
    settings::{self, SETTINGS, Wish},
};

pub(super) const KIND: &str = "custom.bucket";

/// All that is known of a bucket.
struct Known {
    live: Live,
    marks: Marks,
    /// Tags that are no marks; `None` where the store has none.
    tags: Option<BTreeMap<String, String>>,
}

fn missing(bucket: &str) -> Failure {
    Failure::new(FailureKind::NotFound, "s3:HeadBucket", format!("there is no bucket {bucket}"))
}

fn taken(bucket: &str) -> Failure {
    let message = format!("the bucket {bucket} exists, and is not marked as this resource");
    Failure::new(FailureKind::Exists, "s3:CreateBucket", message)
        .next_step("take it over with wildcam adopt, or give the store another bucket in wildcam.toml")
}

/// All buckets of the keys.
pub(super) async fn list(s3: &S3) -> Result<Vec<Listed>, Failure> {
    let names = s3.buckets().await?;
    Ok(names.into_iter().filter(|name| is_bucket_name(name)).map(|id| Listed { id, live: None }).collect())
}

/// One bucket.
pub(super) async fn read(s3: &S3, region: &str, bucket: &str) -> Result<Live, Failure> {
    Ok(look(s3, region, bucket).await?.live)
}

async fn look(s3: &S3, region: &str, bucket: &str) -> Result<Known, Failure> {
    if !s3.has_bucket(bucket).await? {
        return Err(missing(bucket));
    }
    let mut properties = Map::new();
    properties.insert("Bucket".to_owned(), json!(bucket));
    let mut unsupported = BTreeSet::new();
    for (name, sub) in SETTINGS {
        match s3.configuration(bucket, sub).await {
            Ok(document) => {
                if sub == Sub::ObjectLock {
                    let enabled = document.as_ref().and_then(|document| document.get(&["ObjectLockEnabled"]));
                    properties.insert("ObjectLock".to_owned(), json!(enabled == Some("Enabled")));
                }
                if let Some(value) = document.as_ref().and_then(|document| settings::read(sub, document)) {
                    properties.insert(name.to_owned(), value);
                }
            }
            Err(error) if error.is_unsupported() => {
                unsupported.insert(name);
                if sub == Sub::ObjectLock {
                    unsupported.insert("ObjectLock");
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut tags = match s3.configuration(bucket, Sub::Tagging).await {
        Ok(document) => Some(document.map(|document| settings::read_tags(&document)).unwrap_or_default()),
        Err(error) if error.is_unsupported() => {
            unsupported.insert("Tags");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let mut marks = tags.as_mut().map(Marks::take).unwrap_or_default();
    let marker = marker(s3, bucket).await?;
    if let Some(marker) = marker {
        if tags.is_none() {
            marks = marker;
        } else {
            marks.asked = marker.asked;
        }
    }
    if let Some(tags) = tags.as_ref().filter(|tags| !tags.is_empty()) {
        properties.insert("Tags".to_owned(), json!(tags));
    }
    let mut absent: BTreeSet<String> = unsupported.into_iter().map(str::to_owned).collect();
    for (name, asked) in &marks.asked {
        // A store may take what it does not keep: then the answer is empty, and only our record knows.
        if !properties.contains_key(name) || absent.contains(name) {
            properties.insert(name.clone(), asked.clone());
            absent.insert(name.clone());
        }
    }
    properties.insert("Unsupported".to_owned(), json!(absent));
    let live = Live {
        id: bucket.to_owned(),
        kind: KIND.to_owned(),
        region: region.to_owned(),
        properties: Value::Object(properties),
        owner: marks.owner(),
        etag: None,
    };
    Ok(Known { live, marks, tags })
}

async fn marker(s3: &S3, bucket: &str) -> Result<Option<Marks>, Failure> {
    Ok(s3.get_small(bucket, MARKER).await?.map(|text| Marks::read(&text)))
}

/// Makes a bucket, or goes on with one that an earlier try began.
pub(super) async fn create(s3: &S3, wanted: &Wanted) -> Result<Live, Failure> {
    const CALL: &str = "s3:CreateBucket";
    let wish: Wish = properties::read(CALL, &wanted.properties)?;
    let name = wish.bucket.as_str();
    let standing = s3.has_bucket(name).await?;
    if !standing {
        match s3.create_bucket(name, wish.object_lock).await {
            Ok(Made::New) => (),
            Ok(Made::Ours) => ours(s3, name, &wanted.owner).await?,
            Err(error) if error.failure.kind == FailureKind::Exists => return Err(taken(name)),
            Err(error) if wish.object_lock && error.is_unsupported() => {
                tolerate(&wish, "ObjectLock", &error)?;
                s3.create_bucket(name, false).await?;
            }
            Err(error) => return Err(error.into()),
        }
    } else {
        ours(s3, name, &wanted.owner).await?;
    }
    let mut marks = Marks::of(&wanted.owner);
    // First of all the marks: what is cut off after them is found again by its owner.
    let tagged = set_tags(s3, name, &marks, wish.tags.clone()).await?;
    if !tagged {
        if !wish.tags.is_empty() {
            let error = Failure::new(FailureKind::Unsupported, "s3:PutBucketTagging", "the store has no tags").into();
            tolerate(&wish, "Tags", &error)?;
            marks.asked.insert("Tags".to_owned(), json!(wish.tags));
        }
        put_marker(s3, name, &marks).await?;
    }
    for (setting, sub) in SETTINGS {
        if wish.setting(setting).is_some() {
            apply(s3, &wish, setting, sub, &mut marks, !tagged).await?;
        }
    }
    if wish.object_lock && s3.configuration(name, Sub::ObjectLock).await.is_ok_and(|document| document.is_none()) {
        let error = Failure::new(FailureKind::Unsupported, CALL, "the store made the bucket without object lock");
        tolerate(&wish, "ObjectLock", &error.into())?;
        marks.asked.insert("ObjectLock".to_owned(), json!(true));
        put_marker(s3, name, &marks).await?;
    }
    read(s3, &wanted.region, name).await
}

/// Whether a bucket that stands already may be gone on with: it bears our marks, or it bears none and nothing lies in it,
/// as a try leaves it that was cut off between making and marking.
async fn ours(s3: &S3, bucket: &str, owner: &Owner) -> Result<(), Failure> {
    let known = look(s3, "global", bucket).await?;
    let fresh = known.live.owner.is_none() && s3.entries(bucket, 1).await?.is_empty();
    if fresh || known.live.owner.as_ref() == Some(owner) { Ok(()) } else { Err(taken(bucket)) }
}

/// Sets one property and looks whether it was kept.
async fn apply(
    s3: &S3,
    wish: &Wish,
    setting: &str,
    sub: Sub,
    marks: &mut Marks,
    in_object: bool,
) -> Result<(), Failure> {
    let bucket = wish.bucket.as_str();
    let Some((value, document)) = wish.setting(setting) else { return Ok(()) };
    let result = match s3.configure(bucket, sub, &document).await {
        Ok(()) => match s3.configuration(bucket, sub).await {
            Ok(Some(kept)) if settings::read(sub, &kept).is_some() => Ok(()),
            Ok(_) => {
                let message = format!("the store took {setting} and did not keep it");
                Err(Failure::new(FailureKind::Unsupported, "s3", message).into())
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let before = marks.asked.remove(setting);
    match result {
        Ok(()) if before.is_none() => Ok(()),
        // A marker that bears no owner and nothing that was asked for says nothing, and stays for the next time.
        Ok(()) => put_marker(s3, bucket, &kept(marks, in_object)).await,
        Err(error) => {
            tolerate(wish, setting, &error)?;
            let same = before.as_ref() == Some(&value);
            marks.asked.insert(setting.to_owned(), value);
            if same { Ok(()) } else { put_marker(s3, bucket, &kept(marks, in_object)).await }
        }
    }
}

/// What the marker object says: the owner only where tags cannot.
fn kept(marks: &Marks, in_object: bool) -> Marks {
    if in_object { marks.clone() } else { Marks::default().asking(marks.asked.clone()) }
}

/// Takes the default retention away. Returns what it was, for whoever puts it back.
async fn lift_retention(s3: &S3, bucket: &str) -> Result<Option<Node>, S3Error> {
    let lock = match s3.configuration(bucket, Sub::ObjectLock).await {
        Ok(lock) => lock.filter(|document| settings::read(Sub::ObjectLock, document).is_some()),
        Err(error) if error.is_unsupported() => None,
        Err(error) => return Err(error),
    };
    if let (Some(_), Some(off)) = (&lock, settings::off(Sub::ObjectLock)) {
        s3.configure(bucket, Sub::ObjectLock, &off).await?;
    }
    Ok(lock)
}

/// Writes the marker object. A retention would hold it like a backup, and with it the bucket of whoever destroys one that is
/// empty, so it is lifted for this write; a run that dies in between shows as drift of the retention.
async fn put_marker(s3: &S3, bucket: &str, marks: &Marks) -> Result<(), Failure> {
    let lock = lift_retention(s3, bucket).await?;
    let written = s3.put_small(bucket, MARKER, marks.text().as_bytes()).await;
    if let Some(lock) = lock {
        s3.configure(bucket, Sub::ObjectLock, &lock).await?;
    }
    Ok(written?)
}

/// An error, unless the store cannot do it and the template says that it need not.
fn tolerate(wish: &Wish, property: &str, error: &S3Error) -> Result<(), Failure> {
    if !error.is_unsupported() {
        return Err(error.failure.clone());
    }
    if wish.tolerate.iter().any(|name| name == property) {
        return Ok(());
    }
    Err(Failure {
        message: format!("this store does not support {property}: {}", error.failure.message),
        ..error.failure.clone()
    }
    .next_step(format!("add {property} to the bucket's Tolerate in a template of your own, or use another store")))
}

/// Sets the marks and the other tags; false where the store has no tags.
async fn set_tags(s3: &S3, bucket: &str, marks: &Marks, mut tags: BTreeMap<String, String>) -> Result<bool, Failure> {
    marks.put(&mut tags);
    match s3.configure(bucket, Sub::Tagging, &settings::tag_document(&tags)).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_unsupported() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Changes what differs; what is live and in no template stays.
pub(super) async fn update(s3: &S3, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Live, Failure> {
    const CALL: &str = "s3:PutBucketConfiguration";
    let wish: Wish = properties::read(CALL, &wanted.properties)?;
    if wish.bucket != live.id {
        return Err(Failure::new(FailureKind::Invalid, CALL, "a bucket cannot be renamed"));
    }
    if properties::touches(changes, "ObjectLock") {
        return Err(Failure::new(FailureKind::Invalid, CALL, "object lock can only be chosen when a bucket is made"));
    }
    let known = look(s3, &live.region, &live.id).await?;
    let mut marks = Marks::of(&wanted.owner).asking(known.marks.asked.clone());
    let in_object = known.tags.is_none();
    let marked = known.live.owner.as_ref() == Some(&wanted.owner);
    if let Some(mut tags) = known.tags
        && (!marked || properties::touches(changes, "Tags"))
    {
        for change in changes.iter().filter(|change| change.to.is_none()) {
            match change.pointer.strip_prefix("/Tags") {
                Some("") => tags.clear(),
                Some(key) => drop(tags.remove(&key.trim_start_matches('/').replace("~1", "/").replace("~0", "~"))),
                None => (),
            }
        }
        tags.extend(wish.tags.clone());
        set_tags(s3, &live.id, &marks, tags).await?;
    } else if in_object && (!marked || properties::touches(changes, "Tags")) {
        marks.asked.remove("Tags");
        if !wish.tags.is_empty() {
            let error = Failure::new(FailureKind::Unsupported, "s3:PutBucketTagging", "the store has no tags").into();
            tolerate(&wish, "Tags", &error)?;
            marks.asked.insert("Tags".to_owned(), json!(wish.tags));
        }
        put_marker(s3, &live.id, &marks).await?;
    }
    for (setting, sub) in SETTINGS {
        if !properties::touches(changes, setting) {
            continue;
        }
        if wish.setting(setting).is_some() {
            apply(s3, &wish, setting, sub, &mut marks, in_object).await?;
        } else {
            let result = match settings::off(sub) {
                Some(document) => s3.configure(&live.id, sub, &document).await,
                None => s3.unconfigure(&live.id, sub).await,
            };
            match result {
                Ok(()) => (),
                Err(error) if error.is_unsupported() => (),
                Err(error) => return Err(error.into()),
            }
            if marks.asked.remove(setting).is_some() {
                put_marker(s3, &live.id, &kept(&marks, in_object)).await?;
            }
        }
    }
    read(s3, &live.region, &live.id).await
}

/// Deletes a bucket; with `empty` everything in it first, as far as no retention holds it.
pub(super) async fn delete(s3: &S3, bucket: &str, empty: bool) -> Result<(), Failure> {
    if !s3.has_bucket(bucket).await? {
        return Err(missing(bucket));
    }
    if empty {
        s3.abort_uploads(bucket).await?;
    }
    // The marker is ours, in however many versions, and no data. It goes last: while anything else stands, the bucket is ours.
    let marker = loop {
        let entries = s3.entries(bucket, 1000).await?;
        let (marker, data): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == MARKER);
        if data.is_empty() {
            break marker;
        }
        if !empty {
            let message = format!("the bucket {bucket} is not empty");
            return Err(Failure::new(FailureKind::Protected, "s3:DeleteBucket", message)
                .next_step("name it in --allow-data-loss to lose what lies in it"));
        }
        s3.delete_entries(bucket, &data, false).await?;
    };
    if !marker.is_empty() {
        // Some stores hold everything by the bucket's default, whenever it was written.
        lift_retention(s3, bucket).await?;
        s3.delete_entries(bucket, &marker, false).await?;
    }
    Ok(s3.delete_bucket(bucket).await?)
}
