//! From what is wanted, what was last set and what is live to a plan. Pure: no network, no clock, no chance.

mod fate;
mod leaves;
mod losses;
mod order;
mod planner;
mod question;
mod shape;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use self::question::{Error, Look, Purpose, Question, SecretHashes, Seen};
use super::plan::Plan;
use crate::{
    cloud::{
        control::Change,
        rules::{Rules, TypeRules},
    },
    project::Provider,
};

/// The version of a plan's shape.
pub const PLAN_VERSION: u32 = 1;

/// What must be done so that what is wanted stands.
///
/// # Errors
/// When something could not be read, belongs to somebody else, or cannot become what is wanted; when a secret cannot be
/// fetched, or a selector names nothing.
pub fn plan(question: &Question<'_>) -> Result<Plan, Error> {
    planner::plan(question, &|provider, kind| Rules::of(provider).get(kind))
}

/// The leaves in which a live resource is not as it was last set: drift. `from` is what is live, `to` what was set.
#[must_use]
pub fn drift(rules: &TypeRules, applied: &Value, live: &Value) -> Vec<Change> {
    leaves::Differ { shape: &shape::Shape::of(rules), moves: &|_| false }.changes(applied, applied, live)
}

/// Within what an id is unique: at a provider, whose clouds may share one account, or in one cloud of one's own.
pub(super) fn realm(provider: Option<Provider>, cloud: &str) -> &str {
    if provider == Some(Provider::Custom) { cloud } else { "" }
}
