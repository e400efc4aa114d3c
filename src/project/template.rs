//! The project files that wildcam writes or has built in.

/// The project that is used where there is no wildcam.toml.
pub const LAB: &str = include_str!("../../templates/project/lab.toml");
