//! The answers to requests about multipart uploads.

use s3s::{S3Request, dto::*, s3_error};

use super::{
    Store,
    body::Announced,
    conditions::{Condition, ReadCondition, date, strong},
    listing,
    multipart::{Completion, Upload},
    objects::{Put, copy_source, refuse_promises, stated_about, stated_lock},
    pages::{is_url, number},
    service::{Answer, answer, stated_source, stated_sums},
    versions::Sums,
};

impl Store {
    pub(super) async fn answer_create_multipart_upload(
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

    pub(super) async fn answer_upload_part(&self, mut request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
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

    pub(super) async fn answer_upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
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

    pub(super) async fn answer_complete_multipart_upload(
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

    pub(super) async fn answer_list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
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

    pub(super) async fn answer_list_multipart_uploads(
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
}
