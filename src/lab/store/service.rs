//! The operations of S3, translated into those of the store and back.

use s3s::{S3, S3Request, S3Response, S3Result, dto, dto::*, s3_error};

use super::{
    BucketOptions, Store,
    access::Role,
    body::Announced,
    conditions::{Condition, ReadCondition, date, strong, unix_ms},
    index::bucket,
    listing::{self, Query},
    lock::Lock,
    multipart::{Completion, Upload},
    objects::{self, Put, copy_source, put_output, refuse_promises, stated_about, stated_lock},
    reading::{self, get_output, head_output},
    versions::{Sums, stated_retention},
};

type Answer<T> = S3Result<S3Response<T>>;

fn answer<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}

macro_rules! stated_sums {
    ($input:expr) => {
        Sums {
            crc32: $input.checksum_crc32.clone(),
            crc32c: $input.checksum_crc32c.clone(),
            crc64nvme: $input.checksum_crc64nvme.clone(),
            sha1: $input.checksum_sha1.clone(),
            sha256: $input.checksum_sha256.clone(),
        }
    };
}

/// `GetObject` and `HeadObject` ask in the same way.
macro_rules! stated_read {
    ($input:expr) => {
        reading::Request {
            bucket: $input.bucket.clone(),
            key: $input.key.clone(),
            version: $input.version_id.clone(),
            condition: ReadCondition {
                if_match: $input.if_match.clone(),
                if_none_match: $input.if_none_match.clone(),
                modified_since: $input.if_modified_since.clone(),
                unmodified_since: $input.if_unmodified_since.clone(),
            },
            range: $input.range,
        }
    };
}

macro_rules! stated_source {
    ($input:expr) => {
        copy_source(
            &$input.copy_source,
            ReadCondition {
                if_match: $input.copy_source_if_match.clone(),
                if_none_match: $input.copy_source_if_none_match.clone(),
                modified_since: $input.copy_source_if_modified_since.clone(),
                unmodified_since: $input.copy_source_if_unmodified_since.clone(),
            },
        )
    };
}

fn wants_checksums(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn refuse_part_number(number: Option<i32>) -> S3Result<()> {
    if number.is_some_and(|number| number != 1) {
        return Err(s3_error!(NotImplemented, "parts are joined when an upload is completed; read a range"));
    }
    Ok(())
}

/// A condition from headers that the protocol library does not know for this operation.
fn condition_of_headers(headers: &http::HeaderMap) -> S3Result<Condition> {
    let read = |name| -> S3Result<Option<ETagCondition>> {
        let Some(value) = headers.get(name) else { return Ok(None) };
        let condition = ETagCondition::parse_http_header(value.as_bytes());
        condition.map(Some).map_err(|error| s3_error!(error, InvalidArgument, "{name} is not an entity tag"))
    };
    Ok(Condition { if_match: read("if-match")?, if_none_match: read("if-none-match")? })
}

fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}

fn common_prefixes(prefixes: &[String], url: bool) -> Option<CommonPrefixList> {
    let list: Vec<_> =
        prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(listing::encode(prefix, url)) }).collect();
    (!list.is_empty()).then_some(list)
}

fn contents(versions: &[super::versions::Version], url: bool) -> Option<ObjectList> {
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

fn number(count: usize) -> Option<i32> {
    i32::try_from(count).ok()
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let trailers = request.trailing_headers.take();
        let input = &mut request.input;
        refuse_promises!(input);
        if input.write_offset_bytes.is_some() {
            return Err(s3_error!(NotImplemented, "objects are written whole"));
        }
        let (length, md5) = (input.content_length, input.content_md5.take());
        let sent = Announced::new(length, md5, stated_sums!(input), &request.headers, trailers);
        let put = Put {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            about: stated_about!(input)?,
            lock: stated_lock!(input)?,
            condition: Condition { if_match: input.if_match.take(), if_none_match: input.if_none_match.take() },
        };
        answer(put_output(self.put(put, input.body.take(), sent).await?))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = &request.input;
        refuse_part_number(input.part_number)?;
        let found = self.find(stated_read!(input)).await?;
        let mut output = get_output(&found, wants_checksums(input.checksum_mode.as_ref()));
        output.body = Some(self.content(&found).await?);
        answer(output)
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let input = &request.input;
        refuse_part_number(input.part_number)?;
        let found = self.find(stated_read!(input)).await?;
        answer(head_output(&found, wants_checksums(input.checksum_mode.as_ref())))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let role = Role::of(&request)?;
        let input = request.input;
        if input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
            return Err(s3_error!(NotImplemented, "a deletion is conditional by entity tag only"));
        }
        let delete = objects::Delete {
            bucket: input.bucket,
            key: input.key,
            version_id: input.version_id,
            condition: Condition { if_match: input.if_match, if_none_match: None },
            role,
            bypass: input.bypass_governance_retention.unwrap_or(false),
        };
        let deleted = self.delete(delete).await?;
        let output = DeleteObjectOutput {
            delete_marker: deleted.marker.then_some(true),
            version_id: deleted.version_id,
            request_charged: None,
        };
        Ok(S3Response::with_status(output, http::StatusCode::NO_CONTENT))
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        let role = Role::of(&request)?;
        let input = request.input;
        if input.delete.objects.is_empty() || input.delete.objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "1 to 1000 objects are deleted at once"));
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let bypass = input.bypass_governance_retention.unwrap_or(false);
        // At once, so that they share their commits.
        let work = input.delete.objects.into_iter().map(|object| {
            let delete = objects::Delete {
                bucket: input.bucket.clone(),
                key: object.key.clone(),
                version_id: object.version_id.clone(),
                condition: Condition { if_match: object.e_tag.map(ETagCondition::ETag), if_none_match: None },
                role,
                bypass,
            };
            async move { (object.key, object.version_id, self.delete(delete).await) }
        });
        let (mut done, mut errors) = (Vec::new(), Vec::new());
        for (key, named, outcome) in futures_util::future::join_all(work).await {
            match outcome {
                Ok(_) if quiet => (),
                Ok(deleted) => done.push(DeletedObject {
                    key: Some(key),
                    delete_marker: deleted.marker.then_some(true),
                    delete_marker_version_id: if deleted.marker { deleted.version_id } else { None },
                    version_id: named,
                }),
                Err(refusal) => {
                    let error = s3s::S3Error::from(refusal);
                    errors.push(dto::Error {
                        code: Some(error.code().as_str().to_owned()),
                        key: Some(key),
                        message: error.message().map(str::to_owned),
                        version_id: named,
                    });
                }
            }
        }
        answer(DeleteObjectsOutput {
            deleted: (!done.is_empty()).then_some(done),
            errors: (!errors.is_empty()).then_some(errors),
            request_charged: None,
        })
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let input = &request.input;
        refuse_promises!(input);
        let keep = input.metadata_directive.as_ref().is_none_or(|word| word.as_str() == MetadataDirective::COPY);
        let source = stated_source!(input)?;
        if keep && source.bucket == input.bucket && source.key == input.key && source.version.is_none() {
            return Err(s3_error!(InvalidRequest, "a copy onto itself has to change something"));
        }
        let put = Put {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            about: stated_about!(input)?,
            lock: stated_lock!(input)?,
            condition: condition_of_headers(&request.headers)?,
        };
        let (written, source_id) = self.copy(source, put, keep).await?;
        answer(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(strong(&written.etag)),
                last_modified: Some(date(written.modified_ms)),
                checksum_crc32: written.sums.crc32,
                checksum_crc32c: written.sums.crc32c,
                checksum_crc64nvme: written.sums.crc64nvme,
                checksum_sha1: written.sums.sha1,
                checksum_sha256: written.sums.sha256,
                checksum_type: None,
            }),
            copy_source_version_id: Some(source_id),
            version_id: Some(written.id),
            ..Default::default()
        })
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
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

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
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

    async fn list_object_versions(
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

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let input = request.input;
        refuse_promises!(input);
        let put = Put {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            about: stated_about!(input)?,
            lock: stated_lock!(input)?,
            condition: Condition::default(),
        };
        let id = self.open_upload(put).await?;
        answer(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..Default::default()
        })
    }

    async fn upload_part(&self, mut request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let trailers = request.trailing_headers.take();
        let input = &mut request.input;
        let (length, md5) = (input.content_length, input.content_md5.take());
        let sent = Announced::new(length, md5, stated_sums!(input), &request.headers, trailers);
        let upload = Upload { bucket: input.bucket.clone(), key: input.key.clone(), id: input.upload_id.clone() };
        let part = self.put_part(upload, input.part_number, input.body.take(), sent).await?;
        answer(UploadPartOutput {
            checksum_crc32: part.sums.crc32,
            checksum_crc32c: part.sums.crc32c,
            checksum_crc64nvme: part.sums.crc64nvme,
            checksum_sha1: part.sums.sha1,
            checksum_sha256: part.sums.sha256,
            e_tag: Some(strong(&part.etag)),
            ..Default::default()
        })
    }

    async fn upload_part_copy(&self, request: S3Request<UploadPartCopyInput>) -> Answer<UploadPartCopyOutput> {
        let input = request.input;
        let mut source = stated_source!(input)?;
        source.range = input
            .copy_source_range
            .as_deref()
            .map(Range::parse)
            .transpose()
            .map_err(|error| s3_error!(error, InvalidArgument, "x-amz-copy-source-range is not a range"))?;
        let upload = Upload { bucket: input.bucket, key: input.key, id: input.upload_id };
        let (part, source_id) = self.copy_part(upload, input.part_number, source).await?;
        answer(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(strong(&part.etag)),
                last_modified: Some(date(part.modified_ms)),
                ..Default::default()
            }),
            copy_source_version_id: Some(source_id),
            ..Default::default()
        })
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let input = request.input;
        let sums = stated_sums!(input);
        let mut parts = Vec::new();
        for part in input.multipart_upload.and_then(|list| list.parts).unwrap_or_default() {
            let number = part.part_number.and_then(|number| u32::try_from(number).ok());
            match (number, part.e_tag) {
                (Some(number), Some(etag)) => parts.push((number, etag.into_value())),
                _ => return Err(s3_error!(MalformedXML, "each part has a number and an entity tag")),
            }
        }
        let completion = Completion {
            parts,
            size: input.mpu_object_size,
            sums,
            condition: Condition { if_match: input.if_match, if_none_match: input.if_none_match },
        };
        let location = format!("/{}/{}", input.bucket, listing::encode(&input.key, true));
        let upload = Upload { bucket: input.bucket.clone(), key: input.key.clone(), id: input.upload_id };
        let written = self.complete(upload, completion).await?;
        answer(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(strong(&written.etag)),
            location: Some(location),
            version_id: Some(written.id),
            checksum_crc32: written.sums.crc32,
            checksum_crc32c: written.sums.crc32c,
            checksum_crc64nvme: written.sums.crc64nvme,
            checksum_sha1: written.sums.sha1,
            checksum_sha256: written.sums.sha256,
            ..Default::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let input = request.input;
        self.abort(Upload { bucket: input.bucket, key: input.key, id: input.upload_id }).await?;
        Ok(S3Response::with_status(AbortMultipartUploadOutput::default(), http::StatusCode::NO_CONTENT))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        let input = request.input;
        let limit = listing::limit(input.max_parts)?;
        let after = input.part_number_marker.and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        let upload = Upload { bucket: input.bucket.clone(), key: input.key.clone(), id: input.upload_id.clone() };
        let mut found = self.parts(upload, after).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().and_then(|part| i32::try_from(part.number).ok());
        let parts: Vec<_> = found
            .into_iter()
            .map(|part| Part {
                checksum_crc32: part.sums.crc32,
                checksum_crc32c: part.sums.crc32c,
                checksum_crc64nvme: part.sums.crc64nvme,
                checksum_sha1: part.sums.sha1,
                checksum_sha256: part.sums.sha256,
                e_tag: Some(strong(&part.etag)),
                last_modified: Some(date(part.modified_ms)),
                part_number: i32::try_from(part.number).ok(),
                size: i64::try_from(part.size).ok(),
            })
            .collect();
        answer(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(more),
            max_parts: number(limit),
            next_part_number_marker: if more { last } else { None },
            part_number_marker: input.part_number_marker,
            parts: (!parts.is_empty()).then_some(parts),
            ..Default::default()
        })
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        let input = request.input;
        if input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(s3_error!(NotImplemented, "open uploads are listed without a delimiter"));
        }
        let limit = listing::limit(input.max_uploads)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after_key = input.key_marker.clone().unwrap_or_default();
        // Without an upload id the whole key has been listed; no id is above this character.
        let after_id = input.upload_id_marker.clone().unwrap_or_else(|| "\u{10FFFF}".to_owned());
        let mut found = self.uploads(input.bucket.clone(), prefix, (after_key, after_id), limit).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let url = is_url(input.encoding_type.as_ref());
        let last = found.last().map(|upload| (listing::encode(&upload.key, url), upload.id.clone()));
        let uploads: Vec<_> = found
            .into_iter()
            .map(|upload| MultipartUpload {
                initiated: Some(date(upload.started_ms)),
                key: Some(listing::encode(&upload.key, url)),
                upload_id: Some(upload.id),
                ..Default::default()
            })
            .collect();
        let (next_key, next_id) = last.filter(|_| more).unzip();
        answer(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            encoding_type: input.encoding_type,
            is_truncated: Some(more),
            key_marker: input.key_marker,
            max_uploads: number(limit),
            next_key_marker: next_key,
            next_upload_id_marker: next_id,
            prefix: input.prefix,
            upload_id_marker: input.upload_id_marker,
            uploads: (!uploads.is_empty()).then_some(uploads),
            ..Default::default()
        })
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let buckets = self.buckets().await?;
        let list = buckets
            .into_iter()
            .map(|(name, created_ms)| Bucket {
                bucket_region: None,
                creation_date: Some(date(created_ms)),
                name: Some(name),
            })
            .collect();
        answer(ListBucketsOutput { buckets: Some(list), ..Default::default() })
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.bucket(request.input.bucket).await?;
        answer(HeadBucketOutput::default())
    }

    async fn get_bucket_location(&self, request: S3Request<GetBucketLocationInput>) -> Answer<GetBucketLocationOutput> {
        self.bucket(request.input.bucket).await?;
        // No constraint: the first region of S3, which clients assume when they are not told another.
        answer(GetBucketLocationOutput::default())
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        let input = request.input;
        let location = Some(format!("/{}", input.bucket));
        let object_lock = input.object_lock_enabled_for_bucket.unwrap_or(false);
        self.create_bucket_row(BucketOptions { name: input.bucket, object_lock, retention: None }).await?;
        answer(CreateBucketOutput { location })
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        self.delete_bucket_row(request.input.bucket).await?;
        Ok(S3Response::with_status(DeleteBucketOutput::default(), http::StatusCode::NO_CONTENT))
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        self.bucket(request.input.bucket).await?;
        answer(GetBucketVersioningOutput {
            status: Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
            mfa_delete: None,
        })
    }

    async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> Answer<PutBucketVersioningOutput> {
        let input = request.input;
        self.bucket(input.bucket).await?;
        let status = input.versioning_configuration.status;
        if status.as_ref().is_none_or(|status| status.as_str() != BucketVersioningStatus::ENABLED) {
            return Err(s3_error!(InvalidBucketState, "this store keeps versions, and cannot be told not to"));
        }
        answer(PutBucketVersioningOutput::default())
    }

    async fn get_object_lock_configuration(
        &self,
        request: S3Request<GetObjectLockConfigurationInput>,
    ) -> Answer<GetObjectLockConfigurationOutput> {
        let row = self.bucket(request.input.bucket).await?;
        if !row.object_lock {
            return Err(s3_error!(ObjectLockConfigurationNotFoundError));
        }
        answer(GetObjectLockConfigurationOutput {
            object_lock_configuration: Some(super::buckets::configuration(&row)),
        })
    }

    async fn put_object_lock_configuration(
        &self,
        request: S3Request<PutObjectLockConfigurationInput>,
    ) -> Answer<PutObjectLockConfigurationOutput> {
        let input = request.input;
        let configuration = input.object_lock_configuration.ok_or_else(|| s3_error!(MalformedXML))?;
        self.configure_lock(input.bucket, super::buckets::stated_default(&configuration)?).await?;
        answer(PutObjectLockConfigurationOutput::default())
    }

    async fn get_object_retention(
        &self,
        request: S3Request<GetObjectRetentionInput>,
    ) -> Answer<GetObjectRetentionOutput> {
        let input = request.input;
        let lock = self.lock_of(input.bucket, input.key, input.version_id).await?;
        let Some(stated) = lock.retention else { return Err(s3_error!(NoSuchObjectLockConfiguration)) };
        answer(GetObjectRetentionOutput { retention: Some(objects::retention(stated)) })
    }

    async fn put_object_retention(
        &self,
        request: S3Request<PutObjectRetentionInput>,
    ) -> Answer<PutObjectRetentionOutput> {
        let role = Role::of(&request)?;
        let input = request.input;
        let bypass = input.bypass_governance_retention.unwrap_or(false);
        let stated = input.retention.ok_or_else(|| s3_error!(MalformedXML))?;
        let until_ms = stated.retain_until_date.as_ref().map(unix_ms).transpose()?;
        let retention = stated_retention(stated.mode.as_ref().map(|mode| mode.as_str()), until_ms)?;
        let change = move |lock: Lock, now_ms| {
            lock.allow_retention(retention, role, bypass, now_ms)?;
            Ok(Lock { retention, ..lock })
        };
        self.relock(input.bucket, input.key, input.version_id, change).await?;
        answer(PutObjectRetentionOutput::default())
    }

    async fn get_object_legal_hold(
        &self,
        request: S3Request<GetObjectLegalHoldInput>,
    ) -> Answer<GetObjectLegalHoldOutput> {
        let input = request.input;
        let lock = self.lock_of(input.bucket, input.key, input.version_id).await?;
        let status = if lock.hold { ObjectLockLegalHoldStatus::ON } else { ObjectLockLegalHoldStatus::OFF };
        answer(GetObjectLegalHoldOutput {
            legal_hold: Some(ObjectLockLegalHold { status: Some(ObjectLockLegalHoldStatus::from_static(status)) }),
        })
    }

    async fn put_object_legal_hold(
        &self,
        request: S3Request<PutObjectLegalHoldInput>,
    ) -> Answer<PutObjectLegalHoldOutput> {
        let input = request.input;
        let hold = match input.legal_hold.and_then(|hold| hold.status) {
            Some(status) if status.as_str() == ObjectLockLegalHoldStatus::ON => true,
            Some(status) if status.as_str() == ObjectLockLegalHoldStatus::OFF => false,
            _ => return Err(s3_error!(MalformedXML, "a legal hold is ON or OFF")),
        };
        self.relock(input.bucket, input.key, input.version_id, move |lock, _| Ok(Lock { hold, ..lock })).await?;
        answer(PutObjectLegalHoldOutput::default())
    }
}
