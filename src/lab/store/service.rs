//! The operations of S3, translated into those of the store and back.

use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, dto, dto::*, s3_error};

use super::{
    BucketOptions, Store,
    access::Role,
    body::Announced,
    conditions::{Condition, ReadCondition, date, strong, unix_ms},
    lock::Lock,
    multipart::Upload,
    objects::{self, Put, copy_source, put_output, refuse_promises, stated_about, stated_lock},
    reading::{self, get_output, head_output},
    refusal::Refusal,
    versions::{Sums, stated_retention},
};

pub(super) type Answer<T> = S3Result<S3Response<T>>;

pub(super) fn answer<T>(output: T) -> Answer<T> {
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

pub(super) use {stated_source, stated_sums};

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
        // Between looking a version up and opening its file it can be pruned; a key that has a newer one then is not
        // missing.
        let mut tries = 3;
        loop {
            let found = self.find(stated_read!(input)).await?;
            tries -= 1;
            match self.content(&found).await {
                Ok(body) => {
                    let mut output = get_output(&found, wants_checksums(input.checksum_mode.as_ref()));
                    output.body = Some(body);
                    return answer(output);
                }
                Err(Refusal::Answer(error)) if *error.code() == S3ErrorCode::NoSuchKey && tries > 0 => (),
                Err(refusal) => return Err(refusal.into()),
            }
        }
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
        self.answer_list_objects_v2(request).await
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        self.answer_list_objects(request).await
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        self.answer_list_object_versions(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        self.answer_create_multipart_upload(request).await
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        self.answer_upload_part(request).await
    }

    async fn upload_part_copy(&self, request: S3Request<UploadPartCopyInput>) -> Answer<UploadPartCopyOutput> {
        self.answer_upload_part_copy(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        self.answer_complete_multipart_upload(request).await
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
        self.answer_list_parts(request).await
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        self.answer_list_multipart_uploads(request).await
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
