//! Buckets and their configuration.

use std::path::Path;

use rusqlite::{OptionalExtension, params};
use s3s::{S3Result, dto, s3_error};

use super::{
    BucketOptions, Error, Retention, Store,
    index::{BucketRow, Index, bucket, find_bucket},
    lock::Mode,
    refusal::{Outcome, Refusal},
};

const LONGEST_DAYS: u32 = 36_500;

/// Creates the buckets of the options that are missing.
pub(super) fn create_missing(
    index: &Index,
    root: &Path,
    buckets: &[BucketOptions],
    created_ms: u64,
) -> Result<(), Error> {
    for options in buckets {
        let impossible = |reason| Error::Bucket { name: options.name.clone(), reason };
        if !s3s::path::check_bucket_name(&options.name) {
            return Err(impossible("S3 does not allow the name"));
        }
        if options.retention.is_some() && !options.object_lock {
            return Err(impossible("a retention needs object_lock"));
        }
        if options.retention.is_some_and(|retention| retention.days == 0 || retention.days > LONGEST_DAYS) {
            return Err(impossible("a retention is 1 to 36500 days"));
        }
        let options = options.clone();
        let name = options.name.clone();
        let made = index.change_now(move |connection| {
            if find_bucket(connection, &options.name)?.is_none() {
                insert(connection, &options, created_ms)?;
            }
            Ok(())
        });
        made.map_err(|refusal| match refusal {
            Refusal::Index(source) => Error::Index { path: root.to_path_buf(), source },
            Refusal::File(source) => Error::File { path: root.to_path_buf(), source },
            Refusal::Answer(_) | Refusal::Fault(_) => Error::Bucket { name, reason: "the index refuses it" },
        })?;
    }
    Ok(())
}

fn insert(connection: &rusqlite::Connection, options: &BucketOptions, created_ms: u64) -> Outcome<()> {
    let retention = options.retention.map(write_retention).transpose()?;
    connection
        .prepare_cached("INSERT INTO bucket (name, created_ms, object_lock, retention) VALUES (?, ?, ?, ?)")?
        .execute(params![options.name, created_ms, options.object_lock, retention])?;
    Ok(())
}

pub(super) fn read_retention(text: &str) -> Outcome<Retention> {
    let (mode, days): (Mode, u32) = serde_json::from_str(text)?;
    Ok(Retention { mode, days })
}

fn write_retention(retention: Retention) -> Outcome<String> {
    Ok(serde_json::to_string(&(retention.mode, retention.days))?)
}

/// The default retention that a request states, if any.
pub(super) fn stated_default(configuration: &dto::ObjectLockConfiguration) -> S3Result<Option<Retention>> {
    let malformed = |text: &'static str| s3_error!(InvalidArgument, "{text}");
    if configuration.object_lock_enabled.as_ref().is_none_or(|enabled| enabled.as_str() != "Enabled") {
        return Err(malformed("object lock can only be enabled"));
    }
    let Some(default) = configuration.rule.as_ref().and_then(|rule| rule.default_retention.as_ref()) else {
        return Ok(None);
    };
    let mode = default.mode.as_ref().and_then(|mode| Mode::parse(mode.as_str()));
    let mode = mode.ok_or_else(|| malformed("a retention has the mode GOVERNANCE or COMPLIANCE"))?;
    let days = match (default.days, default.years) {
        (Some(days), None) => u32::try_from(days).ok(),
        (None, Some(years)) => u32::try_from(years).ok().and_then(|years| years.checked_mul(365)),
        _ => None,
    };
    let days = days.filter(|days| (1..=LONGEST_DAYS).contains(days));
    let days = days.ok_or_else(|| malformed("a retention has days or years, up to a hundred years"))?;
    Ok(Some(Retention { mode, days }))
}

/// The configuration of a bucket as an answer states it.
pub(super) fn configuration(row: &BucketRow) -> dto::ObjectLockConfiguration {
    dto::ObjectLockConfiguration {
        object_lock_enabled: Some(dto::ObjectLockEnabled::from_static(dto::ObjectLockEnabled::ENABLED)),
        rule: row.retention.map(|retention| dto::ObjectLockRule {
            default_retention: Some(dto::DefaultRetention {
                days: i32::try_from(retention.days).ok(),
                mode: Some(dto::ObjectLockRetentionMode::from_static(retention.mode.name())),
                years: None,
            }),
        }),
    }
}

impl Store {
    pub(super) async fn bucket(&self, name: String) -> Outcome<BucketRow> {
        self.index.read(move |connection| bucket(connection, &name)).await
    }

    /// All buckets with the time of their creation, in the order of their names.
    pub(super) async fn buckets(&self) -> Outcome<Vec<(String, u64)>> {
        self.index
            .read(|connection| {
                let mut statement = connection.prepare_cached("SELECT name, created_ms FROM bucket ORDER BY name")?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<Vec<_>, _>>()?)
            })
            .await
    }

    pub(super) async fn create_bucket_row(&self, options: BucketOptions) -> Outcome<()> {
        let clock = self.clock.clone();
        self.index
            .change(None, move |connection| {
                if find_bucket(connection, &options.name)?.is_some() {
                    return Err(s3_error!(BucketAlreadyOwnedByYou).into());
                }
                insert(connection, &options, clock.unix_ms())
            })
            .await
    }

    /// Deletes a bucket that holds nothing, not even a delete marker or an open upload.
    pub(super) async fn delete_bucket_row(&self, name: String) -> Outcome<()> {
        self.index
            .change(None, move |connection| {
                let bucket = bucket(connection, &name)?;
                let used = connection
                    .prepare_cached(
                        "SELECT 1 FROM version WHERE bucket = ?1 UNION ALL SELECT 1 FROM upload WHERE bucket = ?1 LIMIT 1",
                    )?
                    .query_row([bucket.id], |_| Ok(()))
                    .optional()?;
                if used.is_some() {
                    return Err(s3_error!(BucketNotEmpty).into());
                }
                connection.prepare_cached("DELETE FROM bucket WHERE id = ?")?.execute([bucket.id])?;
                Ok(())
            })
            .await
    }

    /// Enables object lock, and sets or removes the default retention. What is written already keeps its own.
    pub(super) async fn configure_lock(&self, name: String, retention: Option<Retention>) -> Outcome<()> {
        self.index
            .change(None, move |connection| {
                let bucket = bucket(connection, &name)?;
                let retention = retention.map(write_retention).transpose()?;
                connection
                    .prepare_cached("UPDATE bucket SET object_lock = 1, retention = ? WHERE id = ?")?
                    .execute(params![retention, bucket.id])?;
                Ok(())
            })
            .await
    }
}
