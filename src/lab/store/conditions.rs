//! Conditional requests (RFC 9110, section 13).

use s3s::{
    S3Error, S3Result,
    dto::{ETag, ETagCondition, Timestamp, TimestampFormat},
    s3_error,
};

/// What a write demands of the object that is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

impl Condition {
    /// Judges the condition against the entity tag of the present object, if there is one.
    pub(super) fn check(&self, etag: Option<&str>) -> S3Result<()> {
        if let Some(wanted) = &self.if_match {
            let Some(etag) = etag else {
                // S3 answers so, rather than with 412, when there is nothing to compare with.
                return Err(s3_error!(NoSuchKey));
            };
            if !matches(wanted, etag) {
                return Err(s3_error!(PreconditionFailed));
            }
        }
        if let (Some(unwanted), Some(etag)) = (&self.if_none_match, etag)
            && matches(unwanted, etag)
        {
            return Err(s3_error!(PreconditionFailed));
        }
        Ok(())
    }
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

/// What a read demands.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) modified_since: Option<Timestamp>,
    pub(super) unmodified_since: Option<Timestamp>,
}

impl ReadCondition {
    /// Judges in the order of RFC 9110, section 13.2.2. `unchanged` is the answer when the reader has it already.
    pub(super) fn check(&self, etag: &str, modified_ms: u64, unchanged: impl Fn() -> S3Error) -> S3Result<()> {
        // Dates in HTTP have no fractions of a second.
        let modified_s = modified_ms / 1000;
        if let Some(wanted) = &self.if_match {
            if !matches(wanted, etag) {
                return Err(s3_error!(PreconditionFailed));
            }
        } else if let Some(date) = &self.unmodified_since
            && modified_s > unix_ms(date)? / 1000
        {
            return Err(s3_error!(PreconditionFailed));
        }
        if let Some(unwanted) = &self.if_none_match {
            if matches(unwanted, etag) {
                return Err(unchanged());
            }
        } else if let Some(date) = &self.modified_since
            && modified_s <= unix_ms(date)? / 1000
        {
            return Err(unchanged());
        }
        Ok(())
    }
}

pub(super) fn strong(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

/// The milliseconds since 1970 of a date in a request; a date before that is as good as 1970.
pub(super) fn unix_ms(timestamp: &Timestamp) -> S3Result<u64> {
    let mut text = Vec::new();
    timestamp
        .format(TimestampFormat::DateTime, &mut text)
        .map_err(|error| s3_error!(error, InvalidArgument, "the date is out of range"))?;
    let parsed = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let parsed = parsed.ok_or_else(|| s3_error!(InvalidArgument, "the date is out of range"))?;
    Ok(u64::try_from(parsed.as_millisecond()).unwrap_or(0))
}

/// The date of a number of milliseconds since 1970.
pub(super) fn date(unix_ms: u64) -> Timestamp {
    // Beyond the year 9999 the protocol has no words; the clock of this program cannot get there by itself.
    let latest = 253_402_300_799_000;
    Timestamp::from(std::time::UNIX_EPOCH + std::time::Duration::from_millis(unix_ms.min(latest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Option<ETagCondition> {
        Some(ETagCondition::ETag(strong(text)))
    }

    #[test]
    fn writes_are_judged_by_what_is_there() {
        let create = Condition { if_none_match: Some(ETagCondition::Any), ..Condition::default() };
        assert!(create.check(None).is_ok());
        assert!(create.check(Some("a")).is_err());
        let update = Condition { if_match: tag("a"), ..Condition::default() };
        assert!(update.check(Some("a")).is_ok());
        assert!(update.check(Some("b")).is_err());
        assert!(update.check(None).is_err());
    }

    #[test]
    fn an_entity_tag_outranks_a_date() {
        let not_modified = || s3_error!(NotModified);
        let condition =
            ReadCondition { if_match: tag("a"), unmodified_since: Some(date(0)), ..ReadCondition::default() };
        assert!(condition.check("a", 5_000, not_modified).is_ok());
        let condition = ReadCondition { modified_since: Some(date(5_000)), ..ReadCondition::default() };
        assert!(condition.check("a", 5_900, not_modified).is_err());
        assert!(condition.check("a", 6_000, not_modified).is_ok());
    }

    #[test]
    fn dates_survive_the_round_trip() {
        assert_eq!(unix_ms(&date(1_700_000_000_123)).unwrap(), 1_700_000_000_123);
    }
}
