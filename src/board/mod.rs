//! Boards: what they are, how their firmware is built and put on them, and what they say.

pub mod build;
pub mod energy;
pub mod image;
mod model;
pub mod size;

pub use model::{Board, Target, UnknownBoard};
