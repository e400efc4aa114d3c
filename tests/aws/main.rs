//! The adapter of AWS against moto, which others wrote, and against a fake of Cloud Control, which they did not; and the
//! templates of AWS against Amazon's schemas.

#[path = "../fakes/mod.rs"]
mod fakes;
#[path = "../support/mod.rs"]
mod support;

mod buckets;
mod credentials;
mod moto;
mod native;
mod plane;
mod slow;
mod templates;
mod traps;
