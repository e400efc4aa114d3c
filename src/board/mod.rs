//! Boards: what they are, how their firmware is built and put on them, and what they say.

pub mod flash;
mod model;
pub mod monitor;
pub mod pack;
pub mod provision;
pub mod roster;
pub mod usb;

pub use model::{Board, Target, UnknownBoard};
