//! Object lock: which versions nobody may remove, and who may change that.

use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::access::Role;

/// How strong a retention is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// The administrator may lift or shorten it, when the request says that it means to.
    Governance,
    /// Nobody may.
    Compliance,
}

impl Mode {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "GOVERNANCE" => Some(Self::Governance),
            "COMPLIANCE" => Some(Self::Compliance),
            _ => None,
        }
    }
}

/// A date further than this is refused: a mistyped year must not make a disk unusable for ever.
pub(super) const LONGEST_MS: u64 = 36_500 * DAY_MS;
pub(super) const DAY_MS: u64 = 86_400_000;

/// What keeps a version from being removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lock {
    /// Mode, and until when, in milliseconds since 1970.
    pub(super) retention: Option<(Mode, u64)>,
    /// Holds without a date.
    pub(super) hold: bool,
}

impl Lock {
    pub(super) fn is_none(self) -> bool {
        self.retention.is_none() && !self.hold
    }

    /// Whether the version may be removed for good at `now_ms`.
    pub(super) fn allow_removal(self, role: Role, bypass: bool, now_ms: u64) -> S3Result<()> {
        if role != Role::Administrator {
            return Err(s3_error!(AccessDenied, "versions are deleted by the administrator"));
        }
        if self.hold {
            return Err(s3_error!(AccessDenied, "the version is under a legal hold"));
        }
        match self.retention {
            Some((mode, until_ms)) if until_ms > now_ms && (mode == Mode::Compliance || !bypass) => {
                Err(s3_error!(AccessDenied, "the version is retained ({})", mode.name()))
            }
            _ => Ok(()),
        }
    }

    /// Whether the retention may become `wanted` at `now_ms`. Anybody may lengthen or strengthen one; to weaken one
    /// takes the administrator, `GOVERNANCE`, and the wish to bypass.
    pub(super) fn allow_retention(
        self,
        wanted: Option<(Mode, u64)>,
        role: Role,
        bypass: bool,
        now_ms: u64,
    ) -> S3Result<()> {
        if let Some((_, until_ms)) = wanted {
            check_date(until_ms, now_ms)?;
        }
        let Some((mode, until_ms)) = self.retention.filter(|(_, until_ms)| *until_ms > now_ms) else {
            return Ok(());
        };
        let kept = wanted.is_some_and(|(new_mode, new_until_ms)| {
            new_until_ms >= until_ms && (new_mode == mode || new_mode == Mode::Compliance)
        });
        if kept || (mode == Mode::Governance && bypass && role == Role::Administrator) {
            Ok(())
        } else {
            Err(s3_error!(AccessDenied, "the retention ({}) cannot be weakened", mode.name()))
        }
    }
}

/// A retention ends in the future, and within a hundred years.
pub(super) fn check_date(until_ms: u64, now_ms: u64) -> S3Result<()> {
    if until_ms <= now_ms {
        return Err(s3_error!(InvalidArgument, "the retain-until date must be in the future"));
    }
    if until_ms - now_ms > LONGEST_MS {
        return Err(s3_error!(InvalidArgument, "the retain-until date is more than a hundred years away"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn retained(mode: Mode) -> Lock {
        Lock { retention: Some((mode, NOW + 10)), hold: false }
    }

    #[test]
    fn nobody_removes_what_compliance_keeps_until_its_date() {
        let lock = retained(Mode::Compliance);
        assert!(lock.allow_removal(Role::Administrator, true, NOW).is_err());
        assert!(lock.allow_removal(Role::Administrator, false, NOW + 10).is_ok());
        assert!(lock.allow_removal(Role::Writer, true, NOW + 10).is_err());
    }

    #[test]
    fn governance_yields_to_the_administrator_who_asks_for_it() {
        let lock = retained(Mode::Governance);
        assert!(lock.allow_removal(Role::Administrator, false, NOW).is_err());
        assert!(lock.allow_removal(Role::Administrator, true, NOW).is_ok());
        assert!(lock.allow_removal(Role::Writer, true, NOW).is_err());
        let held = Lock { hold: true, ..lock };
        assert!(held.allow_removal(Role::Administrator, true, NOW).is_err());
    }

    #[test]
    fn a_retention_is_lengthened_by_anybody_and_weakened_by_few() {
        let lock = retained(Mode::Governance);
        let longer = Some((Mode::Governance, NOW + 20));
        let shorter = Some((Mode::Governance, NOW + 5));
        assert!(lock.allow_retention(longer, Role::Writer, false, NOW).is_ok());
        assert!(lock.allow_retention(shorter, Role::Writer, true, NOW).is_err());
        assert!(lock.allow_retention(None, Role::Administrator, false, NOW).is_err());
        assert!(lock.allow_retention(shorter, Role::Administrator, true, NOW).is_ok());
        let strict = retained(Mode::Compliance);
        assert!(strict.allow_retention(shorter, Role::Administrator, true, NOW).is_err());
        assert!(strict.allow_retention(longer, Role::Administrator, true, NOW).is_err());
        assert!(strict.allow_retention(Some((Mode::Compliance, NOW + 20)), Role::Writer, false, NOW).is_ok());
        assert!(Lock::default().allow_retention(Some((Mode::Compliance, NOW)), Role::Writer, false, NOW).is_err());
    }
}
