//! The answers to listings.

use s3s::{S3Request, dto::*, s3_error};

use super::{
    Store,
    conditions::{date, strong},
    index::bucket,
    listing::{self, Query},
    service::{Answer, answer},
    versions::Version,
};

pub(super) fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}

pub(super) fn number(count: usize) -> Option<i32> {
    i32::try_from(count).ok()
}

fn common_prefixes(prefixes: &[String], url: bool) -> Option<CommonPrefixList> {
    let list: Vec<_> =
        prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(listing::encode(prefix, url)) }).collect();
    (!list.is_empty()).then_some(list)
}

fn contents(versions: &[Version], url: bool) -> Option<ObjectList> {
    let list: Vec<_> = versions
        .iter()
        .map(|version| Object {
            key: Some(listing::encode(&version.key, url)),
            e_tag: Some(strong(&version.etag)),
            size: i64::try_from(version.size).ok(),
            last_modified: Some(date(version.modified_ms)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Default::default()
        })
        .collect();
    (!list.is_empty()).then_some(list)
}

impl Store {
    pub(super) async fn answer_list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let from = match (&input.continuation_token, &input.start_after) {
            (Some(token), _) => listing::read_token(token)?,
            (None, Some(after)) => listing::just_after(after),
            (None, None) => String::new(),
        };
        let limit = listing::limit(input.max_keys)?;
        let (name, delimiter) = (input.bucket.clone(), input.delimiter.clone());
        let page = self
            .index
            .read(move |connection| {
                let bucket = bucket(connection, &name)?.id;
                listing::live(connection, &Query { bucket, prefix, delimiter, from, limit })
            })
            .await?;
        let url = is_url(input.encoding_type.as_ref());
        answer(ListObjectsV2Output {
            common_prefixes: common_prefixes(&page.prefixes, url),
            contents: contents(&page.versions, url),
            continuation_token: input.continuation_token,
            delimiter: input.delimiter.map(|text| listing::encode(&text, url)),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.next.is_some()),
            key_count: number(page.versions.len() + page.prefixes.len()),
            max_keys: number(limit),
            name: Some(input.bucket),
            next_continuation_token: page.next.as_deref().map(listing::token),
            prefix: Some(listing::encode(&input.prefix.unwrap_or_default(), url)),
            start_after: input.start_after.map(|text| listing::encode(&text, url)),
            request_charged: None,
        })
    }

    pub(super) async fn answer_list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let delimiter = input.delimiter.clone();
        let from = input
            .marker
            .as_deref()
            .filter(|marker| !marker.is_empty())
            .map(|marker| listing::after_marker(marker, &prefix, delimiter.as_deref()))
            .unwrap_or_default();
        let limit = listing::limit(input.max_keys)?;
        let name = input.bucket.clone();
        let page = self
            .index
            .read(move |connection| {
                let bucket = bucket(connection, &name)?.id;
                listing::live(connection, &Query { bucket, prefix, delimiter, from, limit })
            })
            .await?;
        let url = is_url(input.encoding_type.as_ref());
        let last =
            page.versions.last().map(|version| version.key.as_str()).max(page.prefixes.last().map(String::as_str));
        answer(ListObjectsOutput {
            common_prefixes: common_prefixes(&page.prefixes, url),
            contents: contents(&page.versions, url),
            delimiter: input.delimiter.map(|text| listing::encode(&text, url)),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.next.is_some()),
            marker: Some(listing::encode(&input.marker.unwrap_or_default(), url)),
            max_keys: number(limit),
            name: Some(input.bucket),
            next_marker: page.next.as_ref().and(last).map(|text| listing::encode(text, url)),
            prefix: Some(listing::encode(&input.prefix.unwrap_or_default(), url)),
            request_charged: None,
        })
    }

    pub(super) async fn answer_list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let delimiter = input.delimiter.clone();
        let limit = listing::limit(input.max_keys)?;
        let key_marker = input.key_marker.clone().filter(|marker| !marker.is_empty());
        let id_marker = input.version_id_marker.clone().filter(|marker| !marker.is_empty());
        if id_marker.is_some() && key_marker.is_none() {
            return Err(s3_error!(InvalidArgument, "a version-id-marker needs a key-marker"));
        }
        let from = match (&key_marker, &id_marker) {
            (Some(key), None) => listing::after_marker(key, &prefix, delimiter.as_deref()),
            (Some(key), Some(_)) => key.clone(),
            (None, _) => String::new(),
        };
        let name = input.bucket.clone();
        let page = self
            .index
            .read(move |connection| {
                let bucket = bucket(connection, &name)?.id;
                let within = key_marker.as_deref().zip(id_marker.as_deref());
                listing::all(connection, &Query { bucket, prefix, delimiter, from, limit }, within)
            })
            .await?;
        let url = is_url(input.encoding_type.as_ref());
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        for (version, newest) in page.versions {
            let key = Some(listing::encode(&version.key, url));
            let last_modified = Some(date(version.modified_ms));
            if version.is_marker() {
                markers.push(DeleteMarkerEntry {
                    is_latest: Some(newest),
                    key,
                    last_modified,
                    owner: None,
                    version_id: Some(version.id),
                });
            } else {
                versions.push(ObjectVersion {
                    e_tag: Some(strong(&version.etag)),
                    is_latest: Some(newest),
                    key,
                    last_modified,
                    size: i64::try_from(version.size).ok(),
                    storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
                    version_id: Some(version.id),
                    ..Default::default()
                });
            }
        }
        let (next_key, next_id) = page.next.clone().unzip();
        answer(ListObjectVersionsOutput {
            common_prefixes: common_prefixes(&page.prefixes, url),
            delete_markers: (!markers.is_empty()).then_some(markers),
            delimiter: input.delimiter.map(|text| listing::encode(&text, url)),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.next.is_some()),
            key_marker: input.key_marker.map(|text| listing::encode(&text, url)),
            max_keys: number(limit),
            name: Some(input.bucket),
            next_key_marker: next_key.map(|text| listing::encode(&text, url)),
            next_version_id_marker: next_id.flatten(),
            prefix: Some(listing::encode(&input.prefix.unwrap_or_default(), url)),
            request_charged: None,
            version_id_marker: input.version_id_marker,
            versions: (!versions.is_empty()).then_some(versions),
        })
    }
}
