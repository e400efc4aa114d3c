//! The lab: small clouds on one machine.

pub mod store;
