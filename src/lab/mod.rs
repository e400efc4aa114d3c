//! lab.

pub mod authority;
pub mod control;
pub mod dns;
pub mod pictures;
pub mod proxy;
