//! The seam to a cloud. What one provider calls things stays in here.

mod objects;

pub use objects::{Error, objects};
