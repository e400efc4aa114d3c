//! Boards: what they are, how their firmware is built and put on them, and what they say.

pub mod build;
pub mod energy;
pub mod flash;
pub mod image;
mod model;
pub mod monitor;
pub mod pack;
pub mod provision;
pub mod roster;
pub mod size;
pub mod usb;

pub use model::{Board, Target, UnknownBoard};
