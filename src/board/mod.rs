//! Boards: what they are, how their firmware is built and put on them, and what they say.

mod model;

pub use model::{Board, Target, UnknownBoard};
